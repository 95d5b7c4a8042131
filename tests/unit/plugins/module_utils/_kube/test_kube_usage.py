from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._kube import usage
from ansible_collections.mlops.ack.plugins.module_utils._kube.kinds import Kind

Object = dict[str, Any]
GI = 1024**3


def node(
    name: str, pool: str | None = None, *, ready: bool = True, virtual: bool = False, **allocatable: str
) -> Object:
    labels = {**({usage.POOL_LABEL: pool} if pool else {}), **({"type": "virtual-kubelet"} if virtual else {})}
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {},
        "status": {
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "allocatable": {
                "cpu": "4",
                "memory": "16Gi",
                **{key.replace("__", "/"): v for key, v in allocatable.items()},
            },
        },
    }


def container(**requests: str) -> Object:
    return {"resources": {"requests": requests}}


def pod(name: str, *containers: Object, on: str = "", owner: tuple[str, str] | None = None, **more: Any) -> Object:
    references = [{"kind": owner[0], "name": owner[1], "controller": True}] if owner else []
    status = {"phase": more.pop("phase", "Running" if on else "Pending"), "conditions": more.pop("conditions", [])}
    return {
        "metadata": {"name": name, "namespace": more.pop("namespace", "ml"), "ownerReferences": references},
        "spec": {"nodeName": on, "containers": list(containers), **more},
        "status": status,
    }


def made_by(kind: str, name: str, owner: tuple[str, str], namespace: str = "ml") -> Object:
    return {"kind": kind, "metadata": pod(name, owner=owner, namespace=namespace)["metadata"]}


@pytest.mark.parametrize(
    ("spec", "cpu"),
    [
        pytest.param({}, "0", id="nothing is asked for"),
        pytest.param({"containers": [container(cpu="250m"), container(cpu="1.5")]}, "1.75", id="containers add up"),
        pytest.param(
            {"containers": [{"resources": {"limits": {"cpu": "2"}}}]}, "2", id="a limit stands for a missing request"
        ),
        pytest.param(
            {"containers": [{"resources": {"limits": {"cpu": "2"}, "requests": {"cpu": "1"}}}]},
            "1",
            id="a request wins",
        ),
        pytest.param(
            {"containers": [container(cpu="1")], "initContainers": [container(cpu="3"), container(cpu="2")]},
            "3",
            id="the hungriest step of initialisation, alone",
        ),
        pytest.param(
            {
                "containers": [container(cpu="1")],
                "initContainers": [{**container(cpu="2"), "restartPolicy": "Always"}, container(cpu="3")],
            },
            "5",
            id="a sidecar is there when later steps run",
        ),
        pytest.param(
            {"containers": [container(cpu="1")], "initContainers": [{**container(cpu="2"), "restartPolicy": "Always"}]},
            "3",
            id="a sidecar stays",
        ),
        pytest.param({"containers": [container(cpu="1")], "overhead": {"cpu": "100m"}}, "1.1", id="overhead"),
        pytest.param(
            {"containers": [container(cpu="1")], "resources": {"requests": {"cpu": "4"}}},
            "4",
            id="the pod's own figure",
        ),
    ],
)
def test_what_the_scheduler_reserves(spec: Object, cpu: str) -> None:
    assert usage.requested({"spec": spec})["cpu"] == Decimal(cpu)


GPU = {"nvidia.com__gpu": "2"}
SHARED = {"aliyun.com__gpu-mem": "31"}


