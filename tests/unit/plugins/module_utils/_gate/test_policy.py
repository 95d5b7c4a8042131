from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._gate.policy import Policy, admit, judge
from ansible_collections.mlops.ack.plugins.module_utils._gate.seal import sealed
from ansible_collections.mlops.ack.plugins.module_utils._gate.sources import decision
from ansible_collections.mlops.ack.plugins.module_utils._gate.subject import bind

SUBJECT = {"model_digest": "sha256:aa", "evaluation_digest": "sha256:bb"}
OTHER = {"model_digest": "sha256:cc", "evaluation_digest": "sha256:bb"}
HERE = bind("prod", "evaluate-model", SUBJECT)
NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
OPEN = Policy()
TWO = Policy(("alice", "bob", "carol"), 2)
SHORT = Policy(expires_in_s=3600)


def word(verdict: str, approver: str, n: int, *, age_s: int = 60, **changes: Any) -> dict[str, Any]:
    made = NOW - timedelta(seconds=age_s)
    record = decision(HERE, SUBJECT, verdict, approver, "because", "record", OPEN, made)
    return {**record, "n": n, **changes}


def yes(approver: str = "alice", n: int = 1, **changes: Any) -> dict[str, Any]:
    return word("approve", approver, n, **changes)


def no(approver: str = "alice", n: int = 1, **changes: Any) -> dict[str, Any]:
    return word("reject", approver, n, **changes)


def back(approver: str = "alice", n: int = 1, **changes: Any) -> dict[str, Any]:
    return word("revoke", approver, n, **changes)


def written(records: list[dict[str, Any]], key: str | None = None) -> list[dict[str, Any]]:
    """As the store holds them: sealed one after the other, by number."""
    found: list[dict[str, Any]] = []
    for record in sorted(records, key=lambda each: int(each["n"])):
        found.append(sealed(record, found, key))
    return found


@pytest.mark.parametrize(
    ("records", "policy", "submitted_by", "status", "approvals"),
    [
        pytest.param([], OPEN, None, "pending", 0, id="nobody decided"),
        pytest.param([yes()], OPEN, None, "approved", 1, id="one approval"),
        pytest.param([no()], OPEN, None, "rejected", 0, id="one rejection"),
        pytest.param([yes("alice", 1), no("bob", 2)], OPEN, None, "rejected", 1, id="a rejection beats an approval"),
        pytest.param([no("bob", 1), yes("alice", 2)], OPEN, None, "rejected", 1, id="also an earlier one"),
        pytest.param([no("alice", 1), yes("alice", 2)], OPEN, None, "approved", 1, id="the latest word counts"),
        pytest.param([yes("alice", 2), no("alice", 1)], OPEN, None, "approved", 1, id="by number, not by place"),
        pytest.param([yes("alice", 1), back("alice", 2)], OPEN, None, "pending", 0, id="taken back"),
        pytest.param([no("alice", 1), back("alice", 2)], OPEN, None, "pending", 0, id="a rejection taken back"),
        pytest.param([yes("alice", 1), back("bob", 2)], OPEN, None, "approved", 1, id="only the own word"),
        pytest.param([yes("alice", 1)], TWO, None, "pending", 1, id="one of two"),
        pytest.param([yes("alice", 1), yes("alice", 2)], TWO, None, "pending", 1, id="the same person is one"),
        pytest.param([yes("alice", 1), yes(" alice ", 2)], TWO, None, "pending", 1, id="also in another spelling"),
        pytest.param([yes("alice", 1), yes("bob", 2)], TWO, None, "approved", 2, id="two of two"),
        pytest.param([yes("alice", 1), yes("mallory", 2)], TWO, None, "pending", 1, id="no approver does not count"),
        pytest.param([yes("Alice", 1), yes("bob", 2)], TWO, None, "pending", 1, id="approvers are spelt exactly"),
        pytest.param([no("mallory", 1)], TWO, None, "pending", 0, id="nor does a stranger's rejection"),
        pytest.param([yes()], SHORT, None, "approved", 1, id="young enough"),
        pytest.param([yes(age_s=3601)], SHORT, None, "expired", 0, id="the policy's time is over"),
        pytest.param([yes(expires="2026-11-22T11:59:59Z")], OPEN, None, "expired", 0, id="its own time is over"),
        pytest.param([yes(expires="2026-11-22T12:00:00Z")], OPEN, None, "expired", 0, id="to the second"),
        pytest.param([yes(expires="2030-01-01T00:00:00Z", age_s=9999)], SHORT, None, "expired", 0, id="the shorter"),
        pytest.param([no(age_s=9999)], SHORT, None, "rejected", 0, id="a rejection stays"),
        pytest.param([yes("alice")], Policy(forbid_self_approval=True), "bob", "approved", 1, id="somebody else"),
        pytest.param([yes("alice")], Policy(forbid_self_approval=True), "alice", "pending", 0, id="own work"),
        pytest.param([yes("alice")], Policy(forbid_self_approval=True), "ALICE", "pending", 0, id="own work, shouted"),
        pytest.param([yes("alice")], Policy(forbid_self_approval=True), None, "pending", 0, id="submitter unknown"),
        pytest.param([no("alice")], Policy(forbid_self_approval=True), "alice", "rejected", 0, id="own rejection"),
        pytest.param([yes(source="rule")], OPEN, None, "pending", 0, id="an old answer of a rule is none"),
    ],
)
def test_what_decisions_come_to(
    records: list[dict[str, Any]], policy: Policy, submitted_by: str | None, status: str, approvals: int
) -> None:
    found = judge(written(records)[::-1], HERE, policy, submitted_by, NOW)
    assert (found.status, found.approvals) == (status, approvals)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"environment": "dev"}, "environment is 'dev'", id="of another environment"),
        pytest.param({"gate": "evaluate-serving"}, "gate is", id="of another gate"),
        pytest.param(
            {"subject_digest": bind("prod", "g", OTHER).subject_digest}, "subject_digest", id="of another model"
        ),
        pytest.param({"subject": OTHER}, "does not have the digest", id="with another subject under this digest"),
        pytest.param({"schema": "mlops.ack/run/v1"}, "schema", id="of another kind"),
        pytest.param({"decision": "maybe"}, "decision is 'maybe'", id="neither yes nor no"),
        pytest.param({"approver": " "}, "no approver", id="by nobody"),
        pytest.param({"approver": None}, "no approver", id="by null"),
        pytest.param({"created": "2026-11-22T13:00:00Z"}, "time", id="of the future"),
        pytest.param({"created": "2026-11-22T11:00:00"}, "time", id="of no time zone"),
        pytest.param({"created": None}, "time", id="of no time"),
        pytest.param({"expires": "soon"}, "expiry", id="that expires who knows when"),
    ],
)
def test_a_decision_that_is_replayed_or_forged_releases_nothing(changes: dict[str, Any], says: str) -> None:
    found = judge(written([yes(**changes)]), HERE, OPEN, None, NOW)
    assert (found.status, found.approvals) == ("pending", 0)
    assert says in found.ignored[0]


