"""The life of a cluster through the official SDK."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from alibabacloud_cs20151215 import models
from alibabacloud_cs20151215.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException

from tests.simulator.simulated import (
    SLOW,
    Simulator,
    cluster_is,
    new_name,
    task_ends,
    wanted_cluster,
)


def create(cs: Client, **more: Any) -> str:
    """A running cluster."""
    request = models.CreateClusterRequest().from_map(wanted_cluster(new_name(), **more))
    cluster_id: str = cs.create_cluster(request).body.cluster_id
    cluster_is(cs, cluster_id, "running")
    return cluster_id


def modify(cs: Client, cluster_id: str, **fields: Any) -> Any:
    answer = cs.modify_cluster(cluster_id, models.ModifyClusterRequest().from_map(fields)).body
    task_ends(cs, answer.task_id)
    return cluster_is(cs, cluster_id, "running")


def code_of(call: Any, *arguments: Any) -> str:
    with pytest.raises(ClientException) as error:
        call(*arguments)
    return str(error.value.code)


def listed(cs: Client, **query: Any) -> list[str]:
    body = cs.describe_clusters_v1(models.DescribeClustersV1Request(**query)).body
    return [cluster.name for cluster in body.clusters]


@pytest.mark.usefixtures("slow")
def test_a_cluster_is_created_step_by_step(cs: Client) -> None:
    wanted = models.CreateClusterRequest().from_map(wanted_cluster(new_name(), endpoint_public_access=True))
    answer = cs.create_cluster(wanted)
    assert (answer.status_code, len(answer.body.cluster_id), answer.body.cluster_id[0]) == (202, 33, "c")
    assert cs.describe_cluster_detail(answer.body.cluster_id).body.state == "initial"
    task = task_ends(cs, answer.body.task_id)
    assert [stage.state for stage in task.stages] == ["success"] * len(task.stages)
    assert {event.action for event in task.events} >= {"infrastructure", "control_plane", "nodepools", "addons"}
    cluster = cluster_is(cs, answer.body.cluster_id, "running")
    assert (cluster.current_version, cluster.profile) == ("1.34.4-aliyun.1", "Default")
    assert json.loads(cluster.master_url)["api_server_endpoint"].startswith("https://")


@pytest.mark.usefixtures("slow")
def test_a_cluster_reaches_its_state_after_its_task(cs: Client) -> None:
    body = cs.create_cluster(models.CreateClusterRequest().from_map(wanted_cluster(new_name()))).body
    task_ends(cs, body.task_id)
    assert cs.describe_cluster_detail(body.cluster_id).body.state == "initial"
    cluster_is(cs, body.cluster_id, "running")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        pytest.param({"name": "-a"}, "InvalidParameter.Name", id="a name that begins with a hyphen"),
        pytest.param({"name": "a" * 64}, "InvalidParameter.Name", id="a name that is too long"),
        pytest.param({"region_id": "cn-beijing"}, "InvalidParameter.RegionId", id="another region"),
        pytest.param({"cluster_type": "Swarm"}, "InvalidParameter.ClusterType", id="an unknown type"),
        pytest.param({"profile": "Nano"}, "InvalidParameter.Profile", id="an unknown profile"),
        pytest.param({"cluster_spec": "ack.tiny"}, "InvalidParameter.ClusterSpec", id="an unknown spec"),
        pytest.param(
            {"kubernetes_version": "1.20.1"}, "InvalidParameter.KubernetesVersion", id="a version not on offer"
        ),
        pytest.param({"vpcid": None}, "InvalidParameter.VpcId", id="no network"),
        pytest.param({"addons": [{"name": "nope"}]}, "AddonNotFound", id="an unknown addon"),
        pytest.param({"cis_enabled": True}, "NotSimulated", id="a field that is not simulated"),
    ],
)
def test_create_refuses(cs: Client, wrong: dict[str, Any], code: str) -> None:
    name = new_name()
    request = models.CreateClusterRequest().from_map({**wanted_cluster(name), **wrong})
    assert code_of(cs.create_cluster, request) == code
    assert listed(cs, name=name) == []


def test_names_are_neither_unique_nor_searched_exactly(cs: Client) -> None:
    name = new_name()
    for wanted in (name, name, f"{name}-2"):
        cs.create_cluster(models.CreateClusterRequest().from_map(wanted_cluster(wanted)))
    assert sorted(listed(cs, name=name)) == [name, name, f"{name}-2"]
    assert len(listed(cs, name=name, page_size=2, page_number=2)) == 1
    assert listed(cs, name=name, profile="Edge") == []


def test_a_change_is_seen_after_its_task(cs: Client) -> None:
    cluster_id = create(cs)
    assert modify(cs, cluster_id, deletion_protection=True).deletion_protection is True
    assert modify(cs, cluster_id, enable_rrsa=True).rrsa_config.oidc_name == f"ack-rrsa-{cluster_id}"
    assert modify(cs, cluster_id, timezone="Europe/Berlin").timezone == "Europe/Berlin"


def test_two_concerns_in_one_change_lose_the_second(cs: Client) -> None:
    cluster_id = create(cs, deletion_protection=True, cluster_spec="ack.pro.small")
    cluster = modify(cs, cluster_id, cluster_spec="ack.pro.small", deletion_protection=False)
    assert cluster.deletion_protection is True


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"api_server_eip": True}, "InvalidParameter.ApiServerEipId", id="an EIP without its id"),
        pytest.param({"enable_rrsa": False}, "InvalidParameter.EnableRrsa", id="RRSA cannot be turned off"),
        pytest.param({"cluster_spec": "x"}, "InvalidParameter.ClusterSpec", id="an unknown spec"),
        pytest.param({"ingress_domain_rebinding": True}, "NotSimulated", id="a field that is not simulated"),
    ],
)
def test_modify_refuses(cs: Client, fields: dict[str, Any], code: str) -> None:
    cluster_id = create(cs, rrsa_config={"enabled": True})
    request = models.ModifyClusterRequest().from_map(fields)
    assert code_of(cs.modify_cluster, cluster_id, request) == code


def test_a_cluster_cannot_take_the_name_of_another(cs: Client) -> None:
    first, second = create(cs), create(cs)
    name = cs.describe_cluster_detail(first).body.name
    request = models.ModifyClusterRequest(cluster_name=name)
    assert code_of(cs.modify_cluster, second, request) == "ClusterNameAlreadyExist"
    assert modify(cs, second, cluster_name=name + "x").name == name + "x"


@pytest.mark.usefixtures("slow")
def test_a_busy_cluster_takes_no_change(cs: Client) -> None:
    body = cs.create_cluster(models.CreateClusterRequest().from_map(wanted_cluster(new_name()))).body
    request = models.ModifyClusterRequest(deletion_protection=True)
    assert code_of(cs.modify_cluster, body.cluster_id, request) == "ErrorClusterState"


def test_a_cluster_is_upgraded_one_minor_version_at_a_time(cs: Client) -> None:
    cluster_id = create(cs)
    skipping = models.UpgradeClusterRequest(next_version="1.36.1-aliyun.1")
    assert code_of(cs.upgrade_cluster, cluster_id, skipping) == "InvalidParameter.NextVersion"
    body = cs.upgrade_cluster(cluster_id, models.UpgradeClusterRequest(next_version="1.35.3-aliyun.1")).body
    assert cs.describe_cluster_detail(cluster_id).body.state == "upgrading"
    task_ends(cs, body.task_id)
    assert cluster_is(cs, cluster_id, "running").current_version == "1.35.3-aliyun.1"


def test_an_upgrade_is_paused_resumed_and_canceled(simulator: Simulator, cs: Client) -> None:
    cluster_id = create(cs)
    simulator.control("PUT", "clock", {"time_factor": SLOW})
    body = cs.upgrade_cluster(cluster_id, models.UpgradeClusterRequest(next_version="1.35.3-aliyun.1")).body
    cs.pause_task(body.task_id)
    time.sleep(0.2)
    assert cs.describe_task_info(body.task_id).body.state == "paused"
    cs.resume_task(body.task_id)
    cs.cancel_task(body.task_id)
    task_ends(cs, body.task_id, "canceled")
    assert cluster_is(cs, cluster_id, "running").current_version == "1.34.4-aliyun.1"
    assert code_of(cs.cancel_task, body.task_id) == "ErrPauseTask"


@pytest.mark.usefixtures("slow")
def test_a_creation_cannot_be_canceled(cs: Client) -> None:
    body = cs.create_cluster(models.CreateClusterRequest().from_map(wanted_cluster(new_name()))).body
    assert code_of(cs.cancel_task, body.task_id) == "TaskOperationNotSupported"


def test_a_deleted_cluster_is_gone_and_its_task_remains(cs: Client) -> None:
    cluster_id = create(cs)
    answer = cs.delete_cluster(cluster_id, models.DeleteClusterRequest(retain_resources=["sg-1"]))
    assert (answer.status_code, cs.describe_cluster_detail(cluster_id).body.state) == (202, "deleting")
    assert code_of(cs.delete_cluster, cluster_id, models.DeleteClusterRequest()) == "ErrorClusterState"
    task_ends(cs, answer.body.task_id)
    assert code_of(cs.describe_cluster_detail, cluster_id) == "ErrorClusterNotFound"
    assert code_of(cs.delete_cluster, cluster_id, models.DeleteClusterRequest()) == "ErrorClusterNotFound"


def test_a_protected_cluster_is_not_deleted(cs: Client) -> None:
    cluster_id = create(cs, deletion_protection=True)
    assert code_of(cs.delete_cluster, cluster_id, models.DeleteClusterRequest()) == "OperationDenied.DeletionProtection"


@pytest.mark.usefixtures("slow")
def test_a_cluster_can_be_deleted_while_it_is_created(cs: Client) -> None:
    body = cs.create_cluster(models.CreateClusterRequest().from_map(wanted_cluster(new_name()))).body
    deletion = cs.delete_cluster(body.cluster_id, models.DeleteClusterRequest()).body
    task_ends(cs, body.task_id, "canceled")
    task_ends(cs, deletion.task_id)


@pytest.mark.usefixtures("slow")
def test_a_cluster_deleted_right_after_its_creation_does_not_come_back(cs: Client) -> None:
    body = cs.create_cluster(models.CreateClusterRequest().from_map(wanted_cluster(new_name()))).body
    task_ends(cs, body.task_id)
    cs.delete_cluster(body.cluster_id, models.DeleteClusterRequest())
    time.sleep(0.15)  # longer than a stage, in which a created cluster becomes running
    assert cs.describe_cluster_detail(body.cluster_id).body.state == "deleting"


def test_versions_say_what_can_be_created(cs: Client) -> None:
    request = models.DescribeKubernetesVersionMetadataRequest(region="cn-hangzhou", cluster_type="ManagedKubernetes")
    found = {version.version: version for version in cs.describe_kubernetes_version_metadata(request).body}
    assert found["1.34.4-aliyun.1"].creatable and not found["1.33.6-aliyun.1"].creatable
    assert found["1.34.4-aliyun.1"].upgradable_versions == ["1.35.3-aliyun.1"]


def test_a_kubeconfig_expires_when_it_was_asked_to(simulator: Simulator, cs: Client) -> None:
    cluster_id = create(cs)
    temporary = models.DescribeClusterUserKubeconfigRequest(temporary_duration_minutes=60, private_ip_address=False)
    body = cs.describe_cluster_user_kubeconfig(cluster_id, temporary).body
    assert body.config.startswith("apiVersion: v1") and body.expiration.endswith("Z")
    seconds = time.mktime(time.strptime(body.expiration, "%Y-%m-%dT%H:%M:%SZ")) - time.mktime(time.gmtime())
    assert 3590 < seconds <= 3600
    wrong = models.DescribeClusterUserKubeconfigRequest(temporary_duration_minutes=5)
    code = code_of(cs.describe_cluster_user_kubeconfig, cluster_id, wrong)
    assert code == "InvalidParameter.TemporaryDurationMinutes"


@pytest.mark.usefixtures("slow")
def test_a_cluster_that_is_being_created_has_no_kubeconfig(cs: Client) -> None:
    body = cs.create_cluster(models.CreateClusterRequest().from_map(wanted_cluster(new_name()))).body
    request = models.DescribeClusterUserKubeconfigRequest()
    assert code_of(cs.describe_cluster_user_kubeconfig, body.cluster_id, request) == "ErrorClusterState"


def test_tags_are_added_removed_and_replaced(cs: Client) -> None:
    cluster_id = create(cs, tags=[{"key": "env", "value": "prod"}])
    tag = {"region_id": "cn-hangzhou", "resource_type": "CLUSTER", "resource_ids": [cluster_id]}
    cs.tag_resources(models.TagResourcesRequest().from_map({**tag, "tags": [{"key": "a", "value": "1"}]}))
    cs.untag_resources(models.UntagResourcesRequest().from_map({**tag, "tag_keys": ["env"], "all": False}))
    asked = models.ListTagResourcesRequest(region_id="cn-hangzhou", resource_type="CLUSTER", resource_ids=[cluster_id])
    found = cs.list_tag_resources(asked).body.tag_resources.tag_resource
    assert [(tag.tag_key, tag.tag_value) for tag in found] == [("a", "1")]
    replaced = models.ModifyClusterTagsRequest().from_map({"body": [{"key": "b", "value": "2"}]})
    cs.modify_cluster_tags(cluster_id, replaced)
    assert [tag.key for tag in cs.describe_cluster_detail(cluster_id).body.tags] == ["b"]


def test_control_plane_logs_are_configured_by_a_task(cs: Client) -> None:
    cluster_id = create(cs)
    request = models.UpdateControlPlaneLogRequest(components=["kube-apiserver"], log_ttl="7")
    task_ends(cs, cs.update_control_plane_log(cluster_id, request).body.task_id)
    body = cs.check_control_plane_log_enable(cluster_id).body
    assert (body.components, body.log_ttl, body.log_project) == (["kube-apiserver"], "7", f"k8s-log-{cluster_id}")


def test_permissions_are_replaced_patched_and_deleted(cs: Client) -> None:
    cluster_id, uid = create(cs), new_name()
    one = {"cluster": cluster_id, "role_name": "admin", "role_type": "cluster"}
    two = {**one, "role_name": "dev", "role_type": "namespace", "namespace": "default"}

    def names() -> list[str]:
        return [held.role_name for held in cs.describe_user_permission(uid).body]

    def update(mode: str, permission: dict[str, Any]) -> None:
        body = {"mode": mode, "body": [permission]}
        cs.update_user_permissions(uid, models.UpdateUserPermissionsRequest().from_map(body))

    cs.grant_permissions(uid, models.GrantPermissionsRequest().from_map({"body": [one]}))
    update("patch", two)
    assert names() == ["admin", "dev"]
    update("delete", one)
    assert names() == ["dev"]
    update("apply", one)
    assert names() == ["admin"]


def test_events_tell_what_happened_to_a_cluster(cs: Client) -> None:
    cluster_id = create(cs)
    events = cs.describe_cluster_events(cluster_id, models.DescribeClusterEventsRequest()).body.events
    assert {event.type for event in events} >= {"cluster_create_infrastructure", "cluster_create_addons"}
    tasks = cs.describe_cluster_tasks(cluster_id, models.DescribeClusterTasksRequest()).body.tasks
    assert [task.task_type for task in tasks] == ["cluster_create"]


def test_resources_show_what_a_deletion_would_leave(cs: Client) -> None:
    cluster_id = create(cs, snat_entry=True)
    found = cs.describe_cluster_resources(cluster_id, models.DescribeClusterResourcesRequest()).body
    left = {one.resource_type for one in found if not one.delete_behavior.delete_by_default}
    assert left == {"SLS_Data", "ALIYUN::VPC::NatGateway", "ALIYUN::VPC::EIP"}


def test_a_task_that_fails_leaves_a_failed_cluster_that_can_be_deleted(simulator: Simulator, cs: Client) -> None:
    simulator.faults(
        {"kind": "task_fail", "match": {"action": "CreateCluster"}, "times": 1, "code": "QuotaExceeded.Node"}
    )
    body = cs.create_cluster(models.CreateClusterRequest().from_map(wanted_cluster(new_name()))).body
    assert task_ends(cs, body.task_id, "fail").error.code == "QuotaExceeded.Node"
    cluster_is(cs, body.cluster_id, "failed")
    task_ends(cs, cs.delete_cluster(body.cluster_id, models.DeleteClusterRequest()).body.task_id)


def test_a_task_that_never_ends_keeps_running(simulator: Simulator, cs: Client) -> None:
    cluster_id = create(cs)
    simulator.faults({"kind": "task_forever", "match": {"action": "ModifyCluster"}})
    request = models.ModifyClusterRequest(deletion_protection=True)
    task_id = cs.modify_cluster(cluster_id, request).body.task_id
    time.sleep(0.3)
    assert cs.describe_task_info(task_id).body.state == "running"
    assert cs.describe_cluster_detail(cluster_id).body.state == "updating"


def test_a_task_may_succeed_and_change_nothing(simulator: Simulator, cs: Client) -> None:
    cluster_id = create(cs)
    simulator.faults({"kind": "success_but_unchanged", "match": {"action": "ModifyCluster"}, "times": 1})
    assert modify(cs, cluster_id, deletion_protection=True).deletion_protection is False
    assert modify(cs, cluster_id, deletion_protection=True).deletion_protection is True


def test_the_control_plane_lists_clusters_for_the_sandbox(simulator: Simulator, cs: Client) -> None:
    cluster_id = create(cs)
    found = next(one for one in simulator.control("GET", "clusters") if one["cluster_id"] == cluster_id)
    assert (found["state"], found["profile"], found["real"]) == ("running", "Default", None)
