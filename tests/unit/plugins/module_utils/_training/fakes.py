# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A cluster in a dict that really runs transfer jobs, and a bucket behind HTTP for them."""

from __future__ import annotations

import copy
import hashlib
import subprocess
import sys
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._kube.kinds import Ref, kind_of
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import Item
from ansible_collections.mlops.ack.plugins.module_utils._oss.sync import Remote
from ansible_collections.mlops.ack.plugins.module_utils._training import jobs
from tests.unit.plugins.module_utils._kube.fake_cluster import FakeCluster

Object = dict[str, Any]

PVC = {"persistentVolumeClaim": {"claimName": "training"}}
CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "training", "namespace": "ml", "uid": "claim-1"},
}
PLACE = jobs.Place("ml", "python:3", PVC)


class TransferCluster(FakeCluster):
    """Jobs run when they are resumed: the program itself, with `volume` in place of the mount point."""

    def __init__(self, volume: Path, *objects: Object, **options: Any) -> None:
        super().__init__(*objects, **options)
        self.volume = volume
        self.manifests: list[Object] = []
        self.pod_status: Object | None = None  # of the next pod, in place of running it
        self._number = 0

    def create(self, ref: Ref, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Object:
        if ref in self.objects:
            raise Failure("Conflict", f"{ref} already exists.")
        self._number += 1
        made = copy.deepcopy(dict(manifest))
        made["metadata"]["uid"] = f"uid-{self._number}"
        self.objects[ref] = made
        self.manifests.append(copy.deepcopy(made))
        self.writes.append(f"create {ref}")
        return copy.deepcopy(made)

    def merge(self, ref: Ref, patch: Mapping[str, Any]) -> Object:
        self.writes.append(f"merge {ref}")
        _merge(self.objects[ref], patch)
        if ref.kind.kind == "Job" and patch.get("spec") == {"suspend": False}:
            self._run(ref)
        return copy.deepcopy(self.objects[ref])

    def delete(self, ref: Ref, *, propagation: str = "Background", grace_s: int | None = None) -> None:
        super().delete(ref)
        gone = [each for each, item in self.objects.items() if _is_owned(item, ref)]
        for each in gone:
            del self.objects[each]

    def left(self) -> list[str]:
        """What there is of jobs, pods and secrets."""
        return [str(ref) for ref in self.objects if ref.kind.kind in ("Job", "Pod", "Secret")]

    def _run(self, ref: Ref) -> None:
        name = f"{ref.name}-x7k2p"
        pod: Object = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "namespace": ref.namespace,
                "labels": {"batch.kubernetes.io/job-name": ref.name},
                "owner": ref.name,
            },
        }
        self.objects[Ref(kind_of("v1", "Pod"), ref.namespace, name)] = pod
        if self.pod_status is not None:
            pod["status"] = self.pod_status
            return
        container = self.objects[ref]["spec"]["template"]["spec"]["containers"][0]
        requests = self.volume.parent / "requests"
        requests.mkdir(exist_ok=True)
        for secret, item in self.objects.items():
            if secret.kind.kind == "Secret":
                for key, data in item["data"].items():
                    (requests / key).write_bytes(b64decode(data))
        _python, *arguments = container["command"]
        places = {jobs.REQUESTS: str(requests)}
        arguments = [places.get(word, word.replace(f"{jobs.MOUNT}/", f"{self.volume}/")) for word in arguments]
        done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
        assert not done.stderr, done.stderr
        self.log[name] = done.stdout
        kind, phase = ("Failed", "Failed") if done.returncode else ("Complete", "Succeeded")
        ended = {"exitCode": done.returncode, "reason": "Error" if done.returncode else "Completed"}
        pod["status"] = {
            "phase": phase,
            "containerStatuses": [{"name": "transfer", "image": container["image"], "state": {"terminated": ended}}],
        }
        self.objects[ref]["status"] = {"conditions": [{"type": kind, "status": "True"}]}


def _is_owned(item: Object, ref: Ref) -> bool:
    owners = item["metadata"].get("ownerReferences") or []
    return item["metadata"].get("owner") == ref.name or any(owner["name"] == ref.name for owner in owners)


def _merge(old: Object, patch: Mapping[str, Any]) -> None:
    for key, value in patch.items():
        if isinstance(value, Mapping):
            _merge(old.setdefault(key, {}), value)
        else:
            old[key] = value


class Bucket:
    """Objects behind HTTP. `broken` may answer a request in place of the bucket: (method, key) -> status or None."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.broken: Callable[[str, str], int | None] = lambda method, key: None
        self.endpoint = ""

    def url(self, key: str) -> str:
        return f"{self.endpoint}/{key}?signature=secret"


@contextmanager
def serve() -> Iterator[Bucket]:
    bucket = Bucket()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if (key := self._key()) is None:
                return
            data = bucket.objects.get(key)
            if data is None:
                self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            else:
                self._answer(200, data)

        def do_PUT(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            assert "Content-Type" not in self.headers  # a signature does not know it
            if (key := self._key()) is None:
                return
            bucket.objects[key] = data
            self._answer(200, b"", ETag=f'"{hashlib.md5(data).hexdigest().upper()}"')

        def _key(self) -> str | None:
            key = self.path.partition("?")[0].lstrip("/")
            bucket.requests.append(f"{self.command} {key}")
            if status := bucket.broken(self.command, key):
                self._answer(status, b"<Error><Code>Broken</Code></Error>")
                return None
            return key

        def _answer(self, status: int, data: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    bucket.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield bucket
    finally:
        server.shutdown()
        server.server_close()


class BucketStore:
    """`Store` over a Bucket; counts its writes."""

    name = "oss://ml-example/mlops"

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self.writes: list[str] = []

    def get(self, key: str) -> bytes | None:
        return self._bucket.objects.get(f"mlops/{key}")

    def put(self, key: str, data: bytes, *, overwrite: bool = False) -> bool:
        if f"mlops/{key}" in self._bucket.objects and not overwrite:
            return False
        self.writes.append(key)
        self._bucket.objects[f"mlops/{key}"] = data
        return True

    def list(self, prefix: str) -> list[Item]:
        return [
            Item(key.removeprefix("mlops/"), len(data), hashlib.md5(data).hexdigest().upper())
            for key, data in sorted(self._bucket.objects.items())
            if key.startswith(f"mlops/{prefix}")
        ]

    def download(self, key: str, path: Path) -> None:
        path.write_bytes(self._bucket.objects[f"mlops/{key}"])

    def upload(self, key: str, path: Path) -> None:
        self._bucket.objects[f"mlops/{key}"] = path.read_bytes()

    def delete(self, key: str) -> None:
        self._bucket.objects.pop(f"mlops/{key}", None)

    def url(self, key: str, method: str, expires_s: int, endpoint: str | None = None) -> str:
        return self._bucket.url(f"mlops/{key}")


class BucketSource:
    """`dataset.Source` over a Bucket, below data/. `noted` are digests that somebody noted, right or wrong."""

    name = "oss://ml-example/data"

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self.noted: dict[str, str] = {}
        self.downloads: list[str] = []

    def list(self) -> dict[str, Remote]:
        return {
            key.removeprefix("data/"): Remote(len(data), hashlib.md5(data).hexdigest().upper())
            for key, data in self._bucket.objects.items()
            if key.startswith("data/")
        }

    def sha256(self, path: str) -> str | None:
        return self.noted.get(path)

    def download(self, path: str, place: Path) -> None:
        self.downloads.append(path)
        place.write_bytes(self._bucket.objects[f"data/{path}"])

    def url(self, path: str, expires_s: int) -> str:
        return self._bucket.url(f"data/{path}")
