# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who may decide, and what the recorded decisions come to. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from .._core.failure import Failure
from .._core.options import Spec
from .._core.spelling import nearest
from .._core.times import moment, seconds
from .seal import broken, unproven
from .subject import Binding, of

SCHEMA = "mlops.ack/gate-decision/v1"
Record = Mapping[str, Any]
"""A decision: schema, n, environment, gate, subject (None where only its digest was given), subject_digest, decision
(approve | reject | revoke), approver, reason, created, expires (or None), source (option | record | awx | rule |
terminal), evidence, submitted_by, launcher; a rule's also rule {expression, values}. Its seal: previous, digest,
signature."""

POLICY: Spec = {
    "policy": {
        "type": "dict",
        "default": {},
        "options": {
            "approvers": {"type": "list", "elements": "str"},
            "min_approvals": {"type": "int", "default": 1},
            "forbid_self_approval": {"type": "bool", "default": False},
            "expires_in": {"type": "str"},
            "rule": {"type": "str"},
            "signed": {"type": "bool", "default": False},
        },
    },
    "signing_key": {"type": "str", "no_log": True},
}

SKEW = timedelta(minutes=5)
"""How far the clock of another machine may be ahead of ours before its decision is not believed."""


class Policy(NamedTuple):
    """approvers None: whoever gives a name. expires_in_s None: an approval does not expire."""

    approvers: tuple[str, ...] | None = None
    min_approvals: int = 1
    forbid_self_approval: bool = False
    expires_in_s: int | None = None
    rule: str | None = None
    signed: bool = False

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Policy:
        """Raises Failure `InvalidOption` for a policy that nobody could ever satisfy, or that says two things."""
        approvers, least = given.get("approvers"), given.get("min_approvals")
        found = cls(
            None if approvers is None else tuple(name.strip() for name in approvers),
            1 if least is None else least,
            bool(given.get("forbid_self_approval")),
            seconds("policy.expires_in", given["expires_in"]) if given.get("expires_in") else None,
            (given.get("rule") or "").strip() or None,
            bool(given.get("signed")),
        )
        if found.approvers is not None:
            people = {same(name) for name in found.approvers if name}
            if len(people) < max(1, found.min_approvals):
                raise _never(
                    f"policy.approvers names {len(people)} people, policy.min_approvals asks for {found.min_approvals}"
                )
        if found.min_approvals < 1:
            raise _never(f"policy.min_approvals is {found.min_approvals}; it must be 1 or more")
        if found.rule and (found.min_approvals > 1 or found.forbid_self_approval):
            raise _never("policy.rule decides alone, so it excludes min_approvals above 1 and forbid_self_approval")
        return found

    def as_record(self) -> dict[str, Any]:
        """As a request keeps it."""
        plain = self._asdict()
        return {**plain, "approvers": None if self.approvers is None else list(self.approvers)}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Policy:
        """The policy that a request was made under; the default where it names none."""
        known = {name: record[name] for name in cls._fields if name in record}
        if known.get("approvers") is not None:
            known["approvers"] = tuple(known["approvers"])
        return cls(**known)


def same(name: str) -> str:
    """People are compared without regard to case and surrounding spaces, so that no spelling makes two of one."""
    return name.strip().casefold()


def admit(policy: Policy, approver: str, decision: str, submitted_by: str | None) -> None:
    """Refuse a person who may not decide, before anything is written.

    Raises Failure `NotAnApprover`, `SelfApproval`, and `MissingOption` where self-approval is forbidden and it is not
    known who submitted.
    """
    why = barred(policy, approver, decision, submitted_by)
    if why is None:
        return
    if policy.approvers is not None and approver.strip() not in policy.approvers:
        meant = nearest(approver, policy.approvers)
        raise Failure(
            "NotAnApprover",
            f"{why}; the policy names {', '.join(policy.approvers)}.",
            hint=f"Did you mean '{meant}'?" if meant else "Ask one of them.",
            details={"approver": approver, "approvers": list(policy.approvers)},
        )
    if not submitted_by:
        raise Failure("MissingOption", f"{why}.", hint="Set submitted_by.")
    raise Failure(
        "SelfApproval", f"{why}.", hint="Ask somebody else to decide.", details={"submitted_by": submitted_by}
    )


