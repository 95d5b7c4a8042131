"""model_version against a real registry of its own, and the OSS of the sandbox."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._oss.digest import File, manifest
from ansible_collections.mlops.ack.plugins.module_utils._oss.records import write_once
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import Store, open_store
from ansible_collections.mlops.ack.plugins.module_utils._registry.client import Login, Registry
from ansible_collections.mlops.ack.plugins.module_utils._registry.image import CONFIG, LAYER, MANIFEST

from .conftest import RunTasks

pytestmark = pytest.mark.sandbox
MODEL = {"1/saved_model.pb": b"graph" * 1000, "1/variables/variables.index": b"index"}


@pytest.fixture
def bucket(sandbox: dict[str, Any], run_tasks: RunTasks) -> Iterator[str]:
    name = f"t-{uuid.uuid4().hex[:12]}"
    run_tasks([{"mlops.ack.oss_bucket": {**sandbox["oss"], "name": name}}])
    yield name
    store = opened(sandbox, name, "")
    for item in store.list(""):
        store.delete(item.key)
    run_tasks([{"mlops.ack.oss_bucket": {**sandbox["oss"], "name": name, "state": "absent"}}])


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """A real registry of its own, with a base image; what is pushed there goes with the folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    storage = {"filesystem": {"rootdirectory": str(tmp_path / "registry")}, "delete": {"enabled": True}}
    config = tmp_path / "registry.yml"
    config.write_text(yaml.safe_dump({"version": 0.1, "storage": storage, "http": {"addr": host, "secret": "x"}}))
    process = subprocess.Popen(
        ["docker-registry", "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        api = Registry(host, Login(insecure=True), Context(), Deadline(30), 5)
        layer, config_blob = b"a layer", json.dumps({"os": "linux", "rootfs": {"diff_ids": [sha(b"a layer")]}}).encode()
        for blob in (layer, config_blob):
            api.put_blob("base", sha(blob), blob)
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": sha(config_blob), "size": len(config_blob)},
            "layers": [{"mediaType": LAYER, "digest": sha(layer), "size": len(layer)}],
        }
        api.put_manifest("base", "1", json.dumps(document).encode())
        yield host
    finally:
        process.terminate()
        process.wait(10)


def sha(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def opened(sandbox: dict[str, Any], bucket: str, prefix: str) -> Store:
    options = {**sandbox["oss"], "security_token": None, "store": {"bucket": bucket, "prefix": prefix}}
    return open_store(options, Context())


def ask(host: str, method: str, path: str) -> str:
    """The digest that the registry answers with; empty where there is none."""
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request(method, path, headers={"Accept": "application/vnd.oci.image.manifest.v1+json"})
    answer = connection.getresponse()
    answer.read()
    return answer.getheader("Docker-Content-Digest") or "" if answer.status < 300 else ""


def finished_run(store: Store, run_id: str, model: dict[str, bytes]) -> None:
    for path, data in model.items():
        store.put(f"runs/{run_id}/output/model/{path}", data)
    files = manifest(File(path, len(data), hashlib.sha256(data).hexdigest()) for path, data in model.items())
    record = {"schema": "mlops.ack/run/v1", "run_id": run_id, "model": files, "finished": "2026-11-22T10:00:00Z"}
    write_once(store, f"runs/{run_id}/run.json", record)


@pytest.mark.parametrize("in_process", [True, False], ids=["in process", "forked"])
def test_a_run_in_a_bucket_becomes_an_image_in_a_registry(
    sandbox: dict[str, Any], run_tasks: RunTasks, bucket: str, registry: str, in_process: bool
) -> None:
    place = {**sandbox["oss"], "store": {"bucket": bucket}}
    finished_run(opened(sandbox, bucket, "mlops"), "r1", MODEL)
    options = {
        **place,
        "name": "digits",
        "run_id": "r1",
        "imageRepo": f"{registry}/models/digits",
        "base_image": f"{registry}/base:1",
        "registry": {"insecure": True},
    }
    predicted = run_tasks([{"mlops.ack.model_version": options}], in_process=in_process, check=True)[0]
    tag = "/v2/models/digits/manifests/v1"
    assert ask(registry, "HEAD", tag) == ""
    first, second, info, wrong = run_tasks(
        [
            {"mlops.ack.model_version": options},
            {"mlops.ack.model_version": options},
            {"mlops.ack.model_version_info": {**place, "name": "digits"}},
            {"mlops.ack.model_version": {**options, "run_id": "r2"}},
        ],
        in_process=in_process,
    )
    assert not first.get("failed"), first.get("msg")
    assert (predicted["changed"], first["changed"], second["changed"]) == (True, True, False)
    version = first["model_version"]
    assert {**predicted["model_version"], "created": ""} == {**version, "created": ""}
    assert second["model_version"] == version
    assert version["reference"] == "digits-v1"
    assert version["image"] == f"{registry}/models/digits@{ask(registry, 'HEAD', tag)}"
    assert [(each["reference"], each["state"]) for each in info["versions"]] == [("digits-v1", "candidate")]
    assert wrong["failure"]["code"] == "UnknownRun"

    ask(registry, "DELETE", f"/v2/models/digits/manifests/{version['image'].rpartition('@')[2]}")
    assert ask(registry, "HEAD", tag) == ""
    again = run_tasks([{"mlops.ack.model_version": options}], in_process=in_process)[0]
    assert (again["changed"], again["model_version"]) == (True, version)


def test_the_password_of_a_registry_is_never_shown(
    sandbox: dict[str, Any], run_tasks: RunTasks, tmp_path: Path
) -> None:
    secret = f"pw-{uuid.uuid4().hex}"
    options = {
        "store": {"path": str(tmp_path)},
        "name": "digits",
        "run_id": "r1",
        "image_repo": f"{sandbox['registry']}/tests/none",
        "base_image": "127.0.0.1:9/none:1",
        "registry": {"username": "ci", "password": secret, "insecure": True},
    }
    for in_process in (True, False):
        found = run_tasks([{"mlops.ack.model_version": options}], in_process=in_process)[0]
        assert found["failed"]
        assert secret not in str(found)
