"""The ACK modules against the API's wire format: both doors, faults, interrupted runs, and what they cost."""

from __future__ import annotations

import importlib
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from tests.integration.conftest import RunTasks
from tests.integration.simulated import Simulator, no_fault_is_left, simulator

__all__ = ["no_fault_is_left", "simulator"]

pytestmark = pytest.mark.simulator

NET = {"vpc_id": "vpc-1", "vswitch_ids": ["vsw-2", "vsw-1"], "wait_timeout": 60}
POOL = {"name": "pool", "instance_types": ["ecs.g7.xlarge"], "vswitch_ids": ["vsw-1"], "wait_timeout": 60}

Do = Callable[..., dict[str, Any]]


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def do(simulator: Simulator, lines: list[str]) -> Do:
    """Runs one module here: `do("ack_cluster", name=...)`."""

    def run(module_name: str, /, *, check: bool = False, **options: Any) -> dict[str, Any]:
        module = importlib.import_module(f"ansible_collections.mlops.ack.plugins.modules.{module_name}").MODULE
        context = Context(check=check, progress=lines.append)
        result: dict[str, Any] = module.in_process({**simulator.cs, **options}, context)
        return result

    return run


@pytest.fixture
def name() -> str:
    return f"t-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def cluster(do: Do, name: str) -> str:
    """The name of a cluster that runs."""
    made = do("ack_cluster", name=name, **NET)
    assert made.get("cluster", {}).get("state") == "running", made
    return name


@pytest.mark.parametrize("in_process", [True, False], ids=["in process", "forked"])
def test_a_cluster_from_nothing_to_nothing(
    run_tasks: RunTasks,
    simulator: Simulator,
    tmp_path: Path,
    name: str,
    in_process: bool,
) -> None:
    cs, which = simulator.cs, {**simulator.cs, "cluster_name": name}
    wish = {**cs, **NET, "name": name, "version": "1.34", "tags": {"team": "ml"}, "endpoint_public_access": True}
    more = {**wish, "deletion_protection": True, "enable_rrsa": True, "addons": [{"name": "flannel"}]}
    pool, file = {**which, **POOL, "desired_size": 2}, {**which, "dest": str(tmp_path / "kubeconfig")}
    tasks: list[dict[str, Any]] = [
        {"mlops.ack.ack_cluster": wish},
        {"mlops.ack.ack_cluster": more},
        {"mlops.ack.ack_node_pool": pool},
        {"mlops.ack.ack_kubeconfig": file},
    ]
    [predicted] = run_tasks(tasks[:1], check=True, in_process=in_process)
    made, changed, sized, fetched = run_tasks(tasks, in_process=in_process)
    before = simulator.last
    again = run_tasks(tasks[1:], in_process=in_process)
    assert simulator.writes(before) == []
    assert [result["changed"] for result in again] == [False, False, False]
    assert (predicted["diff"], set(predicted["cluster"])) == (made["diff"], set(made["cluster"]))
    assert made["cluster"]["version"].startswith("1.34.")
    assert made["cluster"]["api_server_endpoint"].startswith("https://")
    assert changed["diff"]["after"] == {"addons.flannel": {}, "deletion_protection": True, "enable_rrsa": True}
    assert sized["node_pool"]["nodes"]["healthy"] == 2
    assert fetched["kubeconfig"]["cluster_id"] == made["cluster"]["cluster_id"]
    assert (tmp_path / "kubeconfig").stat().st_mode & 0o777 == 0o600
    assert "token" not in json.dumps(fetched["kubeconfig"])
    gone = [
        {"mlops.ack.ack_kubeconfig": {**file, "state": "absent"}},
        {"mlops.ack.ack_cluster": {**cs, "name": name, "state": "absent"}},
        {"mlops.ack.ack_cluster": {**cs, "name": name, "state": "absent", "deletion_protection": False}},
        {"mlops.ack.ack_cluster_info": {**cs, "name": name}},
        {"mlops.ack.ack_node_pool": {**which, "name": "pool", "state": "absent"}},
    ]
    revoked, protected, deleted, none, no_pool = run_tasks(gone, in_process=in_process)
    assert revoked["changed"]
    assert protected["failure"]["code"] == "DeletionProtected"
    assert (deleted["changed"], deleted["cluster"]) == (True, None)
    assert [each["type"] for each in deleted["remaining_resources"]] == ["SLS_Data"]
    assert none["clusters"] == []
    assert not no_pool["changed"]


