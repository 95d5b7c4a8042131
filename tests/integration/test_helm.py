# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""helm_release and helm_release_info with the real helm against a real cluster, through both doors."""

from __future__ import annotations

import base64
import contextlib
import functools
import gzip
import json
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml

pytestmark = pytest.mark.sandbox

Task = dict[str, Any]

CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-data"}
data: {greeting: "{{ .Values.greeting }}", marker: "one"}
"""

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}-web"}
spec:
  replicas: 1
  selector: {matchLabels: {app: "{{ .Release.Name }}"}}
  template:
    metadata: {labels: {app: "{{ .Release.Name }}"}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - {name: main, image: "{{ .Values.image }}", command: [sleep, "3600"]}
"""


@pytest.fixture(params=[True, False], ids=["in process", "forked"])
def run(request: pytest.FixtureRequest, run_tasks: Callable[..., list[Task]]) -> Callable[..., list[Task]]:
    return lambda *tasks, **options: run_tasks(list(tasks), in_process=request.param, **options)


@pytest.fixture
def helm(sandbox: dict[str, Any]) -> Callable[..., str]:
    def call(*words: str) -> str:
        command = [str(Path(sandbox["bin"]) / "helm"), *words, "--kubeconfig", sandbox["kubeconfigs"]["prod"]]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    return call


@pytest.fixture
def chart(tmp_path: Path, sandbox: dict[str, Any]) -> Path:
    """A chart with a ConfigMap and a Deployment."""
    folder = tmp_path / "greeter"
    (folder / "templates").mkdir(parents=True)
    write_version(folder, "1.0.0")
    values = {"greeting": "hello", "image": sandbox["images"]["busybox"], "auth": {"password": ""}}
    (folder / "values.yaml").write_text(yaml.safe_dump(values))
    (folder / "templates/config.yaml").write_text(CONFIG)
    (folder / "templates/web.yaml").write_text(DEPLOYMENT)
    return folder


def write_version(folder: Path, version: str) -> None:
    (folder / "Chart.yaml").write_text(
        yaml.safe_dump({"apiVersion": "v2", "name": "greeter", "version": version, "appVersion": "9"})
    )


@pytest.fixture
def release(sandbox: dict[str, Any], namespace: str, chart: Path) -> Callable[..., Task]:
    def task(**options: Any) -> Task:
        return {
            "mlops.ack.helm_release": {
                "kubeconfig": sandbox["kubeconfigs"]["prod"],
                "helm_binary": str(Path(sandbox["bin"]) / "helm"),
                "name": "greeter",
                "namespace": namespace,
                "wait_timeout": 90,
                **({} if options.get("state") == "absent" else {"chart": str(chart)}),
                **options,
            }
        }

    return task


@pytest.fixture
def info(sandbox: dict[str, Any], namespace: str) -> Task:
    options = {"kubeconfig": sandbox["kubeconfigs"]["prod"], "name": "greeter", "namespace": namespace}
    return {"mlops.ack.helm_release_info": options}


