"""Batches form by the parameters: full ones at once, others when their time is up, and never too many."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import numpy as np
import pytest
from model_server.batching import Batcher, Parameters, Tensors, rows_of
from model_server.errors import Code, ServingError
from model_server.metrics import Metrics


def rows(*numbers: float) -> Tensors:
    return {"x": np.array([[number] for number in numbers])}


class Runs:
    """Doubles what it gets and remembers the sizes of the batches; `gate` holds it back."""

    def __init__(self, *, gate: threading.Event | None = None) -> None:
        self.sizes: list[int] = []
        self._gate = gate

    def __call__(self, signature: str, inputs: Tensors) -> Tensors:
        if self._gate:
            self._gate.wait(5)
        if signature == "broken":
            raise ServingError(Code.INVALID_ARGUMENT, "broken")
        self.sizes.append(len(inputs["x"]))
        return {"y": inputs["x"] * 2}


def parameters(**values: Any) -> Parameters:
    return Parameters(**{"max_batch_size": 4, "batch_timeout_micros": 20_000, "num_batch_threads": 1, **values})


async def submitted(batcher: Batcher, *requests: Tensors, signature: str = "s") -> list[Any]:
    return await asyncio.gather(
        *(batcher.submit(signature, request, rows_of(request)) for request in requests), return_exceptions=True
    )


@pytest.mark.parametrize(
    ("requests", "sizes"),
    [
        pytest.param([rows(1)] * 4, [4], id="a full batch"),
        pytest.param([rows(1)] * 6, [4, 2], id="one full, one by its time"),
        pytest.param([rows(1, 2, 3), rows(1, 2)], [3, 2], id="a request is not split"),
    ],
)
def test_requests_are_joined(requests: list[Tensors], sizes: list[int]) -> None:
    run = Runs()
    answers = asyncio.run(submitted(Batcher(run, parameters(), Metrics()), *requests))
    assert run.sizes == sizes
    for request, answer in zip(requests, answers, strict=True):
        assert (answer["y"] == request["x"] * 2).all()


def test_a_batch_is_padded_to_an_allowed_size_and_answers_are_not() -> None:
    run, metrics = Runs(), Metrics()
    (answer,) = asyncio.run(submitted(Batcher(run, parameters(allowed_batch_sizes=(2, 4)), metrics), rows(1, 2, 3)))
    assert run.sizes == [4]
    assert answer["y"].tolist() == [[2], [4], [6]]
    assert "padding_size_sum" in metrics.text() and "wrapped_run_count 1\n" in metrics.text()


def test_a_request_above_the_limit_is_refused() -> None:
    (answer,) = asyncio.run(submitted(Batcher(Runs(), parameters(), Metrics()), rows(1, 2, 3, 4, 5)))
    assert (answer.code, str(answer)) == (
        Code.INVALID_ARGUMENT,
        "Task size 5 is larger than maximum input batch size 4",
    )


def test_a_full_queue_answers_unavailable_and_the_rest_is_served() -> None:
    gate = threading.Event()

    async def crowd() -> list[Any]:
        batcher = Batcher(Runs(gate=gate), parameters(max_batch_size=1, max_enqueued_batches=2), Metrics())
        asyncio.get_running_loop().call_later(0.1, gate.set)
        return await submitted(batcher, *[rows(number) for number in range(5)])

    answers = asyncio.run(crowd())
    refused = [answer for answer in answers if isinstance(answer, ServingError)]
    assert len(refused) == 2  # one runs, two wait
    assert {answer.code for answer in refused} == {Code.UNAVAILABLE}
    assert "max_enqueued_batches is 2" in str(refused[0])


def test_an_error_reaches_every_request_of_the_batch_and_only_them() -> None:
    async def both() -> tuple[list[Any], list[Any]]:
        batcher = Batcher(Runs(), parameters(), Metrics())
        return await submitted(batcher, rows(1), rows(2), signature="broken"), await submitted(batcher, rows(3))

    broken, fine = asyncio.run(both())
    assert [str(answer) for answer in broken] == ["broken", "broken"]
    assert fine[0]["y"].tolist() == [[6]]


def test_draining_runs_what_waits() -> None:
    async def drained() -> Any:
        batcher = Batcher(Runs(), parameters(batch_timeout_micros=60_000_000), Metrics())
        waiting = asyncio.create_task(batcher.submit("s", rows(1), 1))
        await asyncio.sleep(0)
        await batcher.drain()
        return await waiting

    assert asyncio.run(asyncio.wait_for(drained(), 5))["y"].tolist() == [[2]]


def test_inputs_of_one_request_must_agree_on_rows() -> None:
    with pytest.raises(ServingError, match="one number of rows"):
        rows_of({"a": np.zeros((2, 1)), "b": np.zeros((3, 1))})
