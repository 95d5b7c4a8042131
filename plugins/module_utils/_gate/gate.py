# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The gate: what is recorded, what that comes to, and what this run adds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from .._core import rule
from .._core.failure import Failure
from .._core.resource import Change, Plan, Resource, State
from .._core.times import moment, stamp
from .._oss.records import append, history
from .._oss.store import Store
from .policy import Policy, Record, Verdict, ends, judge, same
from .seal import SEAL, sealed, unproven
from .sources import decision
from .subject import Binding

REQUEST = "mlops.ack/gate-request/v1"


class Asked(NamedTuple):
    """What the gate is asked to release, and by what policy. key: signs decisions, and proves them."""

    binding: Binding
    subject: Mapping[str, Any]
    evidence: Mapping[str, Any]
    policy: Policy
    submitted_by: str | None = None
    launched: Mapping[str, Any] | None = None
    key: str | None = None


class Writes(NamedTuple):
    """What a plan adds to the store."""

    decisions: tuple[dict[str, Any], ...] = ()
    request: dict[str, Any] | None = None


class Gate(Resource):
    """One gate for one subject in one environment. Decisions and requests are only ever added."""

    kind = "gate"

    def __init__(self, store: Store, asked: Asked, now: Callable[[], datetime]) -> None:
        self._store, self._asked, self._now = store, asked, now

    def observe(self) -> State:
        """decisions, requests: the records so far, by rising number."""
        return {
            "decisions": history(self._store, self._asked.binding.decisions),
            "requests": history(self._store, self._asked.binding.requests),
        }

    def plan(self, observed: State, desired: State) -> Plan:
        """`desired`: `decisions`, what this run decides, as records without their numbers, may be empty; `is_asked`,
        whether a gate waits for the answer, so that an open one leaves a request for people to find.

        Raises Failure `GateAltered` where the records are not what was written.
        """
        known: list[Record] = list((observed or {})["decisions"])
        requests: list[Record] = list((observed or {})["requests"])
        before = status(known, self._asked, self._now())
        if before["status"] == "altered":
            raise self._altered(before)
        new: list[dict[str, Any]] = []
        for word in (desired or {})["decisions"]:
            if not _repeats(word, [*known, *new], self._asked, self._now()):
                new.append(self._next(word, [*known, *new]))
        ruled = self._ruled([*known, *new])
        if ruled and not _same_rule(ruled, known):
            new.append(self._next(ruled, [*known, *new]))
        after = status([*known, *new], self._asked, self._now())
        is_open = after["status"] not in ("approved", "rejected")
        request = self._request(requests) if is_open and (desired or {})["is_asked"] else None
        changes = [Change(f"decisions.{each['n']}", None, summary(each)) for each in new]
        if request is not None:
            changes.append(Change("request", None, {"evidence": request["evidence"], "policy": request["policy"]}))
        if changes and before["status"] != after["status"]:
            changes.append(Change("status", before["status"], after["status"]))
        if not changes:
            return Plan("none", after)
        return Plan(
            "update" if known or requests else "create", after, tuple(sorted(changes)), work=Writes(tuple(new), request)
        )

    def apply(self, plan: Plan) -> None:
        for each in plan.work.decisions:
            # sealed again: somebody may have taken the number meanwhile
            append(self._store, self._asked.binding.decisions, _word(each), self._sealed)
        if plan.work.request is not None:
            append(self._store, self._asked.binding.requests, plan.work.request)

    def verify(self, plan: Plan, desired: State) -> State:
        """Judged again from what the store holds now: somebody else may have decided meanwhile."""
        if plan.action == "none":
            return plan.after
        found = history(self._store, self._asked.binding.decisions)
        lost = [each for each in plan.work.decisions if _word(each) not in map(_word, found)]
        if lost:
            raise Failure(
                "NotApplied",
                f"{self._store.name} accepted the decision of {lost[0]['approver']} about {self._asked.binding}, "
                "but does not hold it.",
                hint="Run again; if it stays so, look at the bucket's policy and lifecycle rules.",
                retryable=True,
            )
        return status(found, self._asked, self._now())

    def _next(self, word: Record, before: Sequence[Record]) -> dict[str, Any]:
        return self._sealed({**word, "n": max((int(each["n"]) for each in before), default=0) + 1}, before)

    def _sealed(self, record: Record, before: Sequence[Record]) -> dict[str, Any]:
        return sealed(record, before, self._asked.key)

    def _ruled(self, records: Sequence[Record]) -> dict[str, Any] | None:
        """The rule's decision, where the policy has a rule and no person has decided."""
        asked = self._asked
        if not asked.policy.rule:
            return None
        people = judge(records, asked.binding, asked.policy, asked.submitted_by, self._now(), asked.key)
        if people.status in ("approved", "rejected"):
            return None
        seen = rule.judge(asked.policy.rule, asked.evidence)
        values = ", ".join(f"{name} is {value}" for name, value in seen.values.items())
        return decision(
            asked.binding,
            asked.subject,
            "approve" if seen.passed else "reject",
            "rule",
            f"{asked.policy.rule} is {str(seen.passed).lower()}: {values}",
            "rule",
            asked.policy,
            self._now(),
            evidence=asked.evidence,
            submitted_by=asked.submitted_by,
            launched=asked.launched,
            rule={"expression": asked.policy.rule, "values": seen.values},
        )

    def _altered(self, found: Mapping[str, Any]) -> Failure:
        binding = self._asked.binding
        return Failure(
            "GateAltered",
            f"The records of the {binding} about {binding.subject_digest} are not what was written: "
            f"{found['ignored'][0]}.",
            resource=f"gate/{binding.environment}/{binding.gate}",
            hint=f"Nothing passes on them. See who writes to {self._store.name}/{binding.decisions}, and restore the "
            "objects, or move all of them away and decide anew.",
            details={"values": {"gate_status": "altered", "gate": dict(found)}},
        )

    def _request(self, requests: Sequence[Record]) -> dict[str, Any] | None:
        """That somebody is asked, unless the last request says the same."""
        asked = self._asked
        said = {
            "schema": REQUEST,
            "environment": asked.binding.environment,
            "gate": asked.binding.gate,
            "subject": dict(asked.subject),
            "subject_digest": asked.binding.subject_digest,
            "evidence": dict(asked.evidence),
            "submitted_by": asked.submitted_by,
            "policy": asked.policy.as_record(),
        }
        if requests and all(requests[-1].get(key) == value for key, value in said.items()):
            return None
        return {**said, "created": stamp(self._now()), "launcher": asked.launched}