def test_a_pool_grows_shrinks_and_goes(do: Do, cluster: str, simulator: Simulator) -> None:
    def pool(**options: Any) -> dict[str, Any]:
        return do("ack_node_pool", cluster_name=cluster, **{**POOL, **options})

    assert pool(desired_size=1)["node_pool"]["nodes"]["total"] == 1
    assert pool(desired_size=3)["node_pool"]["nodes"]["healthy"] == 3
    assert pool(desired_size=2, labels={"a": "1"})["node_pool"]["nodes"]["total"] == 2
    taints = [{"key": "gpu", "value": "", "effect": "NoSchedule"}]
    assert pool(labels={}, taints=taints)["node_pool"]["labels"] == {}
    auto = {"enable": True, "min_instances": 1, "max_instances": 4}
    scaled = pool(auto_scaling=auto, type="gpu")["node_pool"]
    assert (scaled["auto_scaling"], scaled["taints"]) == ({**auto, "type": "gpu"}, taints)
    before = simulator.last
    assert not pool(auto_scaling=auto)["changed"]
    assert simulator.writes(before) == []
    fixed = pool(auto_scaling={"enable": False}, desired_size=2)["node_pool"]
    assert (fixed["auto_scaling"]["enable"], fixed["nodes"]["total"]) == (False, 2)
    assert [each["name"] for each in do("ack_node_pool_info", cluster_name=cluster)["node_pools"]] == ["pool"]
    assert pool(state="absent")["node_pool"] is None
    assert not pool(state="absent")["changed"]


def test_a_pool_that_gets_no_instances_says_why(do: Do, cluster: str, simulator: Simulator) -> None:
    simulator.faults({"kind": "stock_shortage", "match": {"action": "CreateClusterNodePool"}, "times": 1})
    result = do("ack_node_pool", cluster_name=cluster, **POOL, desired_size=2)
    assert result["failure"]["code"] == "TooFewNodes"
    assert result["failure"]["details"]["reasons"]


@pytest.mark.parametrize("kind", ["throttle", "http500", "http503", "reset"])
def test_a_passing_fault_of_reading_and_polling_is_overcome(
    do: Do,
    simulator: Simulator,
    name: str,
    kind: str,
) -> None:
    actions = ("DescribeClustersV1", "DescribeTaskInfo", "DescribeClusterDetail")
    simulator.faults(*({"kind": kind, "match": {"action": action}, "times": 2} for action in actions))
    assert do("ack_cluster", name=name, **NET)["cluster"]["state"] == "running"


def test_a_throttled_creation_is_tried_again_and_makes_one_cluster(
    do: Do,
    simulator: Simulator,
    name: str,
) -> None:
    fault = {"kind": "throttle", "match": {"action": "CreateCluster"}, "times": 2, "retry_after_ms": 100}
    simulator.faults(fault)
    assert do("ack_cluster", name=name, **NET)["changed"]
    assert len(do("ack_cluster_info", name=name)["clusters"]) == 1


def test_a_creation_whose_answer_is_lost_is_adopted(do: Do, simulator: Simulator, name: str) -> None:
    simulator.faults({"kind": "half", "match": {"action": "CreateCluster"}, "times": 1})
    assert do("ack_cluster", name=name, **NET).get("cluster", {}).get("state") == "running"
    assert len(do("ack_cluster_info", name=name)["clusters"]) == 1


