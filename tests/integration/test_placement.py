"""Shared GPUs on a node that really counts them; bursting onto a virtual node, and refused where there is none."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Addon, RunTasks
from tests.integration.test_tfserving import Lab, lab, ok

__all__ = ["lab"]

pytestmark = pytest.mark.sandbox

CLUSTER = "prod"
LOCAL, VIRTUAL = "ack-" + CLUSTER, "virtual-kubelet-cn-hangzhou-h"
GPU_LABELS = {"ack.node.gpu.schedule": "share", "aliyun.accelerator/nvidia_count": "2"}


@pytest.fixture
def gpu_node(sandbox: dict[str, Any]) -> Iterator[str]:
    """The prod cluster's node with two cards of 24 GiB each: extended resources are counted by the real scheduler."""
    kubectl = [str(Path(sandbox["bin"]) / "kubectl"), "--kubeconfig", sandbox["kubeconfigs"]["prod"]]

    def patch(subresource: str, body: dict[str, Any]) -> None:
        words = ["patch", "node", name, "--type=merge", "-p", json.dumps(body)]
        words += [f"--subresource={subresource}"] if subresource else []
        subprocess.run([*kubectl, *words], check=True, capture_output=True)

    def resources(memory: str | None) -> dict[str, Any]:
        return {"status": {place: {"aliyun.com/gpu-mem": memory} for place in ("capacity", "allocatable")}}

    words = [*kubectl, "get", "nodes", "-o", "jsonpath={.items[0].metadata.name}"]
    name = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    patch("", {"metadata": {"labels": GPU_LABELS}})
    patch("status", resources("48"))
    yield name
    patch("", {"metadata": {"labels": dict.fromkeys(GPU_LABELS)}})
    patch("status", resources(None))


def test_parts_of_gpus_are_scheduled_and_what_cannot_fit_is_refused_before_anything_is_applied(
    lab: Lab,
    gpu_node: str,
    run_tasks: RunTasks,
) -> None:
    refused, crowded = run_tasks(
        [
            lab.task(lab.predictor("a", 1, gpu_memory=25)),
            lab.task(lab.predictor("a", 1, gpuMemory=20, gpuCount=2, replicas=3)),
        ],
        check=True,
    )
    assert refused["failure"]["code"] == "DoesNotFit"
    assert f"the largest card has 24 GiB (node {gpu_node})" in refused["msg"]
    assert refused["failure"]["details"]["nodes"][0]["free_memory"] == 48
    assert "needs 3 times 20 GiB" in " ".join(crowded["warnings"])
    (cores,) = run_tasks([lab.task(lab.predictor("a", 1, gpu_memory=8, gpu_core_percentage=50))])
    assert cores["failure"]["code"] == "GpuNotShared"
    assert lab.writes() == 0

    served, again = map(ok, run_tasks([lab.task(lab.predictor("a", 1, gpu_memory=8, replicas=2))] * 2))
    assert "does not isolate memory" in " ".join(served["warnings"])
    assert not again["changed"]
    pods = lab.objects("pods")
    assert [pod["spec"]["nodeName"] for pod in pods] == [gpu_node] * 2
    (full,) = run_tasks([lab.task(lab.predictor("a", 1, gpu_memory=24, replicas=2))], check=True)
    assert "32 GiB are free now" in " ".join(full["warnings"])
    assert f"{lab.namespace}/{pods[0]['metadata']['name']} 8 GiB" in " ".join(full["warnings"])


def test_a_job_asks_in_the_same_words(lab: Lab, gpu_node: str, run_tasks: RunTasks) -> None:
    template = {"spec": {"containers": [{"name": "tensorflow", "image": lab.images["busybox"], "command": ["true"]}]}}
    options = {"name": "small", "namespace": lab.namespace, "kubeconfig": lab.kubeconfig}
    worker = {"replicas": 1, "template": template}
    refused, done = run_tasks(
        [
            {"mlops.ack.tfjob": {**options, "tf_replica_specs": {"Worker": {**worker, "gpuMemory": 30}}}},
            {"mlops.ack.tfjob": {**options, "tf_replica_specs": {"Worker": {**worker, "gpuMemory": 10}}}},
        ]
    )
    assert refused["failure"]["code"] == "DoesNotFit"
    assert ok(done)["job"]["pods"][0]["node"] == gpu_node


def test_bursting_needs_somewhere_to_go(lab: Lab, run_tasks: RunTasks) -> None:
    (refused,) = run_tasks([lab.task(lab.predictor("a", 1, burst={"to": "eci"}))])
    assert refused["failure"]["code"] == "NoVirtualNode"
    assert lab.writes() == 0


