"""What Prometheus is told: the pods that an annotated monitor selects, and the rules of annotated objects."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[5] / "roles/sandbox/files/prometheus/collector.py"
_spec = importlib.util.spec_from_file_location("collector", FILE)
assert _spec and _spec.loader
collector = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(collector)

MONITOR: dict[str, Any] = {
    "metadata": {"name": "digits", "namespace": "serving"},
    "spec": {
        "selector": {"matchLabels": {"app": "digits"}},
        "podTargetLabels": ["mlops.ack/predictor"],
        "podMetricsEndpoints": [{"port": "http", "path": "/metrics"}],
    },
}


def pod(name: str = "a", namespace: str = "serving", phase: str = "Running", **labels: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": "digits", **labels}},
        "spec": {"containers": [{"name": "tensorflow", "ports": [{"name": "http", "containerPort": 8501}]}]},
        "status": {"phase": phase, "podIP": "10.0.0.1"},
    }


def test_a_target_has_the_labels_that_the_operator_would_give_it() -> None:
    (target,) = collector.targets(MONITOR, [pod(**{"mlops.ack/predictor": "canary"})])
    assert target["targets"] == ["10.0.0.1:8501"]
    assert target["labels"] == {
        "job": "serving/digits",
        "namespace": "serving",
        "pod": "a",
        "container": "tensorflow",
        "__metrics_path__": "/metrics",
        "mlops_ack_predictor": "canary",
    }


def test_other_pods_are_no_targets() -> None:
    others = [pod(namespace="other"), pod(phase="Pending"), pod(app="else")]
    assert collector.targets(MONITOR, others) == []


def test_only_what_is_annotated_is_discovered() -> None:
    annotated = {"metadata": {"annotations": {"arms.prometheus.io/discovery": "true"}}}
    assert collector.discovered([{"metadata": {}}, annotated]) == [annotated]


def test_groups_of_two_objects_do_not_meet() -> None:
    objects = [
        {"metadata": {"name": name, "namespace": "n"}, "spec": {"groups": [{"name": "g", "rules": []}]}}
        for name in ("a", "b")
    ]
    assert [group["name"] for group in collector.rules(objects)["groups"]] == ["n/a/g", "n/b/g"]
