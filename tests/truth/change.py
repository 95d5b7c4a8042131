"""A kind of change, and how it is looked at: predicted through both doors, done, done again, each under witness."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.conftest import REPO
from tests.integration.conftest import KEEPING, PLAYBOOK, ansible_environment, keep

OURS = ("_output", "invocation", "exception", "deprecations")
"""What Ansible adds to a result, and differs by the way of running."""

NO_KEY = "(no such key)"

STEPS = ("check", "check, other way", "run", "again")


class Change(NamedTuple):
    """One kind of change: what the module is asked for, in the state that the rows before it have left.

    `before` are tasks that make the ground ready. `invents` names entries of `invented.INVENTED`.
    """

    module: str
    what: str
    options: dict[str, Any]
    before: tuple[dict[str, Any], ...] = ()
    invents: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.module}: {self.what}"


@dataclass
class Seen:
    """What a step came to: its result, and what was written meanwhile, by place."""

    result: dict[str, Any]
    writes: dict[str, list[str]] = field(default_factory=dict)

    @property
    def wrote(self) -> list[str]:
        return [f"{place}: {write}" for place, writes in self.writes.items() for write in writes]


Views = dict[str, dict[str, Seen]]
"""row -> step -> what it came to"""

Audit = Callable[[float, float], list[str]]
"""(from, to) in seconds since the epoch -> writes that the API server has on record as ours."""


def play(
    changes: Sequence[Change],
    folder: Path,
    *,
    defaults: Mapping[str, Mapping[str, Any]],
    variables: Mapping[str, Any],
    log: Path,
    audit: Audit | None = None,
    in_process: bool = True,
    timeout_s: int = 1800,
) -> Views:
    """All rows in one run of ansible-playbook. `in_process` is the way of running; the first row of each module is
    checked the other way too. `folder` is watched. `defaults` are module_defaults by group.
    """
    control = folder.with_name(f"{folder.name}-control-{'in' if in_process else 'forked'}")
    control.mkdir(parents=True, exist_ok=True)
    tasks = list(_tasks(changes, in_process))
    results = control / "results.json"
    names = [task.setdefault("register", f"r{i}") for i, task in enumerate(tasks)]
    whole = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable, "work": str(folder), **variables},
        "module_defaults": {f"group/mlops.ack.{name}": dict(options) for name, options in defaults.items()},
        "tasks": [*tasks, keep(results, names)],
    }
    playbook, events = control / "play.yml", control / "events.jsonl"
    playbook.write_text(yaml.safe_dump([whole], sort_keys=False))
    events.unlink(missing_ok=True)
    done = subprocess.run(
        [str(PLAYBOOK), "-i", "localhost,", str(playbook)],
        env=ansible_environment(
            **KEEPING,
            ANSIBLE_CALLBACK_PLUGINS=str(REPO / "tests/truth/callbacks"),
            ANSIBLE_CALLBACKS_ENABLED="witness",
            WITNESS_EVENTS=str(events),
            WITNESS_FOLDER=str(folder),
            WITNESS_LOG=str(log),
        ),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode or not results.exists():
        raise AssertionError(f"ansible-playbook ended with {done.returncode}:\n{done.stdout[-6000:]}\n{done.stderr}")
    found = json.loads(results.read_text())
    witnessed = [json.loads(line) for line in events.read_text().splitlines()]
    views: Views = {}
    for task, result, event in zip(tasks, found, witnessed, strict=False):
        assert task["name"] == event["task"]
        row, _mark, step = task["name"].partition(" | ")
        if step in STEPS:
            views.setdefault(row, {})[step] = Seen(result, _writes(event, log, audit))
        else:
            assert not result.get("failed"), f"before {row}: {json.dumps(result)[:3000]}"
    return views


def _tasks(changes: Sequence[Change], in_process: bool) -> Iterator[dict[str, Any]]:
    modules: set[str] = set()
    for change in changes:
        for number, task in enumerate(change.before):
            yield {**copy.deepcopy(task), "name": f"{change.name} | before {number}", "ignore_errors": True}
        is_first = change.module not in modules
        modules.add(change.module)
        for step in STEPS:
            is_other = step == "check, other way"
            if is_first or not is_other:
                yield {
                    "name": f"{change.name} | {step}",
                    f"mlops.ack.{change.module}": copy.deepcopy(change.options),
                    "check_mode": step.startswith("check"),
                    "diff": True,
                    "ignore_errors": True,
                    "vars": {"mlops_ack_in_process": in_process != is_other},
                }


def _writes(event: Mapping[str, Any], log: Path, audit: Audit | None) -> dict[str, list[str]]:
    begin, end = event["log"]
    lines = log.read_bytes()[begin:end].splitlines() if log.exists() else []
    requests = [json.loads(line) for line in lines]
    return {
        "service": [f"{entry['api']} {entry['action']}" for entry in requests if entry["write"]],
        "cluster": audit(event["began"], event["ended"]) if audit else [],
        "files": event["files"],
    }


def steady(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result without what Ansible adds."""
    return {key: value for key, value in result.items() if key not in OURS and not key.startswith("ansible_")}


def differing(predicted: Any, real: Any, path: str = "") -> dict[str, tuple[Any, Any]]:
    """path -> (predicted, real), of what is not the same. Lists of one length are compared entry by entry."""
    if isinstance(predicted, dict) and isinstance(real, dict):
        found: dict[str, tuple[Any, Any]] = {}
        for key in sorted({*predicted, *real}):
            here = f"{path}.{key}" if path else str(key)
            found |= differing(predicted.get(key, NO_KEY), real.get(key, NO_KEY), here)
        return found
    if isinstance(predicted, list) and isinstance(real, list) and len(predicted) == len(real):
        return {
            at: pair
            for one, two in zip(predicted, real, strict=True)
            for at, pair in differing(one, two, f"{path}[]").items()
        }
    return {} if predicted == real else {path: (predicted, real)}