def status(records: Sequence[Record], asked: Asked, now: datetime) -> dict[str, Any]:
    """The result `gate`: what the records come to."""
    found = judge(records, asked.binding, asked.policy, asked.submitted_by, now, asked.key)
    if found.status in ("pending", "expired") and asked.policy.rule:
        ruled = [each for each in records if _is_of_rule(each, asked.policy.rule, asked.binding)]
        if ruled:
            passed = ruled[-1]["decision"] == "approve"
            found = Verdict("approved" if passed else "rejected", (ruled[-1],), found.ignored)
    last: Record = found.counted[-1] if found.counted else {}
    limits = [end for each in found.counted if (end := ends(each, asked.policy))]
    return {
        "name": asked.binding.gate,
        "environment": asked.binding.environment,
        "status": found.status,
        "subject": dict(asked.subject),
        "subject_digest": asked.binding.subject_digest,
        "source": last.get("source"),
        "approvers": [each["approver"] for each in found.counted],
        "reason": last.get("reason"),
        "decided": last.get("created"),
        "expires": stamp(min(limits)) if limits and found.status == "approved" else None,
        "n": last.get("n"),
        "record_key": f"{asked.binding.decisions}/{last['n']}.json" if last else None,
        "approvals": found.approvals,
        "min_approvals": asked.policy.min_approvals,
        "decisions": [summary(each) for each in found.counted],
        "ignored": list(found.ignored),
    }


def summary(record: Record) -> dict[str, Any]:
    """The words of a decision that a person wants to see."""
    return {key: record.get(key) for key in ("n", "decision", "approver", "reason", "source", "created", "expires")}


def _word(record: Record) -> dict[str, Any]:
    """A decision without its place among the others."""
    return {name: value for name, value in record.items() if name not in ("n", *SEAL)}


def _is_of_rule(record: Record, expression: str, binding: Binding) -> bool:
    address = (record.get("environment"), record.get("gate"), record.get("subject_digest"))
    return (
        record.get("source") == "rule"
        and address == tuple(binding)
        and (record.get("rule") or {}).get("expression") == expression
    )


def _same_rule(ruled: Record, records: Sequence[Record]) -> bool:
    """Whether the newest record of a rule says the same, of the same values."""
    last = next((each for each in reversed(records) if each.get("source") == "rule"), None)
    return last is not None and all(last.get(key) == ruled[key] for key in ("decision", "rule"))


def _repeats(word: Record, records: Sequence[Record], asked: Asked, now: datetime) -> bool:
    """Whether the approver's last word is this one already, and still counts."""
    mine = [
        each
        for each in records
        if each.get("source") != "rule" and same(str(each.get("approver", ""))) == same(word["approver"])
    ]
    if not mine:
        return False
    last = mine[-1]
    if any(last.get(key) != word[key] for key in ("decision", "reason", "subject_digest")) or _span(last) != _span(
        word
    ):
        return False
    if "digest" in last and unproven(last, asked.policy.signed, asked.key):
        return False
    end = ends(last, asked.policy)
    return end is None or end > now


def _span(record: Record) -> float | None:
    """Seconds from the making of a decision to its expiry."""
    made, end = moment(record.get("created")), moment(record.get("expires"))
    return (end - made).total_seconds() if made and end else None
