"""The playbooks that end an environment, against the API's wire format."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import RunTasks, play_book
from tests.integration.simulated import Simulator, no_fault_is_left, simulator

__all__ = ["no_fault_is_left", "simulator"]

pytestmark = pytest.mark.simulator

NET = {"vpc_id": "vpc-1", "vswitch_ids": ["vsw-1"], "deletion_protection": True}


def play(name: str, variables: dict[str, Any], *arguments: str) -> str:
    """What ansible-playbook printed."""
    done = play_book("-i", "env,", f"mlops.ack.{name}", "-c", "local", "-e", json.dumps(variables), *arguments)
    return done.stdout + done.stderr


@pytest.fixture
def environment(simulator: Simulator, tmp_path: Path) -> dict[str, Any]:
    cluster = {"name": f"t-{uuid.uuid4().hex[:8]}", **NET}
    return {
        "mlops_cs": simulator.cs,
        "mlops_kubeconfig": str(tmp_path / "kubeconfig"),
        "cluster_init_cluster": cluster,
    }


def test_teardown_ends_a_protected_cluster_that_failed_to_be_made(
    simulator: Simulator, environment: dict[str, Any], run_tasks: RunTasks
) -> None:
    name = environment["cluster_init_cluster"]["name"]
    simulator.faults({"kind": "task_fail", "match": {"action": "CreateCluster"}, "times": 1})
    wish = {**simulator.cs, **environment["cluster_init_cluster"]}
    [made] = run_tasks([{"mlops.ack.ack_cluster": wish}])
    assert made["failure"]["code"] == "TaskFailed"
    before = simulator.last
    assert "cannot be undone" in play("teardown", environment)
    assert simulator.writes(before) == []
    printed = play("teardown", {**environment, "confirm": name})
    assert "failed=0" in printed, printed
    assert "SLS_Data" in printed
    [left] = run_tasks([{"mlops.ack.ack_cluster_info": {**simulator.cs, "name": name}}])
    assert left["clusters"] == []
