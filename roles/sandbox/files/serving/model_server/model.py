# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One version of a model: a SavedModel that TensorFlow has loaded. The only module that imports TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

from .errors import Code, ServingError

Tensors = dict[str, npt.NDArray[Any]]
DEFAULT_SIGNATURE = "serving_default"


class Model:
    def __init__(self, path: Path) -> None:
        """Load `path`, a folder with saved_model.pb; takes seconds the first time, for TensorFlow itself."""
        import tensorflow as tf

        self._tf = tf
        self._path = path
        self._loaded = tf.saved_model.load(str(path), tags=["serve"])
        self._signatures: Mapping[str, Any] = self._loaded.signatures

    def inputs(self, signature: str) -> Mapping[str, Any]:
        """Name -> TensorSpec of a signature's inputs. Raises ServingError."""
        if signature not in self._signatures:
            raise ServingError(
                Code.INVALID_ARGUMENT, f'Serving signature name: "{signature}" not found in signature def'
            )
        specs: Mapping[str, Any] = self._signatures[signature].structured_input_signature[1]
        return specs

    def run(self, signature: str, inputs: Tensors) -> Tensors:
        """Raises ServingError for what TensorFlow refuses."""
        tensors = {name: self._tf.constant(value) for name, value in inputs.items()}
        try:
            return {name: value.numpy() for name, value in self._signatures[signature](**tensors).items()}
        except self._tf.errors.InvalidArgumentError as error:
            raise ServingError(Code.INVALID_ARGUMENT, error.message) from error

    def warm_up(self) -> None:
        """Run each signature once with zeros, so that the first request does not pay for TensorFlow's set-up."""
        for name in self._signatures:
            specs = self.inputs(name)
            if all(spec.dtype.is_floating or spec.dtype.is_integer for spec in specs.values()):
                shapes = {key: [size or 1 for size in spec.shape.as_list()] for key, spec in specs.items()}
                self.run(name, {key: self._tf.zeros(shapes[key], spec.dtype).numpy() for key, spec in specs.items()})

    def signature_definitions(self) -> dict[str, Any]:
        """The signatures as saved_model.pb writes them, in the JSON of the metadata call."""
        from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
        from tensorflow.core.protobuf import saved_model_pb2

        saved = saved_model_pb2.SavedModel.FromString((self._path / "saved_model.pb").read_bytes())
        return {
            name: MessageToDict(definition, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
            for name, definition in saved.meta_graphs[0].signature_def.items()
            if not name.startswith("__")
        }


def load(path: Path) -> Model:
    """A model that can answer at once."""
    model = Model(path)
    model.warm_up()
    return model
