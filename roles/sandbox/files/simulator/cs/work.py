# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a task does: named steps, and what follows success and failure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..store import Document

if TYPE_CHECKING:
    from .service import Service


class TaskFailed(Exception):
    """A step cannot be done: becomes the task's error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


Action = Callable[["Service", Document], None]  # (service, task record)


@dataclass(frozen=True)
class Step:
    """One stage of a task. Doing it twice must be harmless: a restart repeats the stage that a kill interrupted."""

    name: str
    run: Action | Callable[[Service, Document], Awaitable[None]]


@dataclass(frozen=True)
class Work:
    """A kind of task.

    `settle` runs one stage after the task's success: the service's clusters and pools reach their state a little
    later than the task, and clients must wait for both. `fail` runs when a step failed or the task was canceled.
    """

    task_type: str
    target: str  # cluster, nodepool or addon
    steps: tuple[Step, ...]
    settle: Action
    fail: Action
    can_cancel: bool = False
