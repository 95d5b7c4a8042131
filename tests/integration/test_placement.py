"""Shared GPUs on a node that really counts them, and bursting refused where there is nowhere to go."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import RunTasks
from tests.integration.test_tfserving import Lab, lab, ok

__all__ = ["lab"]

pytestmark = pytest.mark.sandbox

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