@pytest.fixture(scope="module")
def virtual_node(addon: Addon) -> Iterator[str]:
    addon("ack-virtual-node", "present")
    yield VIRTUAL
    addon("ack-virtual-node", "absent")


@pytest.fixture
def resource_policies(virtual_node: str, addon: Addon) -> Iterator[None]:
    addon("kube-scheduler", "present")
    yield
    addon("kube-scheduler", "absent")


@pytest.fixture
def place(virtual_node: str, sandbox: dict[str, Any], namespace: str) -> Iterator[dict[str, Any]]:
    """Resources of one pod: for this test alone the cluster's own node has two places, the virtual one many."""
    resource = f"sandbox.test/{namespace}"

    def count(node: str, places: str | None) -> None:
        patch = {"status": {where: {resource: places} for where in ("capacity", "allocatable")}}
        kubectl(sandbox, "patch", "node", node, "--subresource=status", "--type=merge", "-p", json.dumps(patch))

    count(LOCAL, "2")
    count(virtual_node, "50")
    yield {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {resource: "1"}}
    count(LOCAL, None)
    count(virtual_node, None)


def kubectl(sandbox: dict[str, Any], *words: str) -> str:
    command = [str(Path(sandbox["bin"]) / "kubectl"), "--kubeconfig", sandbox["kubeconfigs"][CLUSTER], *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


def nodes(lab: Lab) -> list[str]:
    """Where pods are that nobody deletes, sorted."""
    live = [pod for pod in lab.objects("pods") if "deletionTimestamp" not in pod["metadata"]]
    return sorted(pod["spec"].get("nodeName", "") for pod in live)


def bursting(lab: Lab, place: dict[str, Any], replicas: int, **burst: Any) -> dict[str, Any]:
    return lab.task(lab.predictor("a", 1, replicas=replicas, resources=place, burst={"to": "eci", **burst}))


def test_pods_land_there_when_the_node_is_full_and_answer(
    lab: Lab, place: dict[str, Any], sandbox: dict[str, Any], run_tasks: RunTasks
) -> None:
    ok(run_tasks([bursting(lab, place, 2)])[0])
    assert nodes(lab) == [LOCAL, LOCAL]
    with lab.clients() as clients:
        ok(run_tasks([bursting(lab, place, 4)])[0])
    assert clients.answers and not clients.failed
    assert nodes(lab) == [LOCAL, LOCAL, VIRTUAL, VIRTUAL]
    for pod in lab.objects("pods"):
        path = f"/api/v1/namespaces/{lab.namespace}/pods/{pod['metadata']['name']}:8501/proxy/v1/models/digits"
        assert "AVAILABLE" in kubectl(sandbox, "get", "--raw", path)
    (slices,) = lab.objects("endpointslices")
    assert sorted(each["nodeName"] for each in slices["endpoints"]) == nodes(lab)


def test_a_job_takes_the_virtual_node_for_the_workers_that_find_no_place(
    lab: Lab, place: dict[str, Any], run_tasks: RunTasks
) -> None:
    container = {"name": "tensorflow", "image": lab.images["busybox"], "command": ["sleep", "2"], "resources": place}
    worker = {"replicas": 3, "template": {"spec": {"containers": [container]}}, "burst": {"to": "eci"}, "spot": {}}
    options = {"name": "wide", "namespace": lab.namespace, "kubeconfig": lab.kubeconfig, "wait_timeout": 300}
    (done,) = run_tasks([{"mlops.ack.tfjob": {**options, "tf_replica_specs": {"Worker": worker}}}])
    assert sorted(pod["node"] for pod in ok(done)["job"]["pods"]) == [LOCAL, LOCAL, VIRTUAL]
    notes = [pod["metadata"]["annotations"] for pod in lab.objects("pods")]
    assert {each["k8s.aliyun.com/eci-spot-strategy"] for each in notes} == {"SpotAsPriceGo"}


def test_a_policy_keeps_some_local_and_what_burst_leaves_first(
    lab: Lab, place: dict[str, Any], resource_policies: None, run_tasks: RunTasks
) -> None:
    (three,) = run_tasks([bursting(lab, place, 3, keep_local=1)])
    assert not any("keep_local" in text for text in ok(three).get("warnings", []))
    assert [each["kind"] for each in lab.objects("resourcepolicies")] == ["ResourcePolicy"]
    assert nodes(lab) == [LOCAL, VIRTUAL, VIRTUAL], "the second place of the node stays free"

    (local,) = (pod["metadata"]["name"] for pod in lab.objects("pods") if pod["spec"]["nodeName"] == LOCAL)
    ok(run_tasks([bursting(lab, place, 1, keep_local=1)])[0])
    assert nodes(lab) == [LOCAL]
    assert local in {pod["metadata"]["name"] for pod in lab.objects("pods")}, "the one that was local never moved"
