"""Neither side invents a field: every operation is called through the official SDK and held against its models."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_cs20151215 import models
from alibabacloud_cs20151215.client import Client
from alibabacloud_tea_openapi.models import Config

from simulator.cs.router import OPERATIONS
from tests.simulator.simulated import (
    KEY_ID,
    REGION,
    SECRET,
    Simulator,
    cluster_is,
    new_name,
    task_ends,
    until,
    wanted_cluster,
)

# Answers that the SDK leaves untyped.
UNTYPED = ("DescribeClusterAddonsUpgradeStatus", "DescribeClusterAttachScripts", "RevokeK8sClusterKubeConfig")

# The models of the objects in a body that is an array.
ROWS = {
    "GrantPermissions": models.GrantPermissionsRequestBody,
    "InstallClusterAddons": models.InstallClusterAddonsRequestBody,
    "ModifyClusterTags": models.Tag,
    "UnInstallClusterAddons": models.UnInstallClusterAddonsRequestAddons,
    "UpdateUserPermissions": models.UpdateUserPermissionsRequestBody,
    "UpgradeClusterAddons": models.UpgradeClusterAddonsRequestBody,
}


class Names(dict[str, Any]):
    """Remembers which names a model asks for."""

    def __init__(self) -> None:
        super().__init__({"": ""})
        self.asked: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.add(name)
        return default


def names_of(model: Any) -> set[str]:
    names = Names()
    model().from_map(names)
    return names.asked


def lost(sent: Any, kept: Any, path: str = "") -> list[str]:
    """Where `sent` holds something that a model did not take over."""
    if isinstance(sent, dict):
        here = [f"{path}.{name}" for name, value in sent.items() if value is not None and name not in (kept or {})]
        return here + [
            one for name in sent if name in (kept or {}) for one in lost(sent[name], kept[name], f"{path}.{name}")
        ]
    if isinstance(sent, list):
        pairs = zip(sent, kept or [], strict=False)
        return [one for number, (inner, other) in enumerate(pairs) for one in lost(inner, other, f"{path}[{number}]")]
    return []


class Recording(Client):  # type: ignore[misc]
    """The official client; keeps what the service answered."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.answers: list[tuple[str, Any]] = []

    def call_api(self, params: Any, request: Any, runtime: Any) -> Any:
        answer = super().call_api(params, request, runtime)
        self.answers.append((params.action, answer.get("body")))
        return answer


@pytest.fixture(scope="module")
def answers(_shared: Simulator) -> list[tuple[str, Any]]:
    """The answers of one life of a cluster in which every operation takes part."""
    address = _shared.cs_url.removeprefix("http://")
    cs = Recording(
        Config(access_key_id=KEY_ID, access_key_secret=SECRET, region_id=REGION, endpoint=address, protocol="HTTP")
    )
    _walk(cs)
    return cs.answers


