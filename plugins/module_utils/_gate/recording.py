# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Recording a decision apart from the run that waits for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from .._core.context import Context
from .._core.failure import Failure
from .._core.launcher import launcher
from .._core.resource import Outcome, reconcile
from .._core.times import seconds
from .._oss.records import history
from .._oss.store import Store
from .gate import Asked, Gate
from .overview import asked_last, bindings, overview
from .policy import admit, same
from .sources import decision, person, require_key
from .subject import Binding, digest, named, resolve


def record_decision(params: Mapping[str, Any], context: Context, store: Store, now: Callable[[], datetime]) -> Outcome:
    """Add one person's word about one subject. The policy of the gate's last request refuses who may not decide.

    Raises Failure `UnknownSubject`, `NotAnApprover`, `SelfApproval`, `NothingToRevoke`, `InvalidOption`.
    """
    approver = person(params["approver"], context)
    binding = _binding(params, store, approver, now())
    asked = _asked(params, binding, store)
    verdict = params["decision"]
    admit(asked.policy, approver, verdict, asked.submitted_by)
    gate = Gate(store, asked, now)
    if verdict == "revoke":
        _revocable(store, binding, approver)
    word = decision(
        binding,
        asked.subject or None,
        verdict,
        approver,
        params["reason"],
        "record",
        asked.policy,
        now(),
        expires_in_s=seconds("expires_in", params["expires_in"]) if params["expires_in"] else None,
        evidence=asked.evidence,
        submitted_by=asked.submitted_by,
        launched=launcher(context),
    )
    return reconcile(gate, {"decisions": [word], "is_asked": False}, context)


def _binding(params: Mapping[str, Any], store: Store, approver: str, now: datetime) -> Binding:
    """The subject as given, its digest as given or completed, or the only one that waits."""
    environment, name = named("environment", params["environment"]), named("name", params["name"])
    if params["subject"] is not None:
        return Binding(environment, name, digest(params["subject"]))
    if params["subject_digest"]:
        known = (each.subject_digest for each in bindings(store, environment, name))
        return Binding(environment, name, resolve(params["subject_digest"], known))
    known_gates = list(overview(store, now, environment, name))
    waiting = [each["subject_digest"] for each in known_gates if each["status"] in ("pending", "expired")]
    if not waiting:  # the same words again, about what they were said about
        waiting = [each["subject_digest"] for each in known_gates if _said(each["history"], params, approver)][-1:]
    if len(waiting) != 1:
        raise Failure(
            "UnknownSubject",
            f"{len(waiting) or 'No'} subjects wait at gate {name} of {environment}"
            f"{': ' + ', '.join(waiting) if waiting else ''}.",
            hint="Set subject_digest to the one that you have looked at.",
            details={"waiting": waiting},
        )
    return Binding(environment, name, waiting[0])


def _said(history: Sequence[Mapping[str, Any]], params: Mapping[str, Any], approver: str) -> bool:
    mine = [each for each in history if same(str(each["approver"])) == same(approver)]
    return bool(mine) and (mine[-1]["decision"], mine[-1]["reason"]) == (params["decision"], params["reason"])


def _asked(params: Mapping[str, Any], binding: Binding, store: Store) -> Asked:
    asked = asked_last(binding, history(store, binding.decisions), history(store, binding.requests))
    # a rule was asked by the gate already; here a person speaks
    require_key(asked.policy, params["signing_key"])
    return asked._replace(
        policy=asked.policy._replace(rule=None),
        subject=params["subject"] or asked.subject,
        key=params["signing_key"],
    )


def _revocable(store: Store, binding: Binding, approver: str) -> None:
    mine = [each for each in history(store, binding.decisions) if same(str(each.get("approver", ""))) == same(approver)]
    if not mine:
        raise Failure(
            "NothingToRevoke",
            f"{approver} has not decided about {binding.subject_digest} at {binding}.",
            hint="To refuse what somebody else approved, record the decision reject.",
        )
