"""A registry in memory over HTTP, with the ways of real ones as knobs; and a finished run in a store."""

from __future__ import annotations

import hashlib
import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ansible_collections.mlops.ack.plugins.module_utils._oss.digest import File, manifest
from ansible_collections.mlops.ack.plugins.module_utils._oss.records import write_once
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import Store

LAYER = b"a base layer"
USER, PASSWORD, TOKEN = "ci", "sesame-open", "a-token-of-the-registry"


def sha(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class FakeRegistry:
    """auth: none | basic | bearer. fail: how many next requests answer 503. requests: (method, path)."""

    def __init__(self) -> None:
        self.blobs: dict[str, dict[str, bytes]] = {}
        self.manifests: dict[str, dict[str, bytes]] = {}
        self.auth, self.fail, self.can_mount, self.redirects, self.alters = "none", 0, True, False, False
        self.requests: list[tuple[str, str]] = []
        self.seen_by_storage: list[str | None] = []
        self.port = 0

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def writes(self) -> int:
        return sum(method in ("PUT", "POST", "PATCH", "DELETE") for method, _path in self.requests)

    def add_base(self, repository: str = "library/busybox", tag: str = "1", layer: bytes = LAYER) -> str:
        """A base image of one layer; returns its digest."""
        config = json.dumps(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Cmd": ["sh"]},
                "rootfs": {"type": "layers", "diff_ids": [sha(layer)]},
            }
        ).encode()
        self.blobs.setdefault(repository, {}).update({sha(layer): layer, sha(config): config})
        document = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
                "config": {"digest": sha(config), "size": len(config)},
                "layers": [
                    {
                        "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                        "digest": sha(layer),
                        "size": len(layer),
                    }
                ],
            }
        ).encode()
        self.manifests.setdefault(repository, {}).update({tag: document, sha(document): document})
        return sha(document)

    def add_index(self, repository: str, tag: str, digest: str) -> None:
        platforms = [("linux", "arm64", "sha256:" + "0" * 64), ("linux", "amd64", digest)]
        document = json.dumps(
            {
                "schemaVersion": 2,
                "manifests": [
                    {"digest": each, "platform": {"os": system, "architecture": machine}}
                    for system, machine, each in platforms
                ],
            }
        ).encode()
        self.manifests[repository][tag] = document


@contextmanager
def serving() -> Iterator[FakeRegistry]:
    registry = FakeRegistry()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_args: Any) -> None:
            pass

        def answer(self, status: int, data: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            registry.requests.append((self.command, self.path))
            place = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(place.query).items()}
            given = self.headers.get("Authorization")
            basic = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            if registry.fail:
                registry.fail -= 1
                return self.answer(503, b"busy")
            if place.path == "/token":
                ok = given == basic and query.get("service") == "fake"
                return self.answer(200 if ok else 401, json.dumps({"token": TOKEN}).encode())
            if place.path.startswith("/storage/"):
                registry.seen_by_storage.append(given)
                _storage, repository, digest = place.path.strip("/").split("/", 1)[0], *place.path[9:].rsplit("/", 1)
                return self.answer(200, registry.blobs[repository][digest])
            if registry.auth == "basic" and given != basic:
                return self.refuse("UNAUTHORIZED", 401, 'Basic realm="fake"')
            if registry.auth == "bearer" and given != f"Bearer {TOKEN}":
                realm = f'Bearer realm="http://{registry.host}/token",service="fake"'
                return self.refuse("UNAUTHORIZED", 401, realm)
            return self.route(place.path.removeprefix("/v2/"), query, body)

        do_GET = do_HEAD = do_PUT = do_POST = handle_any

        def refuse(self, code: str, status: int, challenge: str = "") -> None:
            data = json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode()
            self.answer(status, data, **({"WWW_Authenticate": challenge} if challenge else {}))

        def route(self, path: str, query: dict[str, str], body: bytes) -> None:
            if "/blobs/uploads/" in path:
                repository = path.split("/blobs/uploads/")[0]
                if self.command == "POST":
                    source = registry.blobs.get(query.get("from", ""), {})
                    if registry.can_mount and query.get("mount") in source:
                        registry.blobs.setdefault(repository, {})[query["mount"]] = source[query["mount"]]
                        return self.answer(201)
                    return self.answer(202, Location=f"/v2/{repository}/blobs/uploads/1?state=x")
                if sha(body) != query["digest"]:
                    return self.refuse("DIGEST_INVALID", 400)
                registry.blobs.setdefault(repository, {})[query["digest"]] = body
                return self.answer(201)
            kind = "/manifests/" if "/manifests/" in path else "/blobs/"
            repository, name = path.split(kind)
            shelf = registry.manifests if kind == "/manifests/" else registry.blobs
            if self.command == "PUT":
                needed = json.loads(body)
                blobs = [needed["config"]["digest"], *(each["digest"] for each in needed["layers"])]
                if not all(each in registry.blobs.get(repository, {}) for each in blobs):
                    return self.refuse("MANIFEST_BLOB_UNKNOWN", 400)
                shelf.setdefault(repository, {}).update({name: body, sha(body): body})
                return self.answer(201, Docker_Content_Digest=sha(body))
            data = shelf.get(repository, {}).get(name)
            if data is None:
                return self.refuse("NAME_UNKNOWN", 404)
            if kind == "/blobs/" and registry.redirects and self.command == "GET":
                return self.answer(307, Location=f"http://localhost:{registry.port}/storage/{repository}/{name}")
            if registry.alters and self.command == "GET":
                return self.answer(200, data + b" ")
            return self.answer(200, data, Docker_Content_Digest=sha(data))

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_args: Any) -> None:
            """A client that speaks TLS to us is what a test wants."""

    server = Server(("127.0.0.1", 0), Handler)
    registry.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()


def finished_run(
    store: Store,
    run_id: str,
    content: bytes = b"weights",
    *,
    files: dict[str, bytes] | None = None,
    golden: dict[str, Any] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """The objects and the record of a training run."""
    model = files or {"1/saved_model.pb": content, "1/variables/variables.index": b"index"}
    output = {f"model/{path}": data for path, data in model.items()}
    if golden is not None:
        output["golden.json"] = json.dumps(golden).encode()
    for path, data in output.items():
        store.put(f"runs/{run_id}/output/{path}", data, overwrite=True)

    def listed(found: dict[str, bytes]) -> dict[str, Any]:
        return manifest(File(path, len(data), hashlib.sha256(data).hexdigest()) for path, data in found.items())

    record = {
        "schema": "mlops.ack/run/v1",
        "run_id": run_id,
        "model_name": "digits",
        "finished": "2026-11-22T10:00:00Z",
        "job": {"name": run_id, "image": "r.test/train@sha256:" + "1" * 64},
        "dataset": {"name": "digits", "digest": "sha256:" + "2" * 64},
        "output": listed(output),
        "model": listed(model),
        "evaluation": {"digest": "sha256:" + "3" * 64, "metrics": {"accuracy": 0.97}},
        **changes,
    }
    write_once(store, f"runs/{run_id}/run.json", record)
    return record