def _walk(cs: Recording) -> None:
    def make(operation: str, /, **fields: Any) -> Any:
        return getattr(models, f"{operation}Request")().from_map(fields)

    pool = {
        "nodepool_info": {"name": "np"},
        "scaling_group": {"instance_types": ["ecs.g7.xlarge"], "vswitch_ids": ["vsw-1"], "desired_size": 2},
        "kubernetes_config": {"labels": [{"key": "a", "value": "b"}], "taints": [{"key": "t", "effect": "NoSchedule"}]},
    }
    more = {
        "nodepools": [pool],
        "tags": [{"key": "a", "value": "b"}],
        "rrsa_config": {"enabled": True},
        "snat_entry": True,
    }
    created = cs.create_cluster(make("CreateCluster", **wanted_cluster(new_name(), **more))).body
    c = created.cluster_id
    cluster_is(cs, c, "running")
    cs.describe_clusters_v1(make("DescribeClustersV1", cluster_id=c))
    cs.describe_clusters_for_region(REGION, make("DescribeClustersForRegion", cluster_id=c))
    cs.describe_kubernetes_version_metadata(make("DescribeKubernetesVersionMetadata", Region=REGION))
    cs.describe_cluster_resources(c, make("DescribeClusterResources"))
    cs.describe_cluster_tasks(c, make("DescribeClusterTasks"))
    cs.describe_cluster_events(c, make("DescribeClusterEvents", task_id=created.task_id))
    cs.describe_events(make("DescribeEvents", cluster_id=c))
    cs.describe_user_quota()
    cs.describe_cluster_user_kubeconfig(c, make("DescribeClusterUserKubeconfig"))
    cs.describe_subaccount_k8s_cluster_user_config(c, "7", make("DescribeSubaccountK8sClusterUserConfig"))
    cs.revoke_k8s_cluster_kube_config(c)
    cs.grant_permissions("7", make("GrantPermissions", body=[{"cluster": c, "role_name": "admin"}]))
    cs.update_user_permissions(
        "7", make("UpdateUserPermissions", mode="patch", body=[{"cluster": c, "role_name": "dev"}])
    )
    cs.describe_user_permission("7")
    tagged = {"region_id": REGION, "resource_type": "CLUSTER", "resource_ids": [c]}
    cs.tag_resources(make("TagResources", **tagged, tags=[{"key": "x", "value": "y"}]))
    cs.list_tag_resources(make("ListTagResources", **tagged))
    cs.untag_resources(make("UntagResources", **tagged, tag_keys=["x"]))
    cs.modify_cluster_tags(c, make("ModifyClusterTags", body=[{"key": "x", "value": "y"}]))
    protected = make("UpdateResourcesDeleteProtection", resource_type="pods", resources=["p"], enable=True)
    cs.update_resources_delete_protection(c, protected)
    cs.check_control_plane_log_enable(c)

    def rests(task_id: str) -> None:
        task_ends(cs, task_id)
        cluster_is(cs, c, "running")

    rests(cs.update_control_plane_log(c, make("UpdateControlPlaneLog", components=["kcm"])).body.task_id)
    rests(cs.modify_cluster(c, make("ModifyCluster", timezone="UTC")).body.task_id)
    rests(cs.create_autoscaling_config(c, make("CreateAutoscalingConfig", cool_down_duration="10m")).body.task_id)

    site = {"nodepool_info": {"name": "site", "type": "edge"}, "interconnect_mode": "basic"}
    edge = cs.create_cluster_node_pool(c, make("CreateClusterNodePool", **site)).body
    rests(edge.task_id)
    wanted = make("DescribeClusterAttachScripts", nodepool_id=edge.nodepool_id, arch="amd64", one_time_token=True)
    cs.describe_cluster_attach_scripts(c, wanted)

    np = cs.create_cluster_node_pool(c, make("CreateClusterNodePool", **pool)).body.nodepool_id

    def active(task_id: str | None = None) -> None:
        if task_id:
            task_ends(cs, task_id)
        until(lambda: cs.describe_cluster_node_pool_detail(c, np).body, lambda found: found.status.state == "active")

    active()
    cs.describe_cluster_node_pools(c, make("DescribeClusterNodePools"))
    node = cs.describe_cluster_nodes(c, make("DescribeClusterNodes", nodepool_id=np)).body.nodes[0].node_name
    active(cs.modify_cluster_node_pool(c, np, make("ModifyClusterNodePool", management={"enable": True})).body.task_id)
    active(cs.scale_cluster_node_pool(c, np, make("ScaleClusterNodePool", count=1)).body.task_id)
    active(cs.remove_node_pool_nodes(c, np, make("RemoveNodePoolNodes", nodes=[node])).body.task_id)
    active(cs.attach_instances_to_node_pool(c, np, make("AttachInstancesToNodePool", instances=["i-1"])).body.task_id)
    config = make("ModifyNodePoolNodeConfig", kubelet_config={"maxPods": 64})
    active(cs.modify_node_pool_node_config(c, np, config).body.task_id)
    active(cs.upgrade_cluster_nodepool(c, np, make("UpgradeClusterNodepool", runtime_version="2.1.4")).body.task_id)
    task_ends(cs, cs.delete_cluster_nodepool(c, np, make("DeleteClusterNodepool", force=True)).body.task_id)
    cluster_is(cs, c, "running")

    cs.list_addons(make("ListAddons", cluster_id=c))
    cs.describe_addon("ack-arena", make("DescribeAddon", version="0.15.3"))
    installed = make("InstallClusterAddons", body=[{"name": "ack-arena", "version": "0.15.3"}])
    rests(cs.install_cluster_addons(c, installed).body.task_id)
    cs.list_cluster_addon_instances(c)
    rests(
        cs.upgrade_cluster_addons(c, make("UpgradeClusterAddons", body=[{"component_name": "ack-arena"}])).body.task_id
    )
    cs.modify_cluster_addon(c, "ack-arena", make("ModifyClusterAddon", config="{}"))
    cs.describe_cluster_addons_upgrade_status(c, make("DescribeClusterAddonsUpgradeStatus"))
    until(lambda: cs.get_cluster_addon_instance(c, "ack-arena").body, lambda found: found.state == "active")
    rests(cs.un_install_cluster_addons(c, make("UnInstallClusterAddons", addons=[{"name": "ack-arena"}])).body.task_id)

    task_id = cs.upgrade_cluster(c, make("UpgradeCluster", next_version="1.35.3-aliyun.1")).body.task_id
    cs.pause_task(task_id)
    cs.resume_task(task_id)
    cs.cancel_task(task_id)
    task_ends(cs, task_id, "canceled")
    task_ends(cs, cs.delete_cluster(c, make("DeleteCluster")).body.task_id)


