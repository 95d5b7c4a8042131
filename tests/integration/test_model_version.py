"""model_version against a real registry of its own, and the OSS of the sandbox."""

from __future__ import annotations

import http.client
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import Store, open_store

from .conftest import RunTasks
from .registry import finished_run, own_registry

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
    """What is pushed there goes with the folder."""
    with own_registry(tmp_path / "registry", tmp_path / "registry.yml") as host:
        yield host


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