def report(**more: Any) -> Any:
    gpu_pod = container(cpu="1", memory="2Gi", **{"nvidia.com/gpu": "1"})
    shared = container(cpu="500m", **{"aliyun.com/gpu-mem": "8"})
    unscheduled = [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes: Insufficient nvidia.com/gpu"}]
    pods = [
        pod("train-0", gpu_pod, on="a", owner=("TFJob", "train")),
        pod("web-1-x", shared, on="b", owner=("ReplicaSet", "web-1")),
        pod("web-1-y", shared, on="b", owner=("ReplicaSet", "web-1")),
        pod("tick-7-z", container(cpu="1"), on="c", owner=("Job", "tick-7"), namespace="ops"),
        pod("big", gpu_pod, conditions=unscheduled),
        pod("over", gpu_pod, on="a", phase="Succeeded"),
    ]
    between = [
        made_by("ReplicaSet", "web-1", ("Deployment", "web")),
        made_by("Job", "tick-7", ("CronJob", "tick"), "ops"),
    ]
    nodes = [node("a", "np1", **GPU), node("b", "np1", **SHARED), node("c"), *more.pop("nodes", [])]
    return usage.report(nodes, pods, between, **more)


def test_free_is_what_is_allocatable_and_not_requested_by_pool() -> None:
    pools = {pool["name"]: pool for pool in report()["node_pools"]}
    assert list(pools) == ["c", "np1"]
    assert pools["np1"]["nodes"] == ["a", "b"]
    assert pools["np1"]["requested"] == {"cpu": 2, "memory": 2 * GI, "gpu": 1, "gpu_memory": 16}
    assert pools["np1"]["free"] == {"cpu": 6, "memory": 30 * GI, "gpu": 1, "gpu_memory": 15}
    assert report()["total"]["allocatable"] == {"cpu": 12, "memory": 48 * GI, "gpu": 2, "gpu_memory": 31}


def test_workloads_are_what_a_person_made_and_finished_pods_hold_nothing() -> None:
    found = {(each["namespace"], each["kind"], each["name"]): each for each in report()["workloads"]}
    assert set(found) == {
        ("ml", "Deployment", "web"),
        ("ml", "Pod", "big"),
        ("ml", "TFJob", "train"),
        ("ops", "CronJob", "tick"),
    }
    web = found[("ml", "Deployment", "web")]
    assert (web["pods"], web["node_pools"], web["requested"]["gpu_memory"]) == (2, ["np1"], 16)


def test_a_pod_without_a_node_is_pending_with_the_schedulers_reason_and_takes_nothing_away() -> None:
    told = report()
    [big] = [each for each in told["pods"] if each["name"] == "big"]
    assert (big["node"], big["reason"]) == ("", "0/3 nodes: Insufficient nvidia.com/gpu")
    [ml] = [each for each in told["namespaces"] if each["namespace"] == "ml"]
    assert (ml["pods"], ml["pending"], ml["requested"]["gpu"]) == (4, 1, 2)
    assert told["total"]["requested"]["gpu"] == 1


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(node("d", "np1", ready=False), id="not ready"),
        pytest.param({**node("d", "np1"), "spec": {"unschedulable": True}}, id="cordoned"),
        pytest.param(node("d", "np1", virtual=True), id="virtual"),
    ],
)
def test_a_node_that_takes_no_pods_has_nothing_free(odd: Object) -> None:
    [pool] = [each for each in report(nodes=[odd])["node_pools"] if each["name"] == "np1"]
    assert pool["nodes"] == ["a", "b", "d"]
    assert pool["free"]["cpu"] == 6


def test_a_namespace_limits_the_lists_and_not_the_nodes() -> None:
    whole, part = report(), report(namespaces=["ops"])
    assert part["nodes"] == whole["nodes"]
    assert [each["name"] for each in part["pods"]] == ["tick-7-z"]
    assert [each["namespace"] for each in part["namespaces"]] == ["ops"]


def test_pods_and_nodes_are_read_whole_and_what_lies_between_by_its_metadata() -> None:
    asked = []

    class Cluster:
        def list(self, kind: Kind, namespace: str | None = None, *, metadata_only: bool = False) -> list[Object]:
            asked.append((kind.kind, metadata_only))
            return []

    assert usage.read(Cluster())["pods"] == []
    assert asked == [("Node", False), ("Pod", False), ("ReplicaSet", True), ("Job", True)]
