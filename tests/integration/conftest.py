"""Running real tasks with a real ansible-playbook, against the sandbox where a test asks for it."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import CACHE, COLLECTIONS

STATE = Path(
    os.environ.get("MLOPS_ACK_STATE")
    or Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "mlops-ack"
)
PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")

RunTasks = Callable[..., list[dict[str, Any]]]
Addon = Callable[[str, str], None]


def ansible_environment(**more: str) -> dict[str, str]:
    """What ansible-playbook needs to find this checkout and nothing else."""
    return {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_RETRY_FILES_ENABLED": "0",
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
        **more,
    }


def play_book(
    *words: str | Path, folder: Path | None = None, timeout_s: int = 300, **environment: str
) -> subprocess.CompletedProcess[str]:
    """ansible-playbook with these arguments, in `folder`, and nobody at its terminal. How it ended is the caller's."""
    return subprocess.run(
        [str(PLAYBOOK), *map(str, words)],
        cwd=folder,
        env=ansible_environment(**environment),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        stdin=subprocess.DEVNULL,
        check=False,
    )


KEEPING = {"ANSIBLE_ACTION_PLUGINS": str(Path(__file__).with_name("actions"))}
"""Environment of a run that has the task of `keep`."""


def keep(path: Path, names: list[str]) -> dict[str, Any]:
    """A task that writes what these variables hold into a file, as a JSON list."""
    return {"keep": {"path": str(path), "text": "{{ [" + ", ".join(names) + "] | to_json }}"}}


def runner(folder: Path) -> RunTasks:
    """`runner(folder)([{module: options}, ...])` -> one result per task; a task's failure is in its result.

    `in_process=False` forks a real module for each. `variables` are extra variables. Raises with ansible's output where
    the run itself broke.
    """

    def run(
        tasks: list[dict[str, Any]],
        *,
        in_process: bool = True,
        check: bool = False,
        variables: dict[str, Any] | None = None,
        timeout_s: int = 600,
    ) -> list[dict[str, Any]]:
        name = uuid.uuid4().hex[:8]
        results = folder / f"{name}.json"
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable, "mlops_ack_in_process": in_process},
            "tasks": [
                *({**task, "register": f"r{i}", "ignore_errors": True} for i, task in enumerate(tasks)),
                keep(results, [f"r{i}" for i in range(len(tasks))]),
            ],
        }
        playbook = folder / f"{name}.yml"
        playbook.write_text(yaml.safe_dump([play], sort_keys=False))
        command = [str(PLAYBOOK), "-i", "localhost,", str(playbook), "-e", json.dumps(variables or {})]
        done = subprocess.run(
            [*command, *(["--check", "--diff"] if check else [])],
            env=ansible_environment(**KEEPING),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode or not results.exists():
            raise AssertionError(f"ansible-playbook ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        found = json.loads(results.read_text())
        for result in found:
            result["_output"] = done.stdout + done.stderr
        return found  # type: ignore[no-any-return]

    return run


@pytest.fixture
def run_tasks(tmp_path: Path) -> RunTasks:
    return runner(tmp_path)


@pytest.fixture(scope="session")
def sandbox() -> dict[str, Any]:
    """sandbox.json, and `kubeconfigs` by cluster name. The sandbox must be up: `make test` sees to it."""
    path = STATE / "sandbox.json"
    if not path.exists():
        pytest.fail("The sandbox is not up; run 'make sandbox-up' first.")
    facts = json.loads(path.read_text())
    facts["state"] = str(STATE)
    facts["kubeconfigs"] = {
        name: str(STATE / "clusters" / name / "admin.kubeconfig") for name in ("prod", "dev", "edge")
    }
    facts["oss"] = {
        "access_key_id": facts["access_key_id"],
        "access_key_secret": facts["access_key_secret"],
        "region": facts["region"],
        "oss_endpoint": facts["oss_endpoint"],
    }
    facts["cs"] = {**facts["oss"], "cs_endpoint": facts["cs_endpoint"]}
    del facts["cs"]["oss_endpoint"]
    return facts


@pytest.fixture(scope="session")
def addon(sandbox: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Addon:
    """`addon(name, state)` brings an addon of ml-prod to a state through ACK's API; one process at a time."""
    run = runner(tmp_path_factory.mktemp("addons"))

    def put(name: str, state: str) -> None:
        options = {**sandbox["cs"], "cluster_name": "ml-prod", "name": name, "state": state, "wait_timeout": 600}
        with (CACHE / "addons.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            (result,) = run([{"mlops.ack.ack_addon": options}], timeout_s=900)
        if result.get("failed"):
            pytest.fail(f"{name} is not {state}: {result['msg']}")

    return put


@pytest.fixture(scope="session")
def observing(addon: Addon) -> None:
    """The addons that scrape and that collect logs are in ml-prod."""
    for name in ("arms-prometheus", "loongcollector"):
        addon(name, "present")


@pytest.fixture
def namespace(sandbox: dict[str, Any]) -> Iterator[str]:
    """A fresh namespace in the prod cluster, deleted afterwards."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    kubectl = [str(Path(sandbox["bin"]) / "kubectl"), "--kubeconfig", sandbox["kubeconfigs"]["prod"]]
    subprocess.run([*kubectl, "create", "namespace", name], check=True, capture_output=True)
    yield name
    subprocess.run([*kubectl, "delete", "namespace", name, "--wait=false"], check=True, capture_output=True)
