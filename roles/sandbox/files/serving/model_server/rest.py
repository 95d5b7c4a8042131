# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The REST interface: model status, metadata and predict, as www.tensorflow.org/tfx/serving/api_rest describes them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from aiohttp import web

from .batching import Tensors, rows_of
from .errors import Code, ServingError
from .metrics import Metrics
from .model import DEFAULT_SIGNATURE, Model
from .versions import State, Version, Versions

MAX_BODY_BYTES = 64 << 20


class Rest:
    def __init__(self, name: str, versions: Versions, metrics: Metrics, metrics_path: str) -> None:
        self._name, self._versions, self._metrics, self._metrics_path = name, versions, metrics, metrics_path
        self._threads = ThreadPoolExecutor(thread_name_prefix="predict")

    def application(self) -> web.Application:
        application = web.Application(middlewares=[_errors_as_json], client_max_size=MAX_BODY_BYTES)
        model = "/v1/models/{model}"
        for of_version in ("", r"/versions/{version:\d+}"):
            application.router.add_get(f"{model}{of_version}", self.status)
            application.router.add_get(f"{model}{of_version}/metadata", self.metadata)
            application.router.add_post(f"{model}{of_version}:predict", self.predict)
        if self._metrics_path:
            application.router.add_get(self._metrics_path, self.metrics)
        return application

    async def status(self, request: web.Request) -> web.Response:
        """Every known version, whatever its state: so a probe must read the state and not only the HTTP status."""
        wanted = request.match_info.get("version")
        known = self._versions.known if request.match_info["model"] == self._name else {}
        found = [known[number] for number in sorted(known, reverse=True) if wanted is None or number == int(wanted)]
        if not found:
            name, which = request.match_info["model"], f"version {wanted}" if wanted else "any versions"
            raise ServingError(Code.NOT_FOUND, f"Could not find {which} of model {name}")
        return _json({"model_version_status": [_status_of(version) for version in found]})

    async def metadata(self, request: web.Request) -> web.Response:
        version, model = self._servable(request)
        definitions = await asyncio.to_thread(model.signature_definitions)
        specification = {"name": self._name, "signature_name": "", "version": str(version.number)}
        return _json({"model_spec": specification, "metadata": {"signature_def": {"signature_def": definitions}}})

    async def predict(self, request: web.Request) -> web.Response:
        started, status = time.monotonic(), Code.OK
        try:
            return await self._predict(request)
        except Exception as error:
            status = error.code if isinstance(error, ServingError) else Code.UNKNOWN
            raise
        finally:
            self._metrics.requests.add(self._name, status.name)
            elapsed_us = (time.monotonic() - started) * 1e6
            self._metrics.request_latency.add(elapsed_us, self._name, "predict", "REST")

    async def metrics(self, _request: web.Request) -> web.Response:
        return web.Response(text=self._metrics.text(), content_type="text/plain")

    async def _predict(self, request: web.Request) -> web.Response:
        body = _parse(await request.text())
        version, model = self._servable(request)
        signature = body.get("signature_name") or DEFAULT_SIGNATURE
        specs = model.inputs(signature)
        is_row = "instances" in body
        inputs = from_rows(body["instances"], specs) if is_row else from_columns(body["inputs"], specs)
        version.in_use += 1
        try:
            if version.batcher:
                outputs = await version.batcher.submit(signature, inputs, rows_of(inputs))
            else:
                loop = asyncio.get_running_loop()
                outputs = await loop.run_in_executor(self._threads, self.run, model, signature, inputs)
        finally:
            version.in_use -= 1
        return _json({"predictions": to_rows(outputs)} if is_row else {"outputs": to_columns(outputs)})

    def run(self, model: Model, signature: str, inputs: Tensors) -> Tensors:
        """Run the model in the calling thread and take the time."""
        started = time.monotonic()
        outputs = model.run(signature, inputs)
        self._metrics.runtime_latency.add((time.monotonic() - started) * 1e6, self._name, "Predict", "TF2")
        return outputs

    def _servable(self, request: web.Request) -> tuple[Version, Model]:
        name, wanted = request.match_info["model"], request.match_info.get("version")
        version = self._versions.known.get(int(wanted)) if wanted else self._versions.latest()
        if name != self._name or version is None or version.model is None or version.state is not State.AVAILABLE:
            which = f"Specific({name}, {wanted})" if wanted else f"Latest({name})"
            raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {which}")
        return version, version.model


