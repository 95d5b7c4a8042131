from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context, Reply
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome
from ansible_collections.mlops.ack.plugins.module_utils._core.secrets import Secrets
from ansible_collections.mlops.ack.plugins.module_utils._gate.overview import overview
from ansible_collections.mlops.ack.plugins.module_utils._gate.passing import pass_gate
from ansible_collections.mlops.ack.plugins.module_utils._gate.recording import record_decision
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import FolderStore, Store

SUBJECT = {"model_digest": "sha256:aa", "evaluation_digest": "sha256:bb"}
EVIDENCE = {"accuracy": 0.97, "report": "build/evaluation.html"}
NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
AWX = {"awx_job_id": 7, "awx_user_name": "alice", "awx_workflow_job_id": 5}

OPTIONS: dict[str, Any] = {
    "name": "evaluate-model",
    "environment": "prod",
    "subject": SUBJECT,
    "evidence": EVIDENCE,
    "policy": {},
    "decision": None,
    "reason": None,
    "approver": "alice",
    "subject_digest": None,
    "submitted_by": None,
    "awx_approved_by": None,
    "timeout": "10m",
    "resume_command": None,
    "signing_key": None,
}
RECORD: dict[str, Any] = {
    "name": "evaluate-model",
    "environment": "prod",
    "subject": None,
    "subject_digest": None,
    "decision": "approve",
    "reason": "0.97 on holdout",
    "approver": "alice",
    "expires_in": None,
    "signing_key": None,
}


class Person:
    """Answers in order; what is left unanswered is late."""

    def __init__(
        self, *answers: str | None, others: Reply | None = None, before: Callable[[], object] = lambda: None
    ) -> None:
        self.answers, self.shown, self.questions = list(answers), list[str](), list[str]()
        self.others, self.before = others, before

    @contextmanager
    def turn(self, timeout_s: float) -> Iterator[Reply | None]:
        self.before()
        yield self.others

    def show(self, text: str) -> None:
        self.shown.append(text)

    def ask(self, question: str, timeout_s: float) -> Reply:
        self.questions.append(question)
        return Reply(self.answers.pop(0)) if self.answers else Reply(None, is_late=True)


class Gate:
    def __init__(self, store: Store) -> None:
        self.store, self.now = store, NOW

    def passes(self, context: Context | None = None, **options: Any) -> Outcome:
        return pass_gate({**OPTIONS, **options}, context or Context(), self.store, lambda: self.now)

    def stops(self, context: Context | None = None, **options: Any) -> tuple[str, dict[str, Any], Failure]:
        """(gate_status, the result's values, the failure)."""
        with pytest.raises(Failure) as stopped:
            self.passes(context, **options)
        values = stopped.value.details["values"]
        return values["gate_status"], values, stopped.value

    def decides(self, context: Context | None = None, **options: Any) -> Outcome:
        return record_decision({**RECORD, **options}, context or Context(), self.store, lambda: self.now)

    @property
    def keys(self) -> list[str]:
        return [item.key.split("/")[0] for item in self.store.list("")]


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(FolderStore(tmp_path))


# -- without a person --------------------------------------------------------------------------------------------------


def test_without_a_decision_it_stops_and_says_how_to_decide(gate: Gate) -> None:
    context = Context(variables={"ansible_inventory_sources": ["inventories/prod"]})
    status, values, failure = gate.stops(context, resume_command="ansible-playbook -i inventories/prod mlops.ack.site")
    assert (status, failure.code) == ("pending", "GatePending")
    digest = values["gate"]["subject_digest"]
    assert (
        "ansible-playbook -i inventories/prod mlops.ack.decide -e gate=evaluate-model -e environment_name=prod "
        f"-e subject_digest={digest} -e decision=approve -e 'reason=\"...\"'"
    ) in failure.hint
    assert "Then resume: ansible-playbook -i inventories/prod mlops.ack.site" in failure.hint
    assert "  accuracy  0.97\n  report    build/evaluation.html" in values["msg"]
    assert gate.keys == ["requests"]


def test_people_see_the_same_at_the_terminal_where_it_stops_and_in_the_list(gate: Gate) -> None:
    person = Person(None)
    _status, values, _failure = gate.stops(Context(prompter=person), submitted_by="carol")
    listed = next(overview(gate.store, gate.now))["page"]
    assert "  submitted by  carol" in listed
    assert listed in person.shown[0]
    assert listed in values["msg"]


