"""A callback of ansible-playbook for tests: says what each task did, and kills the run where it is told to.

CRASH_EVENTS: a file that gets one JSON line for each task: its address, hosts that changed something, seconds; and one
for the crash: the address of the task.
CRASH_AT: JSON, `{"<task>#<how often it began before>": seconds}`; the run is killed at the first of them that it comes
to.
CRASH_WHEN: `after` it, or `within` it, that many seconds after its start.
CRASH_HOW: `tree`, every process of the run; `launcher`, ansible-playbook alone: its workers have sessions of their own
and go on.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: crash
type: aggregate
short_description: Says what each task did, and kills the run where it is told to
description: For tests.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "crash"

    def __init__(self) -> None:
        super().__init__()
        self._task, self._started = "", 0.0
        self._begun: Counter[str] = Counter()
        self._changed: list[str] = []
        self._at = json.loads(os.environ.get("CRASH_AT") or "{}")
        self._within = os.environ.get("CRASH_WHEN") == "within"

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._end()
        name = task.get_name()
        self._task, self._started = f"{name}#{self._begun[name]}", time.monotonic()
        self._begun[name] += 1
        if self._task in self._at and self._within:
            threading.Timer(self._at[self._task], self._kill).start()

    def v2_runner_on_ok(self, result: Any) -> None:
        if result._result.get("changed") and not result._task.check_mode:
            self._changed.append(result._host.get_name())

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._end()

    def _end(self) -> None:
        if not self._task:
            return
        self._write(task=self._task, changed=self._changed, seconds=round(time.monotonic() - self._started, 2))
        self._changed = []
        if self._task in self._at:
            self._kill()

    def _write(self, **event: Any) -> None:
        with Path(os.environ["CRASH_EVENTS"]).open("a") as events:
            events.write(json.dumps(event) + "\n")

    def _kill(self) -> None:
        self._write(killed=self._task)
        pids = _descendants(os.getpid()) if os.environ["CRASH_HOW"] == "tree" else []
        for pid in [*pids, os.getpid()]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    children = [child for child, parent in parents.items() if parent == pid]
    return [each for child in children for each in (*_descendants(child), child)]
