# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The split as clients see it: requests through the gateway, counted by who answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from .._core.context import Context
from .._core.failure import Failure
from .._core.wait import SAY_EACH_S, Deadline, Seen, Wait, until
from .endpoint import Answer
from .routes import PREDICTOR_HEADER

# The new route is live when answers come only from predictors that should have traffic, this often in a row.
SETTLED = Wait(success=frozenset({"live"}), longest_s=1.0)
IN_A_ROW = 10
CONNECTIONS = 4
PROBE_TIMEOUT_S = 10.0
# Under load on purpose small: this is a count, not a load test.
BATCH = 50


class Asker(Protocol):
    def ask(self, timeout_s: float) -> Answer: ...
    def close(self) -> None: ...


@dataclass
class Split:
    """What was counted. `observed` in percent with one decimal; latency in milliseconds."""

    requests: int = 0
    failed: int = 0
    observed: dict[str, float] = field(default_factory=dict)
    latency_ms: dict[str, float] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "failed": self.failed,
            "observed": self.observed,
            "latency_ms": self.latency_ms,
        }


def tally(answers: Sequence[Answer], names: Sequence[str]) -> Split:
    """Shares, failures and percentiles of some answers. Names that nobody answered for are 0."""
    good = [answer for answer in answers if not answer.error]
    counted = Counter(answer.predictor for answer in good)
    observed = dict.fromkeys(names, 0.0)
    for name, number in counted.items():
        observed[name or "unknown"] = round(100 * number / len(good), 1)
    times = sorted(answer.seconds * 1000 for answer in good)
    errors = Counter(answer.error for answer in answers if answer.error)
    return Split(
        requests=len(answers),
        failed=len(answers) - len(good),
        observed=observed,
        latency_ms={f"p{rank}": round(_percentile(times, rank), 1) for rank in (50, 90, 99)} if times else {},
        errors=[f"{number} x {error}" for error, number in errors.most_common(3)],
    )


def _percentile(ordered: Sequence[float], rank: int) -> float:
    """Nearest rank: the smallest value that `rank` percent are not above."""
    return ordered[max(0, -(-len(ordered) * rank // 100) - 1)]


def complaint(split: Split, wanted: Mapping[str, int], tolerance: float) -> str:
    """What is wrong with a split, in words; nothing where it is as declared. A declared 0 means nobody."""
    if split.failed:
        return f"{split.failed} of {split.requests} requests failed ({'; '.join(split.errors)})"
    if "unknown" in split.observed:
        return f"{split.observed['unknown']} % of the answers had no header {PREDICTOR_HEADER}"
    off = [
        f"{name} got {seen} % (declared {wanted.get(name, 0)} %)"
        for name, seen in split.observed.items()
        if abs(seen - wanted.get(name, 0)) > (tolerance if wanted.get(name) else 0)
    ]
    return f"{', '.join(off)} of {split.requests} requests, more than {tolerance:g} points off" if off else ""


def verify(
    connect: Callable[[], Asker],
    wanted: Mapping[str, int],
    versions: Mapping[str, str],
    requests: int,
    tolerance: float,
    deadline: Deadline,
    context: Context,
) -> Split:
    """Count `requests` answers. `wanted`: declared percentages; `versions`: the version each predictor should show.

    A count that is off is repeated once: chance alone puts one in some hundred counts of 1,000 beyond 3 points.
    Raises Failure `SplitNotObserved`, with the counts in its details.
    """
    settle(connect, wanted, versions, deadline, context)
    split = Split()
    for _look in range(2):
        split = measure(connect, list(wanted), requests, deadline, context)
        wrong = complaint(split, wanted, tolerance)
        if not wrong:
            return split
        context.progress(f"split: {wrong}")
    raise Failure(
        "SplitNotObserved",
        f"The gateway does not split as declared: {wrong}.",
        hint="Is another route, or another gateway, answering for this host name? Fewer requests need more tolerance.",
        details={"split": split.as_dict(), "declared": dict(wanted)},
    )


def settle(
    connect: Callable[[], Asker],
    wanted: Mapping[str, int],
    versions: Mapping[str, str],
    deadline: Deadline,
    context: Context,
) -> None:
    """Wait until the gateway has taken the route over. Raises Failure `RouteNotLive` at the deadline."""
    asker = connect()
    in_a_row = 0

    def look() -> Seen:
        nonlocal in_a_row
        while in_a_row < IN_A_ROW:
            answer = asker.ask(_patience(deadline))
            if answer.error:
                in_a_row = 0
                return Seen("not yet", answer.error)
            if not wanted.get(answer.predictor) or answer.version != versions[answer.predictor]:
                in_a_row = 0
                return Seen("not yet", f"answered by {answer.predictor or 'a server without our header'}")
            in_a_row += 1
        return Seen("live")

    try:
        until(SETTLED, look, deadline, context, what="route")
    except Failure as failure:
        if failure.code != "WaitTimeout":
            raise
        raise Failure(
            "RouteNotLive",
            f"The gateway does not send requests to the new predictors: {failure.message}",
            hint="Check verify.endpoint and verify.host, and the route's status in the cluster.",
            retryable=True,
        ) from failure
    finally:
        asker.close()


def measure(
    connect: Callable[[], Asker], names: Sequence[str], requests: int, deadline: Deadline, context: Context
) -> Split:
    """Send `requests` requests over a few kept connections. Raises Failure `WaitTimeout` when time runs out."""
    askers = [connect() for _asker in range(min(CONNECTIONS, requests))]
    answers: list[Answer] = []
    said_at = context.clock()
    try:
        with ThreadPoolExecutor(len(askers)) as pool:
            while len(answers) < requests:
                if deadline.is_over:
                    raise Failure(
                        "WaitTimeout",
                        f"Only {len(answers)} of {requests} probe requests were answered in time.",
                        hint="Raise wait_timeout, or lower verify.requests.",
                    )
                left = min(BATCH * len(askers), requests - len(answers))
                parts = [left // len(askers) + (index < left % len(askers)) for index in range(len(askers))]
                for part in pool.map(_ask, askers, parts, [deadline] * len(askers)):
                    answers += part
                if context.clock() - said_at >= SAY_EACH_S:
                    context.progress(f"split: {len(answers)} of {requests} requests")
                    said_at = context.clock()
    finally:
        for asker in askers:
            asker.close()
    return tally(answers, names)


def _ask(asker: Asker, times: int, deadline: Deadline) -> list[Answer]:
    return [asker.ask(_patience(deadline)) for _time in range(times) if not deadline.is_over]


def _patience(deadline: Deadline) -> float:
    return max(0.1, min(PROBE_TIMEOUT_S, deadline.remaining))