def test_asking_again_writes_nothing_and_new_evidence_is_noted(gate: Gate) -> None:
    assert gate.stops()[1]["changed"]
    assert not gate.stops()[1]["changed"]
    assert gate.stops(evidence={"accuracy": 0.98})[1]["changed"]
    assert gate.keys == ["requests", "requests"]


def test_check_mode_says_the_same_and_writes_nothing(gate: Gate) -> None:
    predicted = gate.stops(Context(check=True))[1]
    assert gate.keys == []
    assert predicted == gate.stops()[1]
    for policy, decision in (({}, "approve"), ({"rule": "accuracy > 0.5"}, None)):
        other = {"subject": {**SUBJECT, "n": str(policy)}, "policy": policy, "decision": decision, "reason": "r 1"}
        before = gate.store.list("")
        expected = gate.passes(Context(check=True), **other)
        assert gate.store.list("") == before
        assert expected == gate.passes(**other)


def test_check_mode_never_asks(gate: Gate) -> None:
    person = Person("approve", "reason")
    assert gate.stops(Context(check=True, prompter=person))[0] == "pending"
    assert person.questions == []


# -- the task's own decision -------------------------------------------------------------------------------------------


def test_an_explicit_approval_passes_and_is_recorded_once(gate: Gate) -> None:
    first = gate.passes(decision="approve", reason="0.97 on holdout")
    assert first.changed
    found = first.values["gate"]
    assert (found["status"], found["source"], found["approvers"], found["n"]) == ("approved", "option", ["alice"], 1)
    assert gate.store.get(found["record_key"])
    second = gate.passes(decision="approve", reason="0.97 on holdout")
    assert (second.changed, second.values) == (False, first.values)
    assert not gate.passes().changed


def test_an_explicit_rejection_stops_with_its_reason(gate: Gate) -> None:
    status, values, failure = gate.stops(decision="reject", reason="Digit 8 is read as 3")
    assert (status, failure.code) == ("rejected", "GateRejected")
    assert "Digit 8 is read as 3" in failure.message
    assert values["gate"]["record_key"] in failure.message
    assert gate.stops()[0] == "rejected"
    assert gate.passes(decision="approve", reason="Retrained").changed


def test_an_approval_for_another_environment_gate_or_subject_does_not_count(gate: Gate) -> None:
    gate.passes(decision="approve", reason="Fine")
    for changes in (
        {"environment": "dev"},
        {"name": "evaluate-serving"},
        {"subject": {**SUBJECT, "model_digest": "x"}},
    ):
        assert gate.stops(**changes)[0] == "pending"


def test_what_was_looked_at_must_be_what_is_released(gate: Gate) -> None:
    digest = gate.stops()[1]["gate"]["subject_digest"]
    gate.passes(decision="approve", reason="Fine", subject_digest=digest)
    with pytest.raises(Failure) as refused:
        gate.passes(decision="approve", reason="Fine", subject_digest=digest, subject={"model_digest": "new"})
    assert refused.value.code == "SubjectMismatch"


@pytest.mark.parametrize("reason", ["", "  ", "...", "\x1b"])
def test_a_decision_without_a_reason_is_refused(gate: Gate, reason: str) -> None:
    with pytest.raises(Failure, match="reason"):
        gate.passes(decision="approve", reason=reason)
    assert gate.keys == []


def test_an_approval_expires_and_can_be_given_again(gate: Gate) -> None:
    policy = {"expires_in": "1h"}
    assert (
        gate.passes(decision="approve", reason="Fine", policy=policy).values["gate"]["expires"]
        == "2026-11-22T13:00:00Z"
    )
    gate.now += timedelta(hours=2)
    status, _values, failure = gate.stops(policy=policy)
    assert (status, failure.code) == ("expired", "GateExpired")
    assert gate.passes(decision="approve", reason="Fine", policy=policy).changed


def test_two_people_must_approve(gate: Gate) -> None:
    policy = {"approvers": ["alice", "bob"], "min_approvals": 2}
    status, values, failure = gate.stops(decision="approve", reason="Fine", policy=policy)
    assert (status, values["gate"]["approvals"], values["changed"]) == ("pending", 1, True)
    assert "1 of 2 approvals" in failure.message
    outcome = gate.passes(decision="approve", reason="Fine", policy=policy, approver="bob")
    assert outcome.values["gate"]["approvers"] == ["alice", "bob"]


