"""The REST interface, and the versions of a model that come and go behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from fake_model import Doubler, version
from model_server.batching import Batcher, Parameters
from model_server.errors import ServingError
from model_server.metrics import DEFAULT_PATH, Metrics
from model_server.rest import Rest
from model_server.versions import State, Versions

ROWS = [[1, 2], [3, 4]]
Client = TestClient[Any, Any]


def served(base: Path, talk: Callable[[Client, Versions], Awaitable[Any]], *, batching: bool = False) -> Any:
    """Load the model under `base`, serve it, and return what `talk` returns."""

    async def run() -> Any:
        metrics = Metrics()

        def make_batcher(model: Any) -> Batcher | None:
            return (
                Batcher(lambda name, inputs: rest.run(model, name, inputs), Parameters(), metrics) if batching else None
            )

        versions = Versions(base, Doubler, make_batcher)  # type: ignore[arg-type]  # a stand-in for Model
        rest = Rest("m", versions, metrics, DEFAULT_PATH)
        await versions.wait_for_first(0.01)
        following = asyncio.create_task(versions.follow(0.01))
        async with TestClient(TestServer(rest.application())) as client:
            try:
                return await talk(client, versions)
            finally:
                following.cancel()

    return asyncio.run(asyncio.wait_for(run(), 10))


def call(base: Path, method: str, path: str, body: Any = None, *, batching: bool = False) -> tuple[int, Any]:
    async def talk(client: Client, _versions: Versions) -> tuple[int, Any]:
        content = {"data": body} if isinstance(body, str) else {"json": body}
        async with client.request(method, path, **content) as answer:
            return answer.status, await answer.json()

    answered: tuple[int, Any] = served(base, talk, batching=batching)
    return answered


@pytest.fixture
def base(tmp_path: Path) -> Path:
    version(tmp_path / "m", 1)
    return tmp_path / "m"


@pytest.mark.parametrize("batching", [pytest.param(False, id="each alone"), pytest.param(True, id="batched")])
@pytest.mark.parametrize(
    ("body", "answer"),
    [
        pytest.param(
            {"instances": ROWS},
            {"predictions": [{"double": [2, 4], "sum": 3}, {"double": [6, 8], "sum": 7}]},
            id="rows of the only input",
        ),
        pytest.param(
            {"instances": [{"x": [1, 2]}]}, {"predictions": [{"double": [2, 4], "sum": 3}]}, id="rows by name"
        ),
        pytest.param({"inputs": ROWS}, {"outputs": {"double": [[2, 4], [6, 8]], "sum": [3, 7]}}, id="column"),
        pytest.param(
            {"inputs": {"x": ROWS}, "signature_name": "serving_default"},
            {"outputs": {"double": [[2, 4], [6, 8]], "sum": [3, 7]}},
            id="columns by name",
        ),
    ],
)
def test_predictions(base: Path, body: Any, answer: Any, batching: bool) -> None:
    assert call(base, "POST", "/v1/models/m:predict", body, batching=batching) == (200, answer)


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        pytest.param("m:predict", "{", 400, "JSON Parse error", id="no JSON"),
        pytest.param("m:predict", {}, 400, "one of the keys", id="no rows"),
        pytest.param("m:predict", {"instances": []}, 400, "at least one row", id="empty"),
        pytest.param("m:predict", {"instances": [[1]]}, 400, "x has shape [1, 1]; expected [None, 2]", id="shape"),
        pytest.param("m:predict", {"instances": [["a", "b"]]}, 400, "x is not a tensor of float32", id="type"),
        pytest.param("m:predict", {"instances": [{"y": 1}]}, 400, "must be an object of ['x']", id="name"),
        pytest.param("m:predict", {"inputs": {"y": 1}}, 400, "inputs must be ['x']", id="column name"),
        pytest.param("m:predict", {"instances": ROWS, "signature_name": "s"}, 400, "not found", id="signature"),
        pytest.param("n:predict", {"instances": ROWS}, 404, "Servable not found for request: Latest(n)", id="model"),
        pytest.param("m/versions/9:predict", {"instances": ROWS}, 404, "Specific(m, 9)", id="version"),
        pytest.param("m:explain", {}, 405, "Malformed request: POST", id="verb"),
    ],
)
def test_wrong_requests(base: Path, path: str, body: Any, status: int, error: str) -> None:
    answered, content = call(base, "POST", f"/v1/models/{path}", body)
    assert answered == status
    assert error in content["error"]


def test_status_and_metadata(base: Path) -> None:
    line = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    for path in ("/v1/models/m", "/v1/models/m/versions/1"):
        assert call(base, "GET", path) == (200, {"model_version_status": [line]})
    status, metadata = call(base, "GET", "/v1/models/m/metadata")
    assert (status, metadata["model_spec"]["version"]) == (200, "1")
    assert "serving_default" in metadata["metadata"]["signature_def"]["signature_def"]


@pytest.mark.parametrize(
    ("path", "error"),
    [
        pytest.param("/v1/models/n", "Could not find any versions of model n", id="model"),
        pytest.param("/v1/models/m/versions/7", "Could not find version 7 of model m", id="version"),
    ],
)
def test_the_status_of_what_is_not_there(base: Path, path: str, error: str) -> None:
    assert call(base, "GET", path) == (404, {"error": error})


def test_metrics_count_requests_by_their_outcome(base: Path) -> None:
    async def talk(client: Client, _versions: Versions) -> str:
        await client.post("/v1/models/m:predict", json={"instances": ROWS})
        await client.post("/v1/models/m:predict", json={})
        return await (await client.get(DEFAULT_PATH)).text()

    text = served(base, talk)
    assert ':tensorflow:serving:request_count{model_name="m",status="OK"} 1\n' in text
    assert ':tensorflow:serving:request_count{model_name="m",status="INVALID_ARGUMENT"} 1\n' in text


async def states(client: Client, wanted: dict[str, str]) -> None:
    """Wait until the status call reports these versions in these states; the test's own deadline ends it."""
    while True:
        body = await (await client.get("/v1/models/m")).json()
        if {line["version"]: line["state"] for line in body["model_version_status"]} == wanted:
            return
        await asyncio.sleep(0.01)


def test_a_new_version_takes_over_and_the_old_one_goes(base: Path) -> None:
    async def talk(client: Client, _versions: Versions) -> int:
        version(base, 2)
        await states(client, {"1": "END", "2": "AVAILABLE"})
        return (await client.post("/v1/models/m/versions/2:predict", json={"instances": ROWS})).status

    assert served(base, talk, batching=True) == 200


def test_a_broken_new_version_leaves_the_old_one_serving(base: Path) -> None:
    async def talk(client: Client, versions: Versions) -> tuple[int, str]:
        version(base, 2, "broken")
        await states(client, {"1": "AVAILABLE", "2": "END"})
        assert versions.known[2].state is State.END
        answer = await client.post("/v1/models/m:predict", json={"instances": ROWS})
        return answer.status, versions.known[2].message

    assert served(base, talk) == (200, "ValueError: not a SavedModel")


def test_a_broken_first_version_ends_the_start(tmp_path: Path) -> None:
    version(tmp_path, 1, "broken")
    with pytest.raises(ServingError, match="not a SavedModel"):
        asyncio.run(Versions(tmp_path, Doubler, lambda _: None).wait_for_first(0.01))  # type: ignore[arg-type]
