"""The playbook that shows who uses the clusters, on the sandbox's two."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.conftest import RunTasks, play_book

pytestmark = pytest.mark.sandbox

CPU, MEMORY = 0.05, 64 * 1024**2


def workload(image: str, namespace: str) -> list[dict[str, Any]]:
    labels = {"app.kubernetes.io/name": "thinker"}
    container = {
        "name": "main",
        "image": image,
        "command": ["sh", "-c", "while true; do sleep 0.01; done"],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "100m", "memory": "64Mi"}},
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container], "terminationGracePeriodSeconds": 0}}
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": namespace, "labels": {"mlops.ack/workspace": "eyes"}},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "thinker", "namespace": namespace},
            "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template},
        },
    ]


def shown(folder: Path, sandbox: dict[str, Any]) -> dict[str, Any]:
    """The document of the playbook; its table lies beside it."""
    hosts = {
        name: {"mlops_environment": name, "mlops_kubeconfig": sandbox["kubeconfigs"][name]} for name in ("prod", "dev")
    }
    python = "{{ ansible_playbook_python }}"
    common = {"ansible_connection": "local", "ansible_python_interpreter": python, "mlops_reports": str(folder)}
    inventory = folder / "hosts.yml"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": common}}))
    done = play_book("-i", str(inventory), "mlops.ack.usage")
    assert done.returncode == 0, done.stdout
    assert "changed=0" in done.stdout
    found: dict[str, Any] = json.loads((folder / "usage.json").read_text())
    return found


def test_who_uses_what_for_what_and_since_when(
    run_tasks: RunTasks, sandbox: dict[str, Any], namespace: str, tmp_path: Path
) -> None:
    definition = workload(sandbox["images"]["busybox"], namespace)
    applied = {"kubeconfig": sandbox["kubeconfigs"]["prod"], "definition": definition, "wait": True}
    [result] = run_tasks([{"mlops.ack.k8s_manifest": applied}])
    assert not result["failed"], result
    deadline = time.monotonic() + 150
    while True:
        document = shown(tmp_path, sandbox)
        own = next(each for each in document["workloads"] if each["namespace"] == namespace)
        if own["used"] or "prod" in document["unmeasured"] or time.monotonic() > deadline:
            break
        time.sleep(5)
    assert {cluster["environment"] for cluster in document["clusters"]} == {"prod", "dev"}
    assert (own["environment"], own["team"], own["kind"], own["name"]) == ("prod", "eyes", "Deployment", "thinker")
    assert (own["pods"], own["purpose"]) == (2, "runs thinker")
    assert own["requested"] == {"cpu": 2 * CPU, "memory": 2 * MEMORY, "gpu": 0, "gpu_memory": 0}
    assert own["since"].startswith("20")
    assert own["used"] is None or own["used"]["cpu"] > 0
    assert own["used"] or document["unmeasured"]["prod"], "either it is measured, or it is told why not"
    table = (tmp_path / "usage.txt").read_text()
    assert f"Deployment {namespace}/thinker" in table
