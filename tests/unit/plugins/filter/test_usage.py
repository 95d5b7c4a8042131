from __future__ import annotations

from typing import Any

from ansible_collections.mlops.ack.plugins.filter.usage_document import usage_document
from ansible_collections.mlops.ack.plugins.filter.usage_table import usage_table

GIB = 1024**3
NOTHING = {"cpu": 0, "memory": 0, "gpu": 0, "gpu_memory": 0}
PARTS = {
    "allocatable": {"cpu": 8, "memory": 32 * GIB, "gpu": 2, "gpu_memory": 0},
    "requested": {"cpu": 2.5, "memory": 4 * GIB, "gpu": 1, "gpu_memory": 0},
    "free": {"cpu": 5.5, "memory": 28 * GIB, "gpu": 1, "gpu_memory": 0},
}


def pod(name: str, labels: dict[str, str], started: str | None) -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "vision",
            "name": name,
            "labels": labels,
            "creationTimestamp": "2026-11-22T09:00:00Z",
        },
        "status": {"startTime": started} if started else {},
    }


def used(name: str, cpu: str, memory: str) -> dict[str, Any]:
    container = {"name": "main", "usage": {"cpu": cpu, "memory": memory}}
    return {"metadata": {"namespace": "vision", "name": name}, "containers": [container, container]}


def host(**more: Any) -> dict[str, Any]:
    owner = {"kind": "TFJob", "name": "digits-1"}
    found = {
        "total": PARTS,
        "node_pools": [{"name": "np-gpu", "nodes": ["n1"], **PARTS}],
        "workloads": [
            {
                "namespace": "vision",
                **owner,
                "pods": 2,
                "pending": 1,
                "node_pools": ["np-gpu"],
                "requested": {"cpu": 2.5, "memory": 4 * GIB, "gpu": 1, "gpu_memory": 0},
            }
        ],
        "pods": [
            {"namespace": "vision", "name": name, "owner": owner} for name in ("digits-1-worker-0", "digits-1-worker-1")
        ],
    }
    labels = {"training.kubeflow.org/job-name": "digits-1"}
    pods = [pod("digits-1-worker-0", labels, "2026-11-22T10:00:00Z"), pod("digits-1-worker-1", labels, None)]
    return {
        "mlops_environment": "prod",
        "usage_cluster": found,
        "usage_pods": {"resources": pods},
        "usage_namespaces": {
            "resources": [{"metadata": {"name": "vision", "labels": {"mlops.ack/workspace": "eyes"}}}]
        },
        "usage_measured": {"resources": [used("digits-1-worker-0", "250m", "512Mi"), used("another", "1", "1Gi")]},
        **more,
    }


def test_a_workload_has_its_team_purpose_start_and_what_its_pods_use() -> None:
    [workload] = usage_document([host()])["workloads"]
    assert workload["team"] == "eyes"
    assert workload["purpose"] == "trains digits-1"
    assert workload["since"] == "2026-11-22T09:00:00Z"
    assert workload["used"] == {"cpu": 0.5, "memory": GIB}


def test_where_nothing_measures_use_is_unknown_and_told() -> None:
    document = usage_document([host(usage_measured={"msg": "The cluster knows no PodMetrics."})])
    assert document["workloads"][0]["used"] is None
    assert document["unmeasured"] == {"prod": "The cluster knows no PodMetrics."}
    assert "prod: use is not measured: The cluster knows no PodMetrics." in usage_table(document)


def test_the_table_shows_asked_beside_used_and_what_is_free() -> None:
    lines = usage_table(usage_document([host()])).splitlines()
    pool = next(line for line in lines if "np-gpu" in line and "TFJob" not in line)
    assert pool.split() == ["prod", "np-gpu", "1", "8", "5.5", "32.00", "28.00", "2", "1", "0", "0"]
    row = next(line for line in lines if "TFJob" in line)
    assert row.split()[-6:] == ["2.5", "0.5", "4.00", "1.00", "1", "-"]
    assert "2026-11-22 09:00:00" in row


def test_what_holds_most_gpus_comes_first() -> None:
    document = usage_document([host()])
    small = {**document["workloads"][0], "name": "small", "requested": NOTHING}
    text = usage_table({**document, "workloads": [small, document["workloads"][0]]})
    assert text.index("vision/digits-1") < text.index("vision/small")