def test_a_failed_creation_tells_the_tasks_error_and_the_way_out(
    do: Do,
    simulator: Simulator,
    name: str,
) -> None:
    simulator.faults({"kind": "task_fail", "match": {"action": "CreateCluster"}, "times": 1})
    first = do("ack_cluster", name=name, **NET)
    again = do("ack_cluster", name=name, **NET)
    assert first["failure"]["code"] == "TaskFailed"
    assert "Last events: " in first["msg"]
    assert again["failure"]["code"] == "ClusterFailed"
    assert "state=absent" in again["msg"]
    assert do("ack_cluster", name=name, state="absent")["changed"]
    assert do("ack_cluster", name=name, **NET)["cluster"]["state"] == "running"


def test_a_task_that_succeeds_and_changes_nothing_is_a_failure(
    do: Do,
    simulator: Simulator,
    cluster: str,
) -> None:
    simulator.faults({"kind": "success_but_unchanged", "match": {"action": "ModifyCluster"}, "times": 1})
    result = do("ack_cluster", name=cluster, deletion_protection=True, wait_timeout=30)
    assert result["failure"]["code"] == "NotApplied"
    assert "deletion_protection" in result["msg"]


def test_a_wait_ends_at_its_deadline_and_the_next_run_goes_on(
    do: Do,
    simulator: Simulator,
    name: str,
) -> None:
    simulator.faults({"kind": "hang", "match": {"action": "DescribeTaskInfo"}})
    timed_out = do("ack_cluster", name=name, **{**NET, "wait_timeout": 3})
    simulator.faults()
    before = simulator.last
    goes_on = do("ack_cluster", name=name, **NET)
    assert timed_out["failed"]
    assert timed_out["failure"]["retryable"]
    assert (goes_on["changed"], goes_on["cluster"]["state"]) == (False, "running")
    assert simulator.writes(before) == []


def test_without_waiting_the_next_run_waits(do: Do, name: str) -> None:
    begun = do("ack_cluster", name=name, **NET, wait=False)
    assert begun["cluster"]["state"] == "initial"
    assert do("ack_cluster", name=name, **NET, endpoint_public_access=False)["cluster"]["state"] == "running"


def test_progress_is_said_while_waiting(cluster: str, lines: list[str]) -> None:
    assert any(line.startswith(f"create cluster {cluster}: running") for line in lines)


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        pytest.param({"access_key_id": "nobody"}, "InvalidAccessKeyId.NotFound", "Check access_key_id", id="key id"),
        pytest.param({"access_key_secret": "wrong"}, "SignatureDoesNotMatch", "Check access_key_secret", id="secret"),
        pytest.param(
            {"cs_endpoint": "127.0.0.1:9", "request_timeout": 2},
            "Unreachable",
            "connection refused at 127.0.0.1:9",
            id="nobody listens",
        ),
        pytest.param({"version": "v1.20"}, "VersionNotOffered", "The nearest is 1.34.4-aliyun.1", id="old version"),
        pytest.param({"profle": "Edge"}, "InvalidOption", "Did you mean 'profile'?", id="misspelt option"),
        pytest.param(
            {"state": "absent", "access_key_id": "nobody"}, "InvalidAccessKeyId.NotFound", "", id="404 of a key"
        ),
    ],
)
def test_what_a_newcomer_meets_reads_well(do: Do, name: str, options: dict[str, Any], code: str, words: str) -> None:
    result = do("ack_cluster", **{"name": name, **NET, **options})
    assert result["failure"]["code"] == code
    assert words in result["msg"]


def test_no_secret_reaches_result_or_progress(
    do: Do,
    simulator: Simulator,
    cluster: str,
    lines: list[str],
    tmp_path: Path,
) -> None:
    result = do("ack_kubeconfig", cluster_name=cluster, dest=str(tmp_path / "config"))
    text = json.dumps([result, lines])
    assert simulator.cs["access_key_secret"] not in text
    assert "placeholder" in (tmp_path / "config").read_text()
    assert "placeholder" not in text