# -- AWX ---------------------------------------------------------------------------------------------------------------


def test_in_awx_it_never_asks_although_there_is_a_terminal(gate: Gate) -> None:
    for variables in ({"awx_job_id": 7}, {"tower_job_id": 7}):
        person = Person("approve", "reason")
        assert gate.stops(Context(variables=variables, prompter=person))[0] == "pending"
        assert person.questions == []


def test_in_awx_the_launcher_decides_and_nobody_else(gate: Gate) -> None:
    context = Context(variables=AWX)
    outcome = gate.passes(context, decision="approve", reason="Fine", approver=None)
    assert outcome.values["gate"]["approvers"] == ["alice"]
    with pytest.raises(Failure) as refused:
        gate.passes(context, decision="approve", reason="Fine", approver="bob")
    assert refused.value.code == "ApproverMismatch"


def test_an_approval_node_of_a_workflow_is_recorded(gate: Gate) -> None:
    outcome = gate.passes(Context(variables=AWX), awx_approved_by="bob", policy={"approvers": ["bob"]})
    found = outcome.values["gate"]
    assert (found["source"], found["approvers"]) == ("awx", ["bob"])
    assert "workflow job 5" in found["reason"]
    assert not gate.passes(Context(variables=AWX), awx_approved_by="bob", policy={"approvers": ["bob"]}).changed


def test_an_approval_node_counts_for_the_subject_that_waited_alone(gate: Gate) -> None:
    digest = gate.stops()[1]["gate"]["subject_digest"]
    approval = {"awx_approved_by": "bob", "awx_approved_subject": digest}
    status, _values, failure = gate.stops(Context(variables=AWX), **approval, subject={"model_digest": "another"})
    assert status == "pending"
    assert f"bob approved another subject in AWX, {digest}" in failure.message
    assert gate.passes(Context(variables=AWX), **approval).values["gate"]["approvers"] == ["bob"]


def test_outside_of_a_workflow_an_approval_node_is_nothing(gate: Gate) -> None:
    status, _values, failure = gate.stops(awx_approved_by="bob")
    assert status == "pending"
    assert "awx_approved_by" in failure.message


def test_the_submitter_cannot_be_the_approver_of_a_workflow(gate: Gate) -> None:
    with pytest.raises(Failure) as refused:
        gate.passes(
            Context(variables=AWX), awx_approved_by="bob", submitted_by="bob", policy={"forbid_self_approval": True}
        )
    assert refused.value.code == "SelfApproval"


def test_four_eyes_without_a_known_submitter_is_refused(gate: Gate) -> None:
    with pytest.raises(Failure, match="submitted_by"):
        gate.passes(policy={"forbid_self_approval": True})
    evidence = {**EVIDENCE, "submitted_by": "carol"}
    assert gate.passes(
        decision="approve", reason="Fine", policy={"forbid_self_approval": True}, evidence=evidence
    ).changed


# -- a rule ------------------------------------------------------------------------------------------------------------


def test_a_rule_decides_and_is_recorded_as_one_with_what_it_saw(gate: Gate) -> None:
    outcome = gate.passes(policy={"rule": "accuracy >= 0.95"})
    found = outcome.values["gate"]
    assert (found["source"], found["approvers"], found["reason"]) == (
        "rule",
        ["rule"],
        "accuracy >= 0.95 is true: accuracy is 0.97",
    )
    assert not gate.passes(policy={"rule": "accuracy >= 0.95"}).changed


def test_a_rule_that_fails_rejects_until_the_evidence_is_better(gate: Gate) -> None:
    policy = {"rule": "accuracy >= 0.95"}
    status, _values, failure = gate.stops(policy=policy, evidence={"accuracy": 0.5})
    assert status == "rejected"
    assert "accuracy is 0.5" in failure.message
    assert not gate.stops(policy=policy, evidence={"accuracy": 0.5})[1]["changed"]
    assert gate.passes(policy=policy, evidence={"accuracy": 0.96}).changed


def test_what_a_rule_said_counts_for_that_rule_only(gate: Gate) -> None:
    gate.passes(policy={"rule": "accuracy >= 0.95"})
    assert gate.stops()[0] == "pending"
    assert gate.stops(policy={"rule": "accuracy >= 0.99"})[0] == "rejected"
    assert gate.passes(policy={"rule": "accuracy >= 0.95"}).changed