def test_a_release_is_installed_kept_changed_and_removed(run, release, info, chart, helm, namespace):
    values = {"greeting": "hi", "auth": {"password": "hunter2-hunter2"}}
    [predicted] = run(release(values=values), check=True)
    assert helm("list", "-q", "-n", namespace) == ""
    made, again, known = run(release(values=values), release(values=values), info)
    assert predicted["diff"] == made["diff"] and predicted["changed"] and made["changed"]
    assert {**predicted["release"], "updated": made["release"]["updated"]} == made["release"]
    assert made["release"]["revision"] == 1 and made["release"]["status"] == "deployed"
    assert not again["changed"] and again["release"] == made["release"]
    assert known["releases"][0]["history"][0]["revision"] == 1
    assert "hunter2" not in str([predicted, made, again, known])

    [predicted] = run(release(values={**values, "greeting": "servus"}), check=True)
    changed, secret, kept = run(
        release(values={**values, "greeting": "servus"}),
        release(values={"greeting": "servus", "auth": {"password": "other-secret"}}),
        release(),
    )
    assert predicted["diff"] == changed["diff"]
    assert changed["diff"] == {"before": {"values.greeting": "hi"}, "after": {"values.greeting": "servus"}}
    assert secret["changed"] and list(secret["diff"]["after"]) == ["values.auth.password"]
    assert not kept["changed"] and kept["release"]["revision"] == 3

    template = chart / "templates/config.yaml"
    template.write_text(template.read_text().replace("one", "two"))
    edited, settled = run(release(), release())
    assert edited["changed"] and list(edited["diff"]["after"]) == ["chart_digest"] and not settled["changed"]
    write_version(chart, "1.1.0")
    [upgraded] = run(release())
    assert upgraded["diff"]["after"]["chart_version"] == "1.1.0"

    [predicted] = run(release(state="absent"), check=True)
    gone, still = run(release(state="absent"), release(state="absent"))
    assert predicted["diff"] == gone["diff"] and gone["changed"] and gone["release"] is None
    assert not still["changed"] and helm("list", "-aq", "-n", namespace) == ""


@pytest.fixture
def pushed(sandbox: dict[str, Any], chart: Path, helm: Callable[..., str], tmp_path: Path) -> Iterator[str]:
    """The chart in the registry, in two versions, deleted afterwards."""
    repository = f"tests/{uuid.uuid4().hex[:12]}"
    for version in ("1.0.0", "1.1.0"):
        write_version(chart, version)
        helm("package", str(chart), "-d", str(tmp_path))
        package = str(tmp_path / f"greeter-{version}.tgz")
        helm("push", package, f"oci://{sandbox['registry']}/{repository}", "--plain-http")
    yield f"oci://{sandbox['registry']}/{repository}/greeter"
    manifests = f"http://{sandbox['registry']}/v2/{repository}/greeter/manifests"
    for version in ("1.0.0", "1.1.0"):
        asked = Request(f"{manifests}/{version}", headers={"Accept": "application/vnd.oci.image.manifest.v1+json"})
        with urlopen(asked) as answer:
            digest = answer.headers["Docker-Content-Digest"]
        urlopen(Request(f"{manifests}/{digest}", method="DELETE")).close()


def test_an_oci_chart_is_pinned_and_not_asked_for_again(run, release, pushed):
    oci = {"chart": pushed, "plain_http": True, "wait": False}
    made, again = run(release(**oci, version="1.0.0"), release(**oci, version="1.0.0", helm_binary="/no/helm"))
    assert made["release"]["chart_version"] == "1.0.0" and made["release"]["app_version"] == "9"
    assert not again["changed"], "nothing differs, so that no helm is needed"
    free, valued, newer = run(
        release(**oci), release(**oci, values={"greeting": "hi"}), release(**oci, version="^1.0.0")
    )
    assert not free["changed"]
    assert valued["changed"] and valued["release"]["chart_version"] == "1.0.0", "changed values do not move the chart"
    assert newer["release"]["chart_version"] == "1.1.0" and newer["release"]["values"] == {"greeting": "hi"}


