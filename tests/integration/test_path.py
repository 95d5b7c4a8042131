"""The main job, after `make quickstart` has done it: what exists, a second run is free, an interrupted one goes on."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPO
from tests.integration.conftest import PLAYBOOK, STATE, ansible_environment
from tests.integration.processes import descendants

pytestmark = pytest.mark.sandbox

INVENTORY = str(REPO / "inventories/sandbox")
WRITES = {"create", "update", "patch", "delete", "deletecollection"}


def play(name: str, *arguments: str, timeout_s: int = 900) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PLAYBOOK), "-i", INVENTORY, f"mlops.ack.{name}", *arguments],
        cwd=REPO,
        env=ansible_environment(GATE="rule", PWD=str(REPO), ANSIBLE_CONFIG=str(REPO / "ansible.cfg")),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def recap(output: str) -> dict[str, dict[str, int]]:
    """host -> counts, from ansible's last lines."""
    return {
        line.split()[0]: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", line)}
        for line in output.partition("PLAY RECAP")[2].splitlines()[1:]
        if "ok=" in line
    }


def simulator_writes() -> int:
    """Requests that write, in the simulator's log."""
    with (STATE / "host/simulator/requests.jsonl").open() as log:
        return sum(1 for line in log if json.loads(line)["write"])


def cluster_writes(cluster: str) -> list[str]:
    """Write verbs of whoever uses the cluster's kubeconfig, from its audit log; a dry run writes nothing."""
    found = []
    for line in (STATE / "clusters" / cluster / "log/audit.log").open():
        event = json.loads(line)
        person = not event["user"]["username"].startswith("system:")
        if event["verb"] in WRITES and person and "dryRun" not in event["requestURI"]:
            found.append(f"{event['verb']} {event['requestURI']} {event['userAgent']}")
    return found


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    path = REPO / "build/quickstart.json"
    if not path.exists():
        pytest.fail("Quickstart has not run; run 'make quickstart' first.")
    return json.loads(path.read_text())  # type: ignore[no-any-return]


def test_both_environments_exist(document: dict[str, Any]) -> None:
    found = {cluster["environment"]: (cluster["profile"], cluster["state"]) for cluster in document["clusters"]}
    assert found == {"prod": ("Default", "running"), "dev": ("Serverless", "running")}


def test_two_versions_are_saved_with_their_lineage(document: dict[str, Any]) -> None:
    assert [version["reference"] for version in document["models"]] == ["digits-v1", "digits-v2"]
    for version in document["models"]:
        assert version["metrics"]["accuracy"] >= 0.9
        assert re.fullmatch(r"\S+@sha256:[0-9a-f]{64}", version["image"])
        assert version["dataset"]["digest"].startswith("sha256:")
        assert Path(version["report"]).read_text().startswith("<!")


def test_production_serves_ninety_to_ten(document: dict[str, Any]) -> None:
    prod = next(served for served in document["serving"] if served["environment"] == "prod")
    declared = {each["name"]: each["traffic_percentage"] for each in prod["predictors"]}
    assert declared == {"baseline": 90, "canary": 10}
    assert prod["split"]["requests"] == 1000
    assert prod["split"]["failed"] == 0
    for name, share in declared.items():
        assert abs(prod["split"]["observed"][name] - share) <= 4
    assert all(each["auto_scale"] == {"min_replicas": 1, "max_replicas": 10} for each in prod["predictors"])


def test_the_printed_curl_line_works_as_pasted() -> None:
    text = (REPO / "build/quickstart.txt").read_text()
    lines = re.findall(r"^\s+(curl .*)$", text, re.M)
    assert len(lines) == 2
    for line in lines:
        answer = subprocess.run(shlex.split(line), capture_output=True, text=True, timeout=60, check=True).stdout
        assert json.loads(answer)["predictions"][0]["digit"] in range(10)


def test_a_second_run_changes_nothing_and_sends_no_write(document: dict[str, Any]) -> None:
    before = simulator_writes(), cluster_writes("prod"), cluster_writes("dev")
    done = play("quickstart")
    assert done.returncode == 0, done.stdout
    assert {host: counts["changed"] for host, counts in recap(done.stdout).items()} == {"ack-prod": 0, "ask-dev": 0}
    assert simulator_writes() == before[0]
    for cluster, known in (("prod", before[1]), ("dev", before[2])):
        assert cluster_writes(cluster)[len(known) :] == []


