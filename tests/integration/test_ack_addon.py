"""ack_addon and ack_addon_info against the API's wire format: both doors, refusals, faults."""

from __future__ import annotations

import importlib
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from tests.integration.conftest import RunTasks
from tests.integration.simulated import Simulator, no_fault_is_left, simulator

__all__ = ["no_fault_is_left", "simulator"]

pytestmark = pytest.mark.simulator

Do = Callable[..., dict[str, Any]]
NET = {"vpc_id": "vpc-1", "vswitch_ids": ["vsw-1"], "wait_timeout": 60}


def execute(simulator: Simulator, module_name: str, *, check: bool = False, **options: Any) -> dict[str, Any]:
    module = importlib.import_module(f"ansible_collections.mlops.ack.plugins.modules.{module_name}").MODULE
    result: dict[str, Any] = module.in_process({**simulator.cs, **options}, Context(check=check))
    return result


@pytest.fixture(scope="module")
def cluster(simulator: Simulator) -> str:
    name = f"t-{uuid.uuid4().hex[:8]}"
    made = execute(simulator, "ack_cluster", name=name, **NET)
    assert made.get("cluster", {}).get("state") == "running", made
    return name


@pytest.fixture
def addon(simulator: Simulator, cluster: str) -> Do:
    """Runs ack_addon here."""
    return lambda **options: execute(simulator, "ack_addon", cluster_name=cluster, wait_timeout=60, **options)


@pytest.mark.parametrize("in_process", [True, False], ids=["in process", "forked"])
def test_an_addon_from_nothing_to_nothing(
    run_tasks: RunTasks,
    simulator: Simulator,
    cluster: str,
    in_process: bool,
) -> None:
    which = {**simulator.cs, "cluster_name": cluster}
    wish = {**which, "name": "ack-arena", "version": "0.15.3", "config": {"a": {"x": 1}, "b": "2"}}
    newer = {**wish, "version": "latest", "config": {"a": {"x": 2}}}
    [predicted] = run_tasks([{"mlops.ack.ack_addon": wish}], check=True, in_process=in_process)
    installed, upgraded = run_tasks([{"mlops.ack.ack_addon": each} for each in (wish, newer)], in_process=in_process)
    before = simulator.last
    again, info = run_tasks(
        [{"mlops.ack.ack_addon": newer}, {"mlops.ack.ack_addon_info": {**which, "name": "ack-arena"}}],
        in_process=in_process,
    )
    assert simulator.writes(before) == []
    assert (predicted["diff"], set(predicted["addon"])) == (installed["diff"], set(installed["addon"]))
    assert (installed["addon"]["version"], installed["addon"]["state"]) == ("0.15.3", "active")
    assert upgraded["diff"]["after"] == {"config.a.x": 2, "version": "0.15.5"}
    assert (again["changed"], again["addon"]) == (False, upgraded["addon"])
    assert again["addon"]["config"] == {"a": {"x": 2}, "b": "2"}
    assert info["addons"][0] | again["addon"] == info["addons"][0]
    assert not info["addons"][0]["can_upgrade"]
    gone = {**which, "name": "ack-arena", "state": "absent", "cleanup_cloud_resources": True}
    removed, none = run_tasks([{"mlops.ack.ack_addon": gone}] * 2, in_process=in_process)
    assert (removed["changed"], removed["addon"], none["changed"]) == (True, None, False)


def test_a_config_alone_is_changed_without_a_task_and_read_back(addon: Do, simulator: Simulator) -> None:
    before = simulator.last
    changed = addon(name="coredns", config={"replicas": 3})
    assert changed["addon"]["config"] == {"replicas": 3}
    assert simulator.writes(before) == ["ModifyClusterAddon"]
    before = simulator.last
    assert not addon(name="coredns", config={"replicas": 3})["changed"]
    assert simulator.writes(before) == []


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        pytest.param({"name": "ack-arrena"}, "UnknownAddon", "Did you mean 'ack-arena'?", id="unknown"),
        pytest.param({"name": "ack-arena", "version": "9"}, "VersionNotOffered", "On offer is 0.15.5.", id="version"),
        pytest.param(
            {"name": "coredns", "state": "absent"}, "AddonActionRefused", "ACK allows Install, Upgrade", id="fixed"
        ),
    ],
)
def test_what_cannot_be_is_refused_before_any_write(
    addon: Do,
    simulator: Simulator,
    options: dict[str, Any],
    code: str,
    words: str,
) -> None:
    before = simulator.last
    result = addon(**options)
    assert (result["failure"]["code"], simulator.writes(before)) == (code, [])
    assert words in result["msg"]


@pytest.mark.parametrize(
    ("kind", "action", "options", "code"),
    [
        pytest.param("task_fail", "InstallClusterAddons", {"name": "ack-virtual-node"}, "TaskFailed", id="install"),
        pytest.param(
            "task_fail", "ModifyClusterAddon", {"name": "csi-plugin", "config": {"a": 1}}, "TaskFailed", id="configure"
        ),
        pytest.param(
            "success_but_unchanged",
            "ModifyClusterAddon",
            {"name": "csi-provisioner", "config": {"a": 1}},
            "NotApplied",
            id="nothing configured",
        ),
    ],
)
def test_a_change_that_fails_or_does_nothing_is_a_failure_and_another_run_ends_well(
    addon: Do,
    simulator: Simulator,
    kind: str,
    action: str,
    options: dict[str, Any],
    code: str,
) -> None:
    simulator.faults({"kind": kind, "match": {"action": action}, "times": 1})
    assert addon(**options)["failure"]["code"] == code
    after = addon(**options)["addon"]
    assert (after["state"], after["config"]) == ("active", options.get("config", {}))
    assert not addon(**options)["changed"]


def test_an_absent_cluster_has_no_addons(simulator: Simulator) -> None:
    gone = execute(simulator, "ack_addon", cluster_name="nowhere", name="ack-arena", state="absent")
    wanted = execute(simulator, "ack_addon", cluster_name="nowhere", name="ack-arena")
    assert (gone["changed"], wanted["failure"]["code"]) == (False, "ClusterNotFound")


def test_the_catalogue_is_listed_when_asked_for(simulator: Simulator, cluster: str) -> None:
    plain = execute(simulator, "ack_addon_info", cluster_name=cluster)
    full = execute(simulator, "ack_addon_info", cluster_name=cluster, available=True)
    assert "available" not in plain
    assert {each["name"] for each in plain["addons"]} < {each["name"] for each in full["available"]}
