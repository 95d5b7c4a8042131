# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Passing a gate: the sources of a decision in their order, and the failure of a run that may not pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from .._core.context import Context
from .._core.failure import Failure
from .._core.launcher import launcher
from .._core.resource import Outcome, reconcile
from .._core.times import seconds
from .._core.wait import Deadline
from .._oss.store import Store
from .gate import Asked, Gate
from .policy import Policy, admit, barred
from .sources import decision, is_awx, person, require_key
from .subject import bind
from .terminal import Answer, ask
from .words import decide_command, page

WORDS = {"timed_out": "refused, because nobody decided in time"}
LEFT_OPEN = "nobody decided at the terminal"


def pass_gate(params: Mapping[str, Any], context: Context, store: Store, now: Callable[[], datetime]) -> Outcome:
    """The outcome of an approved gate. Every other answer is a failure that carries `gate_status` and `gate`.

    Sources: the task's own decision, recorded ones, an AWX approval, the policy's rule, a person at the terminal.
    Raises Failure `GatePending`, `GateRejected`, `GateExpired`, `GateTimedOut`.
    """
    asked = _asked(params, context)
    gate = Gate(store, asked, now)
    words = _given(params, asked, context, now())
    deadline = Deadline(seconds("timeout", params["timeout"]), context.clock)
    note = _awx_note(params, asked)
    prompter = context.prompter
    if prompter is None or context.check or is_awx(context) or words:
        outcome = reconcile(gate, {"decisions": words, "is_asked": True}, context)
    else:
        barrier = None
        with prompter.turn(deadline.remaining) as others:  # one host asks; the others find its record
            answer = Answer(None, why="timed_out" if others and others.is_late else "left_open")
            expected = gate.plan(gate.observe(), {"decisions": [], "is_asked": True}).after or {}
            if others is None and expected["status"] in ("pending", "expired"):
                approver = person(params["approver"], context)
                barrier = barred(asked.policy, approver, "approve", asked.submitted_by)
                if barrier is None:
                    shown = (asked.binding, asked.subject, asked.evidence, asked.submitted_by)
                    answer = ask(prompter, *shown, approver, deadline, context)
                    words = _answered(answer, asked, approver, now())
            outcome = reconcile(gate, {"decisions": words, "is_asked": True}, context)
        if outcome.values["gate"]["status"] in ("pending", "expired") and not words:
            note = barrier or LEFT_OPEN
            if barrier is None and answer.why == "timed_out":
                outcome.values["gate"]["status"] = "timed_out"
    return _concluded(outcome, asked, params, context, note)


def _asked(params: Mapping[str, Any], context: Context) -> Asked:
    evidence = params["evidence"] or {}
    asked = Asked(
        bind(params["environment"], params["name"], params["subject"]),
        params["subject"],
        evidence,
        Policy.of(params["policy"] or {}),
        str(params["submitted_by"] or evidence.get("submitted_by") or "").strip() or None,
        launcher(context),
        params["signing_key"],
    )
    require_key(asked.policy, asked.key)
    if asked.policy.forbid_self_approval and not asked.submitted_by:
        raise Failure(
            "MissingOption",
            "policy.forbid_self_approval is set, but who submitted this is not known.",
            hint="Set submitted_by.",
        )
    told = params["subject_digest"]
    if told and told != asked.binding.subject_digest:
        raise Failure(
            "SubjectMismatch",
            f"subject_digest is {told}, but the subject of this run is {asked.binding.subject_digest}: "
            "what was looked at is not what would be released.",
            hint="Look at the new evidence, and decide about that.",
            details={"subject": dict(asked.subject), "subject_digest": asked.binding.subject_digest},
        )
    return asked


def _given(params: Mapping[str, Any], asked: Asked, context: Context, now: datetime) -> list[dict[str, Any]]:
    """The decision of the task's own options, and the one that an AWX approval node made before this job."""
    found = []
    if params["decision"]:
        approver = person(params["approver"], context)
        found.append(_decision(asked, params["decision"], approver, params["reason"] or "", "option", now))
    job = (asked.launched or {}).get("workflow_job_id")
    if params["awx_approved_by"] and not _awx_note(params, asked):
        reason = f"Approved in AWX workflow job {job}"
        found.append(_decision(asked, "approve", str(params["awx_approved_by"]).strip(), reason, "awx", now))
    return found


def _awx_note(params: Mapping[str, Any], asked: Asked) -> str:
    if params["awx_approved_by"] and not (asked.launched or {}).get("workflow_job_id"):
        return "awx_approved_by is set, but this job is known to belong to no AWX workflow"
    looked_at = params.get("awx_approved_subject")
    if params["awx_approved_by"] and looked_at and looked_at != asked.binding.subject_digest:
        return f"{params['awx_approved_by']} approved another subject in AWX, {looked_at}"
    return ""


def _answered(answer: Answer, asked: Asked, approver: str, now: datetime) -> list[dict[str, Any]]:
    if answer.decision is None:
        return []
    return [_decision(asked, answer.decision, approver, answer.reason, "terminal", now)]


def _decision(asked: Asked, verdict: str, approver: str, reason: str, source: str, now: datetime) -> dict[str, Any]:
    admit(asked.policy, approver, verdict, asked.submitted_by)
    return decision(
        asked.binding,
        asked.subject,
        verdict,
        approver,
        reason,
        source,
        asked.policy,
        now,
        evidence=asked.evidence,
        submitted_by=asked.submitted_by,
        launched=asked.launched,
    )


def _concluded(outcome: Outcome, asked: Asked, params: Mapping[str, Any], context: Context, note: str) -> Outcome:
    gate = outcome.values["gate"]
    status = gate["status"]
    outcome.values["gate_status"] = status
    if status == "approved":
        return outcome
    values = {**outcome.values, "changed": outcome.changed, "diff": outcome.diff}
    decide = decide_command(asked.binding, context)
    resume = params["resume_command"] or "run the same playbook again; what is done already is not done twice"
    about = page(asked.binding, asked.subject, asked.evidence, asked.submitted_by)
    if status == "rejected":
        what = f"Rejected by {', '.join(gate['approvers'])}: {gate['reason']} (record {gate['record_key']})."
        hint = (
            f"\nSubmit something better. To overrule, the same person decides again: {decide}"
            if gate["source"] != "rule"
            else f"\nSubmit something better. A person may overrule the rule: {decide}"
        )
    else:
        what = f"{gate['approvals']} of {gate['min_approvals']} approvals."
        hint = f"\nDecide (approve or reject): {decide}\nThen resume: {resume}"
    why = "; ".join([*([note] if note else []), *gate["ignored"]])
    message = f"The {asked.binding} is {WORDS.get(status, status)}. {what}{f' Note: {why}.' if why else ''}"
    raise Failure(
        {"rejected": "GateRejected", "expired": "GateExpired", "timed_out": "GateTimedOut"}.get(status, "GatePending"),
        message,
        resource=f"gate/{asked.binding.environment}/{asked.binding.gate}",
        hint=hint,
        details={"decide_command": decide, "values": {**values, "msg": f"{message}\n\n{about}\n{hint}"}},
    )