@pytest.mark.parametrize("field", list(SUBJECT))
def test_a_decision_about_one_digest_releases_no_other(field: str) -> None:
    there = bind("prod", "evaluate-model", {**SUBJECT, field: "sha256:dd"})
    assert judge(written([yes()]), there, OPEN, None, NOW).status == "pending"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        pytest.param({"approvers": []}, "names 0 people", id="nobody may"),
        pytest.param({"approvers": ["alice"], "min_approvals": 2}, "asks for 2", id="too few people"),
        pytest.param({"approvers": ["alice", "Alice"], "min_approvals": 2}, "names 1 people", id="one person twice"),
        pytest.param({"min_approvals": 0}, "1 or more", id="no approval needed"),
        pytest.param({"rule": "a > 1", "min_approvals": 2}, "rule decides alone", id="a rule and two people"),
        pytest.param({"rule": "a > 1", "forbid_self_approval": True}, "rule decides alone", id="a rule and four eyes"),
        pytest.param({"expires_in": "soon"}, "10m", id="no length of time"),
        pytest.param({"expires_in": "0d"}, "10m", id="no time at all"),
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(Failure, match=says):
        Policy.of(given)


def test_a_policy_comes_back_from_its_record() -> None:
    policy = Policy.of({"approvers": ["alice", "bob"], "min_approvals": 2, "expires_in": "7d"})
    assert policy.expires_in_s == 604800
    assert Policy.from_record(policy.as_record()) == policy


@pytest.mark.parametrize(
    ("policy", "approver", "submitted_by", "code", "says"),
    [
        pytest.param(TWO, "alic", None, "NotAnApprover", "Did you mean 'alice'", id="a spelling"),
        pytest.param(Policy(forbid_self_approval=True), "bob", "bob", "SelfApproval", "bob submitted", id="own work"),
        pytest.param(Policy(forbid_self_approval=True), "bob", None, "MissingOption", "submitted_by", id="unknown"),
    ],
)
def test_who_may_not_decide_is_told_before_anything_is_written(
    policy: Policy, approver: str, submitted_by: str | None, code: str, says: str
) -> None:
    with pytest.raises(Failure, match=says) as refused:
        admit(policy, approver, "approve", submitted_by)
    assert refused.value.code == code


