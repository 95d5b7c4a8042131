# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a run is trained: one environment after the other, each left for a reason that is on record.

runs/<run_id>/attempts/<n>.json are its steps, append-only: an environment was `started`, or `left` for a failure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .._core.failure import Failure
from .._oss import records
from .._oss.store import Store
from .checkpoint import last
from .run import now

SCHEMA = "mlops.ack/attempt/v1"

REASONS: Mapping[str, str] = {
    "Unreachable": "unreachable",
    "Unschedulable": "unschedulable",
    "DoesNotFit": "unschedulable",
}
"""Failures that another environment may not have."""

OUT_OF_STOCK = re.compile(
    r"NoStock|OutOfStock|out of stock|InsufficientStock|Zone\.NotOnSale|stock is insufficient", re.IGNORECASE
)
"""How ECS, ECI and the autoscaler say that nothing is left, in an event or a message. Not verified on an account.
Source: ECS error codes (2026-11).
"""


class Step(NamedTuple):
    """What to do next. number: of the attempt, 0 where there is none. is_new: it is to be put on record."""

    environment: str
    number: int
    is_new: bool


def why_left(failure: Mapping[str, Any]) -> str | None:
    """unreachable, unschedulable or out of stock; None for a failure that every environment would have. Pure."""
    told = json.dumps([failure.get("message"), failure.get("details")], default=str)
    reason = REASONS.get(str(failure.get("code")))
    if OUT_OF_STOCK.search(told):
        return "out of stock"
    return reason


def next_step(environments: Sequence[str], history: Sequence[Mapping[str, Any]]) -> Step | None:
    """The environment to train in, after what happened; None where the last one of the list was left. Pure.

    An attempt that nobody ended is continued, whoever began it. `history`: records in their order.
    """
    started = sum(1 for each in history if each["event"] == "started")
    before = history[-1] if history else None
    if before is None or before["environment"] not in environments:
        return Step(environments[0], started + 1, True)
    if before["event"] == "started":
        return Step(before["environment"], started, False)
    following = environments.index(before["environment"]) + 1
    return Step(environments[following], started + 1, True) if following < len(environments) else None


def first_step(environments: Sequence[str], history: Sequence[Mapping[str, Any]]) -> Step:
    """As `next_step`, for a run of the playbook that begins: where all were left before, the first one again. Pure."""
    started = sum(1 for each in history if each["event"] == "started")
    return next_step(environments, history) or Step(environments[0], started + 1, True)


def told(history: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The attempts for the record of the run and for people: environment, started, left, reason, code, message,
    checkpoint (from which it began). Pure.
    """
    found: list[dict[str, Any]] = []
    for each in history:
        if each["event"] == "started":
            found.append(
                {
                    "environment": each["environment"],
                    "started": each["time"],
                    "checkpoint": each["checkpoint"],
                    "left": None,
                    "reason": None,
                    "code": None,
                    "message": None,
                }
            )
        elif found and found[-1]["environment"] == each["environment"]:
            found[-1] |= {"left": each["time"], **{key: each[key] for key in ("reason", "code", "message")}}
    return found


def read(store: Store, run_id: str) -> list[dict[str, Any]]:
    return records.history(store, prefix(run_id))


def nowhere(run_id: str, history: Sequence[Mapping[str, Any]]) -> Failure:
    """Every environment was left. Says each with its reason."""
    lines = [f"{each['environment']} ({each['reason']}: {each['message']})" for each in told(history) if each["left"]]
    return Failure(
        "NoEnvironmentLeft",
        f"Run {run_id} could be trained nowhere: {'; '.join(lines)}",
        resource=f"run/{run_id}",
        hint="The next run of the playbook begins with the first environment again, from the last checkpoint.",
        retryable=True,
        details={"attempts": told(history)},
    )


def choose(store: Store, params: Mapping[str, Any], *, check: bool) -> tuple[Step, list[dict[str, Any]]]:
    """The step that the options of `training_attempt` lead to, put on record, and all attempts.

    Raises Failure: `InvalidOption`, `NoEnvironmentLeft`, or the given one where it is no reason to leave.
    """
    run_id, environments, given = params["run_id"], params["environments"], params["left"]
    if not environments or len(set(environments)) < len(environments):
        what = "is empty" if not environments else "names one twice"
        raise Failure("InvalidOption", f"environments {what}.", hint="Give each environment once.")
    history: Sequence[Mapping[str, Any]] = read(store, run_id)
    if given:
        reason = why_left(given["failure"])
        if reason is None:
            raise _told_again(given["failure"])
        is_new = not _is_left(history, given["environment"])
        if is_new and not (history and history[-1]["event"] == "started"):
            history = [*history, _started(store, run_id, given["environment"])]  # in check mode nothing is on record
        if is_new:
            left = {"schema": SCHEMA, "time": now(), "event": "left", "environment": given["environment"]}
            message = str(given["failure"].get("message"))[:1000]
            about = {"reason": reason, "code": given["failure"].get("code"), "message": message}
            history = _written(store, run_id, history, {**left, **about}, check=check)
        step = next_step(environments, history)
        if step is None:
            failure = nowhere(run_id, history)
            failure.details["values"] = {"changed": is_new}
            raise failure
    else:
        step = first_step(environments, history)
    if step.is_new:
        history = _written(store, run_id, history, _started(store, run_id, step.environment), check=check)
    return step, told(history)


def _is_left(history: Sequence[Mapping[str, Any]], environment: str) -> bool:
    """Whether the run is no longer there: the same words again change nothing. Pure."""
    if not history:
        return False
    was_left, is_same = history[-1]["event"] == "left", history[-1]["environment"] == environment
    return bool(was_left == is_same)


def _started(store: Store, run_id: str, environment: str) -> dict[str, Any]:
    kept = last(store, run_id)
    event = {"event": "started", "environment": environment, "checkpoint": kept["n"] if kept else None}
    return {"schema": SCHEMA, "time": now(), **event}


def _written(
    store: Store, run_id: str, history: Sequence[Mapping[str, Any]], record: Mapping[str, Any], *, check: bool
) -> list[Mapping[str, Any]]:
    if not check:
        records.append(store, prefix(run_id), record)
    return [*history, record]


def _told_again(failure: Mapping[str, Any]) -> Failure:
    return Failure(
        str(failure.get("code") or "TaskFailed"),
        str(failure.get("message") or "A task failed without telling why."),
        resource=str(failure.get("resource") or ""),
        hint=str(failure.get("hint") or ""),
        request_id=str(failure.get("request_id") or ""),
        retryable=bool(failure.get("retryable")),
        details=dict(failure.get("details") or {}),
    )


def prefix(run_id: str) -> str:
    return f"runs/{run_id}/attempts"
