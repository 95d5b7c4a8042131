"""A registry of a test's own, the real program, and the run of a training to make versions of."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._oss.digest import File, manifest
from ansible_collections.mlops.ack.plugins.module_utils._oss.records import write_once
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import Store
from ansible_collections.mlops.ack.plugins.module_utils._registry.client import Login, Registry
from ansible_collections.mlops.ack.plugins.module_utils._registry.image import CONFIG, LAYER, MANIFEST


@contextmanager
def own_registry(storage: Path, config: Path) -> Iterator[str]:
    """Its address, with an image `base:1` in it. `storage` holds what is pushed there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    kept = {"filesystem": {"rootdirectory": str(storage)}, "delete": {"enabled": True}}
    config.write_text(yaml.safe_dump({"version": 0.1, "storage": kept, "http": {"addr": host, "secret": "x"}}))
    process = subprocess.Popen(
        ["docker-registry", "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _push_base(host)
        yield host
    finally:
        process.terminate()
        process.wait(10)


def _push_base(host: str) -> None:
    api = Registry(host, Login(insecure=True), Context(), Deadline(30), 5)
    layer, config_blob = b"a layer", json.dumps({"os": "linux", "rootfs": {"diff_ids": [sha(b"a layer")]}}).encode()
    for blob in (layer, config_blob):
        api.put_blob("base", sha(blob), blob)
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": sha(config_blob), "size": len(config_blob)},
        "layers": [{"mediaType": LAYER, "digest": sha(layer), "size": len(layer)}],
    }
    api.put_manifest("base", "1", json.dumps(document).encode())


def sha(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def finished_run(store: Store, run_id: str, model: dict[str, bytes]) -> None:
    """The record and the files of a training that left this model."""
    for path, data in model.items():
        store.put(f"runs/{run_id}/output/model/{path}", data)
    files = manifest(File(path, len(data), hashlib.sha256(data).hexdigest()) for path, data in model.items())
    record = {"schema": "mlops.ack/run/v1", "run_id": run_id, "model": files, "finished": "2026-11-22T10:00:00Z"}
    write_once(store, f"runs/{run_id}/run.json", record)