@pytest.mark.parametrize("subject", [{}, {"a": ""}, {"a": None}, {"a": {"b": "  "}}, {"a": []}])
def test_a_subject_that_names_nothing_is_refused(subject: dict[str, Any]) -> None:
    with pytest.raises(Failure, match="subject"):
        bind("prod", "g", subject)


@pytest.mark.parametrize("name", ["", "a/b", "..", "-a", "a" * 64, "ä"])
def test_names_that_could_leave_their_folder_are_refused(name: str) -> None:
    for names in ((name, "g"), ("prod", name)):
        with pytest.raises(Failure, match="allowed are"):
            bind(*names, SUBJECT)


# -- the seal ----------------------------------------------------------------------------------------------------------

KEY, OTHER_KEY = "correct-horse-battery", "another-key-entirely"
SIGNED = Policy(signed=True)


def edited(n: int, **changes: Any) -> Any:
    return lambda records: [{**each, **changes} if each["n"] == n else each for each in records]


def resealed(n: int, **changes: Any) -> Any:
    """Edited by somebody who knows how a digest is made."""

    def edit(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        content = {k: v for k, v in records[n - 1].items() if k not in ("digest", "signature")}
        return [*records[: n - 1], sealed({**content, **changes}, records[: n - 1], None), *records[n:]]

    return edit


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        pytest.param(edited(1, decision="approve"), "decision 1 was edited", id="a rejection made an approval"),
        pytest.param(edited(2, approver="bob"), "decision 2 was edited", id="another name"),
        pytest.param(edited(2, expires="2099-01-01T00:00:00Z"), "decision 2 was edited", id="a longer life"),
        pytest.param(edited(2, created="2026-11-22T11:59:59Z"), "decision 2 was edited", id="made younger"),
        pytest.param(resealed(1, decision="approve"), "names another record before it", id="with a new digest"),
        pytest.param(lambda records: records[1:], "decision 1 is missing", id="the rejection taken away"),
        pytest.param(
            lambda records: [{**records[1], "n": 1}], "decision 1 was edited", id="taken away, and the next renamed"
        ),
        pytest.param(
            lambda records: [records[0], records[1], {**records[1], "n": 3}], "decision 3 was edited", id="copied"
        ),
        pytest.param(
            lambda records: [{k: v for k, v in records[0].items() if k not in ("digest", "previous")}, records[1]],
            "names another record before it",
            id="its seal torn off",
        ),
    ],
)
def test_records_that_are_not_what_was_written_decide_nothing(edit: Any, says: str) -> None:
    records = written([no("alice", 1), yes("carol", 2)])
    assert judge(records, HERE, OPEN, None, NOW).status == "rejected"
    found = judge(edit(records), HERE, OPEN, None, NOW)
    assert (found.status, found.approvals) == ("altered", 0)
    assert says in found.ignored[0]


@pytest.mark.parametrize(
    ("records", "key", "status", "says"),
    [
        pytest.param(written([yes()], KEY), KEY, "approved", "", id="signed with the key"),
        pytest.param(written([yes()]), KEY, "pending", "not signed", id="not signed"),
        pytest.param(written([yes()], OTHER_KEY), KEY, "pending", "another key", id="signed with another key"),
        pytest.param(written([yes()], KEY), None, "pending", "another key", id="nothing to prove it with"),
        pytest.param(written([yes("alice", 1), no("bob", 2)]), KEY, "rejected", "", id="anybody may say no"),
        pytest.param(
            [*written([no()], KEY), sealed(back("alice", 2), written([no()], KEY), None)],
            KEY,
            "rejected",
            "not signed",
            id="a no is not taken back without the key",
        ),
        pytest.param(
            resealed(1, decision="approve")(written([no()], KEY)), KEY, "pending", "not signed", id="made a yes"
        ),
        pytest.param(
            [
                {
                    **resealed(1, approver="bob")(written([yes()], KEY))[0],
                    "signature": written([yes()], KEY)[0]["signature"],
                }
            ],
            KEY,
            "pending",
            "another key",
            id="with the signature of something else",
        ),
    ],
)
def test_where_the_policy_asks_for_signatures_only_the_key_approves(
    records: list[dict[str, Any]], key: str | None, status: str, says: str
) -> None:
    found = judge(records, HERE, SIGNED, None, NOW, key)
    assert found.status == status
    assert says in " ".join(found.ignored)


def test_a_decision_without_a_seal_can_only_reject() -> None:
    assert judge([yes()], HERE, OPEN, None, NOW).ignored == ("decision 1: it has no digest",)
    assert judge([no()], HERE, OPEN, None, NOW).status == "rejected"
