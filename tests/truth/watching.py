"""Looks for secrets while a process runs: in the arguments of every process, and in files that others may read."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import threading
import urllib.parse
from collections.abc import Iterable, Mapping
from pathlib import Path

EACH_S = 0.05
ANSIBLES = re.compile(r"ansible-tmp-|ansible-local-|ansible_mlops\.ack\.")


def shapes(secret: str) -> set[bytes]:
    """How a secret may look: as it is, in JSON, in an address, in base64 at any of its three alignments."""
    raw = secret.encode()
    found = {raw, json.dumps(secret)[1:-1].encode(), json.dumps(secret, ensure_ascii=False)[1:-1].encode()}
    found |= {urllib.parse.quote(secret).encode(), urllib.parse.quote_plus(secret).encode()}
    for before in range(3):
        packed = base64.b64encode(b"x" * before + raw)
        found.add(packed[4 if before else 0 : len(packed) - 4])
    return {shape for shape in found if len(shape) >= 8}


class Watch:
    """A `with` block. `arguments` and `files` are what was found meanwhile: names of secrets, and where."""

    def __init__(self, secrets: Mapping[str, str], folders: Iterable[Path]) -> None:
        self._shapes = {name: shapes(secret) for name, secret in secrets.items()}
        self._folders = list(folders)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.arguments: set[str] = set()
        self.files: set[str] = set()
        self.wide: set[str] = set()
        self.looks = 0

    def names_in(self, data: bytes) -> set[str]:
        """The secrets that these bytes hold."""
        return {name for name, looks in self._shapes.items() if any(shape in data for shape in looks)}

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
        self._once()

    def _look(self) -> None:
        while not self._stop.wait(EACH_S):
            self._once()

    def _once(self) -> None:
        self.looks += 1
        for command in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                self.arguments |= self.names_in(command.read_bytes())
        for folder in self._folders:
            for place, folders, names in os.walk(folder):  # what goes away meanwhile does not end it
                folders[:] = [each for each in folders if not _is_closed(Path(place, each))]
                for path in (Path(place, name) for name in names):
                    with contextlib.suppress(OSError):
                        if path.is_file() and path.stat().st_mode & 0o077:
                            found = self.names_in(path.read_bytes())
                            self.files |= found
                            self.wide |= {f"{name} in {path.relative_to(folder)}" for name in found}


def _is_closed(folder: Path) -> bool:
    """Whether it is one of Ansible's own, in which it passes a module and its options on, and nobody else may look."""
    with contextlib.suppress(OSError):
        return bool(ANSIBLES.match(folder.name)) and not folder.stat().st_mode & 0o077
    return True
