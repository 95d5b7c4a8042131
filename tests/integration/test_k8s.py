# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""k8s_manifest and k8s_info against a real cluster, through both doors."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.sandbox

Task = dict[str, Any]


@pytest.fixture(params=[True, False], ids=["in process", "forked"])
def run(request: pytest.FixtureRequest, run_tasks: Callable[..., list[Task]]) -> Callable[..., list[Task]]:
    return lambda *tasks, **options: run_tasks(list(tasks), in_process=request.param, **options)


@pytest.fixture
def manifest(sandbox: dict[str, Any], namespace: str) -> Callable[..., Task]:
    """A k8s_manifest task in the test's namespace."""

    def task(*definition: Task, **options: Any) -> Task:
        return {
            "mlops.ack.k8s_manifest": {
                "kubeconfig": sandbox["kubeconfigs"]["prod"],
                "namespace": namespace,
                **({"definition": list(definition)} if definition else {}),
                **options,
            }
        }

    return task


@pytest.fixture
def kubectl(sandbox: dict[str, Any], namespace: str) -> Callable[..., str]:
    def call(*words: str) -> str:
        command = [str(Path(sandbox["bin"]) / "kubectl"), "--kubeconfig", sandbox["kubeconfigs"]["prod"]]
        done = subprocess.run([*command, "-n", namespace, *words], capture_output=True, text=True, check=True)
        return done.stdout

    return call


def config(name: str, **data: str) -> Task:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def deployment(name: str, image: str, command: list[str], **spec: Any) -> Task:
    container = {
        "name": "main",
        "image": image,
        "command": command,
        "resources": {"requests": {"cpu": "0.01", "memory": "8192Ki"}, "limits": {"memory": 67108864}},
        "env": [{"name": "EMPTY", "value": ""}],
        "ports": [{"containerPort": 80}],
    }
    pod = {"containers": [container], "terminationGracePeriodSeconds": 0, "hostNetwork": False}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
            **spec,
        },
    }


SLEEP = ["sleep", "3600"]


def test_objects_are_made_kept_and_changed(run, manifest, kubectl, sandbox):
    image = sandbox["images"]["busybox"]
    web, data = deployment("web", image, SLEEP), config("data", a="1", b="2")
    [predicted] = run(manifest(web, data), check=True)
    assert predicted["changed"] and kubectl("get", "deploy,configmap", "-o", "name", "-l", "app=web") == ""
    made, again = run(manifest(web, data), manifest(web, data))
    assert made["changed"] and made["diff"] == predicted["diff"]
    assert [entry.keys() for entry in made["objects"]] == [entry.keys() for entry in predicted["objects"]]
    assert [(entry["kind"], entry["action"]) for entry in made["objects"]] == [
        ("ConfigMap", "create"),
        ("Deployment", "create"),
    ]
    assert made["objects"][1]["resource"]["status"]["availableReplicas"] == 1
    assert not again["changed"] and again["diff"] == {"before": {}, "after": {}}
    changed, settled = run(manifest(config("data", a="1")), manifest(config("data", a="1")))
    assert changed["diff"]["before"] and changed["objects"][0]["resource"]["data"] == {"a": "1"}
    assert not settled["changed"]


def test_drift_is_seen_and_undone(run, manifest, kubectl):
    run(manifest(config("data", a="1")))
    kubectl("patch", "configmap", "data", "--type=merge", "-p", '{"data":{"a":"drifted","other":"kept"}}')
    [predicted] = run(manifest(config("data", a="1")), check=True)
    [undone] = run(manifest(config("data", a="1")))
    assert predicted["changed"] and predicted["diff"] == undone["diff"]
    assert undone["objects"][0]["resource"]["data"] == {"a": "1", "other": "kept"}


def test_what_an_owner_no_longer_names_is_pruned(run, manifest, kubectl):
    run(manifest(config("one", a="1"), config("two", a="1"), owner="set"), manifest(config("foreign", a="1")))
    [predicted] = run(manifest(config("one", a="1"), owner="set", prune=True), check=True)
    [pruned] = run(manifest(config("one", a="1"), owner="set", prune=True))
    assert predicted["diff"] == pruned["diff"]
    assert [(entry["name"], entry["action"]) for entry in pruned["objects"]] == [("one", "none"), ("two", "delete")]
    names = kubectl("get", "configmap", "-o", "name").split()
    assert "configmap/one" in names and "configmap/foreign" in names and "configmap/two" not in names


