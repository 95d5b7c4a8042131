"""Counting who answered."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._serving import split
from ansible_collections.mlops.ack.plugins.module_utils._serving.endpoint import Answer
from ansible_collections.mlops.ack.plugins.module_utils._serving.split import Split, complaint, tally

VERSIONS = {"stable": "digits-v1", "canary": "digits-v2"}
WANTED = {"stable": 90, "canary": 10}


def answer(name: str, error: str = "", seconds: float = 0.01) -> Answer:
    return Answer(name, VERSIONS.get(name, ""), seconds, error)


class Gateway:
    """Hands out one answer after the other to however many connections."""

    def __init__(self, answers: Iterator[Answer]) -> None:
        self._answers, self._lock = answers, threading.Lock()
        self.asked = 0

    def __call__(self) -> Gateway:
        return self

    def ask(self, timeout_s: float) -> Answer:
        with self._lock:
            self.asked += 1
            return next(self._answers)

    def close(self) -> None:
        pass


def of(stable: int, canary: int) -> Iterator[Answer]:
    return cycle([answer("stable")] * stable + [answer("canary")] * canary)


def verify(connect: Callable[[], Any], requests: int = 200) -> Split:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    context = Context(clock=lambda: now[0], sleep=sleep)
    return split.verify(connect, WANTED, VERSIONS, requests, 3, Deadline(60, context.clock), context)


def test_shares_failures_and_latencies_are_counted() -> None:
    answers = [answer("stable", seconds=number / 1000) for number in range(1, 91)]
    answers += [answer("canary", seconds=0.2)] * 9 + [answer("", error="HTTP 503")]
    counted = tally(answers, ["stable", "canary", "dark"])
    assert (counted.requests, counted.failed) == (100, 1)
    assert counted.observed == {"stable": 90.9, "canary": 9.1, "dark": 0.0}
    assert counted.latency_ms == {"p50": 50.0, "p90": 90.0, "p99": 200.0}
    assert counted.errors == ["1 x HTTP 503"]


def test_nothing_answered_has_no_latency() -> None:
    counted = tally([answer("", error="refused")] * 3, ["stable"])
    assert (counted.failed, counted.latency_ms, counted.observed) == (3, {}, {"stable": 0.0})


@pytest.mark.parametrize(
    ("observed", "wrong"),
    [
        pytest.param({"stable": 90.0, "canary": 10.0}, "", id="exact"),
        pytest.param({"stable": 87.0, "canary": 13.0}, "", id="at the edge"),
        pytest.param({"stable": 86.9, "canary": 13.1}, "stable got 86.9 % (declared 90 %)", id="beyond"),
        pytest.param({"stable": 90.0, "canary": 9.0, "old": 1.0}, "old got 1.0 % (declared 0 %)", id="0 means nobody"),
        pytest.param({"stable": 90.0, "unknown": 10.0}, "had no header x-mlops-predictor", id="another server"),
    ],
)
def test_a_split_is_as_declared_or_complained_of(observed: dict[str, float], wrong: str) -> None:
    assert wrong in complaint(Split(1000, 0, observed), WANTED, 3)
    assert bool(wrong) is bool(complaint(Split(1000, 0, observed), WANTED, 3))


def test_a_failed_request_is_a_complaint() -> None:
    assert "2 of 100 requests failed (2 x HTTP 500)" in complaint(
        Split(100, 2, dict.fromkeys(WANTED, 50.0), errors=["2 x HTTP 500"]), WANTED, 3
    )


def test_a_split_as_declared_is_counted_once() -> None:
    gateway = Gateway(of(9, 1))
    counted = verify(gateway)
    assert counted.requests == 200
    assert gateway.asked == split.IN_A_ROW + 200


def test_chance_gets_a_second_look() -> None:
    settled, off, good = [answer("stable")] * split.IN_A_ROW, [answer("stable")] * 200, of(9, 1)
    counted = verify(Gateway(iter([*settled, *off, *(next(good) for _answer in range(200))])))
    assert counted.observed == {"stable": 90.0, "canary": 10.0}


def test_a_split_that_stays_off_fails_with_the_numbers() -> None:
    with pytest.raises(Failure, match=r"stable got 50.0 % \(declared 90 %\)") as refused:
        verify(Gateway(of(1, 1)))
    assert refused.value.code == "SplitNotObserved"
    assert refused.value.details["split"]["observed"] == {"stable": 50.0, "canary": 50.0}


def test_counting_waits_until_the_gateway_has_the_route() -> None:
    late = [answer("", error="HTTP 404")] * 2 + [answer("old")] + [answer("stable")]
    late += [Answer("stable", "digits-v0", 0.01, "")]
    good = of(9, 1)
    counted = verify(Gateway(iter([*late, *(next(good) for _answer in range(split.IN_A_ROW + 200))])))
    assert counted.failed == 0


def test_a_gateway_that_never_gets_the_route_is_named() -> None:
    with pytest.raises(Failure, match="HTTP 404") as refused:
        verify(Gateway(cycle([answer("", error="HTTP 404")])))
    assert refused.value.code == "RouteNotLive"


def test_a_gateway_that_hangs_does_not_outlive_the_deadline() -> None:
    now = [0.0]

    class Hanging(Gateway):
        def ask(self, timeout_s: float) -> Answer:
            now[0] += timeout_s
            return answer("", error="timed out")

    context = Context(clock=lambda: now[0])
    with pytest.raises(Failure, match="probe requests were answered in time"):
        split.measure(Hanging(of(1, 1)), ["stable"], 1000, Deadline(30, context.clock), context)
    assert now[0] <= 30 + split.CONNECTIONS * split.PROBE_TIMEOUT_S, "each thread may be in its last request"
