# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Buckets and objects on disk: a JSON document for each bucket, key and upload, a file for each content.

    buckets/<name>.json   objects/<bucket>/<sha256 of key>.json   uploads/<bucket>/<id>.json   blobs/<id>

A write puts its content under a new blob, then replaces the document. What a kill leaves is a blob that no
document names; the next start deletes it.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

from aiohttp import StreamReader

from ..clock import Clock
from ..errors import ServiceError
from ..store import Document, Records
from .checksum import Checksum

CHUNK = 1 << 20


class Storage:
    """Holds all documents in memory; contents stay on disk."""

    def __init__(self, folder: Path, clock: Clock, region: str) -> None:
        self.clock, self.region, self._folder = clock, region, folder
        self._blobs = folder / "blobs"
        self._blobs.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.buckets = Records(folder / "buckets")
        self._objects = {bucket["name"]: Records(folder / "objects" / bucket["name"]) for bucket in self.buckets}
        self._uploads = {bucket["name"]: Records(folder / "uploads" / bucket["name"]) for bucket in self.buckets}
        self._drop_unknown_blobs()

    def create_bucket(self, bucket: Document) -> None:
        name = bucket["name"]
        self._objects[name] = Records(self._folder / "objects" / name)
        self._uploads[name] = Records(self._folder / "uploads" / name)
        self.buckets.put(name, bucket)

    def delete_bucket(self, name: str) -> None:
        self.buckets.delete(name)
        del self._objects[name], self._uploads[name]
        for kind in ("objects", "uploads"):
            shutil.rmtree(self._folder / kind / name, ignore_errors=True)

    def objects(self, bucket: str) -> list[Document]:
        """All keys with at least one version, in byte order: {key, versions: oldest first}."""
        return sorted(self._objects[bucket], key=lambda found: str(found["key"]).encode())

    def uploads(self, bucket: str) -> Records:
        return self._uploads[bucket]

    def versions(self, bucket: str, key: str) -> list[Document]:
        found = self._objects[bucket].get(_file_name(key))
        return list(found["versions"]) if found else []

    def put_versions(self, bucket: str, key: str, versions: list[Document]) -> None:
        """Replace a key's versions; contents that no version uses any more are deleted."""
        old, name = self.versions(bucket, key), _file_name(key)
        if versions:
            self._objects[bucket].put(name, {"key": key, "versions": versions})
        else:
            self._objects[bucket].delete(name)
        kept = {version["blob"] for version in versions}
        self.drop(version["blob"] for version in old if version["blob"] not in kept)

    async def receive(self, content: StreamReader) -> tuple[str, Checksum]:
        """Stream a body to a new blob; its id and sums. A body that breaks off leaves nothing."""
        blob, checksum = _blob_id(), Checksum()
        path = self.blob(blob)
        try:
            with path.open("wb") as file:
                async for chunk in content.iter_chunked(CHUNK):
                    checksum.update(chunk)
                    file.write(chunk)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return blob, checksum

    def join(self, blobs: Iterable[str], offset: int = 0, size: int | None = None) -> tuple[str, Checksum]:
        """A new blob from others, one after the other; `offset` and `size` take a part of them. May run in a thread."""
        joined, checksum = _blob_id(), Checksum()
        with self.blob(joined).open("wb") as target:
            for blob in blobs:
                with self.blob(blob).open("rb") as source:
                    source.seek(offset)
                    left = size if size is not None else os.fstat(source.fileno()).st_size
                    while left > 0 and (chunk := source.read(min(CHUNK, left))):
                        left -= len(chunk)
                        checksum.update(chunk)
                        target.write(chunk)
        return joined, checksum

    def link(self, blob: str) -> str:
        """A second name for a content: copies cost nothing."""
        linked = _blob_id()
        os.link(self.blob(blob), self.blob(linked))
        return linked

    def blob(self, name: str) -> Path:
        return self._blobs / name

    def drop(self, blobs: Iterable[str | None]) -> None:
        for blob in blobs:
            if blob:
                self.blob(blob).unlink(missing_ok=True)

    def _drop_unknown_blobs(self) -> None:
        known = {v["blob"] for records in self._objects.values() for found in records for v in found["versions"]}
        known |= {p["blob"] for records in self._uploads.values() for found in records for p in found["parts"].values()}
        for path in self._blobs.iterdir():
            if path.name not in known:
                path.unlink()


def _file_name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _blob_id() -> str:
    return secrets.token_hex(16)


def no_such_key(key: str) -> ServiceError:
    return ServiceError(404, "NoSuchKey", f"The specified key does not exist: {key}")
