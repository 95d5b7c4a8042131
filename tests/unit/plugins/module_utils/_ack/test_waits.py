from __future__ import annotations

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._ack import waits
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Seen, Wait

CLUSTER_STATES = {
    *("initial", "failed", "running", "updating", "upgrading", "scaling", "removing", "draining", "migrating"),
    *("inactive", "unavailable", "waiting", "disconnected", "deleting", "deleted", "delete_failed"),
}
TASK_STATES = {"running", "success", "fail", "failed", "pending", "paused", "canceled", "error"}
POOL_STATES = {"active", "scaling", "removing", "removing_nodes", "deleting", "updating", "initial", "failed"}
OURS = {waits.GONE, "ready", "short"}


@pytest.mark.parametrize(
    ("wait", "documented"),
    [
        pytest.param(waits.TASK, TASK_STATES, id="task"),
        pytest.param(waits.RUNNING, CLUSTER_STATES, id="running"),
        pytest.param(waits.DELETED, CLUSTER_STATES, id="deleted"),
        pytest.param(waits.POOL_READY, POOL_STATES, id="pool ready"),
        pytest.param(waits.POOL_IDLE, POOL_STATES, id="pool idle"),
        pytest.param(waits.POOL_DELETED, {*POOL_STATES, "delete_failed"}, id="pool deleted"),
        pytest.param(waits.ADDON_ACTIVE, {"active", "updating", "upgrading", "deleting", "failed"}, id="addon"),
    ],
)
def test_every_state_that_ends_a_wait_is_a_documented_one(wait: Wait, documented: set[str]) -> None:
    assert wait.success | wait.failure <= documented | OURS


def test_a_failed_task_tells_stage_reason_and_its_last_events() -> None:
    task = {
        "task_id": "T-1",
        "current_stage": "nodepools",
        "error": {"code": "InsufficientBalance", "message": "Top up."},
        "events": [{"message": f"event {number}"} for number in range(9)],
    }
    failure = waits.task_failure(Seen("fail", "", task), "create cluster a")
    assert failure.code == "TaskFailed"
    assert failure.message == "create cluster a failed in stage nodepools: Top up."
    assert failure.hint == "Last events: event 4; event 5; event 6; event 7; event 8."
    assert failure.details["task_code"] == "InsufficientBalance"
