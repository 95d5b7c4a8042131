"""A registry that holds dicts: the calls of the OCI distribution specification that pushing needs."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class FakeRegistry:
    def __init__(self) -> None:
        self.blobs: set[tuple[str, str]] = set()  # (repository, digest)
        self.manifests: dict[str, bytes] = {}  # "repository:tag"
        self.writes: list[str] = []
        self.mounts = True

    @contextmanager
    def serving(self) -> Iterator[str]:
        registry = self

        class Handler(_Handler):
            state = registry

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: FakeRegistry

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        repository, kind, name = self._place()
        if kind == "blobs":
            self._answer(200 if (repository, name) in self.state.blobs else 404)
        elif found := self.state.manifests.get(f"{repository}:{name}"):
            self._answer(200, {"Docker-Content-Digest": _digest(found)})
        else:
            self._answer(404)

    def do_POST(self) -> None:
        repository, _kind, _name = self._place()
        query = parse_qs(urlsplit(self.path).query)
        if "mount" in query and self.state.mounts and (query["from"][0], query["mount"][0]) in self.state.blobs:
            self.state.blobs.add((repository, query["mount"][0]))
            self.state.writes.append(f"mount {repository}")
            self._answer(201)
        else:
            self._answer(202, {"Location": f"http://{self.headers['Host']}/v2/{repository}/blobs/uploads/1?state=x"})

    def do_DELETE(self) -> None:
        self._answer(204)

    def do_PUT(self) -> None:
        repository, kind, name = self._place()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if repository == "refused":
            self._answer(400, body=b"no such name")
        elif kind == "manifests":
            self.state.manifests[f"{repository}:{name}"] = body
            self.state.writes.append(f"manifest {repository}")
            self._answer(201)
        else:
            (digest,) = parse_qs(urlsplit(self.path).query)["digest"]
            assert digest == _digest(body)
            self.state.blobs.add((repository, digest))
            self.state.writes.append(f"blob {repository}")
            self._answer(201)

    def _place(self) -> tuple[str, str, str]:
        path = urlsplit(self.path).path.removeprefix("/v2/")
        kind = "blobs" if "/blobs/" in path else "manifests"
        repository, _kind, name = path.partition(f"/{kind}/")
        return repository, kind, name

    def _answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
