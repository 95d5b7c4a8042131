"""cluster_usage_info against a real cluster, through both doors."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import RunTasks

pytestmark = pytest.mark.sandbox


@pytest.mark.parametrize("in_process", [True, False], ids=["in process", "forked"])
def test_a_deployment_that_waits_for_a_gpu_and_one_that_runs(
    sandbox: dict[str, Any], namespace: str, run_tasks: RunTasks, in_process: bool
) -> None:
    def deployment(name: str, **requests: str) -> dict[str, Any]:
        labels = {"app": name}
        main = {
            "name": "main",
            "image": sandbox["images"]["busybox"],
            "command": ["sleep", "3600"],
            "resources": {"requests": requests, "limits": requests},
        }
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [main], "terminationGracePeriodSeconds": 0},
                },
            },
        }

    kubeconfig = sandbox["kubeconfigs"]["prod"]
    kubectl = [str(Path(sandbox["bin"]) / "kubectl"), "--kubeconfig", kubeconfig, "-n", namespace]
    wanted = [deployment("small", cpu="10m", memory="16Mi"), deployment("huge", **{"nvidia.com/gpu": "1"})]
    manifests = json.dumps({"apiVersion": "v1", "kind": "List", "items": wanted})
    subprocess.run([*kubectl, "apply", "-f", "-"], input=manifests, text=True, check=True, capture_output=True)
    subprocess.run([*kubectl, "rollout", "status", "deployment/small", "--timeout=120s"], check=True)
    subprocess.run(
        [*kubectl, "wait", "pod", "-l", "app=huge", "--for=condition=PodScheduled=False", "--timeout=60s"], check=True
    )
    [found] = run_tasks(
        [{"mlops.ack.cluster_usage_info": {"kubeconfig": kubeconfig, "namespaces": [namespace]}}],
        in_process=in_process,
    )
    assert not found["changed"]
    loads = {each["name"]: each for each in found["workloads"]}
    assert {(each["kind"], each["pods"], each["pending"]) for each in loads.values()} == {
        ("Deployment", 1, 0),
        ("Deployment", 1, 1),
    }
    assert loads["small"]["requested"] == {"cpu": 0.01, "memory": 16 * 1024**2, "gpu": 0, "gpu_memory": 0}
    assert loads["small"]["node_pools"] == [pool["name"] for pool in found["node_pools"]]
    [waiting] = [pod for pod in found["pods"] if not pod["node"]]
    assert "nvidia.com/gpu" in waiting["reason"]
    total = found["total"]
    assert total["requested"]["cpu"] >= 0.01
    assert total["free"]["memory"] == total["allocatable"]["memory"] - total["requested"]["memory"]
    described = subprocess.run([*kubectl, "get", "nodes", "-o", "json"], check=True, capture_output=True, text=True)
    assert [node["name"] for node in found["nodes"]] == [
        node["metadata"]["name"] for node in json.loads(described.stdout)["items"]
    ]
