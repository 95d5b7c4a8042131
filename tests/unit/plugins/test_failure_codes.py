"""Failures too rare to have a test where they belong: each is reached, with its documented code."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.credentials import credentials
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._gate.subject import resolve
from ansible_collections.mlops.ack.plugins.module_utils._helm import records
from ansible_collections.mlops.ack.plugins.module_utils._kube.apply import plan_objects
from ansible_collections.mlops.ack.plugins.module_utils._kube.client import KubeClient, connect
from ansible_collections.mlops.ack.plugins.module_utils._kube.kinds import Ref, kind_of
from ansible_collections.mlops.ack.plugins.module_utils._kube.objects import parse
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import open_store
from ansible_collections.mlops.ack.plugins.module_utils._registry.client import Login, Registry
from ansible_collections.mlops.ack.plugins.module_utils._registry.source import golden_of
from ansible_collections.mlops.ack.plugins.module_utils._training import transfer

PODS = Ref(kind_of("v1", "ConfigMap"), "t", "one")


class Server:
    """Gives every request one answer."""

    status, body = 200, "{}"

    def __init__(self) -> None:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(server.status)
                self.send_header("Content-Length", str(len(server.body)))
                self.end_headers()
                self.wfile.write(server.body.encode() if self.command != "HEAD" else b"")

            do_HEAD = do_POST = do_PATCH = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                """Silent."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def says(self, status: int, body: str) -> None:
        self.status, self.body = status, body


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.http.shutdown()
    found.http.server_close()


@pytest.fixture
def context() -> Context:
    """Whose patience costs no time."""
    return Context(sleep=lambda seconds: None)


@pytest.fixture
def cluster(server: Server, context: Context, tmp_path: Path) -> KubeClient:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "clusters": [{"name": "a", "cluster": {"server": f"http://{server.host}"}}],
        "users": [{"name": "a", "user": {}}],
    }
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    return connect({"kubeconfig": str(tmp_path / "config")}, context)


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        pytest.param(400, "no such field", "BadRequest", id="400"),
        pytest.param(429, "too many", "Throttled", id="429"),
        pytest.param(500, "etcd is gone", "ServerError", id="500"),
        pytest.param(
            403, "unable to create: because it is being terminated", "NamespaceTerminating", id="a namespace that goes"
        ),
    ],
)
def test_the_cluster_refuses(server: Server, cluster: KubeClient, status: int, message: str, code: str) -> None:
    server.says(status, json.dumps({"message": message}))
    with pytest.raises(Failure, match=message) as failed:
        cluster.get(PODS)
    assert failed.value.code == code


@pytest.mark.parametrize(("status", "code"), [(403, "RegistryDenied"), (418, "RegistryError"), (404, "MissingBlob")])
def test_the_registry_refuses(server: Server, context: Context, status: int, code: str) -> None:
    server.says(status, "{}")
    with pytest.raises(Failure) as failed:
        Registry(server.host, Login(insecure=True), context, Deadline(30), 5).blob("a/b", "sha256:" + "0" * 64)
    assert failed.value.code == code


def test_a_kubeconfig_that_is_none(context: Context, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("just text")
    with pytest.raises(Failure) as failed:
        connect({"kubeconfig": str(tmp_path / "config")}, context)
    assert failed.value.code == "InvalidKubeconfig"


def test_credentials_that_are_nowhere(context: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN", "CREDENTIALS_FILE", "CONFIG_FILE"):
        monkeypatch.delenv(f"ALIBABA_CLOUD_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")
    with pytest.raises(Failure) as failed:
        credentials({"access_key_id": None, "access_key_secret": None, "security_token": None}, context)
    assert failed.value.code == "MissingCredentials"


def test_manifests_that_are_none_or_there_twice(cluster: KubeClient) -> None:
    with pytest.raises(Failure) as none:
        parse("a: [")
    one = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}}
    with pytest.raises(Failure) as twice:
        plan_objects(cluster, [one, one], "t")
    assert (none.value.code, twice.value.code) == ("InvalidManifest", "DuplicateManifest")


def test_a_record_of_helm_that_is_damaged() -> None:
    class Damaged:
        def get(self, ref: Ref) -> dict[str, Any]:
            return {"data": {"release": "bm8="}}

    entry = records.Entry("greeter", "t", 1, "deployed", "sh.helm.release.v1.greeter.v1")
    with pytest.raises(Failure) as failed:
        records.read(Damaged(), entry)  # type: ignore[arg-type]
    assert failed.value.code == "UnreadableRelease"


def test_a_golden_that_is_none(context: Context, tmp_path: Path) -> None:
    store = open_store({"store": {"path": str(tmp_path)}}, context)
    store.put("runs/r/output/golden.json", b"{}")
    listed = {"path": "golden.json", "sha256": hashlib.sha256(b"{}").hexdigest()}
    with pytest.raises(Failure) as failed:
        golden_of(store, {"run_id": "r", "output": {"files": [listed]}})
    assert failed.value.code == "InvalidGolden"


def test_a_digest_that_nobody_knows() -> None:
    with pytest.raises(Failure) as failed:
        resolve("sha256:123456", [])
    assert failed.value.code == "UnknownSubject"


def test_a_file_too_large_for_one_upload(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"")
    with pytest.raises(transfer.Broken) as failed:
        transfer.send_one(tmp_path, {"path": "big", "size": transfer.LARGEST_PUT + 1}, transfer.Count([]))
    assert failed.value.code == "FileTooLarge"


def test_a_volume_that_cannot_be_written() -> None:
    def refuse() -> None:
        raise PermissionError(13, "Permission denied")

    with pytest.raises(transfer.Broken) as failed:
        transfer.again(refuse, {"key": "a", "url": "http://127.0.0.1:9/a"})
    assert failed.value.code == "NotWritable"