def test_a_person_s_word_comes_before_the_rule(gate: Gate) -> None:
    policy = {"rule": "accuracy >= 0.95"}
    gate.passes(policy=policy)
    assert gate.stops(policy=policy, decision="reject", reason="Wrong data")[0] == "rejected"
    assert gate.stops(policy=policy)[1]["gate"]["source"] == "option"
    low = {"policy": policy, "evidence": {"accuracy": 0.5}, "subject": {"model_digest": "low"}}
    gate.stops(**low)
    assert gate.passes(**low, decision="approve", reason="Only a demonstration").changed


def test_a_rule_that_cannot_be_evaluated_stops(gate: Gate) -> None:
    with pytest.raises(Failure) as refused:
        gate.passes(policy={"rule": "acuracy >= 0.95"})
    assert refused.value.code == "InvalidRule"
    assert gate.keys == []


# -- a person at the terminal ------------------------------------------------------------------------------------------


def test_a_person_sees_the_evidence_and_decides_with_a_reason(gate: Gate) -> None:
    person = Person("approve", "0.97 on holdout")
    found = gate.passes(Context(prompter=person)).values["gate"]
    assert (found["source"], found["reason"], found["approvers"]) == ("terminal", "0.97 on holdout", ["alice"])
    assert "  accuracy  0.97\n  report    build/evaluation.html" in person.shown[0]


def test_a_person_can_reject(gate: Gate) -> None:
    status, values, _failure = gate.stops(Context(prompter=Person("REJECT", "Not yet")))
    assert (status, values["gate"]["reason"]) == ("rejected", "Not yet")


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        pytest.param([], "timed_out", id="nobody answers"),
        pytest.param(["approve"], "timed_out", id="nobody gives a reason"),
        pytest.param([None], "pending", id="Ctrl-C"),
        pytest.param(["approve", None], "pending", id="Ctrl-C at the reason"),
        pytest.param(["yes", "y", ""], "pending", id="three answers that are none"),
        pytest.param(["", "", ""], "pending", id="only Enter"),
        pytest.param(["approve", "", "", ""], "pending", id="no reason"),
    ],
)
def test_what_is_no_decision_does_not_pass(gate: Gate, answers: list[str | None], status: str) -> None:
    found, _values, failure = gate.stops(Context(prompter=Person(*answers)))
    assert found == status
    assert "nobody decided" in failure.message
    assert gate.keys == ["requests"]


def test_an_answer_after_the_time_does_not_count(gate: Gate) -> None:
    times = iter([0.0, *[1.0] * 4, *[601.0] * 20])
    context = Context(prompter=Person("approve", "reason"), clock=lambda: next(times))
    status, _values, failure = gate.stops(context)
    assert (status, failure.code) == ("timed_out", "GateTimedOut")


def test_nobody_is_asked_who_may_not_decide(gate: Gate) -> None:
    person = Person("approve", "reason")
    status, _values, failure = gate.stops(Context(prompter=person), policy={"approvers": ["bob"]})
    assert status == "pending"
    assert "alice is no approver" in failure.message
    assert person.questions == []


def test_nobody_is_asked_what_is_decided_while_others_were_asked(gate: Gate) -> None:
    person = Person("reject", "no", before=lambda: gate.decides(subject=SUBJECT))
    assert not gate.passes(Context(prompter=person)).changed
    assert person.questions == []


@pytest.mark.parametrize(("is_late", "status"), [(True, "timed_out"), (False, "pending")])
def test_what_another_host_left_open_is_not_asked_again(gate: Gate, is_late: bool, status: str) -> None:
    person = Person("approve", "reason", others=Reply(None, is_late))
    assert gate.stops(Context(prompter=person))[0] == status
    assert person.questions == []


def test_evidence_can_neither_write_to_the_terminal_nor_show_a_secret(gate: Gate) -> None:
    person = Person(None)
    context = Context(prompter=person, secrets=Secrets(["hunter2-hunter2"]))
    gate.stops(context, evidence={"note": "\x1b[2Jaccuracy 0.99\n", "token": "hunter2-hunter2"})
    assert "\x1b" not in person.shown[0]
    assert "hunter2" not in person.shown[0]


# -- gate_decision and gate_info ---------------------------------------------------------------------------------------


