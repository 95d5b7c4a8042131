"""Design files: the module through both doors, and the design of the documentation on the sandbox's clusters."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import REPO
from tests.integration.conftest import PLAYBOOK, RunTasks, ansible_environment
from tests.integration.simulated import Simulator, no_fault_is_left, simulator

__all__ = ["no_fault_is_left", "simulator"]

FIXTURES = REPO / "tests/unit/fixtures/design"
FILES = [str(FIXTURES / "initializer.yaml"), str(FIXTURES / "application.yaml")]
PAGE = re.findall(r"```yaml\n(.*?)```", (REPO / "docs/design-files.md").read_text(), re.S)


@pytest.mark.simulator
@pytest.mark.parametrize("in_process", [True, False])
def test_defects_are_told_and_a_corrected_copy_is_written(
    run_tasks: RunTasks, tmp_path: Path, in_process: bool
) -> None:
    task = {"mlops.ack.design": {"src": FILES, "fixed": str(tmp_path / "fixed")}}
    predicted = run_tasks([task], in_process=in_process, check=True)[0]
    assert not (tmp_path / "fixed").exists()
    first, second = run_tasks([task, task], in_process=in_process)
    for result in (predicted, first, second):
        assert result["failed"]
        assert result["failure"]["code"] == "InvalidDesign"
        assert [each["rule"] for each in result["remaining"] if each["level"] == "error"]
        assert "+        - name: prod-cluster" in result["correction"]
    assert (predicted["changed"], first["changed"], second["changed"]) == (True, True, False)
    corrected = yaml.safe_load((tmp_path / "fixed/initializer.yaml").read_text())
    steps = corrected["spec"]["appTemplate"]["spec"]["workflow"]["steps"]
    assert steps[1]["properties"] == {"component": "dev-cluster"}


@pytest.mark.simulator
def test_both_doors_say_the_same(run_tasks: RunTasks, tmp_path: Path) -> None:
    paths = written(tmp_path, PAGE)
    task = {"mlops.ack.design": {"src": paths}}
    inside, forked = (run_tasks([task], in_process=in_process)[0] for in_process in (True, False))
    assert inside["environments"]["prod"]["serving_gate"] == "evaluate-serving"
    for word in ("findings", "environments", "saved_jobs", "serving_environments", "gates", "changed"):
        assert inside[word] == forked[word]


@pytest.mark.simulator
def test_ack_is_asked_which_versions_it_offers(
    run_tasks: RunTasks,
    simulator: Simulator,
    tmp_path: Path,
) -> None:
    task = {"mlops.ack.design": {**simulator.cs, "src": written(tmp_path, PAGE), "ask": True}}
    old = [text.replace("v1.35", "v1.31") for text in PAGE]
    (tmp_path / "old").mkdir()
    refused = {"mlops.ack.design": {**simulator.cs, "src": written(tmp_path / "old", old), "ask": True}}
    good, bad = run_tasks([task, refused])
    assert not good["failed"]
    assert [each["rule"] for each in bad["findings"]] == ["version", "version"]
    assert "1.35" in bad["findings"][0]["message"]
    assert not simulator.writes(0)


def test_the_playbook_that_checks_prints_what_to_do(tmp_path: Path) -> None:
    arguments = ["-e", f"design={','.join(FILES)}", "-e", f"fixed={tmp_path / 'fixed'}"]
    done = played("design_check", "-i", "localhost,", *arguments)
    assert done.returncode != 0
    assert "initializer.yaml:12:" in done.stdout
    assert "+            create-namespace: true" in done.stdout
    assert "error(s) are left" in done.stdout


# -- the whole way, on the sandbox's clusters ----------------------------------------------------------------------


def written(folder: Path, texts: list[str]) -> list[str]:
    paths = [folder / f"{number}.yaml" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return [str(path) for path in paths]


def played(name: str, *arguments: str, timeout_s: int = 900) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PLAYBOOK), f"mlops.ack.{name}", *arguments],
        cwd=REPO,
        env=ansible_environment(GATE="rule", PWD=str(REPO), ANSIBLE_CONFIG=str(REPO / "ansible.cfg")),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def kubectl(sandbox: dict[str, Any], cluster: str, *words: str) -> str:
    command = [f"{sandbox['bin']}/kubectl", "--kubeconfig", sandbox["kubeconfigs"][cluster], *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.fixture
def own(run_tasks: RunTasks, sandbox: dict[str, Any], tmp_path: Path) -> Iterator[dict[str, Any]]:
    """The design of the documentation with this sandbox's names, and an inventory of its own."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    spelt = {
        "v1.35": "v1.34",
        "example-mlops": name,
        "oci://registry.example.com/charts": sandbox["charts"]["training-operator"]["ref"].rpartition("/")[0],
        "            namespace: kubeflow\n": "            namespace: kubeflow\n            plainHttp: true\n",
        "registry.example.com/example/digits": f"{sandbox['registry']}/{name}/digits",
        "registry.example.com/example/train:1": sandbox["images"]["training"],
        "registry.example.com/example/tensorflow-serving:2.19.1": sandbox["images"]["serving"],
        "{name: mlops, namespace: gateway}": json.dumps(
            {key: sandbox["gateway"][key] for key in ("name", "namespace")}
        ),
        "digits.example.com": f"{name}.ack.test",
        "digits.dev.example.com": f"{name}.dev.ack.test",
        '"20"': '"3"',
        "  name: digits\nspec": f"  name: digits\n  namespace: {name}\nspec",
    }
    texts = list(PAGE)
    for old, new in spelt.items():
        assert any(old in text for text in texts), old
        texts = [text.replace(old, new) for text in texts]
    texts[1] = re.sub(r"      traits:\n(?:        .*\n)+", "", texts[1])  # addons of clusters that others use too
    yield {"name": name, "files": written(tmp_path, texts), "inventory": str(inventory(sandbox, tmp_path, name))}
    for cluster in ("prod", "dev"):
        kubectl(sandbox, cluster, "delete", "namespace", name, "--ignore-not-found", "--wait=false")
        kubectl(sandbox, cluster, "delete", "persistentvolume", name, "--ignore-not-found", "--wait=false")
        shutil.rmtree(Path(sandbox["state"]) / f"clusters/{cluster}/varlib/{name}", ignore_errors=True)
    bucket = {**sandbox["oss"], "name": name, "state": "absent", "delete_objects": True}
    [gone] = run_tasks([{"mlops.ack.oss_bucket": bucket}])
    assert not gone["failed"], gone


