# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Trying a transport call again, where that is safe."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import TypeVar

from .context import Context
from .failure import Failure
from .wait import Deadline

T = TypeVar("T")
TRIES = 6


def delays(base_s: float = 0.3, cap_s: float = 8.0, chance: Callable[[], float] = random.random) -> Iterator[float]:
    """Endless back-off with full jitter: 0..base, 0..2*base, ... never above the cap. Seconds."""
    ceiling = base_s
    while True:
        yield ceiling * (0.5 + chance() / 2)
        ceiling = min(cap_s, ceiling * 2)


def call(attempt: Callable[[], T], deadline: Deadline, context: Context, *, tries: int = TRIES) -> T:
    """Run `attempt`; when it raises a Failure that is `retryable`, wait and try again inside the deadline.

    Whether an error is retryable is decided where it is understood: in the `client.py` that raises it. A call whose
    lock was lost is not sent.
    """
    for number, pause in enumerate(delays(), start=1):
        if context.lock is not None:
            context.lock.check()
        try:
            return attempt()
        except Failure as failure:
            pause = max(pause, float(failure.details.get("retry_after_s", 0)))
            if not failure.retryable or number >= tries or pause >= deadline.remaining:
                raise
            context.progress(f"{failure.code}, trying again in {pause:.1f} s")
            context.sleep(pause)
    raise AssertionError("delays() is endless")
