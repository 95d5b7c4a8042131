from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.options import validator
from ansible_collections.mlops.ack.plugins.module_utils._gate.passing import pass_gate
from ansible_collections.mlops.ack.plugins.module_utils._gate.within import APPROVAL, WITHIN, Gatekeeper, approve
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import FolderStore

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SUBJECT = {"release": "sha256:aa", "step": "10 %", "attempt": 1}


def now() -> datetime:
    return NOW


def options(**gate: Any) -> dict[str, Any]:
    checked = validator(WITHIN).validate({"gate": gate} if gate else {})
    assert not checked.error_messages, checked.error_messages
    return {**checked.validated_parameters, "environment": "prod"}


def decide(store: FolderStore, verdict: str, gate: str = "release-step", **more: Any) -> None:
    asked = {
        "name": gate,
        "environment": "prod",
        "subject": SUBJECT,
        "evidence": {},
        "policy": {},
        "signing_key": None,
        "submitted_by": None,
        "approver": "bob",
        "awx_approved_by": None,
        "timeout": "10m",
        "resume_command": None,
        "subject_digest": None,
        "decision": verdict,
        "reason": "looked at it",
        **more,
    }
    try:
        pass_gate(asked, Context(), store, now)
    except Failure as failure:
        assert failure.code == "GateRejected"


def keeper(store: FolderStore, **gate: Any) -> Gatekeeper:
    return Gatekeeper(options(**gate), Context(), store, now)


def test_looking_writes_nothing_and_asking_leaves_a_request(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    assert not keeper(store).is_approved(SUBJECT)
    assert store.list("") == []
    with pytest.raises(Failure) as pending:
        keeper(store, resume_command="again").ask(SUBJECT, {"new": {"error_rate": 0.5}})
    assert pending.value.code == "GatePending"
    assert "again" in pending.value.hint
    assert [item.key.split("/")[0] for item in store.list("")] == ["requests"]


class Held:
    """The lock of the run around it: it is taken, and would be waited for in vain."""

    def held(self, what: str) -> AbstractContextManager[None]:
        raise AssertionError(f"waits for itself, for {what}")

    def check(self) -> None: ...


def test_asking_does_not_wait_for_the_lock_that_the_run_around_it_holds(tmp_path: Path) -> None:
    asking = Gatekeeper(options(), Context(lock=Held()), FolderStore(tmp_path), now)
    assert not asking.is_approved(SUBJECT)
    with pytest.raises(Failure) as pending:
        asking.ask(SUBJECT, {})
    assert pending.value.code == "GatePending"


def test_only_this_subject_is_approved(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    decide(store, "approve")
    assert keeper(store).is_approved(SUBJECT)
    keeper(store).ask(SUBJECT, {})
    assert not keeper(store).is_approved({**SUBJECT, "attempt": 2})
    assert not keeper(store, policy={"approvers": ["carol"]}).is_approved(SUBJECT)


def test_a_rejection_is_raised_by_looking_already(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    decide(store, "reject")
    with pytest.raises(Failure) as rejected:
        keeper(store).is_approved(SUBJECT)
    assert rejected.value.code == "GateRejected"


def test_a_rule_is_refused_where_people_are_asked() -> None:
    checked = validator(WITHIN).validate({"gate": {"policy": {"rule": "true"}}})
    assert "rule" in checked.error_messages[0]


def wanted(**approval: Any) -> dict[str, Any]:
    checked = validator(APPROVAL).validate({"approval": approval} if approval else {})
    assert not checked.error_messages, checked.error_messages
    return {**checked.validated_parameters, "environment": "prod"}


def test_what_needs_no_approval_has_none(tmp_path: Path) -> None:
    assert approve(wanted(), SUBJECT, FolderStore(tmp_path), now) is None


def test_an_approval_is_read_from_the_records_alone(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    decide(store, "approve", gate="evaluate-serving")
    kept = store.list("")
    found = approve(wanted(gate="evaluate-serving", policy={"approvers": ["bob"]}), SUBJECT, store, now)
    assert found is not None and found["approvers"] == ["bob"]
    for changed, policy, text in (
        ({**SUBJECT, "release": "sha256:bb"}, {}, "it is pending"),
        (SUBJECT, {"approvers": ["carol"]}, "bob is no approver"),
        (SUBJECT, {"min_approvals": 2}, "it is pending"),
    ):
        with pytest.raises(Failure) as refused:
            approve(wanted(gate="evaluate-serving", policy=policy), changed, store, now)
        assert refused.value.code == "NotApproved"
        assert text in refused.value.message
    assert store.list("") == kept


def test_a_rejected_release_is_not_approved(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    decide(store, "approve", gate="evaluate-serving")
    decide(store, "reject", gate="evaluate-serving")
    with pytest.raises(Failure, match="it is rejected"):
        approve(wanted(gate="evaluate-serving"), SUBJECT, store, now)
