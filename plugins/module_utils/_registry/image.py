# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A model image: the layers of a base image, and one layer with the model's files. The same input, the same digest."""

from __future__ import annotations

import copy
import hashlib
import json
import tarfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

LAYER = "application/vnd.oci.image.layer.v1.tar"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
OF_DOCKER = {
    "application/vnd.docker.image.rootfs.diff.tar.gzip": f"{LAYER}+gzip",
    "application/vnd.docker.image.rootfs.diff.tar": LAYER,
}
EPOCH = "1970-01-01T00:00:00Z"


class Blob(NamedTuple):
    """digest: `sha256:<hex>`. size: bytes."""

    digest: str
    size: int


class Base(NamedTuple):
    """A base image: its manifest's digest, its layers as the manifest names them, its configuration."""

    digest: str
    layers: list[dict[str, Any]]
    config: dict[str, Any]


class Image(NamedTuple):
    """What is pushed; all of it is known before."""

    manifest: bytes
    config: bytes
    layer: Blob

    @property
    def digest(self) -> str:
        return of(self.manifest)

    @property
    def config_digest(self) -> str:
        return of(self.config)


def of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def write_layer(path: Path, folder: str, files: Iterable[str], fetch: Callable[[str], Path]) -> Blob:
    """Write the files below `folder` (absolute in the image) into an uncompressed tar and name it by its digest.

    `fetch` gives each file's place on the disk just before it is needed, so that only one need be there at a time.
    Times, owners and modes are fixed, entries sorted: the layer depends on names and contents alone.
    """
    listed = sorted(files)
    with path.open("wb") as stream:
        told = _Told(stream)
        with tarfile.open(fileobj=told, mode="w|", format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]
            for name in _folders(folder.strip("/"), listed):
                tar.addfile(_entry(name, tarfile.DIRTYPE, 0o755, 0))
            for name in listed:
                source = fetch(name)
                with source.open("rb") as content:
                    size = source.stat().st_size
                    tar.addfile(_entry(f"{folder.strip('/')}/{name}", tarfile.REGTYPE, 0o644, size), content)
        return Blob("sha256:" + told.digest.hexdigest(), told.size)


def assemble(base: Base, layer: Blob, annotations: Mapping[str, str], created_by: str) -> Image:
    """The image's configuration and manifest."""
    config = copy.deepcopy(base.config)
    config["created"] = annotations.get("org.opencontainers.image.created", EPOCH)
    config.setdefault("rootfs", {"type": "layers"}).setdefault("diff_ids", [])
    config["rootfs"]["diff_ids"].append(layer.digest)  # uncompressed: its digest is its diff id
    config.setdefault("history", []).append({"created": config["created"], "created_by": created_by})
    config_bytes = _canonical(config)
    layers = [
        {
            "mediaType": OF_DOCKER.get(each["mediaType"], each["mediaType"]),
            "digest": each["digest"],
            "size": each["size"],
        }
        for each in base.layers
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": of(config_bytes), "size": len(config_bytes)},
        "layers": [*layers, {"mediaType": LAYER, "digest": layer.digest, "size": layer.size}],
        "annotations": dict(annotations),
    }
    return Image(_canonical(manifest), config_bytes, layer)


def _folders(root: str, files: Iterable[str]) -> list[str]:
    found: set[str] = set()
    for name in [f"{root}/x", *(f"{root}/{each}" for each in files)]:
        parts = name.split("/")[:-1]
        found.update("/".join(parts[: end + 1]) for end in range(len(parts)))
    return sorted(found)


def _entry(name: str, kind: bytes, mode: int, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.size = kind, mode, size
    return entry  # mtime, uid, gid are 0, uname and gname empty


def _canonical(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


class _Told:
    """A file that knows the digest and size of what was written to it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self.digest, self.size = stream, hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self._stream.write(data)
