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
    [listed] = run_tasks(
        [{"mlops.ack.ack_cluster_info": {**cs, "states": ["running"], "tags": {"team": "ml"}, "resources": True}}],
        in_process=in_process,
    )
    [told] = [each for each in listed["clusters"] if each["name"] == name]
    assert {each["type"] for each in told["resources"]} >= {"SLB", "SLS_Data"}
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


def test_a_protected_cluster_that_failed_to_be_made_can_be_deleted(
    do: Do,
    simulator: Simulator,
    name: str,
) -> None:
    simulator.faults({"kind": "task_fail", "match": {"action": "CreateCluster"}, "times": 1})
    assert do("ack_cluster", name=name, **NET, deletion_protection=True)["failed"]
    assert do("ack_cluster", name=name, state="absent")["failure"]["code"] == "DeletionProtected"
    gone = do("ack_cluster", name=name, state="absent", deletion_protection=False, wait_timeout=60)
    assert gone["cluster"] is None


def test_a_deletion_that_fails_tells_what_is_still_there(
    do: Do,
    simulator: Simulator,
    cluster: str,
) -> None:
    simulator.faults({"kind": "task_fail", "match": {"action": "DeleteCluster"}, "times": 1})
    failed = do("ack_cluster", name=cluster, state="absent", wait_timeout=60)
    assert failed["failure"]["code"] == "TaskFailed"
    assert {"SLB", "SLS_Data"} <= {each["type"] for each in failed["failure"]["details"]["remaining_resources"]}
    [left] = do("ack_cluster_info", name=cluster, states=["delete_failed"], resources=True)["clusters"]
    assert {"SLB", "SLS_Data"} <= {each["type"] for each in left["resources"]}
    assert do("ack_cluster", name=cluster, state="absent", wait_timeout=60)["cluster"] is None


def test_what_addons_made_is_told_before_it_stays_or_goes(do: Do, cluster: str) -> None:
    for name in ("alb-ingress-controller", "nginx-ingress-controller"):
        do("ack_addon", cluster_name=cluster, name=name, wait_timeout=60)
    kept = do("ack_cluster", name=cluster, state="absent", wait_timeout=60)
    assert {(each["type"], each["made_by"], each["stays"]) for each in kept["resources"]} >= {
        ("ALB", "addon", True),
        ("SLB", "addon", False),
        ("SLS_Data", "system", True),
    }
    assert [each["type"] for each in kept["remaining_resources"]] == ["ALB", "SLS_Data"]


@pytest.mark.parametrize("mode", ["eci", "acs"])
def test_an_account_without_serverless_clusters_gets_the_stand_in(
    do: Do,
    simulator: Simulator,
    name: str,
    mode: str,
) -> None:
    code = "Forbidden.ServerlessNotSupported"
    simulator.faults({"kind": "refuse", "match": {"action": "CreateCluster"}, "times": 2, "code": code})
    wish = {**NET, "name": name, "profile": "Serverless", "pod_cidr": "172.24.0.0/16"}
    refused = do("ack_cluster", **wish)
    assert (refused["failure"]["code"], refused["failure"]["details"]["service_code"]) == ("ServerlessRefused", code)
    made = do("ack_cluster", **wish, serverless_fallback=mode)
    assert made["serverless"] == {"taken": mode, "pod_labels": {f"alibabacloud.com/{mode}": "true"}}
    assert (made["cluster"]["profile"], made["cluster"]["cluster_spec"]) == ("Default", "ack.pro.small")
    before = simulator.last
    again = do("ack_cluster", **wish, serverless_fallback=mode)
    assert (again["changed"], again["serverless"], simulator.writes(before)) == (False, made["serverless"], [])
    installed = {each["name"] for each in do("ack_addon_info", cluster_name=name)["addons"]}
    assert {"ack-virtual-node", "flannel"} <= installed


@pytest.mark.parametrize("profile", ["Serverless", "Edge"])
def test_a_cluster_of_another_profile(do: Do, simulator: Simulator, name: str, profile: str) -> None:
    made = do("ack_cluster", name=name, profile=profile, **NET)
    assert (made["cluster"]["profile"], made["cluster"]["state"]) == (profile, "running")
    before = simulator.last
    assert not do("ack_cluster", name=name, profile=profile, **NET)["changed"]
    assert simulator.writes(before) == []
    assert [each["name"] for each in do("ack_cluster_info", profile=profile, name=name)["clusters"]] == [name]
    assert do("ack_cluster_info", profile="Default", name=name)["clusters"] == []


def test_the_control_planes_logs_and_its_window(do: Do, simulator: Simulator, cluster: str) -> None:
    wish: dict[str, Any] = {
        "control_plane_log": {"components": ["scheduler", "kcm"], "ttl_days": 7},
        "maintenance_window": {"enable": True, "maintenance_time": "03:00:00Z", "duration": "3h"},
        "wait_timeout": 60,
    }
    before = simulator.last
    result = do("ack_cluster", name=cluster, **wish)
    assert "cluster" in result, result
    changed = result["cluster"]
    assert simulator.writes(before) == ["ModifyCluster", "UpdateControlPlaneLog"]
    assert changed["control_plane_log"] | {"project": ""} == {
        "components": ["kcm", "scheduler"],
        "project": "",
        "ttl_days": 7,
    }
    before = simulator.last
    assert not do("ack_cluster", name=cluster, **wish)["changed"]
    assert simulator.writes(before) == []
    ended = do("ack_cluster", name=cluster, control_plane_log={"components": []}, wait_timeout=60)
    assert ended["cluster"]["control_plane_log"]["components"] == []


def test_a_pool_of_shared_gpus_at_a_price_looked_after(do: Do, cluster: str, simulator: Simulator) -> None:
    gpu = "ecs.gn7i-c8g1.2xlarge"
    wish = {
        **POOL,
        "cluster_name": cluster,
        "type": "gpushare",
        "gpu_share_mode": "core_mem",
        "instance_types": [gpu],
        "desired_size": 1,
        "spot_price_limits": {gpu: 4.50},
        "management": {"enable": True, "auto_repair": True, "auto_repair_policy": {"restart_node": True}},
    }
    predicted, made = do("ack_node_pool", check=True, **wish), do("ack_node_pool", **wish)
    assert predicted["diff"] == made["diff"]
    assert made["node_pool"]["labels"] == {"ack.node.gpu.schedule": "core_mem"}
    assert made["node_pool"]["spot_price_limits"] == {gpu: "4.5"}
    before = simulator.last
    assert not do("ack_node_pool", **wish)["changed"]
    assert simulator.writes(before) == []
    changed = do("ack_node_pool", **{**wish, "management": {"auto_upgrade": True}})
    assert changed["diff"] == {"before": {"management.auto_upgrade": False}, "after": {"management.auto_upgrade": True}}
    assert changed["node_pool"]["management"]["auto_repair_policy"] == {"restart_node": True}
    for kind, names in (("gpushare", ["pool"]), ("spot", ["pool"]), ("cpu", [])):
        found = do("ack_node_pool_info", cluster_name=cluster, type=kind)["node_pools"]
        assert [each["name"] for each in found] == names


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
