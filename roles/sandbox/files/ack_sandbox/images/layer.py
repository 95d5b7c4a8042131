# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Layers and images as the OCI image specification 1.1 writes them (config.md, manifest.md, layer.md)."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

if TYPE_CHECKING:
    from typing_extensions import Buffer  # in the standard library since Python 3.12

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
# Not compressed: on one machine the network is memory, and two clusters unpack each layer on every fresh start.
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True, slots=True)
class Layer:
    """A tar on disk. `digest` is `sha256:…` of its bytes, so it is the layer's diff id too."""

    path: Path
    digest: str
    size: int


class Artefact(Protocol):
    """What a registry stores under `repository:tag`: files, a configuration, and a manifest that names them."""

    @property
    def repository(self) -> str: ...
    @property
    def tag(self) -> str: ...
    @property
    def layers(self) -> tuple[Layer, ...]: ...
    @property
    def config_blob(self) -> bytes: ...
    @property
    def manifest_blob(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Image:
    """Computed from its parts: equal parts give an equal digest."""

    repository: str
    tag: str
    layers: tuple[Layer, ...]
    config: dict[str, Any] = field(default_factory=dict)  # the `config` object of the OCI image configuration

    @property
    def name(self) -> str:
        """The last word of the repository, by which `sandbox.json` lists the image."""
        return self.repository.rpartition("/")[2]

    @property
    def config_blob(self) -> bytes:
        return json_bytes(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": self.config,
                "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in self.layers]},
            }
        )

    @property
    def manifest_blob(self) -> bytes:
        return manifest(self.config_blob, CONFIG_TYPE, self.layers, LAYER_TYPE)


def manifest(config: bytes, config_type: str, layers: Sequence[Layer], layer_type: str) -> bytes:
    return json_bytes(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": config_type, "digest": digest_of(config), "size": len(config)},
            "layers": [{"mediaType": layer_type, "digest": layer.digest, "size": layer.size} for layer in layers],
        }
    )


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def write_layer(root: Path, destination: Path, subtree: str = ".") -> Layer:
    """Write `root`/`subtree` as a tar whose names are relative to `root`; folders above the subtree are entries too.

    Equal files give equal bytes: sorted names, owner root, time 0. Device files are left out; a runtime makes its own.
    """
    with destination.open("wb") as file:
        sink = _HashingSink(file)
        with tarfile.open(fileobj=sink, mode="w|", format=tarfile.PAX_FORMAT, bufsize=1 << 20) as archive:
            for path in _walk(root, root / subtree):
                entry = _normalised(archive.gettarinfo(path, str(path.relative_to(root))))
                if entry.isreg():
                    with path.open("rb") as content:
                        archive.addfile(entry, content)
                elif not entry.isdev():
                    archive.addfile(entry)
    return Layer(destination, f"sha256:{sink.hash.hexdigest()}", sink.size)


def unpack(archive: Path, root: Path) -> None:
    """Unpack a tar that we or a package tool wrote, with its modes; device files are left out."""
    with tarfile.open(archive) as tar:
        tar.extractall(root, members=(entry for entry in tar if not entry.isdev()), filter="fully_trusted")


class _HashingSink(io.RawIOBase):
    """The file object that tarfile writes to: counts and hashes on the way, so the tar is not read again."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file
        self.hash = hashlib.sha256()
        self.size = 0

    def write(self, data: Buffer) -> int:
        self.hash.update(data)
        written = self._file.write(data)
        self.size += written
        return written


def _walk(root: Path, subtree: Path) -> Iterator[Path]:
    above = [folder for folder in subtree.parents if folder.is_relative_to(root) and folder != root]
    yield from reversed(above)
    if subtree != root:
        yield subtree
    yield from sorted(subtree.rglob("*"))


def _normalised(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    return entry


def json_bytes(value: Any) -> bytes:
    """Equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def image_config(
    *,
    path: Sequence[str] = ("/bin",),
    entrypoint: Sequence[str] = (),
    command: Sequence[str] = (),
    env: Sequence[str] = (),
    ports: Sequence[str] = (),
    user: str = "",
) -> dict[str, Any]:
    """The `config` object of an image; empty parts are left out. `env` entries are `NAME=value`, ports `8501/tcp`."""
    config = {
        "Env": [f"PATH={':'.join(path)}", *env],
        "Entrypoint": list(entrypoint),
        "Cmd": list(command),
        "ExposedPorts": {port: {} for port in ports},
        "User": user,
    }
    return {key: value for key, value in config.items() if value}
