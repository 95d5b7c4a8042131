# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Layers under a key of what went into them: `CACHE/images/<name>-<key>/{layer.tar,layer.json}`."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..process import locked
from ..progress import Report
from .layer import Layer, write_layer

# Part of every key: raise it when the way a layer is written changes its bytes.
FORMAT = 1
BEAT_S = 8.0


class LayerCache:
    """Builds a layer once. Safe for several processes at a time; a build that was killed leaves no half layer."""

    def __init__(self, folder: Path, report: Report) -> None:
        self._folder = folder
        self.report = report

    def get(
        self, name: str, inputs: Mapping[str, object], fill: Callable[[Path], None], *, subtree: str = "."
    ) -> Layer:
        """The layer of these inputs (JSON values); if there is none yet, `fill` writes its files under a new folder.

        Only `subtree` of that folder becomes the layer: `fill` may unpack beneath it what its tools need.
        """
        key = key_of({"format": FORMAT, "subtree": subtree, **inputs})
        home = self._folder / f"{name}-{key}"
        with locked(self._folder / f".{name}.lock", lambda: self.report(f"{name}: another process builds this layer")):
            if (found := _load(home)) is None:
                self._build(home, name, fill, subtree)
                found = _load(home)
        assert found is not None  # just written, under the lock
        return found

    def _build(self, home: Path, name: str, fill: Callable[[Path], None], subtree: str) -> None:
        start = time.monotonic()
        for leftover in self._folder.glob(f".{name}.build-*"):  # of a build that was killed: the lock is ours
            shutil.rmtree(leftover)
        with tempfile.TemporaryDirectory(prefix=f".{name}.build-", dir=self._folder) as temporary:
            work = Path(temporary)
            (root := work / "root").mkdir(mode=0o755)
            (done := work / "done").mkdir(mode=0o755)
            with beating(self.report, f"layer {name}"):
                fill(root)
                layer = write_layer(root, done / "layer.tar", subtree)
            (done / "layer.json").write_text(json.dumps({"digest": layer.digest, "size": layer.size}))
            shutil.rmtree(home, ignore_errors=True)
            done.rename(home)
        self.report(f"layer {name}: {layer.size / 1e6:.0f} MB in {time.monotonic() - start:.1f} s")


def key_of(inputs: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


def files_digest(folder: Path, pattern: str = "**/*") -> str:
    """One digest over names, execute bits and contents of the files beneath a folder."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.glob(pattern) if path.is_file() and "__pycache__" not in path.parts):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(folder)}\0{path.stat().st_mode & 0o111:o}\0{content}\n".encode())
    return total.hexdigest()


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def beating(report: Report, what: str) -> Iterator[None]:
    """Report that `what` goes on, every few seconds while the body runs."""
    done, start = threading.Event(), time.monotonic()

    def beat() -> None:
        while not done.wait(BEAT_S):
            report(f"{what}: still at it after {time.monotonic() - start:.0f} s")

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _load(home: Path) -> Layer | None:
    try:
        facts = json.loads((home / "layer.json").read_text())
        size = (home / "layer.tar").stat().st_size
    except FileNotFoundError:
        return None
    return Layer(home / "layer.tar", facts["digest"], facts["size"]) if size == facts["size"] else None