def test_a_new_kind_and_its_first_object_come_in_one_task(run, manifest, namespace, kubectl):
    group = f"{namespace}.example.org"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
            "versions": [version],
        },
    }
    widget = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "first"}, "spec": {"size": 1}}
    try:
        [refused] = run(manifest(widget, definition))
        assert refused["failure"]["code"] == "UnknownWait" and "wait_conditions" in refused["msg"]
        made, again = run(manifest(widget, definition, wait=False), manifest(widget, definition, wait=False))
        assert made["changed"] and [entry["kind"] for entry in made["objects"]] == [
            "CustomResourceDefinition",
            "Widget",
        ]
        assert not again["changed"]
        condition = {"api_version": f"{group}/v1", "kind": "Widget", "success": {"Ready": "True"}}
        [waited] = run(manifest(widget, wait_conditions=[condition], wait_timeout=1))
        assert waited["failure"]["code"] == "WaitTimeout" and "Ready is not True yet" in waited["msg"]
        [gone] = run(manifest(widget, definition, state="absent"))
        assert gone["changed"] and {entry["resource"] for entry in gone["objects"]} == {None}
        [still] = run(manifest(widget, definition, state="absent"))
        assert not still["changed"]
    finally:
        kubectl("delete", "crd", f"widgets.{group}", "--ignore-not-found")


def test_an_image_that_does_not_exist_ends_the_wait_at_once(run, manifest, sandbox):
    started = time.monotonic()
    [failed] = run(manifest(deployment("web", f"{sandbox['registry']}/no/such:1", SLEEP), wait_timeout=120))
    assert time.monotonic() - started < 30
    assert failed["failure"]["code"] == "ImageNotFound"
    assert "no/such:1" in failed["msg"] and failed["failure"]["details"]["pod"].startswith("web-")
    assert any("Deployment/" in name for name in failed["failure"]["details"]["done"])


def test_a_failed_job_tells_its_exit_code_and_last_lines(run, manifest, sandbox):
    container = {
        "name": "main",
        "image": sandbox["images"]["busybox"],
        "command": ["sh", "-c", "echo about to fail; exit 7"],
    }
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "work"},
        "spec": {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }
    [failed] = run(manifest(job, wait_timeout=120))
    details = failed["failure"]["details"]
    assert (failed["failure"]["code"], details["exit_code"]) == ("ContainerFailed", 7)
    assert details["log"] == ["about to fail"] and "about to fail" in failed["msg"]
    job["spec"]["template"]["spec"]["containers"] = [{**container, "command": ["true"]}]
    [refused] = run(manifest(job))
    assert refused["failure"]["code"] == "ImmutableField" and "state: absent" in refused["msg"]


def test_nothing_is_written_when_one_manifest_is_refused(run, manifest, kubectl):
    bad = config("bad")
    bad["data"] = {"not valid!": "x"}
    [refused] = run(manifest(config("good", a="1"), bad))
    assert refused["failure"]["code"] == "Invalid" and "ConfigMap/" in refused["msg"]
    assert "configmap/good" not in kubectl("get", "configmap", "-o", "name").split()


def test_a_secret_is_never_shown(run, manifest, namespace, sandbox):
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"key": "hunter2-hunter2"}}
    read = {"kubeconfig": sandbox["kubeconfigs"]["prod"], "kind": "Secret", "namespace": namespace, "name": "s"}
    made, again, info = run(manifest(secret), manifest(secret), {"mlops.ack.k8s_info": read})
    assert made["changed"] and not again["changed"]
    text = str([made, again, info])
    assert "hunter2" not in text and "aHVudGVyMi1odW50ZXIy" not in text
    assert list(info["resources"][0]["data"]) == ["key"]


def test_info_reads_by_labels_and_by_name(run, manifest, namespace, sandbox):
    task = {"kubeconfig": sandbox["kubeconfigs"]["prod"], "kind": "ConfigMap", "namespace": namespace}
    labelled = config("one", a="1")
    labelled["metadata"]["labels"] = {"tier": "test"}
    _applied, listed, named, missing, unknown = run(
        manifest(labelled),
        {"mlops.ack.k8s_info": {**task, "label_selector": "tier=test"}},
        {"mlops.ack.k8s_info": {**task, "name": "one"}},
        {"mlops.ack.k8s_info": {**task, "name": "two"}},
        {"mlops.ack.k8s_info": {**task, "kind": "Confmap"}},
    )
    assert [item["metadata"]["name"] for item in listed["resources"]] == ["one"]
    assert named["resources"][0]["data"] == {"a": "1"} and missing["resources"] == []
    assert unknown["failure"]["code"] == "UnknownKind" and "ConfigMap" in unknown["msg"]


def test_no_file_with_a_key_is_left(
    run: Callable[..., list[Task]], manifest: Callable[..., Task], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    (made,) = run(manifest(config("one", a="1")))
    assert made["changed"]
    deadline = time.monotonic() + 10
    while list(place.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.1)  # the connection keeper ends after the run
    assert list(place.iterdir()) == []