def inventory(sandbox: dict[str, Any], tmp_path: Path, name: str) -> Path:
    claim = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    manifests = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {
                **claim,
                "capacity": {"storage": "1Gi"},
                "hostPath": {"path": f"/var/lib/{name}", "type": "DirectoryOrCreate"},
                "claimRef": {"namespace": name, "name": "data"},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "data", "namespace": name},
            "spec": {**claim, "volumeName": name, "resources": {"requests": {"storage": "1Gi"}}},
        },
    ]
    common = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "mlops_cs": sandbox["cs"],
        "mlops_oss": sandbox["oss"],
        "mlops_registry": {"insecure": True},
        "mlops_helm": f"{sandbox['bin']}/helm",
        "mlops_model_base_image": sandbox["images"]["busybox"],
        "mlops_kubeconfig": str(tmp_path / "kubeconfig-{{ mlops_environment }}"),
        "mlops_reports": str(tmp_path / "reports"),
        "mlops_gates": {
            "evaluate-model": {"rule": "accuracy >= 0.1"},
            "evaluate-serving": {"rule": "lowest_accuracy >= 0.1"},
        },
        "cluster_init_manifests": manifests,
        "training_volume": {"persistentVolumeClaim": {"claimName": "data"}},
        "serving_verify_requests": 200,
    }
    hosts = {
        environment: {
            "mlops_environment": environment,
            "cluster_init_cluster": {"name": f"ml-{environment}"},
            "serving_endpoint": f"http://{address}",
        }
        for environment, address in (("prod", "198.18.0.11"), ("dev", "198.18.0.12"))
    }
    path = tmp_path / "hosts.yml"
    path.write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": common}}))
    return path


def upload(run_tasks: RunTasks, sandbox: dict[str, Any], name: str) -> None:
    results = run_tasks(
        [
            {"mlops.ack.oss_bucket": {**sandbox["oss"], "name": name, "acl": "private"}},
            {
                "mlops.ack.oss_sync": {
                    **sandbox["oss"],
                    "direction": "upload",
                    "bucket": name,
                    "prefix": "raw/digits",
                    "path": f"{sandbox['state']}/digits",
                }
            },
        ]
    )
    assert not any(result["failed"] for result in results), results


@pytest.mark.sandbox
def test_the_design_of_the_documentation_runs_and_a_second_run_is_free(
    run_tasks: RunTasks, sandbox: dict[str, Any], own: dict[str, Any]
) -> None:
    name = own["name"]
    upload(run_tasks, sandbox, name)
    arguments = ["-i", own["inventory"], "-e", f"design={','.join(own['files'])}"]
    first = played("design", *arguments, timeout_s=1500)
    assert first.returncode == 0, first.stdout + first.stderr
    route = json.loads(kubectl(sandbox, "prod", "get", "httproute", "-n", name, "-o", "json"))["items"][0]
    weights = sorted(each["weight"] for each in route["spec"]["rules"][0]["backendRefs"])
    assert weights == [10, 90]
    assert kubectl(sandbox, "dev", "get", "httproute", "-n", name, "-o", "name").count("/") == 1
    second = played("design", *arguments)
    assert second.returncode == 0, second.stdout + second.stderr
    assert re.findall(r"changed=(\d+)", second.stdout.partition("PLAY RECAP")[2]) == ["0", "0"], second.stdout


@pytest.mark.sandbox
def test_nothing_is_begun_where_the_documents_hold_an_error(own: dict[str, Any], sandbox: dict[str, Any]) -> None:
    broken = Path(own["files"][1])
    broken.write_text(broken.read_text().replace("trafficPercentage: 10", "trafficPercentage: 20"))
    done = played("design", "-i", own["inventory"], "-e", f"design={','.join(own['files'])}")
    assert done.returncode != 0
    assert "sum to 110" in done.stdout + done.stderr
    assert own["name"] not in kubectl(sandbox, "prod", "get", "namespaces", "-o", "name")


@pytest.mark.sandbox
def test_an_environment_without_a_host_is_told(own: dict[str, Any]) -> None:
    path = Path(own["inventory"])
    path.write_text(path.read_text().replace("mlops_environment: dev", "mlops_environment: staging"))
    done = played("design", "-i", own["inventory"], "-e", f"design={','.join(own['files'])}")
    assert done.returncode != 0
    assert "no host of the inventory has it as mlops_environment" in re.sub(r"\s+", " ", done.stdout + done.stderr)
