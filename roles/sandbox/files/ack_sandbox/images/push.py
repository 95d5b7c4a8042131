# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pushes images and charts to a registry over plain HTTP (OCI distribution specification 1.1), straight from disk."""

from __future__ import annotations

import http.client
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self
from urllib.parse import urlsplit

from ..process import SandboxError
from .layer import MANIFEST_TYPE, Artefact, digest_of


class Registry:
    """One keep-alive connection. `address` is `host:port`; each call to the registry has `timeout_s`."""

    def __init__(self, address: str, timeout_s: float = 120.0) -> None:
        self.address = address
        self._connection = http.client.HTTPConnection(address, timeout=timeout_s, blocksize=1 << 20)
        self._homes: dict[str, str] = {}  # digest -> a repository of this registry that has it

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def push(self, artefact: Artefact) -> int:
        """Store it and point its tag at it; returns the bytes sent. What is there already is not sent again."""
        repository, content = artefact.repository, artefact.manifest_blob
        sent = sum(self._put_file(repository, layer.digest, layer.size, layer.path) for layer in artefact.layers)
        sent += self._put_bytes(repository, artefact.config_blob)
        path = f"/v2/{repository}/manifests/{artefact.tag}"
        status, headers = self._call("HEAD", path, headers={"Accept": MANIFEST_TYPE}, allowed=(200, 404))
        if status == 200 and headers.get("Docker-Content-Digest") == digest_of(content):
            return sent
        self._call("PUT", path, content, {"Content-Type": MANIFEST_TYPE})
        return sent + len(content)

    def reference(self, artefact: Artefact) -> str:
        """How a pod names exactly this image."""
        return f"{self.address}/{artefact.repository}@{digest_of(artefact.manifest_blob)}"

    def _put_file(self, repository: str, digest: str, size: int, path: Path) -> int:
        if self._has_blob(repository, digest) or self._mounted(repository, digest):
            return 0
        with path.open("rb") as body:
            self._upload(repository, digest, size, body)
        return size

    def _put_bytes(self, repository: str, content: bytes) -> int:
        digest = digest_of(content)
        if self._has_blob(repository, digest):
            return 0
        self._upload(repository, digest, len(content), content)
        return len(content)

    def _has_blob(self, repository: str, digest: str) -> bool:
        status, _headers = self._call("HEAD", f"/v2/{repository}/blobs/{digest}", allowed=(200, 404))
        if status == 200:
            self._homes.setdefault(digest, repository)
        return status == 200

    def _mounted(self, repository: str, digest: str) -> bool:
        """Ask the registry to take a layer over from another repository; it may decline, then it must be sent."""
        if (home := self._homes.get(digest)) is None:
            return False
        status, headers = self._call("POST", f"/v2/{repository}/blobs/uploads/?mount={digest}&from={home}", b"")
        if status != 201:  # it opened an upload instead; close that one, so that it keeps no half-written file
            self._call("DELETE", _request_path(headers["Location"]), allowed=(404,))
        return status == 201

    def _upload(self, repository: str, digest: str, size: int, body: bytes | BinaryIO) -> None:
        _status, headers = self._call("POST", f"/v2/{repository}/blobs/uploads/", b"")
        location = _request_path(headers["Location"])
        length = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        self._call("PUT", f"{location}{'&' if '?' in location else '?'}digest={digest}", body, length)
        self._homes[digest] = repository

    def _call(
        self,
        method: str,
        path: str,
        body: bytes | BinaryIO | None = None,
        headers: dict[str, str] | None = None,
        allowed: tuple[int, ...] = (),
    ) -> tuple[int, http.client.HTTPMessage]:
        try:
            self._connection.request(method, path, body, headers or {})
            response = self._connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise SandboxError(
                f"The registry at {self.address} did not answer {method} {path}: {error}",
                "See whether it runs: python -m ack_sandbox status",
            ) from error
        if response.status >= 400 and response.status not in allowed:
            text = answer.decode(errors="replace")[:300]
            raise SandboxError(f"The registry at {self.address} refused {method} {path}: {response.status} {text}")
        return response.status, response.headers


def _request_path(location: str) -> str:
    """Path and query of a Location header, which the specification lets be absolute or relative."""
    parts = urlsplit(location)
    return parts.path + (f"?{parts.query}" if parts.query else "")
