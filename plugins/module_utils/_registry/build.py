# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Making and pushing a model image: base image, the run's files, registry."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from .._core.context import Context
from .._core.failure import Failure
from .._oss.records import Record
from .._oss.store import Store
from .image import Base, Blob, Image, assemble, write_layer
from .reference import Reference
from .source import Model, download

PLATFORM = {"os": "linux", "architecture": "amd64"}


class ImageApi(Protocol):
    """What an image needs of a registry; a test holds a dict."""

    host: str

    def digest(self, repository: str, wanted: str) -> str | None: ...
    def manifest(self, repository: str, wanted: str) -> tuple[str, bytes] | None: ...
    def put_manifest(self, repository: str, wanted: str, data: bytes) -> None: ...
    def has_blob(self, repository: str, digest: str) -> bool: ...
    def blob(self, repository: str, digest: str, into: Path | None = None) -> bytes: ...
    def mount(self, repository: str, digest: str, source: str) -> bool: ...
    def put_blob(self, repository: str, digest: str, body: bytes | Path) -> None: ...


class Workshop:
    """Works in a folder of its own, with room for the model's layer and the largest single file beside it."""

    def __init__(self, store: Store, registry: Callable[[str], ImageApi], workspace: Path, context: Context) -> None:
        self._store, self._registry, self._context = store, registry, context
        self._layer, self._scratch = workspace / "layer.tar", workspace / "scratch"
        self._built: tuple[tuple[object, ...], Image] | None = None

    def base(self, source: Reference) -> Base:
        """Of an image for several platforms, the one for linux/amd64. Raises Failure `UnknownImage`."""
        registry = self._registry(source.host)
        found = registry.manifest(source.repository, source.wanted)
        manifest: dict[str, Any] = json.loads(found[1]) if found else {}
        if "manifests" in manifest:
            digests = [each["digest"] for each in manifest["manifests"] if _fits(each.get("platform") or {})]
            found = registry.manifest(source.repository, digests[0]) if digests else None
            manifest = json.loads(found[1]) if found else {}
        if found is None or "layers" not in manifest:
            raise Failure(
                "UnknownImage",
                f"The registry has no base image {source} for linux/amd64.",
                resource=f"image/{source}",
                hint="Correct base_image, or push it there.",
            )
        config = registry.blob(source.repository, manifest["config"]["digest"])
        return Base(found[0], manifest["layers"], json.loads(config))

    def build(self, name: str, number: int, run: Record, model: Model, base: Base) -> Image:
        """The image of a version, its layer in the workspace. Every file is compared with what the run recorded.

        Raises Failure `DigestMismatch`, `NoSuchKey`.
        """
        inputs = (name, number, run["run_id"], model.digest, base.digest)
        if self._built is not None and self._built[0] == inputs:
            return self._built[1]
        files = {file.path.removeprefix(model.root): file for file in model.files}
        self._context.progress(f"building {name}-v{number}: {len(files)} files, {model.size / 1e6:.1f} MB")

        def fetch(path: str) -> Path:
            download(self._store, str(run["run_id"]), files[path], self._scratch)
            return self._scratch

        layer = write_layer(self._layer, f"models/{name}/{number}", files, fetch)
        self._scratch.unlink()
        annotations = {
            "org.opencontainers.image.title": name,
            "org.opencontainers.image.version": str(number),
            "org.opencontainers.image.base.digest": base.digest,
            "mlops.ack.run-id": str(run["run_id"]),
            "mlops.ack.model-digest": model.digest,
        }
        if run.get("finished"):  # the run's time, not ours: so the image can be made again
            annotations["org.opencontainers.image.created"] = str(run["finished"])
        image = assemble(base, layer, annotations, f"mlops.ack.model_version {name}-v{number}")
        self._built = inputs, image
        return image

    def push(self, target: Reference, image: Image, base: Base, source: Reference) -> None:
        """Everything that the registry does not hold yet, the manifest last, under its digest."""
        registry, repository = self._registry(target.host), target.repository
        for each in base.layers:
            self._take_over(target, Blob(each["digest"], each["size"]), source)
        if not registry.has_blob(repository, image.layer.digest):
            self._context.progress(f"pushing the model layer, {image.layer.size / 1e6:.1f} MB")
            registry.put_blob(repository, image.layer.digest, self._layer)
        if not registry.has_blob(repository, image.config_digest):
            registry.put_blob(repository, image.config_digest, image.config)
        registry.put_manifest(repository, image.digest, image.manifest)

    def _take_over(self, target: Reference, blob: Blob, source: Reference) -> None:
        """A layer of the base image: mounted inside of one registry, else copied through the disk."""
        registry = self._registry(target.host)
        if registry.has_blob(target.repository, blob.digest):
            return
        if source.host == target.host and registry.mount(target.repository, blob.digest, source.repository):
            return
        self._context.progress(f"copying a layer of {source}, {blob.size / 1e6:.1f} MB")
        self._registry(source.host).blob(source.repository, blob.digest, self._scratch)
        registry.put_blob(target.repository, blob.digest, self._scratch)
        self._scratch.unlink()


def _fits(platform: Mapping[str, Any]) -> bool:
    return all(platform.get(key) == value for key, value in PLATFORM.items())
