"""Writes when each task began and ended, one JSON line a task, into the file that BENCH_TIMES names."""

from __future__ import annotations

DOCUMENTATION = """
name: task_times
type: aggregate
short_description: Times of tasks, for the bench
description: Used by tests/bench alone.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):  # type: ignore[misc]
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "task_times"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._file = Path(os.environ["BENCH_TIMES"]).open("a")  # noqa: SIM115 -- closed with the process
        self._began = 0.0

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._began = time.monotonic()

    def v2_runner_on_ok(self, result: Any) -> None:
        seconds = time.monotonic() - self._began
        line = {"name": result._task.get_name(), "seconds": seconds, "changed": result._result.get("changed", False)}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