def test_a_gate_without_decision_or_rule_stops_the_path_and_says_how_to_go_on() -> None:
    undecided = {"mlops_gates": {}, "serving_gate": "nobody-decided"}
    assert play("serve", "--limit", "prod", "-e", json.dumps(undecided)).returncode == 0, "nothing changes"
    other = {**undecided, "serving_resources": {"requests": {"cpu": "60m", "memory": "300Mi"}}}
    done = play("serve", "--limit", "prod", "-e", json.dumps(other))
    assert done.returncode != 0
    assert "gate_status: pending" in done.stdout
    assert "mlops.ack.decide" in done.stdout


# -- interruption --------------------------------------------------------------------------------------------------

STAGES = [
    pytest.param(r"TFJob/\S+: created", id="when the job was created"),
    pytest.param(r"TFJob/\S+: running", id="while training"),
    pytest.param(r"Job/mlops/mlops-list\S+: ", id="while the output is listed"),
    pytest.param(r"Job/mlops/mlops-send\S+: ", id="while the output is sent"),
    pytest.param(r"building \S+", id="while the image is built"),
]
JOB = {
    "name": "interrupted",
    "dataset": "{{ digits_dataset }}",
    "parameters": {"HIDDEN_UNITS": "16", "EPOCHS": "2", "SEED": "{{ 0 }}"},
    "tfReplicaSpecs": {"Worker": "{{ digits_worker }}"},
}


@pytest.fixture(scope="module")
def extra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A job of its own, so that nothing of quickstart is touched; new at each run of the tests."""
    folder = tmp_path_factory.mktemp("interrupted")
    seed = str(int.from_bytes(os.urandom(3), "big"))
    job = {**JOB, "name": f"int{seed}", "parameters": {**JOB["parameters"], "SEED": seed}}  # type: ignore[dict-item]
    repository = f"{{{{ sandbox_facts.registry }}}}/models/int{seed}"
    job["modelVersion"] = {"modelName": f"int{seed}", "version": 1, "imageRepo": repository}
    path = folder / "job.json"
    path.write_text(
        json.dumps({"training_jobs": [job], "mlops_gates": {"evaluate-model": {"rule": "accuracy >= 0.1"}}})
    )
    playbook = folder / "both.yml"
    playbook.write_text("- import_playbook: mlops.ack.train\n- import_playbook: mlops.ack.save\n")
    yield path


def interrupted(extra: Path, stage: str, how: signal.Signals) -> str:
    """Runs train and save until a line matches `stage`, then sends the signal to all of its processes."""
    process = subprocess.Popen(
        [str(PLAYBOOK), "-i", INVENTORY, str(extra.with_name("both.yml")), "-e", f"@{extra}"],
        cwd=REPO,
        env=ansible_environment(PWD=str(REPO), ANSIBLE_CONFIG=str(REPO / "ansible.cfg")),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if re.search(stage, line):
            for pid in [*descendants(process.pid), process.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, how)
            break
    process.stdout.close()
    process.wait(60)
    return seen


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_run_goes_on_where_it_was(extra: Path, stage: str) -> None:
    """kill -9 in each stage in turn; each next run starts from what the killed one left."""
    assert re.search(stage, interrupted(extra, stage, signal.SIGKILL))


def test_after_all_that_there_is_one_of_each(extra: Path, sandbox: dict[str, Any]) -> None:
    done = subprocess.run(
        [str(PLAYBOOK), "-i", INVENTORY, str(extra.with_name("both.yml")), "-e", f"@{extra}"],
        cwd=REPO,
        env=ansible_environment(PWD=str(REPO), ANSIBLE_CONFIG=str(REPO / "ansible.cfg")),
        capture_output=True,
        text=True,
        timeout=600,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    model = json.loads(extra.read_text())["training_jobs"][0]["modelVersion"]["modelName"]
    kubectl = [
        f"{sandbox['bin']}/kubectl",
        "--kubeconfig",
        sandbox["kubeconfigs"]["prod"],
        "-n",
        "mlops",
        "get",
        "-o",
        "name",
    ]
    jobs = subprocess.run([*kubectl, "jobs,secrets"], capture_output=True, text=True, check=True).stdout
    assert model not in jobs, "a transfer job or its signed URLs were left behind"
    runs = subprocess.run([*kubectl, "tfjobs"], capture_output=True, text=True, check=True).stdout
    assert runs.count(f"/{model}-") == 1
    tags = json.load(urllib.request.urlopen(f"http://{sandbox['registry']}/v2/models/{model}/tags/list", timeout=10))
    assert tags["tags"].count("v1") == 1
