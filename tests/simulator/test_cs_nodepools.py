"""Node pools and nodes through the official SDK."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_cs20151215 import models
from alibabacloud_cs20151215.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException

from tests.simulator.simulated import (
    Simulator,
    cluster_is,
    new_name,
    task_ends,
    until,
    wanted_cluster,
)

NP = models.CreateClusterNodePoolRequest


@pytest.fixture(scope="module")
def cluster_id(_shared: Simulator) -> str:
    cs = _shared.cs()
    body = cs.create_cluster(models.CreateClusterRequest().from_map(wanted_cluster(new_name()))).body
    cluster_is(cs, body.cluster_id, "running")
    created: str = body.cluster_id
    return created


def wanted(size: int | None = 2, **sections: Any) -> dict[str, Any]:
    group: dict[str, Any] = {"instance_types": ["ecs.g7.xlarge"], "vswitch_ids": ["vsw-1"], "login_password": "secret"}
    if size is not None:
        group["desired_size"] = size
    return {"nodepool_info": {"name": new_name()}, "scaling_group": group, **sections}


def pool_of(cs: Client, cluster_id: str, pool_id: str, state: str = "active") -> Any:
    return until(
        lambda: cs.describe_cluster_node_pool_detail(cluster_id, pool_id).body, lambda pool: pool.status.state == state
    )


def create(cs: Client, cluster_id: str, size: int | None = 2, **sections: Any) -> str:
    body = cs.create_cluster_node_pool(cluster_id, NP().from_map(wanted(size, **sections))).body
    task_ends(cs, body.task_id)
    pool_of(cs, cluster_id, body.nodepool_id)
    pool_id: str = body.nodepool_id
    return pool_id


def modify(cs: Client, cluster_id: str, pool_id: str, body: dict[str, Any]) -> Any:
    request = models.ModifyClusterNodePoolRequest().from_map(body)
    task_ends(cs, cs.modify_cluster_node_pool(cluster_id, pool_id, request).body.task_id)
    return pool_of(cs, cluster_id, pool_id)


def nodes(cs: Client, cluster_id: str, pool_id: str) -> list[Any]:
    request = models.DescribeClusterNodesRequest(nodepool_id=pool_id, page_size="50")
    found: list[Any] = cs.describe_cluster_nodes(cluster_id, request).body.nodes
    return found


def code_of(call: Any, *arguments: Any) -> str:
    with pytest.raises(ClientException) as error:
        call(*arguments)
    return str(error.value.code)


@pytest.mark.usefixtures("slow")
def test_a_pool_gets_its_nodes(cs: Client, cluster_id: str) -> None:
    body = cs.create_cluster_node_pool(cluster_id, NP().from_map(wanted(3))).body
    assert cs.describe_cluster_node_pool_detail(cluster_id, body.nodepool_id).body.status.state == "initial"
    pool_of(cs, cluster_id, body.nodepool_id, "scaling")
    pool = pool_of(cs, cluster_id, body.nodepool_id)
    assert (pool.status.total_nodes, pool.status.healthy_nodes, pool.scaling_group.login_password) == (3, 3, None)
    assert {node.node_status for node in nodes(cs, cluster_id, body.nodepool_id)} == {"Ready"}


def test_the_pools_of_a_new_cluster_come_with_it(cs: Client) -> None:
    request = models.CreateClusterRequest().from_map(wanted_cluster(new_name(), nodepools=[wanted(2), wanted(1)]))
    body = cs.create_cluster(request).body
    assert cluster_is(cs, body.cluster_id, "running").size == 3
    pools = cs.describe_cluster_node_pools(body.cluster_id, models.DescribeClusterNodePoolsRequest()).body.nodepools
    assert [pool.status.state for pool in pools] == ["active", "active"]
    task_ends(cs, cs.delete_cluster(body.cluster_id, models.DeleteClusterRequest()).body.task_id)


def test_a_pool_with_auto_scaling_has_its_minimum(cs: Client, cluster_id: str) -> None:
    auto = {"enable": True, "min_instances": 1, "max_instances": 5, "type": "cpu"}
    pool_id = create(cs, cluster_id, None, auto_scaling=auto)
    assert len(nodes(cs, cluster_id, pool_id)) == 1
    modify(cs, cluster_id, pool_id, {"auto_scaling": {"min_instances": 2}})
    assert len(nodes(cs, cluster_id, pool_id)) == 2


@pytest.mark.parametrize(
    ("sections", "code"),
    [
        pytest.param(
            {"auto_scaling": {"enable": True, "max_instances": 1}}, "InvalidParameter.DesiredSize", id="both sizes"
        ),
        pytest.param({"nodepool_info": {}}, "InvalidParameter.NodepoolInfo", id="no name"),
        pytest.param(
            {"kubernetes_config": {"labels": [{"key": "aliyun.a", "value": ""}]}},
            "InvalidParameter.Labels",
            id="reserved label",
        ),
        pytest.param(
            {"kubernetes_config": {"labels": [{"key": f"l{n}", "value": ""} for n in range(21)]}},
            "InvalidParameter.Labels",
            id="too many labels",
        ),
    ],
)
def test_create_refuses(cs: Client, cluster_id: str, sections: dict[str, Any], code: str) -> None:
    request = NP().from_map({**wanted(2), **sections})
    assert code_of(cs.create_cluster_node_pool, cluster_id, request) == code


@pytest.mark.usefixtures("slow")
def test_the_size_goes_up_and_down(cs: Client, cluster_id: str) -> None:
    pool_id = create(cs, cluster_id, 1)
    task_id = cs.scale_cluster_node_pool(cluster_id, pool_id, models.ScaleClusterNodePoolRequest(count=2)).body.task_id
    assert cs.describe_cluster_detail(cluster_id).body.state == "scaling"
    task_ends(cs, task_id)
    assert pool_of(cs, cluster_id, pool_id).scaling_group.desired_size == 3
    modify(cs, cluster_id, pool_id, {"scaling_group": {"desired_size": 1}})
    assert len(nodes(cs, cluster_id, pool_id)) == 1
    cluster_is(cs, cluster_id, "running")


def test_nodes_are_removed_by_name(cs: Client, cluster_id: str) -> None:
    pool_id = create(cs, cluster_id, 3)
    gone = nodes(cs, cluster_id, pool_id)[1].node_name
    request = models.RemoveNodePoolNodesRequest(nodes=[gone], release_node=True, drain_node=True)
    task_ends(cs, cs.remove_node_pool_nodes(cluster_id, pool_id, request).body.task_id)
    assert pool_of(cs, cluster_id, pool_id).scaling_group.desired_size == 2
    assert gone not in [node.node_name for node in nodes(cs, cluster_id, pool_id)]
    again = models.RemoveNodePoolNodesRequest(nodes=[gone])
    assert code_of(cs.remove_node_pool_nodes, cluster_id, pool_id, again) == "InvalidParameter.InstanceIds"


def test_the_sdk_models_clear_lists_that_were_not_set(cs: Client, cluster_id: str) -> None:
    labels = [{"key": "a", "value": "1"}]
    pool_id = create(
        cs, cluster_id, 1, kubernetes_config={"labels": labels, "taints": [{"key": "t", "effect": "NoSchedule"}]}
    )
    pool = modify(cs, cluster_id, pool_id, {"kubernetes_config": {"labels": labels}, "update_nodes": True})
    assert ([label.key for label in pool.kubernetes_config.labels], pool.kubernetes_config.taints) == (["a"], [])


def test_the_kind_of_auto_scaling_is_for_ever(cs: Client, cluster_id: str) -> None:
    auto = {"enable": True, "min_instances": 0, "max_instances": 2, "type": "cpu"}
    pool_id = create(cs, cluster_id, None, auto_scaling=auto)
    request = models.ModifyClusterNodePoolRequest().from_map({"auto_scaling": {"type": "gpu"}})
    assert code_of(cs.modify_cluster_node_pool, cluster_id, pool_id, request) == "InvalidParameter.AutoScalingType"


@pytest.mark.usefixtures("slow")
def test_a_busy_pool_takes_no_order(cs: Client, cluster_id: str) -> None:
    pool_id = create(cs, cluster_id, 1)
    task_id = cs.scale_cluster_node_pool(cluster_id, pool_id, models.ScaleClusterNodePoolRequest(count=1)).body.task_id
    request = models.DeleteClusterNodepoolRequest(force=True)
    assert code_of(cs.delete_cluster_nodepool, cluster_id, pool_id, request) == "InvalidNodePoolStatus.Forbidden"
    task_ends(cs, task_id)


def test_a_pool_with_nodes_is_deleted_by_force_only(cs: Client, cluster_id: str) -> None:
    pool_id = create(cs, cluster_id, 1)
    gently = models.DeleteClusterNodepoolRequest()
    assert code_of(cs.delete_cluster_nodepool, cluster_id, pool_id, gently) == "ErrorNodePoolHasNodes"
    task_id = cs.delete_cluster_nodepool(
        cluster_id, pool_id, models.DeleteClusterNodepoolRequest(force=True)
    ).body.task_id
    task_ends(cs, task_id)
    assert code_of(cs.describe_cluster_node_pool_detail, cluster_id, pool_id) == "ErrorNodePoolNotFound"
    cluster_is(cs, cluster_id, "running")


def test_a_shortage_of_stock_leaves_an_active_pool_without_healthy_nodes(
    simulator: Simulator, cs: Client, cluster_id: str
) -> None:
    simulator.faults({"kind": "stock_shortage", "match": {"action": "CreateClusterNodePool"}, "times": 1})
    pool_id = create(cs, cluster_id, 2)
    status = pool_of(cs, cluster_id, pool_id).status
    assert (status.total_nodes, status.healthy_nodes, status.failed_nodes) == (2, 0, 2)
    assert "NoStock" in nodes(cs, cluster_id, pool_id)[0].error_message


def test_a_creation_that_fails_leaves_a_failed_pool(simulator: Simulator, cs: Client, cluster_id: str) -> None:
    simulator.faults({"kind": "task_fail", "match": {"action": "CreateClusterNodePool"}, "times": 1})
    body = cs.create_cluster_node_pool(cluster_id, NP().from_map(wanted(1))).body
    task_ends(cs, body.task_id, "fail")
    pool_of(cs, cluster_id, body.nodepool_id, "failed")
    request = models.DeleteClusterNodepoolRequest(force=True)
    task_ends(cs, cs.delete_cluster_nodepool(cluster_id, body.nodepool_id, request).body.task_id)


def test_instances_are_attached(cs: Client, cluster_id: str) -> None:
    pool_id = create(cs, cluster_id, 1)
    request = models.AttachInstancesToNodePoolRequest(instances=["i-mine"])
    task_ends(cs, cs.attach_instances_to_node_pool(cluster_id, pool_id, request).body.task_id)
    pool_of(cs, cluster_id, pool_id)
    assert "i-mine" in [node.instance_id for node in nodes(cs, cluster_id, pool_id)]


def test_node_settings_and_runtime_change_by_tasks(cs: Client, cluster_id: str) -> None:
    pool_id = create(cs, cluster_id, 1)
    config = models.ModifyNodePoolNodeConfigRequest().from_map({"kubelet_config": {"maxPods": 64}})
    task_ends(cs, cs.modify_node_pool_node_config(cluster_id, pool_id, config).body.task_id)
    pool_of(cs, cluster_id, pool_id)
    upgrade = models.UpgradeClusterNodepoolRequest(runtime_type="containerd", runtime_version="2.1.4")
    task_ends(cs, cs.upgrade_cluster_nodepool(cluster_id, pool_id, upgrade).body.task_id)
    pool = pool_of(cs, cluster_id, pool_id)
    assert pool.node_config.kubelet_configuration.max_pods == 64
    assert pool.kubernetes_config.runtime_version == "2.1.4"


def test_a_pool_is_found_by_its_name(cs: Client, cluster_id: str) -> None:
    pool_id = create(cs, cluster_id, 0)
    name = cs.describe_cluster_node_pool_detail(cluster_id, pool_id).body.nodepool_info.name
    request = models.DescribeClusterNodePoolsRequest(nodepool_name=name)
    found = cs.describe_cluster_node_pools(cluster_id, request).body.nodepools
    assert [pool.nodepool_info.nodepool_id for pool in found] == [pool_id]


def test_a_machine_joins_with_the_token_of_the_script_and_once(cs: Client, cluster_id: str, tmp_path: Path) -> None:
    edge = {"nodepool_info": {"name": new_name(), "type": "edge"}, "interconnect_mode": "basic"}
    body = cs.create_cluster_node_pool(cluster_id, NP().from_map(edge)).body
    task_ends(cs, body.task_id)
    request = models.DescribeClusterAttachScriptsRequest(nodepool_id=body.nodepool_id, one_time_token=True)
    script = tmp_path / "attach.sh"
    script.write_text(cs.describe_cluster_attach_scripts(cluster_id, request).body)
    command = ["sh", script]
    first, second = (subprocess.run(command, capture_output=True, text=True, check=False) for _time in (1, 2))
    assert json.loads(first.stdout)["nodepool_id"] == body.nodepool_id, first.stderr
    assert second.returncode and "403" in second.stderr
    status = pool_of(cs, cluster_id, body.nodepool_id).status
    assert (status.total_nodes, status.healthy_nodes) == (1, 1)


def test_a_pool_of_the_cloud_has_no_script(cs: Client, cluster_id: str) -> None:
    body = cs.create_cluster_node_pool(cluster_id, NP().from_map(wanted(0))).body
    task_ends(cs, body.task_id)
    request = models.DescribeClusterAttachScriptsRequest(nodepool_id=body.nodepool_id)
    with pytest.raises(ClientException, match="type edge"):
        cs.describe_cluster_attach_scripts(cluster_id, request)