def test_what_cannot_be_is_said_early_and_undone(run, release, sandbox, helm, namespace, info):
    broken = {"image": f"{sandbox['registry']}/no/such:1"}
    started = time.monotonic()
    failed, nothing = run(release(values=broken, atomic=True), info)
    assert time.monotonic() - started < 60
    assert failed["failure"]["code"] == "ImageNotFound" and failed["failure"]["details"]["undone"] == "uninstalled"
    assert nothing["releases"] == []
    made, failed, known = run(release(), release(values=broken, atomic=True), info)
    assert made["changed"] and failed["failure"]["details"]["undone"] == "rolled back to revision 1"
    assert [line["status"] for line in known["releases"][0]["history"]][-1] == "deployed"
    assert known["releases"][0]["values"] == {}


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        pytest.param({"chart": "/no/such/chart"}, "ChartNotFound", "/no/such/chart", id="a folder that is not there"),
        pytest.param({"chart": "oci://{registry}/no/chart", "plain_http": True}, "ChartNotFound", "no/chart", id="oci"),
        pytest.param(
            {"chart": "x", "repo_url": "http://127.0.0.1:9"}, "ChartUnreachable", "127.0.0.1:9", id="dead repository"
        ),
        pytest.param({"helm_binary": "/no/helm"}, "MissingProgram", "/no/helm", id="no helm"),
        pytest.param({"namespace": "t-is-not-there"}, "NamespaceMissing", "create_namespace", id="no namespace"),
        pytest.param({"values_files": ["/no/values.yml"]}, "InvalidValues", "/no/values.yml", id="no values file"),
        pytest.param({"version": "2.0.0"}, "ChartVersion", "1.0.0", id="another version lies there"),
    ],
)
def test_failures_say_what_to_do(run_tasks, release, sandbox, options, code, told):
    options = {key: value.format(**sandbox) if isinstance(value, str) else value for key, value in options.items()}
    [failed] = run_tasks([release(**options)])
    assert failed["failure"]["code"] == code, failed["msg"]
    assert told in failed["msg"]


@pytest.fixture
def interrupt(sandbox: dict[str, Any], namespace: str) -> Callable[[int, str], None]:
    """Makes a revision look as a killed helm leaves it."""

    def mark(revision: int, status: str) -> None:
        kubectl = [str(Path(sandbox["bin"]) / "kubectl"), "--kubeconfig", sandbox["kubeconfigs"]["prod"]]
        secret = f"sh.helm.release.v1.greeter.v{revision}"
        words = [*kubectl, "-n", namespace, "get", "secret", secret, "-o", "json"]
        found = json.loads(subprocess.run(words, capture_output=True, check=True).stdout)
        record = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(found["data"]["release"]))))
        record["info"]["status"] = status
        packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(record).encode()))).decode()
        found["data"]["release"], found["metadata"]["labels"]["status"] = packed, status
        subprocess.run(
            [*kubectl, "replace", "-f", "-"], input=json.dumps(found).encode(), capture_output=True, check=True
        )

    return mark


def test_an_interrupted_operation_is_recovered_as_asked(run_tasks, release, interrupt):
    run_tasks([release()])
    interrupt(1, "pending-install")
    refused, fresh = run_tasks([release(), release(recover="rollback")])
    assert refused["failure"]["code"] == "ReleasePending" and "recover" in refused["msg"]
    assert fresh["changed"] and fresh["release"]["revision"] == 1, "there was nothing to roll back to"
    run_tasks([release(values={"greeting": "hi"})])
    interrupt(2, "failed")
    interrupt(1, "superseded")
    [refused] = run_tasks([release(recover="none", values={"greeting": "hi"})])
    assert refused["failure"]["code"] == "ReleaseFailed"
    [predicted] = run_tasks([release(recover="rollback")], check=True)
    [back] = run_tasks([release(recover="rollback")])
    assert predicted["release"]["revision"] == back["release"]["revision"] == 3
    assert predicted["diff"] == back["diff"]
    interrupt(3, "failed")
    over, settled = run_tasks([release(values={"greeting": "hi"}), release(values={"greeting": "hi"})])
    assert over["changed"] and over["release"]["status"] == "deployed" and not settled["changed"]


def test_back_to_a_revision_by_its_number(run, release, info):
    run(release(wait=False), release(wait=False, values={"greeting": "hi"}))
    to_one = release(wait=False, revision=1)
    del to_one["mlops.ack.helm_release"]["chart"]
    [predicted] = run(to_one, check=True)
    back, again, known = run(to_one, to_one, info)
    assert back["changed"] and not again["changed"]
    assert back["diff"] == predicted["diff"] and back["diff"]["before"] == {"values.greeting": "hi"}
    assert back["release"]["revision"] == 3 and back["release"]["values"] == {}
    assert known["releases"][0]["history"][-1]["description"] == "Rollback to 1"
    to_one["mlops.ack.helm_release"]["revision"] = 7
    [refused] = run(to_one)
    assert refused["failure"]["code"] == "RevisionNotFound" and "1, 2, 3" in refused["msg"]


