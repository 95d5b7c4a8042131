# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Waiting: a table of states, one loop, one deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from .context import Context
from .failure import Failure

SAY_EACH_S = 10.0
GRACE_S = 10.0
"""What putting things right may take when a deadline is over: previous weights back, a job that must not go on."""


class Deadline:
    """A point in monotonic time. It covers connecting, reading, retries and sleeping."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    @property
    def remaining(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self._end - self._clock())

    def extend(self, seconds: float) -> None:
        """At least so many seconds are left from now on, for whoever holds this deadline."""
        self._end = max(self._end, self._clock() + seconds)

    @property
    def is_over(self) -> bool:
        return self.remaining <= 0


class Seen(NamedTuple):
    """One look at a thing: its state, a line for a person, and whatever the caller wants back."""

    state: str
    text: str = ""
    value: Any = None


@dataclass(frozen=True)
class Wait:
    """Which states end a wait. Failure wins over success; a state in neither set keeps waiting."""

    success: frozenset[str]
    failure: frozenset[str] = frozenset()
    shortest_s: float = 0.5
    longest_s: float = 10.0

    def __post_init__(self) -> None:
        both = self.success & self.failure
        if both:
            raise ValueError(f"states are both success and failure: {sorted(both)}")


def until(
    wait: Wait,
    look: Callable[[], Seen],
    deadline: Deadline,
    context: Context,
    *,
    what: str,
    explain: Callable[[Seen], Failure] | None = None,
) -> Seen:
    """Look until a state of `wait` is reached. Says each change of state, and at least each ten seconds that it waits.

    Raises Failure `WaitFailed` at a failure state (or what `explain` makes of it), `WaitTimeout` at the deadline.
    """
    started = context.clock()
    said_at, said = started, ""
    interval = wait.shortest_s
    while True:
        seen = look()
        now = context.clock()
        line = f"{seen.state}: {seen.text}" if seen.text else seen.state
        if line != said or now - said_at >= SAY_EACH_S:
            context.progress(f"{what}: {line} ({now - started:.0f} s)")
            said_at, said = now, line
        if seen.state in wait.failure:
            raise (
                explain(seen)
                if explain
                else Failure("WaitFailed", f"{what} ended as {line}.", resource=what, details={"state": seen.state})
            )
        if seen.state in wait.success:
            return seen
        if deadline.is_over:
            raise Failure(
                "WaitTimeout",
                f"{what} is still {line} after {deadline.seconds:.0f} s.",
                resource=what,
                hint="Raise wait_timeout, or run the same task again: it goes on where this one stopped.",
                retryable=True,
                details={"state": seen.state},
            )
        context.sleep(min(interval, max(deadline.remaining, 0.05)))
        interval = min(interval * 1.5, wait.longest_s)
