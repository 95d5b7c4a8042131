"""Addons through the official SDK."""

from __future__ import annotations

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


@pytest.fixture(scope="module")
def cluster_id(_shared: Simulator) -> str:
    cs = _shared.cs()
    addons = [{"name": "flannel"}, {"name": "metrics-server", "disabled": True}]
    body = cs.create_cluster(models.CreateClusterRequest().from_map(wanted_cluster(new_name(), addons=addons))).body
    cluster_is(cs, body.cluster_id, "running")
    created: str = body.cluster_id
    return created


def installed(cs: Client, cluster_id: str) -> dict[str, str]:
    return {addon.name: addon.version for addon in cs.list_cluster_addon_instances(cluster_id).body.addons}


def install(cs: Client, cluster_id: str, **addon: str) -> str:
    request = models.InstallClusterAddonsRequest().from_map({"body": [addon]})
    task_id: str = cs.install_cluster_addons(cluster_id, request).body.task_id
    return task_id


def uninstall(cs: Client, cluster_id: str, name: str) -> str:
    request = models.UnInstallClusterAddonsRequest().from_map({"addons": [{"name": name}]})
    task_id: str = cs.un_install_cluster_addons(cluster_id, request).body.task_id
    return task_id


def active(cs: Client, cluster_id: str, name: str) -> Any:
    return until(lambda: cs.get_cluster_addon_instance(cluster_id, name).body, lambda addon: addon.state == "active")


def code_of(call: Any, *arguments: Any, **more: Any) -> str:
    with pytest.raises(ClientException) as error:
        call(*arguments, **more)
    return str(error.value.code)


def test_a_new_cluster_has_the_defaults_and_what_was_asked_for(cs: Client, cluster_id: str) -> None:
    names = installed(cs, cluster_id)
    assert "flannel" in names and "coredns" in names and "metrics-server" not in names


@pytest.mark.usefixtures("slow")
def test_an_addon_comes_and_goes(cs: Client, cluster_id: str) -> None:
    task_id = install(cs, cluster_id, name="ack-arena", version="0.15.3", config='{"a": 1}')
    assert cs.get_cluster_addon_instance(cluster_id, "ack-arena").body.state == "updating"
    task_ends(cs, task_id)
    addon = active(cs, cluster_id, "ack-arena")
    assert (addon.version, addon.config) == ("0.15.3", '{"a": 1}')
    assert code_of(install, cs, cluster_id, name="ack-arena") == "AddonAlreadyInstalled"
    task_ends(cs, uninstall(cs, cluster_id, "ack-arena"))
    assert code_of(cs.get_cluster_addon_instance, cluster_id, "ack-arena") == "AddonNotFound"


def test_an_addon_is_upgraded_and_keeps_its_config(cs: Client, cluster_id: str) -> None:
    task_ends(cs, install(cs, cluster_id, name="arms-prometheus", version="1.1.30", config='{"a": 1}'))
    active(cs, cluster_id, "arms-prometheus")
    asked = {"component_name": "arms-prometheus", "version": "1.1.30", "next_version": "1.1.32", "policy": "overwrite"}
    request = models.UpgradeClusterAddonsRequest().from_map({"body": [asked]})
    task_ends(cs, cs.upgrade_cluster_addons(cluster_id, request).body.task_id)
    addon = active(cs, cluster_id, "arms-prometheus")
    assert (addon.version, addon.config) == ("1.1.32", '{"a": 1}')


@pytest.mark.usefixtures("slow")
def test_a_change_of_config_is_followed_by_the_upgrade_status(cs: Client, cluster_id: str) -> None:
    cs.modify_cluster_addon(cluster_id, "coredns", models.ModifyClusterAddonRequest(config='{"b": 2}'))
    request = models.DescribeClusterAddonsUpgradeStatusRequest(component_ids=["coredns"])

    def status() -> Any:
        return cs.describe_cluster_addons_upgrade_status(cluster_id, request).body["coredns"]

    assert status()["tasks"]["status"] == "running"
    done = until(status, lambda found: found["tasks"]["status"] == "success")
    assert done["addon_info"]["component_name"] == "coredns"
    assert active(cs, cluster_id, "coredns").config == '{"b": 2}'


def test_a_change_of_config_that_fails_says_so(simulator: Simulator, cs: Client, cluster_id: str) -> None:
    simulator.faults({"kind": "task_fail", "match": {"action": "ModifyClusterAddon"}, "times": 1})
    cs.modify_cluster_addon(cluster_id, "csi-plugin", models.ModifyClusterAddonRequest(config='{"b": 2}'))
    request = models.DescribeClusterAddonsUpgradeStatusRequest(component_ids=["csi-plugin"])
    done = until(
        lambda: cs.describe_cluster_addons_upgrade_status(cluster_id, request).body["csi-plugin"]["tasks"],
        lambda tasks: tasks["status"] != "running",
    )
    assert (done["status"], done["error"]) == ("fail", "rollout failed")


@pytest.mark.parametrize(
    ("addon", "code"),
    [
        pytest.param({"name": "nope"}, "AddonNotFound", id="unknown"),
        pytest.param(
            {"name": "ack-arena", "version": "9"}, "InvalidParameter.Version", id="a version that is not there"
        ),
        pytest.param({"name": "ack-arena", "config": "{"}, "InvalidParameter.Config", id="a config that is not JSON"),
    ],
)
def test_install_refuses(cs: Client, cluster_id: str, addon: dict[str, str], code: str) -> None:
    assert code_of(install, cs, cluster_id, **addon) == code


def test_a_system_addon_stays(cs: Client, cluster_id: str) -> None:
    assert code_of(uninstall, cs, cluster_id, "coredns") == "AddonOperationNotSupported"
    assert code_of(uninstall, cs, cluster_id, "ack-virtual-node") == "AddonNotFound"


def test_the_catalogue_tells_versions_and_actions(cs: Client, cluster_id: str) -> None:
    catalogue = {
        addon.name: addon for addon in cs.list_addons(models.ListAddonsRequest(cluster_id=cluster_id)).body.addons
    }
    assert catalogue["ack-arena"].supported_actions == ["Install", "Upgrade", "Modify", "Uninstall"]
    older = cs.describe_addon("ack-arena", models.DescribeAddonRequest(version="0.15.3")).body
    assert [newer.version for newer in older.newer_versions] == ["0.15.5"]


def test_a_version_that_is_not_there_cannot_be_described(cs: Client) -> None:
    request = models.DescribeAddonRequest(version="9")
    assert code_of(cs.describe_addon, "ack-arena", request) == "InvalidParameter.Version"
