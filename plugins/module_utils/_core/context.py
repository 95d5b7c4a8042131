# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run may know of its surroundings: the door fills it, the resources read it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from .secrets import Secrets


class Reply(NamedTuple):
    """What came from the terminal. text None: nothing; then `is_late` tells time from Ctrl-C and a lost terminal."""

    text: str | None
    is_late: bool = False


class Prompter(Protocol):
    """Asks a person at a terminal. Only the in-process door of an interactive run has one."""

    def turn(self, timeout_s: float) -> AbstractContextManager[Reply | None]:
        """One task of the run at a time has the person's attention; None: this one. Else what came of it: somebody
        was asked while this one waited, and gave no answer, or there was no turn in `timeout_s`.
        """

    def show(self, text: str) -> None: ...

    def ask(self, question: str, timeout_s: float) -> Reply:
        """One line of answer."""


class Lock(Protocol):
    """Keeps others from writing to the same thing."""

    def held(self, what: str) -> AbstractContextManager[None]:
        """Nobody else writes inside the block. `what`: what is written, for whoever waits meanwhile."""

    def check(self) -> None:
        """Raises Failure `LockLost` where it is no longer sure that nobody else writes."""


def _silent(text: str) -> None:
    """A forked module has no channel but its result."""


@dataclass
class Context:
    """check: write nothing. progress: a line for a person, at once. prompter: a person, or None. variables: the
    launcher's own words about who started this (`awx_job_id`, `awx_user_name`, `playbook`, ...). lock: held while
    something is written. connections: opens the connection of a kubeconfig and a context, where others keep it open
    between tasks.
    """

    check: bool = False
    progress: Callable[[str], None] = _silent
    secrets: Secrets = field(default_factory=Secrets)
    prompter: Prompter | None = None
    variables: dict[str, Any] = field(default_factory=dict)
    lock: Lock | None = None
    connections: Callable[[str | None, str | None], Any] | None = None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
