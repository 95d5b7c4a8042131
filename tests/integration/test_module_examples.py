"""The examples of every module run, in check mode, where what they speak of is there or is told to be missing."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import REPO
from tests.integration.conftest import KEEPING, keep, play_book, runner
from tests.integration.simulated import KEY, Simulator, no_fault_is_left, simulator, write
from tests.integration.site import bucket_of
from tests.integration.test_tfserving import ok
from tests.truth import versions

__all__ = ["no_fault_is_left", "simulator"]

pytestmark = pytest.mark.sandbox

MODULES = sorted(path.stem for path in (REPO / "plugins/modules").glob("*.py"))
NET = {"vpc_id": "vpc-bp1example", "vswitch_ids": ["vsw-bp1example"], "wait_timeout": 120}

ELSEWHERE = {
    "Exactly the dataset that was used last time": "DatasetChanged",
    "Read a design": "InvalidDesign",
    "Write a corrected copy, and say what is left": "InvalidDesign",
    "Only what people have approved goes to production": "GatePending",
    "Approve what waits": "UnknownSubject",
    "Take it back": "UnknownSubject",
    "The training operator, from an OCI registry": "ChartUnreachable",
    "A chart of a repository": "ChartUnreachable",
    "A chart of a private registry": "ChartUnreachable",
    "Back to what it was": "RevisionNotFound",
    "Register the model of a run": "UnknownRun",
    "Fetch the evaluation, and nothing but it": "EmptySource",
    "Back to what served before": "UnknownRelease",
    "To release 3, and nowhere else however often this runs": "UnknownRelease",
}
"""Examples that speak of what is not here, or not so: what they are told."""

VARIABLES: dict[str, Any] = {
    "run": {
        "model": {"digest": "sha256:" + "a" * 64},
        "evaluation": {"digest": "sha256:" + "b" * 64, "metrics": {"accuracy": 0.97}},
        "created_by": "carol",
    },
    "training": {"job": {"name": "digits", "run_id": "digits-3f9a0c11d2e4", "image": "any", "state": "succeeded"}},
    "digits": {"dataset": {"digest": "sha256:" + "c" * 64}},
    "registry_password": "secret-of-the-registry",
    "training_replica_specs": {
        "Worker": {"replicas": 1, "template": {"spec": {"containers": [{"name": "tensorflow", "image": "any"}]}}}
    },
}
"""What earlier tasks of a playbook would have registered."""

FILES = {
    "manifests/settings.yml": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n",
    "templates/quota.yml.j2": b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: quota, namespace: default}\n",
    "certificate.yml": b"apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: one}\nspec: {}\n",
    "values/metrics.yml": b"replicas: 1\n",
    "files/digits/train.csv": b"0,1,2\n",
}


TEAMS = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "training"}},
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "vision"}},
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "team", "namespace": "vision"}},
    {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "training", "namespace": "training"},
        "spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Mi"}}},
    },
]


def examples() -> list[tuple[str, dict[str, Any]]]:
    """(module, task)."""
    return [(module, task) for module in MODULES for task in of(module)]


def of(module: str) -> list[dict[str, Any]]:
    text = importlib.import_module(f"ansible_collections.mlops.ack.plugins.modules.{module}").EXAMPLES
    found: list[dict[str, Any]] = yaml.safe_load(text)
    return found


@pytest.fixture(scope="module")
def outcomes(
    simulator: Simulator, sandbox: dict[str, Any], observing: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """What came of each example by its name: ok, or the failure's code."""
    folder = write(tmp_path_factory.mktemp("examples"), FILES)
    shutil.copytree(REPO / "tests/unit/fixtures/design", folder / "design")
    (folder / ".kube").mkdir()
    shutil.copy(sandbox["kubeconfigs"]["prod"], folder / ".kube/config")
    pool = {"cluster_name": "edge", "name": "plant-7", "type": "edge", "wait_timeout": 120}
    prepared = [
        *({key: {**simulator.cs, **task[key]}} for task in of("ack_cluster")[:2] for key in task if "." in key),
        {"mlops.ack.ack_cluster": {**simulator.cs, "name": "edge", "profile": "Edge", **NET}},
        {"mlops.ack.ack_node_pool": {**simulator.cs, **pool}},
        {"mlops.ack.k8s_manifest": {"definition": TEAMS, "kubeconfig": sandbox["kubeconfigs"]["prod"], "wait": False}},
    ]
    for made in runner(folder)(prepared):
        ok(made)
    for name in ("ml-example", "ml-scratch"):
        bucket = bucket_of(simulator.oss, name)
        bucket.create_bucket("private")
        bucket.put_object("data/digits/train.csv", b"0,1,2\n")
    versions.save(folder / "store", sandbox["images"]["busybox"])
    for record in (folder / "store").rglob("version.json"):
        bucket_of(simulator.oss, "ml-example").put_object(
            f"mlops/{record.relative_to(folder / 'store')}", record.read_bytes()
        )
    yield play(folder, simulator, sandbox)
    gone = {"definition": TEAMS, "kubeconfig": sandbox["kubeconfigs"]["prod"], "state": "absent", "wait": False}
    ok(runner(folder)([{"mlops.ack.k8s_manifest": gone}])[0])


def play(folder: Path, cloud: Simulator, sandbox: dict[str, Any]) -> dict[str, str]:
    found = examples()
    tasks: list[dict[str, Any]] = []
    for number, (module, task) in enumerate(found):
        if module != found[number - 1][0]:
            tasks.append({"ansible.builtin.set_fact": VARIABLES})
        register = task.get("register", "outcome")
        tasks.append({**task, "register": register, "ignore_errors": True})
        tasks.append({"ansible.builtin.set_fact": {f"outcome_{number}": f"{{{{ {register} }}}}"}})
    results = folder / "results.json"
    tasks.append(keep(results, [f"outcome_{number}" for number in range(len(found))]))
    playbook = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable},
        "module_defaults": {
            "group/mlops.ack.cs": cloud.cs,
            "group/mlops.ack.oss": cloud.oss,
        },
        "tasks": tasks,
    }
    (folder / "examples.yml").write_text(yaml.safe_dump([playbook], sort_keys=False))
    done = play_book(
        "-i",
        "localhost,",
        "--check",
        "--diff",
        "examples.yml",
        folder=folder,
        timeout_s=900,
        HOME=str(folder),
        PATH=f"{sandbox['bin']}:{os.environ['PATH']}",
        ALIBABA_CLOUD_ACCESS_KEY_ID=KEY["access_key_id"],
        ALIBABA_CLOUD_ACCESS_KEY_SECRET=KEY["access_key_secret"],
        **KEEPING,
    )
    assert done.returncode == 0 and results.exists(), done.stdout + done.stderr
    return {
        task["name"]: outcome(result)
        for (module, task), result in zip(found, json.loads(results.read_text()), strict=True)
        if f"mlops.ack.{module}" in task
    }


def outcome(result: dict[str, Any]) -> str:
    if not result.get("failed"):
        return "ok"
    return str(result["failure"]["code"] if "failure" in result else result["msg"])


def test_every_example_ends_as_it_should(outcomes: dict[str, str]) -> None:
    assert {name: found for name, found in outcomes.items() if found != "ok"} == ELSEWHERE
