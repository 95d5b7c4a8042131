"""A callback of ansible-playbook for tests: says when each task ran, and what was written meanwhile on this machine.

WITNESS_EVENTS: a file that gets one JSON line for each task: {task, began, ended, log, files}. Times are seconds since
the epoch; log is the part of the file WITNESS_LOG that was appended meanwhile, [from, to] in bytes; files are paths
below WITNESS_FOLDER that were made, changed or removed.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: witness
type: aggregate
short_description: Says when each task ran, and what was written meanwhile on this machine
description: For tests.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "witness"

    def __init__(self) -> None:
        super().__init__()
        self._out, self._log = Path(os.environ["WITNESS_EVENTS"]), Path(os.environ["WITNESS_LOG"])
        self._folder = Path(os.environ["WITNESS_FOLDER"])
        self._began, self._from, self._files = 0.0, 0, {}  # type: ignore[var-annotated]

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._files, self._from, self._began = _files(self._folder), self._size(), time.time()

    def v2_runner_on_ok(self, result: Any) -> None:
        self._write(result._task.get_name())

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._write(result._task.get_name())

    def _write(self, task: str) -> None:
        ended, files = time.time(), _files(self._folder)
        event = {
            "task": task,
            "began": self._began,
            "ended": ended,
            "log": [self._from, self._size()],
            "files": sorted(path for path in {*files, *self._files} if files.get(path) != self._files.get(path)),
        }
        with self._out.open("a") as file:
            file.write(json.dumps(event) + "\n")

    def _size(self) -> int:
        return self._log.stat().st_size if self._log.exists() else 0


def _files(folder: Path) -> dict[str, tuple[int, ...]]:
    """path -> what changes with it. Folders count by their existence alone."""
    found = {}
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            status = path.lstat()
            is_folder = stat.S_ISDIR(status.st_mode)
            found[str(path.relative_to(folder))] = (
                (0, 0, status.st_mode) if is_folder else (status.st_size, status.st_mtime_ns, status.st_mode)
            )
    return found
