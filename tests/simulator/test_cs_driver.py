"""Real clusters behind simulated ones, by a command that stands in for the sandbox's."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from alibabacloud_cs20151215 import models
from alibabacloud_cs20151215.client import Client

from tests.simulator.simulated import (
    Simulator,
    cluster_is,
    new_name,
    task_ends,
    until,
    wanted_cluster,
)

SERVER = "https://198.18.0.11:6443"
# Writes down how it was called, makes a kubeconfig, and fails or waits when a file says so.
COMMAND = f"""
import pathlib, sys, time
folder = pathlib.Path(__file__).parent
with (folder / "calls").open("a") as calls:
    print(*sys.argv[1:], file=calls)
print("starting etcd", flush=True)
if (folder / "wait").exists():
    time.sleep(60)
if (folder / "fail").exists():
    sys.exit("etcd: port 2379 is taken")
cluster = folder / "clusters" / sys.argv[2]
cluster.mkdir(parents=True, exist_ok=True)
(cluster / "admin.kubeconfig").write_text("clusters:\\n- cluster:\\n    server: {SERVER}\\n")
"""


@pytest.fixture
def driven(own: Callable[..., Simulator], tmp_path: Path) -> Simulator:
    command = tmp_path / "command.py"
    command.write_text(COMMAND)
    return own("--driver", f"{sys.executable} {command}")


def calls(simulator: Simulator) -> list[str]:
    file = simulator.folder / "calls"
    return file.read_text().splitlines() if file.exists() else []


def create(cs: Client, profile: str = "Default") -> tuple[str, str]:
    wanted = wanted_cluster(new_name(), profile=profile, endpoint_public_access=True)
    body = cs.create_cluster(models.CreateClusterRequest().from_map(wanted)).body
    return body.cluster_id, body.task_id


def delete(cs: Client, cluster_id: str) -> None:
    task_ends(cs, cs.delete_cluster(cluster_id, models.DeleteClusterRequest()).body.task_id)


def test_a_cluster_is_a_real_one_by_its_profile(driven: Simulator) -> None:
    cs = driven.cs()
    ids = {}
    for profile in ("Default", "Serverless", "Edge"):
        ids[profile], task_id = create(cs, profile)
        task = task_ends(cs, task_id)
        assert "starting etcd" in [event.message for event in task.events]
        assert SERVER in cluster_is(cs, ids[profile], "running").master_url
    kubeconfig = cs.describe_cluster_user_kubeconfig(ids["Default"], models.DescribeClusterUserKubeconfigRequest()).body
    assert SERVER in kubeconfig.config
    delete(cs, ids["Default"])
    assert calls(driven) == ["up prod", "up dev", "up edge", "down prod --purge"]


def test_a_machine_that_joins_is_the_real_clusters_node_with_the_pools_labels(driven: Simulator) -> None:
    cs = driven.cs()
    cluster_id, task_id = create(cs, "Edge")
    task_ends(cs, task_id)
    cluster_is(cs, cluster_id, "running")
    pool = {
        "nodepool_info": {"name": "site", "type": "edge"},
        "kubernetes_config": {"labels": [{"key": "mlops.ack/site", "value": "plant-7"}]},
    }
    body = cs.create_cluster_node_pool(cluster_id, models.CreateClusterNodePoolRequest().from_map(pool)).body
    task_ends(cs, body.task_id)
    request = models.DescribeClusterAttachScriptsRequest(nodepool_id=body.nodepool_id)
    script = cs.describe_cluster_attach_scripts(cluster_id, request).body
    joined = subprocess.run(["sh"], input=script, capture_output=True, text=True, check=True)
    assert json.loads(joined.stdout)["node_name"] == "ack-edge"
    assert "join edge" in calls(driven)[-1] and "--label=mlops.ack/site=plant-7" in calls(driven)[-1]


def test_there_is_one_real_cluster_for_each_profile(driven: Simulator) -> None:
    cs = driven.cs()
    first, task_id = create(cs)
    task_ends(cs, task_id)
    second, task_id = create(cs)
    error = task_ends(cs, task_id, "fail").error
    assert error.code == "QuotaExceeded.Cluster" and "taken by cluster" in error.message
    cluster_is(cs, second, "failed")
    delete(cs, second)
    assert calls(driven) == ["up prod"]
    delete(cs, first)
    _cluster, task_id = create(cs)
    task_ends(cs, task_id)
    _cluster, task_id = create(cs, "Lingjun")
    assert task_ends(cs, task_id, "fail").error.code == "QuotaExceeded.Cluster"


def test_what_the_command_said_last_is_the_error_of_the_task(driven: Simulator) -> None:
    cs = driven.cs()
    (driven.folder / "fail").touch()
    cluster_id, task_id = create(cs)
    task = task_ends(cs, task_id, "fail")
    assert task.error.code == "ClusterStartFailed" and "port 2379 is taken" in task.error.message
    assert any("port 2379" in event.message for event in task.events)
    cluster_is(cs, cluster_id, "failed")
    (driven.folder / "fail").unlink()
    delete(cs, cluster_id)
    assert calls(driven) == ["up prod", "down prod --purge"]


def test_deleting_ends_a_start_that_is_under_way(driven: Simulator) -> None:
    cs = driven.cs()
    (driven.folder / "wait").touch()
    cluster_id, task_id = create(cs)
    until(lambda: calls(driven), bool)
    (driven.folder / "wait").unlink()
    began = time.monotonic()
    delete(cs, cluster_id)
    task_ends(cs, task_id, "canceled")
    assert (time.monotonic() - began < 5, calls(driven)) == (True, ["up prod", "down prod --purge"])


def test_a_start_that_a_kill_interrupted_is_made_again(driven: Simulator) -> None:
    (driven.folder / "wait").touch()
    cluster_id, task_id = create(driven.cs())
    until(lambda: calls(driven), bool)
    driven.kill()
    (driven.folder / "wait").unlink()
    driven.start()
    task_ends(driven.cs(), task_id)
    cluster_is(driven.cs(), cluster_id, "running")
    assert calls(driven) == ["up prod", "up prod"]


def test_stopping_ends_the_command(driven: Simulator) -> None:
    (driven.folder / "wait").touch()
    create(driven.cs())
    until(lambda: calls(driven), bool)
    began = time.monotonic()
    assert driven.stop() == 0
    assert time.monotonic() - began < 5
