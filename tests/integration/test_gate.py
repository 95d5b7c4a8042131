"""The gate's modules as real tasks, in both doors, over a folder: same results, same records, same refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import RunTasks

SUBJECT = {"model_digest": "sha256:aa"}
VOLATILE = ("created", "decided", "requested", "expires")


def tasks(store: Path) -> list[dict[str, Any]]:
    common = {"name": "evaluate-model", "environment": "prod", "store": {"path": str(store)}}
    gate = {**common, "subject": SUBJECT, "evidence": {"accuracy": 0.97}, "policy": {"approvers": ["alice", "bob"]}}
    by_rule = {**gate, "environment": "dev", "policy": {"rule": "accuracy >= 0.95"}}
    approve = {**common, "decision": "approve", "reason": "0.97 on holdout", "approver": "alice"}
    return [
        {"mlops.ack.gate": gate},
        {"mlops.ack.gate_info": {"store": common["store"], "status": ["pending"]}},
        {"mlops.ack.gate_decision": {**approve, "approver": "mallory"}},
        {"mlops.ack.gate_decision": approve},
        {"mlops.ack.gate_decision": approve},
        {"mlops.ack.gate": gate},
        {"mlops.ack.gate": {**gate, "subject": {"model_digest": "sha256:bb"}}},
        {"mlops.ack.gate": by_rule},
        {"mlops.ack.gate": by_rule},
        {"mlops.ack.gate": {**by_rule, "policy": {"rule": "acuracy >= 0.95"}}},
        {"mlops.ack.gate": {**gate, "decision": "approve", "approver": "bob"}},
        {"mlops.ack.gate": {**gate, "policy": {"aprovers": ["alice"]}}},
    ]


def steady(value: Any) -> Any:
    """A result without its times, and without what differs by door on purpose: the inventory in the command."""
    if isinstance(value, dict):
        return {
            key: steady(item)
            for key, item in value.items()
            if key not in (*VOLATILE, "msg", "hint", "decide_command", "message", "_output", "invocation", "exception")
        }
    return [steady(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("in_process", [True, False], ids=["in process", "forked"])
def test_from_pending_to_passed(run_tasks: RunTasks, tmp_path: Path, in_process: bool) -> None:
    found = run_tasks(tasks(tmp_path / "store"), in_process=in_process)
    assert [each.get("failure", {}).get("code") for each in found] == [
        "GatePending",
        None,
        "NotAnApprover",
        None,
        None,
        None,
        "GatePending",
        None,
        None,
        "InvalidRule",
        "InvalidOption",
        "InvalidOption",
    ]
    assert [bool(each["changed"]) for each in found] == [
        True,
        False,
        False,
        True,
        False,
        False,
        True,
        True,
        False,
        False,
        False,
        False,
    ]
    assert found[0]["gate_status"] == "pending"
    assert [each["subject"] for each in found[1]["gates"]] == [SUBJECT]
    assert found[5]["gate_status"] == "approved"
    assert found[7]["gate"]["source"] == "rule"
    assert "Did you mean 'accuracy'" in found[9]["msg"]
    assert "approvers" in found[11]["msg"]


def test_both_doors_give_the_same(run_tasks: RunTasks, tmp_path: Path) -> None:
    one = run_tasks(tasks(tmp_path / "one"))
    two = run_tasks(tasks(tmp_path / "two"), in_process=False)
    assert steady(one) == steady(two)


def test_check_mode_writes_nothing(run_tasks: RunTasks, tmp_path: Path) -> None:
    found = run_tasks(tasks(tmp_path / "store")[:1] + tasks(tmp_path / "store")[7:8], check=True)
    assert [each["changed"] for each in found] == [True, True]
    assert [each["gate_status"] for each in found] == ["pending", "approved"]
    assert not (tmp_path / "store").exists()
