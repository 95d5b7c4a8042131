# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a sample and a line of the log really arrive."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from .._core import prometheus
from .._core.context import Context
from .._core.failure import Failure
from .._core.wait import Deadline, Seen, Wait, until
from .render import job_label
from .shape import LOGGING, METRICS, Logging, Wish
from .sls import Sls

ARRIVED, NOTHING = "arrived", "nothing yet"
WAIT = Wait(frozenset({ARRIVED}), shortest_s=1.0, longest_s=5.0)
# A line that was written before the traits were made counts: a service that nobody asks writes none for hours.
LOOK_BACK_S = 24 * 3600


class Prometheus(NamedTuple):
    url: str
    headers: Mapping[str, str]


def arrived(
    wish: Wish, server: Prometheus | None, sls: Sls | None, deadline: Deadline, context: Context, timeout_s: float
) -> dict[str, Any]:
    """{metrics: {targets, job} or None, logs: {time, pod, text} or None}; None where it is not asked for or nobody can
    be asked. Raises Failure `NoSample` or `NoLog` at the deadline.
    """
    found: dict[str, Any] = {"metrics": None, "logs": None}
    if wish.metrics and server:
        found["metrics"] = _samples(wish, server, deadline, context, timeout_s)
    if wish.logging and sls:
        found["logs"] = _line(wish, wish.logging, sls, deadline, context)
    return found


def _samples(wish: Wish, server: Prometheus, deadline: Deadline, context: Context, timeout_s: float) -> dict[str, Any]:
    job = job_label(wish.target)
    # The pods of a job may have ended by now; those of a serving are there, or something is wrong.
    up = f'up{{job="{job}"}}' if wish.target.kind == "tfserving" else f'max_over_time(up{{job="{job}"}}[1d])'

    def look() -> Seen:
        data = prometheus.query(
            server.url,
            server.headers,
            f"count({up} == 1)",
            min(timeout_s, max(1.0, deadline.remaining)),
            what=f"how many targets {job} has",
        )
        targets = int(float(data["result"][0]["value"][1])) if data["result"] else 0
        return Seen(ARRIVED if targets else NOTHING, f"{targets} targets", targets)

    try:
        seen = until(WAIT, look, deadline, context, what=f"metrics of {wish.target.name}")
    except Failure as late:
        raise _nothing(
            late,
            "NoSample",
            f"No sample of {wish.target.kind} {wish.target.name} arrived in Prometheus within"
            f" {deadline.seconds:.0f} s.",
            f"Is the addon arms-prometheus installed, does a pod run, and does its port give metrics ({METRICS})?",
        ) from late
    return {"targets": seen.value, "job": job}


def _line(wish: Wish, logging: Logging, sls: Sls, deadline: Deadline, context: Context) -> dict[str, Any]:
    def look() -> Seen:
        now = int(time.time())
        lines = sls.logs(logging.project, logging.logstore, now - LOOK_BACK_S, now + 60, deadline=deadline)
        return Seen(ARRIVED if lines else NOTHING, f"in {logging.project}/{logging.logstore}", lines)

    try:
        seen = until(WAIT, look, deadline, context, what=f"logs of {wish.target.name}")
    except Failure as late:
        raise _nothing(
            late,
            "NoLog",
            f"No line of {wish.target.kind} {wish.target.name} arrived in {logging.project}/{logging.logstore} within"
            f" {deadline.seconds:.0f} s.",
            f"Is the addon loongcollector installed, and do the pods write anything? traits: {LOGGING}.",
        ) from late
    return told(seen.value[0])


def told(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line of a logstore as people read it."""
    return {
        "time": line.get("_time_") or line.get("__time__"),
        "pod": line.get("_pod_name_"),
        "text": str(line.get("content", ""))[:200],
    }


def _nothing(late: Failure, code: str, message: str, hint: str) -> Failure:
    """What a wait's end means here; every other failure stays what it is."""
    if late.code != "WaitTimeout":
        return late
    return Failure(code, message, hint=hint, retryable=True)