def test_a_recorded_decision_releases_the_gate_from_elsewhere(gate: Gate) -> None:
    gate.stops()
    outcome = gate.decides()
    assert (outcome.changed, outcome.values["gate"]["status"]) == (True, "approved")
    assert not gate.decides().changed
    found = gate.passes()
    assert (found.changed, found.values["gate"]["source"]) == (False, "record")


def test_the_first_digits_of_a_waiting_subject_are_enough(gate: Gate) -> None:
    digest = gate.stops()[1]["gate"]["subject_digest"]
    gate.decides(subject_digest=digest[:13])
    assert gate.passes().values["gate"]["status"] == "approved"


@pytest.mark.parametrize(
    ("digest", "says"),
    [("sha256:000000", "none of the known"), ("latest", "64 hexadecimal digits"), ("sha256:12", "first 6")],
)
def test_an_unknown_subject_is_refused_unless_given_in_full(gate: Gate, digest: str, says: str) -> None:
    gate.stops()
    with pytest.raises(Failure, match=says):
        gate.decides(subject_digest=digest)
    assert gate.decides(subject_digest="sha256:" + "0" * 64).values["gate"]["status"] == "approved"


def test_without_a_subject_exactly_one_must_wait(gate: Gate) -> None:
    with pytest.raises(Failure, match="No subjects wait"):
        gate.decides()
    gate.stops()
    gate.stops(subject={"model_digest": "another"})
    with pytest.raises(Failure, match="2 subjects wait") as refused:
        gate.decides()
    assert len(refused.value.details["waiting"]) == 2


def test_the_policy_of_the_gate_is_applied_when_recording(gate: Gate) -> None:
    gate.stops(policy={"approvers": ["bob"], "expires_in": "1h"})
    with pytest.raises(Failure) as refused:
        gate.decides()
    assert refused.value.code == "NotAnApprover"
    found = gate.decides(approver="bob", expires_in="7d").values["gate"]
    assert found["expires"] == "2026-11-22T13:00:00Z"


def test_a_decision_can_be_taken_back_by_who_made_it(gate: Gate) -> None:
    gate.passes(decision="approve", reason="Fine")
    with pytest.raises(Failure) as refused:
        gate.decides(subject=SUBJECT, decision="revoke", approver="bob")
    assert refused.value.code == "NothingToRevoke"
    assert gate.decides(subject=SUBJECT, decision="revoke", reason="Wrong data").values["gate"]["status"] == "pending"
    assert not gate.decides(subject=SUBJECT, decision="revoke", reason="Wrong data").changed
    assert gate.stops()[0] == "pending"


def test_check_mode_records_no_decision(gate: Gate) -> None:
    gate.stops()
    before = gate.store.list("")
    predicted = gate.decides(Context(check=True))
    assert gate.store.list("") == before
    assert predicted == gate.decides()


def test_the_overview_lists_what_waits_and_what_was_decided(gate: Gate) -> None:
    gate.stops(submitted_by="carol")
    gate.passes(environment="dev", policy={"rule": "accuracy > 0.9"})
    gate.stops(name="evaluate-serving", decision="reject", reason="Too slow")
    found = {(each["environment"], each["name"]): each for each in overview(gate.store, NOW)}
    assert {key: each["status"] for key, each in found.items()} == {
        ("prod", "evaluate-model"): "pending",
        ("prod", "evaluate-serving"): "rejected",
        ("dev", "evaluate-model"): "approved",
    }
    waiting = found["prod", "evaluate-model"]
    assert (waiting["evidence"], waiting["submitted_by"], waiting["history"]) == (EVIDENCE, "carol", [])
    assert [each["reason"] for each in found["prod", "evaluate-serving"]["history"]] == ["Too slow"]
    assert [each["environment"] for each in overview(gate.store, NOW, "dev")] == ["dev"]
    assert [each["name"] for each in overview(gate.store, NOW, None, "evaluate-serving")] == ["evaluate-serving"]


class Forgetful(FolderStore):
    def put(self, key: str, data: bytes, *, overwrite: bool = False) -> bool:
        return True


def test_a_store_that_forgets_is_a_failure_and_not_an_approval(tmp_path: Path) -> None:
    with pytest.raises(Failure) as failed:
        Gate(Forgetful(tmp_path)).passes(decision="approve", reason="Fine")
    assert failed.value.code == "NotApplied"
