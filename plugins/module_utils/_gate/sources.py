# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a new decision comes from: the task, an AWX workflow, a rule, a person at the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from .._core.context import Context
from .._core.failure import Failure
from .._core.launcher import launcher, user
from .._core.times import stamp
from .policy import SCHEMA, Policy
from .subject import Binding

LONGEST_NAME, LONGEST_REASON = 128, 4000


def is_awx(context: Context) -> bool:
    return bool(context.variables.get("awx_job_id") or context.variables.get("tower_job_id"))


def person(given: str | None, context: Context) -> str:
    """The name that a decision is recorded under: AWX's user, else the option, else the login name.

    Outside of AWX it is a claim, as trustworthy as the access to the store. Raises Failure `ApproverMismatch` where
    the option says somebody else than AWX does, `MissingOption` where nobody is known.
    """
    told = str((launcher(context) or {}).get("user_name") or "")
    if told and given and given.strip() != told:
        raise Failure(
            "ApproverMismatch",
            f"approver is '{given}', but AWX says that '{told}' started this job.",
            hint="Leave approver out: in AWX it is whoever launched the job.",
        )
    name = told or (given or "").strip() or user(context)
    if not name:
        raise Failure("MissingOption", "Who decides is not known.", hint="Set approver.")
    return _line("approver", name, LONGEST_NAME)


def require_key(policy: Policy, key: str | None) -> None:
    """A decision that the policy would not believe is not recorded. Raises Failure `MissingOption`."""
    if policy.signed and not key:
        raise Failure(
            "MissingOption",
            "policy.signed is set, but there is no key to sign and to prove decisions with.",
            hint="Set signing_key.",
        )


def decision(
    binding: Binding,
    subject: Mapping[str, Any] | None,
    verdict: str,
    approver: str,
    reason: str,
    source: str,
    policy: Policy,
    now: datetime,
    *,
    expires_in_s: int | None = None,
    evidence: Mapping[str, Any] | None = None,
    submitted_by: str | None = None,
    launched: Mapping[str, Any] | None = None,
    rule: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A decision as it is recorded; the store numbers it. Raises Failure `InvalidOption` for an empty reason."""
    limits = [each for each in (expires_in_s, policy.expires_in_s) if each] if verdict == "approve" else []
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "environment": binding.environment,
        "gate": binding.gate,
        "subject": None if subject is None else dict(subject),
        "subject_digest": binding.subject_digest,
        "decision": verdict,
        "approver": approver,
        "reason": _reason(reason),
        "created": stamp(now),
        "expires": stamp(now + timedelta(seconds=min(limits))) if limits else None,
        "source": source,
        "evidence": dict(evidence or {}),
        "submitted_by": submitted_by,
        "launcher": None if launched is None else dict(launched),
    }
    if rule is not None:
        record["rule"] = dict(rule)
    return record


def _reason(text: str) -> str:
    line = _line("reason", text, LONGEST_REASON)
    if not any(sign.isalnum() for sign in line):
        raise Failure("InvalidOption", f"reason is '{line}'; say why in words.", details={"field": "reason"})
    return line


def _line(field: str, text: str, longest: int) -> str:
    """Text of a person as one printable line."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    if not line:
        raise Failure("InvalidOption", f"{field} is empty.", hint=f"Set {field}.", details={"field": field})
    if len(line) > longest:
        raise Failure("InvalidOption", f"{field} has {len(line)} characters; at most {longest} are allowed.")
    return line
