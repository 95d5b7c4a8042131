"""A model that doubles numbers: what the server needs of TensorFlow, and nothing more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from model_server.errors import Code, ServingError


class Shape(list[int | None]):
    def is_compatible_with(self, other: tuple[int, ...]) -> bool:
        return len(self) == len(other) and all(want in (None, size) for want, size in zip(self, other, strict=True))


class DataType:
    name = "float32"
    as_numpy_dtype = np.float32


class Spec:
    def __init__(self) -> None:
        self.dtype, self.shape = DataType(), Shape([None, 2])


class Doubler:
    def __init__(self, path: Path) -> None:
        if "broken" in path.joinpath("saved_model.pb").read_text():
            raise ValueError("not a SavedModel")

    def inputs(self, signature: str) -> dict[str, Spec]:
        if signature != "serving_default":
            raise ServingError(Code.INVALID_ARGUMENT, f'Serving signature name: "{signature}" not found')
        return {"x": Spec()}

    def run(self, signature: str, inputs: dict[str, Any]) -> dict[str, Any]:
        return {"double": inputs["x"] * 2, "sum": inputs["x"].sum(axis=1)}

    def signature_definitions(self) -> dict[str, Any]:
        return {"serving_default": {"inputs": {"x": {}}}}


def version(base: Path, number: int, text: str = "model") -> None:
    (base / str(number)).mkdir(parents=True)
    (base / str(number) / "saved_model.pb").write_text(text)
