# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs any module of this collection in the worker's own process, where nothing forbids it.

A module and its SDK are imported by `load`, and no others: Ansible loads an action's class once in the parent process,
and every forked worker shares what was imported there, and takes the longer to fork the more that is.
"""

from __future__ import annotations

import importlib
import math
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

from ansible.context import CLIARGS
from ansible.errors import AnsiblePromptInterrupt, AnsiblePromptNoninteractive
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import filter_loader, test_loader
from ansible.utils.display import Display

from ansible_collections.mlops.ack.plugins import modules
from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context, Reply
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module
from ansible_collections.mlops.ack.plugins.plugin_utils._keeper import Keeper

display = Display()


def load(action: str) -> type[ActionModule]:
    """The class for the action plugin of this full name."""
    if {"kubeconfig", "cs_endpoint"} & _module(action).spec.keys():  # who asks ACK will ask a cluster next
        _keeper()
    _filters()
    return ActionModule


def _module(action: str) -> Module:
    found: Module = importlib.import_module(f"{modules.__name__}.{action.rpartition('.')[2]}").MODULE
    return found


@cache
def _filters() -> None:
    """To find one name, Ansible loads every filter or test there is; here that is done once for all workers."""
    if CLIARGS:  # an import alone may know no collections
        filter_loader.get("mlops.ack.run_id")
        test_loader.get("ansible.builtin.changed")


@cache
def _keeper() -> Keeper | None:
    """Started in the parent, so that all its workers share it; None where this machine cannot have it."""
    if CLIARGS:  # an import alone starts no process
        with suppress(AttributeError, OSError):
            return Keeper()
    with suppress(ImportError):
        importlib.import_module("kubernetes.client")  # each worker opens its own connections then
    return None


class ActionModule(ActionBase):  # type: ignore[misc]
    """One action for all modules; the task's own name says which."""

    _supports_check_mode = True
    _supports_async = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        task_vars = task_vars or {}
        result: dict[str, Any] = super().run(tmp, task_vars)
        name = self._task.action.rpartition(".")[2]
        if self._needs_fork(task_vars):
            forked = self._execute_module(
                module_name=f"mlops.ack.{name}",
                module_args=self._task.args,
                task_vars=task_vars,
                wrap_async=self._task.async_val,
            )
            return {**result, **forked}
        module = _module(name)
        keeper = _keeper() if "kubeconfig" in module.spec else None
        host = task_vars.get("inventory_hostname", "")
        context = Context(
            check=self._task.check_mode,
            progress=lambda text: display.display(f"  [{host}] {text}"),
            prompter=_Terminal() if _HAS_PERSON else None,
            connections=keeper.open if keeper else None,
            variables={**{key: task_vars[key] for key in _LAUNCHER if key in task_vars}, "playbook": _playbook()},
        )
        return {**result, **module.in_process(self._task.args, context)}

    def _needs_fork(self, task_vars: dict[str, Any]) -> bool:
        """What only a real module gives: another machine, another user, another Python, another environment, async."""
        python = task_vars.get("ansible_python_interpreter")
        if python:
            python = self._templar.template(python)
        return bool(
            self._task.async_val
            or self._connection.transport != "local"
            or self._play_context.become
            or any(self._task.environment or [])
            or (python and not _same_python(str(python)))
            or task_vars.get("mlops_ack_in_process", True) in (False, "false", "False", "no")
        )


_LAUNCHER = (
    "awx_job_id",
    "awx_user_name",
    "awx_workflow_job_id",
    "awx_workflow_job_launch_type",
    "ansible_inventory_sources",
    "tower_job_id",
    "tower_user_name",
    "tower_workflow_job_id",
)


def _playbook() -> str:
    """What was asked of ansible-playbook, without its options: those may hold secrets."""
    return " ".join(str(each) for each in CLIARGS.get("args") or ())


def _same_python(path: str) -> bool:
    return path == sys.executable or os.path.realpath(path) == os.path.realpath(sys.executable)


def _has_person() -> bool:
    """Whether somebody may be at the terminal: it is one, we are in its foreground, and no runner holds the other end.

    Asked here, in the parent: a worker has no terminal of its own. ansible-runner, and so AWX, gives a terminal that
    nobody looks at.
    """
    if os.environ.get("ANSIBLE_STDOUT_CALLBACK") == "awx_display" or "AWX_ISOLATED_DATA_DIR" in os.environ:
        return False
    try:
        return os.isatty(0) and os.getpgrp() == os.tcgetpgrp(0)
    except OSError:
        return False


_HAS_PERSON = _has_person()
_TURN = multiprocessing.get_context("fork").Lock()  # made in the parent, so that all its workers share it
_UNANSWERED = multiprocessing.get_context("fork").Array("d", 2)  # the last one: when (monotonic), and was it late


def _end_with_parent(is_over: threading.Event) -> None:
    """A worker that waits for an answer would wait for ever once its parent was killed or its terminal closed."""
    parent = os.getppid()
    while not is_over.wait(0.5):
        if os.getppid() != parent:
            os._exit(1)


class _Terminal:
    """A person at the terminal of ansible-playbook."""

    @contextmanager
    def turn(self, timeout_s: float) -> Iterator[Reply | None]:
        is_over, started = threading.Event(), time.monotonic()
        threading.Thread(target=_end_with_parent, args=(is_over,), daemon=True).start()
        is_ours = _TURN.acquire(timeout=timeout_s)
        try:
            if not is_ours:
                yield Reply(None, is_late=True)
            elif _UNANSWERED[0] > started:
                yield Reply(None, is_late=bool(_UNANSWERED[1]))
            else:
                yield None
        finally:
            is_over.set()
            if is_ours:
                _TURN.release()

    def show(self, text: str) -> None:
        display.display(text)

    def ask(self, question: str, timeout_s: float) -> Reply:
        reply = self._ask(question, timeout_s)
        if reply.text is None:
            _UNANSWERED[:] = time.monotonic(), float(reply.is_late)
        return reply

    def _ask(self, question: str, timeout_s: float) -> Reply:
        started = time.monotonic()
        seconds = max(1, math.ceil(timeout_s))
        try:
            answer = display.prompt_until(question, seconds=seconds)
        except (AnsiblePromptNoninteractive, AnsiblePromptInterrupt):
            return Reply(None)
        if time.monotonic() - started >= seconds:  # ansible gives what was typed so far, which is no answer
            return Reply(None, is_late=True)
        text = answer.decode(errors="replace") if isinstance(answer, bytes) else str(answer)
        return Reply(text.strip())