@pytest.fixture
def repository(chart: Path, helm: Callable[..., str], tmp_path: Path) -> Iterator[str]:
    """A chart repository (index.yaml and packages behind HTTP) with two versions."""
    folder = tmp_path / "repository"
    for version in ("1.0.0", "1.1.0"):
        write_version(chart, version)
        helm("package", str(chart), "-d", str(folder))
    helm("repo", "index", str(folder))
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_chart_of_a_repository(run, release, repository):
    chart = {"chart": "greeter", "repo_url": repository, "wait": False}
    made, again, newer, none = run(
        release(**chart, version="1.0.0"),
        release(**chart, helm_binary="/no/helm"),
        release(**chart, version="^1.0.0"),
        release(**chart, version="3.0.0"),
    )
    assert made["release"]["chart_version"] == "1.0.0" and not again["changed"]
    assert newer["release"]["chart_version"] == "1.1.0"
    assert none["failure"]["code"] == "ChartNotFound", none["msg"]


PASSWORD = "correct-horse-battery"
HASHED = "$2b$04$AsATUTAy5OKDxgtA4fJtcODlwc7tgj22YA1l/Zmq2/DMJqugaZYfK"  # bcrypt


@pytest.fixture
def private(chart: Path, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A registry that asks for a password, and where it keeps its files."""
    folder = tmp_path / "private"
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    (folder / "htpasswd").write_text(f"robot:{HASHED}\n")
    settings = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": address, "secret": "x"},
        "auth": {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}},
    }
    (folder / "config.yml").write_text(yaml.safe_dump(settings))
    registry = subprocess.Popen(
        ["docker-registry", "serve", str(folder / "config.yml")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _attempt in range(100):
            with contextlib.suppress(OSError), socket.create_connection(address.split(":"), 1):
                break
            time.sleep(0.1)
        yield address, folder
    finally:
        registry.terminate()
        registry.wait(10)


def test_a_private_registry_is_asked_with_a_password_that_nobody_sees(run, release, private, chart, helm, tmp_path):
    address, folder = private
    config = folder / "login.json"
    config.write_text(
        json.dumps({"auths": {address: {"auth": base64.b64encode(f"robot:{PASSWORD}".encode()).decode()}}})
    )
    helm("package", str(chart), "-d", str(tmp_path))
    package = str(tmp_path / "greeter-1.0.0.tgz")
    helm("push", package, f"oci://{address}/charts", "--plain-http", "--registry-config", str(config))
    oci = {"chart": f"oci://{address}/charts/greeter", "version": "1.0.0", "plain_http": True, "wait": False}
    words = folder / "words"
    spy = folder / "helm"
    spy.write_text(f'#!/bin/sh\necho "$@" >> {words}\nexec {release()["mlops.ack.helm_release"]["helm_binary"]} "$@"\n')
    spy.chmod(0o755)
    login = {"registry_username": "robot", "helm_binary": str(spy)}
    closed, wrong, made, elsewhere = run(
        release(**oci),
        release(**oci, **login, registry_password="wrong-password"),
        release(**oci, **login, registry_password=PASSWORD),
        release(**login, registry_password=PASSWORD),
    )
    assert closed["failure"]["code"] == wrong["failure"]["code"] == "ChartForbidden", closed["msg"] + wrong["msg"]
    assert "registry_password" in closed["msg"]
    assert made["release"]["chart_version"] == "1.0.0"
    assert elsewhere["failure"]["code"] == "InvalidOption"
    assert PASSWORD not in words.read_text() + made["_output"] + json.dumps(made)