def barred(policy: Policy, approver: str, decision: str, submitted_by: str | None) -> str | None:
    """Why this person's word does not count, or None."""
    if policy.approvers is not None and approver.strip() not in policy.approvers:
        return f"{approver} is no approver"
    if policy.forbid_self_approval and decision == "approve":
        if not submitted_by:
            return "the policy forbids self-approval, and who submitted is not known"
        if same(submitted_by) == same(approver):
            return f"{approver} submitted this, and the policy forbids self-approval"
    return None


class Verdict(NamedTuple):
    """status: what the decisions come to. counted: the records that make it so. ignored: why others do not count.
    approvals: how many count, of how many needed."""

    status: Literal["approved", "rejected", "pending", "expired", "altered"]
    counted: tuple[Record, ...] = ()
    ignored: tuple[str, ...] = ()
    approvals: int = 0


def judge(
    records: Sequence[Record],
    binding: Binding,
    policy: Policy,
    submitted_by: str | None,
    now: datetime,
    key: str | None = None,
) -> Verdict:
    """What people have decided. A rule's records never count: a rule is asked anew each time.

    Each approver's latest word counts. One rejection rejects; `min_approvals` different approvers approve; an approval
    that expired is none; a rejection does not expire; `revoke` takes the approver's own word back. Records that are
    not what was written decide nothing, and neither do the others then; one that the policy's key did not sign can
    only reject.
    """
    ignored: list[str] = []
    latest: dict[str, Record] = {}
    records = sorted(records, key=lambda each: int(each.get("n", 0)))
    if why := broken(records):
        return Verdict("altered", (), (why,))
    for record in records:
        if record.get("source") == "rule":
            continue
        why = (
            _unbound(record, binding, now)
            or barred(policy, str(record["approver"]), str(record["decision"]), submitted_by)
            or (None if record["decision"] == "reject" else unproven(record, policy.signed, key))
        )
        if why:
            ignored.append(f"decision {record.get('n')}: {why}")
        else:
            latest[same(record["approver"])] = record
    words = sorted(latest.values(), key=lambda each: int(each.get("n", 0)))
    rejections = [record for record in words if record["decision"] == "reject"]
    approvals = [record for record in words if record["decision"] == "approve"]
    fresh = [record for record in approvals if (end := ends(record, policy)) is None or end > now]
    ignored += [f"decision {each.get('n')} of {each['approver']}: expired" for each in approvals if each not in fresh]
    if rejections:
        return Verdict("rejected", tuple(rejections), tuple(ignored), len(fresh))
    if len(fresh) >= policy.min_approvals:
        return Verdict("approved", tuple(fresh), tuple(ignored), len(fresh))
    return Verdict("expired" if len(fresh) < len(approvals) else "pending", tuple(fresh), tuple(ignored), len(fresh))


def ends(record: Record, policy: Policy) -> datetime | None:
    """When an approval stops to count: its own expiry, or the policy's measured from its making, whichever is first."""
    made, own = moment(record["created"]), moment(record.get("expires"))
    limit = made + timedelta(seconds=policy.expires_in_s) if made and policy.expires_in_s else None
    known = [each for each in (own, limit) if each is not None]
    return min(known) if known else None


def _unbound(record: Record, binding: Binding, now: datetime) -> str | None:
    """Why a record is not a decision about this gate, environment and subject; None where it is."""
    for field, expected in (
        ("schema", SCHEMA),
        ("environment", binding.environment),
        ("gate", binding.gate),
        ("subject_digest", binding.subject_digest),
    ):
        if record.get(field) != expected:
            return f"its {field} is '{record.get(field)}', not '{expected}'"
    if record.get("subject") is not None and of(record["subject"]) != binding.subject_digest:
        return "its subject does not have the digest it names"
    if record.get("decision") not in ("approve", "reject", "revoke"):
        return f"its decision is '{record.get('decision')}'"
    if not isinstance(record.get("approver"), str) or not record["approver"].strip():
        return "it names no approver"
    made = moment(record.get("created"))
    if made is None or made > now + SKEW:
        return f"its time is '{record.get('created')}'"
    if record.get("expires") is not None and moment(record["expires"]) is None:
        return f"its expiry is '{record['expires']}'"
    return None


def _never(why: str) -> Failure:
    return Failure("InvalidOption", f"This policy cannot be kept: {why}.", details={"field": "policy"})
