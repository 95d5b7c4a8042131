"""The examples of every filter run, with what earlier tasks of a playbook would have left."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import REPO
from tests.integration.conftest import play_book

pytestmark = pytest.mark.sandbox

FILTERS = sorted(path.stem for path in (REPO / "plugins/filter").glob("*.py"))


def settings(role: str, task_file: str) -> dict[str, Any]:
    """What a role makes of its variables for the filter."""
    first = yaml.safe_load((REPO / f"roles/{role}/tasks/{task_file}.yml").read_text())[0]
    return dict(first["vars"][f"{role}_settings"])


VERSION = {
    "reference": "digits-v1",
    "name": "digits",
    "version": 1,
    "image": "registry.example.com/models/digits@sha256:" + "a" * 64,
    "model_digest": "sha256:" + "b" * 64,
    "metrics": {"accuracy": 0.97},
    "dataset": {"name": "digits", "digest": "sha256:" + "c" * 64, "count": 2},
    "run_id": "digits-3f9a0c11d2e4",
    "trained_by": "carol",
    "created_by": "carol",
}
SERVES = {
    "name": "stable",
    "model_version": "digits-v1",
    "ready_replicas": 1,
    "replicas": 1,
    "traffic_percentage": 90,
    "observed_percentage": 91.5,
    "metrics": {"accuracy": 0.97},
}
CONTAINERS = [{"name": "tensorflow", "image": "registry.example.com/tensorflow/training:2.20"}]
REPLICAS = {"Worker": {"replicas": 2, "template": {"spec": {"containers": CONTAINERS}}}}
GIB = 1024**3
PARTS = {
    each: {"cpu": 4, "memory": 8 * GIB, "gpu": 1, "gpu_memory": 0} for each in ("allocatable", "requested", "free")
}
USES = {"total": PARTS, "node_pools": [{"name": "gpu", "nodes": ["n1"], **PARTS}], "workloads": [], "pods": []}

VARIABLES: dict[str, Any] = {
    "awx_inventory": "production",
    "workspace_name": "vision",
    "workspace_kubeconfig": "unused",
    "awx_settings": settings("awx", "export"),
    "workspace_settings": settings("workspace", "present"),
    "run": {"evaluation": {"metrics": {"accuracy": 0.98}}},
    "found": {
        "versions": [VERSION, {**VERSION, "reference": "digits-v2", "version": 2}],
        "environments": {"prod": [{"predictors": [SERVES]}]},
    },
    "serving_predictors": [
        {"name": "stable", "model_version": "digits-v1", "traffic_percentage": 90},
        {"name": "canary", "model_version": "digits-v2", "traffic_percentage": 10},
    ],
    "training_job": {"tfReplicaSpecs": REPLICAS},
    "tf_replica_specs": REPLICAS,
    "digits": {"dataset": {"digest": "sha256:" + "c" * 64}},
    "planned": {
        "diff": {"before": {"HTTPRoute/serving/digits spec": 1}, "after": {"HTTPRoute/serving/digits spec": 2}}
    },
}
FACTS: dict[str, Any] = {
    "mlops_environment": "prod",
    "status_serving": {"servings": [{"name": "digits", "url": "http://x/", "predictors": [SERVES]}]},
    "usage_cluster": USES,
    "usage_pods": {"resources": []},
    "usage_namespaces": {"resources": []},
}
"""What a host has: only that is in hostvars."""


def tasks(name: str) -> list[dict[str, Any]]:
    plugin = importlib.import_module(f"ansible_collections.mlops.ack.plugins.filter.{name}")
    found: list[dict[str, Any]] = yaml.safe_load(plugin.EXAMPLES)
    return found


def test_every_example_runs(sandbox: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    documents = [
        {
            "ansible.builtin.copy": {
                "dest": f"build/{name}.json",
                "content": f"{{{{ [hostvars.localhost] | mlops.ack.{name}_document | to_json }}}}",
                "mode": "0600",
            },
            "check_mode": False,
            "diff": False,
        }
        for name in ("status", "usage")
    ]
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars_files": [str(REPO / f"roles/{role}/defaults/main.yml") for role in ("awx", "workspace")],
        "vars": {**VARIABLES, "ansible_python_interpreter": sys.executable},
        "module_defaults": {"group/mlops.ack.kube": {"kubeconfig": sandbox["kubeconfigs"]["prod"]}},
        "tasks": [*documents, *(task for name in FILTERS for task in tasks(name))],
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play], sort_keys=False))
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {"localhost": FACTS}}}))
    done = play_book("-i", "hosts.yml", "--check", "--diff", "play.yml", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    ran = len(documents) + sum(len(tasks(name)) for name in FILTERS)
    assert f"ok={ran} " in done.stdout
