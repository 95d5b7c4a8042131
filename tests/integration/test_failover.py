"""A training that goes through four environments: one that nobody answers in, one without room, one that goes away in
the middle, and one that ends it from the last checkpoint.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oss2
import pytest
import yaml

from tests.conftest import REPO
from tests.integration.conftest import PLAYBOOK, ansible_environment
from tests.integration.test_training import bucket, fill, operator, replicas

__all__ = ["bucket", "operator"]

pytestmark = pytest.mark.sandbox

PLAY = re.findall(r"```yaml\n(.*?)```", (REPO / "docs/training.md").read_text(), re.S)[0]
STEPS = 60
PROGRAM = f"""
import json, os, pathlib, time
checkpoint, out = pathlib.Path(os.environ["CHECKPOINT_DIR"]) / "state.json", pathlib.Path(os.environ["OUTPUT_DIR"])
first = json.loads(checkpoint.read_text())["step"] if checkpoint.exists() else 0
print("going on from step", first, flush=True)
for step in range(first, {STEPS}):
    time.sleep(0.5 if first == 0 else 0.05)
    draft = checkpoint.with_name(".draft")
    draft.write_text(json.dumps({{"step": step + 1}}))
    draft.rename(checkpoint)
(out / "model/1").mkdir(parents=True, exist_ok=True)
(out / "model/1/saved_model.pb").write_bytes(b"graph")
(out / "metrics.json").write_text(json.dumps({{"accuracy": 0.97, "first_step": first, "steps": {STEPS}}}))
"""


class Way:
    """A way to an API server that can be closed."""

    def __init__(self, host: str, port: int) -> None:
        self._target, self._open = (host, port), True
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._sockets: list[socket.socket] = [self._server]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while self._open:
            try:
                client, _address = self._server.accept()
                target = socket.create_connection(self._target)
            except OSError:
                return
            self._sockets += [client, target]
            for source, sink in ((client, target), (target, client)):
                threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._open = False
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def kubeconfig(sandbox: dict[str, Any], place: Path, port: int) -> str:
    """That of prod, by another port of this machine."""
    content = yaml.safe_load(Path(sandbox["kubeconfigs"]["prod"]).read_text())
    cluster = content["clusters"][0]["cluster"]
    cluster["server"] = f"https://127.0.0.1:{port}"
    cluster["insecure-skip-tls-verify"] = True
    cluster.pop("certificate-authority-data", None)
    place.write_text(yaml.safe_dump(content))
    place.chmod(0o600)
    return str(place)


@pytest.fixture
def namespaces(sandbox: dict[str, Any]) -> Iterator[list[str]]:
    """Three places in the prod cluster, each with a folder of the node for its volume."""
    kubectl = [str(Path(sandbox["bin"]) / "kubectl"), "--kubeconfig", sandbox["kubeconfigs"]["prod"]]
    names = [f"t-{uuid.uuid4().hex[:8]}" for _number in range(3)]
    for name in names:
        subprocess.run([*kubectl, "create", "namespace", name], check=True, capture_output=True)
    yield names
    subprocess.run([*kubectl, "delete", "namespace", *names, "--wait=false"], check=True, capture_output=True)
    for name in names:
        folder = Path(sandbox["state"]) / "clusters/prod/varlib/mlops-tests" / name
        shutil.rmtree(folder, ignore_errors=True)


def variables(sandbox: dict[str, Any], bucket: oss2.Bucket, namespaces: list[str], tmp_path: Path) -> dict[str, Any]:
    nowhere = {"name": "tensorflow", "resources": {"limits": {"example.com/none": "1"}}}
    return {
        "training_oss": sandbox["oss"],
        "training_kubeconfig": sandbox["kubeconfigs"]["prod"],
        "training_store": {"bucket": bucket.bucket_name},
        "training_reports": str(tmp_path / "reports"),
        "training_wait_timeout": 400,
        "training_volume": volume(namespaces[2]),
        "training_namespace": namespaces[2],
        "training_job": {
            "name": "digits",
            "modelVersion": {"modelName": "digits", "imageRepo": "example.com/digits"},
            "dataset": {"name": "digits", "s3": {"bucket": bucket.bucket_name, "prefix": "data"}},
            "tfReplicaSpecs": replicas(sandbox["images"]["training"], PROGRAM, 1),
            "checkpoint": {"every": 2},
        },
        "training_environments": [
            {"name": "silent", "kubeconfig": kubeconfig(sandbox, tmp_path / "silent.kubeconfig", closed_port())},
            {
                "name": "full",
                **at(namespaces[0]),
                "template": {"spec": {"containers": [nowhere]}},
                "unschedulable_timeout": 2,
            },
            {
                "name": "fleeting",
                **at(namespaces[1]),
                "kubeconfig": str(tmp_path / "fleeting.kubeconfig"),
                "unreachable_timeout": 3,
            },
            {"name": "steady"},
        ],
    }


def at(namespace: str) -> dict[str, Any]:
    return {"namespace": namespace, "volume": volume(namespace)}


def volume(namespace: str) -> dict[str, Any]:
    return {"hostPath": {"path": f"/var/lib/mlops-tests/{namespace}", "type": "DirectoryOrCreate"}}


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def play(tmp_path: Path, given: dict[str, Any], *arguments: str) -> subprocess.Popen[str]:
    """The play of the page, with places of this test."""
    playbook, inventory = tmp_path / "train.yml", tmp_path / "hosts.yml"
    playbook.write_text(PLAY)
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory.write_text(yaml.safe_dump({"training": {"hosts": {"here": local}}}))
    (tmp_path / "vars.json").write_text(json.dumps(given))
    return subprocess.Popen(
        [str(PLAYBOOK), "-i", str(inventory), str(playbook), "-e", f"@{tmp_path / 'vars.json'}", *arguments],
        env=ansible_environment(),
        stdout=(tmp_path / "log.txt").open("w"),
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )


def checkpoints(bucket: oss2.Bucket) -> list[str]:
    keys = [item.key for item in oss2.ObjectIteratorV2(bucket, prefix="mlops/runs/")]
    return [key for key in keys if "/checkpoints/" in key and key.endswith(".json")]


@pytest.mark.usefixtures("operator")
def test_a_run_goes_on_from_its_checkpoint_where_it_can(
    sandbox: dict[str, Any], bucket: oss2.Bucket, namespaces: list[str], tmp_path: Path
) -> None:
    fill(bucket)
    server = yaml.safe_load(Path(sandbox["kubeconfigs"]["prod"]).read_text())["clusters"][0]["cluster"]["server"]
    host, _colon, port = server.removeprefix("https://").partition(":")
    way = Way(host, int(port))
    kubeconfig(sandbox, tmp_path / "fleeting.kubeconfig", way.port)
    given = variables(sandbox, bucket, namespaces, tmp_path)
    run = play(tmp_path, given)
    deadline = time.monotonic() + 300
    while not checkpoints(bucket) and run.poll() is None and time.monotonic() < deadline:
        time.sleep(0.5)
    assert checkpoints(bucket), (tmp_path / "log.txt").read_text()[-6000:]
    way.close()
    assert run.wait(300) == 0, (tmp_path / "log.txt").read_text()[-6000:]

    kept = [item.key for item in oss2.ObjectIteratorV2(bucket, prefix="mlops/runs/")]
    (key,) = (each for each in kept if each.endswith("/run.json"))
    record = json.loads(bucket.get_object(key).read())
    attempts = [(each["environment"], each["reason"], each["checkpoint"] is not None) for each in record["attempts"]]
    assert attempts == [
        ("silent", "unreachable", False),
        ("full", "unschedulable", False),
        ("fleeting", "unreachable", False),
        ("steady", None, True),
    ]
    metrics = record["evaluation"]["metrics"]
    assert 0 < metrics["first_step"] < STEPS and metrics["steps"] == STEPS
    assert record["namespace"] == namespaces[2]

    again = play(tmp_path, given)
    assert again.wait(300) == 0
    assert "changed=0" in (tmp_path / "log.txt").read_text().partition("PLAY RECAP")[2]


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize("check", [[], ["--check"]], ids=["run", "check"])
def test_a_run_that_can_be_trained_nowhere_says_why_of_each_place(
    sandbox: dict[str, Any], bucket: oss2.Bucket, namespaces: list[str], tmp_path: Path, check: list[str]
) -> None:
    fill(bucket)
    given = variables(sandbox, bucket, namespaces, tmp_path)
    silent = given["training_environments"][0]
    given["training_environments"] = [silent, {**silent, "name": "silent-too"}]
    assert play(tmp_path, given, *check).wait(300) == 2
    said = " ".join((tmp_path / "log.txt").read_text().split())
    if not check:  # which puts nothing on record, and so knows the last one alone
        assert "could be trained nowhere: silent (unreachable: " in said
    assert "silent-too (unreachable: " in said
    assert "begins with the first environment again" in said