def test_every_operation_took_part(answers: list[tuple[str, Any]]) -> None:
    assert {name for name, _answer in answers} == {operation.name for operation in OPERATIONS}


def test_no_answer_holds_a_field_that_the_sdk_does_not_know(answers: list[tuple[str, Any]]) -> None:
    unknown = set()
    for name, body in answers:
        model = getattr(models, f"{name}ResponseBody", None)
        if model is None or name in UNTYPED:
            continue
        for one in body if isinstance(body, list) else [body]:
            # What the wire carries is JSON, whatever the SDK made of it.
            sent = json.loads(json.dumps(one, default=lambda model: model.to_map()))
            unknown |= {f"{name}{path}" for path in lost(sent, model().from_map(sent).to_map())}
    assert unknown == set()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_no_request_field_is_invented(operation: Any) -> None:
    model = getattr(models, f"{operation.name}Request", None)
    known = names_of(model) if model else set()
    known |= names_of(ROWS[operation.name]) if operation.rows else set()
    assert set(operation.query) | set(operation.body) <= known


FILES = Path(__file__).resolve().parents[2]


def test_every_error_of_the_simulator_is_said_to_be_known_or_open() -> None:
    """No documentation lists them: docs/unverified.md says of each where it is known from."""
    page = (FILES / "docs/unverified.md").read_text()
    places = FILES / "roles/sandbox/files/simulator"
    text = "".join(path.read_text() for path in [*sorted((places / "cs").glob("*.py")), places / "faults.py"])
    codes = re.findall(r'ServiceError\(\s*\d+,\s*"([\w.]+)"', text)
    raised = {"InvalidParameter" if code.startswith("InvalidParameter.") else code for code in codes}
    raised |= {"Throttling.User", "InvalidParameter"}
    assert [code for code in sorted(raised) if f"`{code}`" not in page] == []
    listed = set(re.findall(r"^\| `([\w.]+)` \|", page, re.M))
    assert listed <= raised | {"Forbidden", "InternalError", "ServiceUnavailable"}