def from_rows(instances: Any, specs: Mapping[str, Any]) -> Tensors:
    """`instances`: a list of rows. A row is an object by input name; with a single input, just its value."""
    if not isinstance(instances, list) or not instances:
        raise ServingError(Code.INVALID_ARGUMENT, "instances must be a list with at least one row")
    if not any(isinstance(row, dict) for row in instances):
        return {_only(specs): _tensor(instances, _only(specs), specs)}
    for row in instances:
        if not isinstance(row, dict) or set(row) != set(specs):
            found = sorted(row) if isinstance(row, dict) else type(row).__name__
            raise ServingError(
                Code.INVALID_ARGUMENT, f"Each of instances must be an object of {sorted(specs)}; found {found}"
            )
    return {name: _tensor([row[name] for row in instances], name, specs) for name in specs}


def from_columns(inputs: Any, specs: Mapping[str, Any]) -> Tensors:
    """`inputs`: an object of whole tensors by input name; with a single input, just its tensor."""
    if not isinstance(inputs, dict):
        return {_only(specs): _tensor(inputs, _only(specs), specs)}
    if set(inputs) != set(specs):
        raise ServingError(Code.INVALID_ARGUMENT, f"inputs must be {sorted(specs)}; found {sorted(inputs)}")
    return {name: _tensor(value, name, specs) for name, value in inputs.items()}


def to_rows(outputs: Tensors) -> list[Any]:
    """A list with an object by output name for each row; with a single output, just its value."""
    columns = {name: value.tolist() for name, value in outputs.items()}
    if len(columns) == 1:
        return list(next(iter(columns.values())))
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def to_columns(outputs: Tensors) -> Any:
    columns = {name: value.tolist() for name, value in outputs.items()}
    return next(iter(columns.values())) if len(columns) == 1 else columns


def _only(specs: Mapping[str, Any]) -> str:
    if len(specs) != 1:
        raise ServingError(Code.INVALID_ARGUMENT, f"The model has {len(specs)} inputs; name them: {sorted(specs)}")
    return next(iter(specs))


def _tensor(value: Any, name: str, specs: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    spec = specs[name]
    try:
        tensor = np.asarray(value, dtype=spec.dtype.as_numpy_dtype)
    except (ValueError, TypeError, OverflowError) as error:
        raise ServingError(Code.INVALID_ARGUMENT, f"{name} is not a tensor of {spec.dtype.name}: {error}") from error
    if not spec.shape.is_compatible_with(tensor.shape):
        raise ServingError(Code.INVALID_ARGUMENT, f"{name} has shape {list(tensor.shape)}; expected {spec.shape}")
    return tensor


def _parse(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError as error:
        raise ServingError(Code.INVALID_ARGUMENT, f"JSON Parse error: {error}") from error
    if not isinstance(body, dict) or ("instances" in body) == ("inputs" in body):
        raise ServingError(Code.INVALID_ARGUMENT, "The request must have one of the keys 'instances' and 'inputs'")
    return body


def _status_of(version: Version) -> dict[str, Any]:
    status = {"error_code": version.code.name, "error_message": version.message}
    return {"version": str(version.number), "state": version.state.name, "status": status}


def _json(body: Any, status: int = 200) -> web.Response:
    return web.json_response(body, status=status)


@web.middleware
async def _errors_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except ServingError as error:
        return _json({"error": str(error)}, error.code.value)
    except web.HTTPRequestEntityTooLarge:
        return _json({"error": f"The request is larger than {MAX_BODY_BYTES} bytes"}, 400)
    except web.HTTPException as error:  # no such route
        return _json({"error": f"Malformed request: {request.method} {request.path}"}, error.status)
    except Exception as error:
        return _json({"error": f"{type(error).__name__}: {error}"}, 500)
