from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.retry import call, delays
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline, Seen, Wait, until

WAIT = Wait(success=frozenset({"running"}), failure=frozenset({"failed"}))


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lines: list[str] = []

    def context(self) -> Context:
        return Context(clock=lambda: self.now, sleep=self.sleep, progress=self.lines.append)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def deadline(self, seconds: float) -> Deadline:
        return Deadline(seconds, lambda: self.now)


def test_a_deadline_that_is_over_is_extended_from_now_and_a_late_one_is_left() -> None:
    time = FakeTime()
    deadline = time.deadline(5)
    time.sleep(60)
    deadline.extend(10)
    assert (deadline.remaining, deadline.seconds) == (10, 5)
    deadline.extend(3)
    assert deadline.remaining == 10


def states(*names: str) -> Callable[[], Seen]:
    rest: Iterator[str] = iter(names)
    last = names[-1]
    return lambda: Seen(next(rest, last))


def test_success_ends_the_wait() -> None:
    time = FakeTime()
    seen = until(WAIT, states("initial", "running"), time.deadline(60), time.context(), what="cluster a")
    assert seen.state == "running"


def test_a_failure_state_ends_the_wait_at_once() -> None:
    time = FakeTime()
    with pytest.raises(Failure) as told:
        until(WAIT, states("initial", "failed"), time.deadline(3600), time.context(), what="cluster a")
    assert told.value.code == "WaitFailed"
    assert time.now < 2


def test_an_unknown_state_keeps_waiting_until_the_deadline_and_no_longer() -> None:
    time = FakeTime()
    with pytest.raises(Failure) as told:
        until(WAIT, states("repairing"), time.deadline(30), time.context(), what="cluster a")
    assert told.value.code == "WaitTimeout"
    assert told.value.retryable
    assert 30 <= time.now <= 32


def test_progress_is_said_on_each_change_and_at_least_each_ten_seconds() -> None:
    time = FakeTime()
    with pytest.raises(Failure):
        until(WAIT, states("initial", "scaling"), time.deadline(45), time.context(), what="cluster a")
    assert time.lines[0].startswith("cluster a: initial")
    assert time.lines[1].startswith("cluster a: scaling")
    assert len(time.lines) >= 4


def test_a_state_cannot_be_success_and_failure() -> None:
    with pytest.raises(ValueError, match="failed"):
        Wait(frozenset({"failed"}), frozenset({"failed"}))


def test_back_off_doubles_under_its_cap() -> None:
    pauses = delays(base_s=1, cap_s=4, chance=lambda: 1.0)
    assert [next(pauses) for _pause in range(4)] == [1, 2, 4, 4]


def _failing(times: int, failure: Failure) -> Callable[[], str]:
    left = [failure] * times

    def attempt() -> str:
        if left:
            raise left.pop()
        return "done"

    return attempt


def test_a_retryable_failure_is_tried_again() -> None:
    time = FakeTime()
    attempt = _failing(2, Failure("Throttling", "slow down", retryable=True))
    assert call(attempt, time.deadline(60), time.context()) == "done"


def test_the_service_says_how_long_to_wait() -> None:
    time = FakeTime()
    attempt = _failing(1, Failure("Throttling", "slow down", retryable=True, details={"retry_after_s": 7}))
    call(attempt, time.deadline(60), time.context())
    assert time.now >= 7


@pytest.mark.parametrize(
    ("failure", "seconds"),
    [
        pytest.param(Failure("Forbidden", "no"), 60.0, id="not retryable"),
        pytest.param(Failure("Throttling", "no", retryable=True), 0.1, id="no time left"),
    ],
)
def test_what_cannot_succeed_is_told_at_once(failure: Failure, seconds: float) -> None:
    time = FakeTime()
    with pytest.raises(Failure) as told:
        call(_failing(9, failure), time.deadline(seconds), time.context())
    assert told.value is failure
    assert time.now <= seconds
