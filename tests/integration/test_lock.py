"""Two launchers at once: real runs of ansible-playbook against a simulator of their own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.conftest import PLAYBOOK, RunTasks, ansible_environment
from tests.integration.processes import descendants
from tests.integration.simulated import Simulator, bucket_name, no_fault_is_left, simulator

pytestmark = pytest.mark.simulator
__all__ = ["bucket_name", "no_fault_is_left", "simulator"]

Launch = Callable[..., subprocess.Popen[str]]
CREATE = "CreateCluster"
ENDLESS = {"kind": "task_forever", "match": {"action": CREATE}, "times": 1}
BUSY = {"kind": "throttle", "match": {"action": CREATE}, "times": 4, "retry_after_ms": 1500}
"""The first to ask for a cluster gets it after six seconds, which the second needs to come as far."""


@pytest.fixture
def cluster(simulator: Simulator, run_tasks: RunTasks, bucket_name: str) -> dict[str, Any]:
    """A task that makes a cluster of a new name, under a lock in a new bucket."""
    run_tasks([{"mlops.ack.oss_bucket": {**simulator.oss, "name": bucket_name}}])
    lock = {**simulator.oss, "bucket": bucket_name, "name": "prod/cluster", "wait_timeout": 120}
    return {
        **simulator.cs,
        "name": f"c-{uuid.uuid4().hex[:8]}",
        "profile": "Default",
        "cluster_spec": "ack.pro.small",
        "vpc_id": "vpc-1",
        "vswitch_ids": ["vsw-1"],
        "pod_cidr": "172.20.0.0/16",
        "service_cidr": "172.21.0.0/20",
        "lock": lock,
    }


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """Starts a launcher: a play with this one task."""
    started: list[subprocess.Popen[str]] = []

    def start(cluster: dict[str, Any], name: str, *, in_process: bool = True) -> subprocess.Popen[str]:
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable, "mlops_ack_in_process": in_process},
            "tasks": [{"mlops.ack.ack_cluster": cluster, "register": "made"}],
        }
        playbook = tmp_path / f"{name}.yml"
        playbook.write_text(yaml.safe_dump([play]))
        process = subprocess.Popen(
            [str(PLAYBOOK), "-i", "localhost,", str(playbook)],
            env=ansible_environment(),
            stdout=(tmp_path / f"{name}.txt").open("w"),
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        for pid in [*descendants(process.pid), process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(10)


def until_it_asked(simulator: Simulator, since: int, action: str) -> None:
    """Until the simulator has seen a request."""
    end = time.monotonic() + 60
    while action not in (entry["action"] for entry in simulator.requests(since)):
        assert time.monotonic() < end, f"no {action} in a minute"
        time.sleep(0.05)


def said(tmp_path: Path, name: str) -> str:
    return (tmp_path / f"{name}.txt").read_text()


def creations(simulator: Simulator, since: int) -> int:
    """Clusters that were made."""
    return sum(1 for entry in simulator.requests(since) if entry["action"] == CREATE and entry["status"] < 300)


@pytest.mark.parametrize("in_process", [True, False], ids=["in process", "forked"])
def test_one_works_and_the_other_waits_and_finds_it_done(
    simulator: Simulator, cluster: dict[str, Any], launch: Launch, tmp_path: Path, in_process: bool
) -> None:
    since = simulator.last
    simulator.faults(BUSY)
    both = [launch(cluster, name, in_process=in_process) for name in ("one", "two")]
    assert [each.wait(120) for each in both] == [0, 0], said(tmp_path, "one") + said(tmp_path, "two")
    assert creations(simulator, since) == 1
    changed = [said(tmp_path, name).count("changed=1") for name in ("one", "two")]
    assert sorted(changed) == [0, 1]
    if in_process:
        waited = said(tmp_path, "two" if changed[0] else "one")
        assert "lock prod/cluster: held: by " in waited
        assert f"({tmp_path}/" in waited, "the other's playbook"


def test_a_second_run_takes_no_lock(
    simulator: Simulator, cluster: dict[str, Any], run_tasks: RunTasks, bucket_name: str
) -> None:
    run_tasks([{"mlops.ack.ack_cluster": cluster}])
    since = simulator.last
    (again,) = run_tasks([{"mlops.ack.ack_cluster": cluster}])
    assert not again["changed"]
    assert simulator.writes(since) == []
    assert not [entry for entry in simulator.requests(since) if bucket_name in json.dumps(entry)]


def test_a_lock_that_is_not_given_back_in_time_says_whose_it_is(
    simulator: Simulator, cluster: dict[str, Any], launch: Launch, run_tasks: RunTasks
) -> None:
    since = simulator.last
    simulator.faults(ENDLESS)
    launch(cluster, "one")
    until_it_asked(simulator, since, CREATE)
    other = {**cluster, "name": f"{cluster['name']}-2", "lock": {**cluster["lock"], "wait_timeout": 0}}
    for in_process in (True, False):
        (refused,) = run_tasks([{"mlops.ack.ack_cluster": other}], in_process=in_process)
        assert refused["failure"]["code"] == "Locked", refused
        assert f"for cluster {cluster['name']}" in refused["msg"]
        assert "one.yml" in refused["msg"]
    assert creations(simulator, since) == 1


@pytest.mark.parametrize("all_of_it", [True, False], ids=["the whole tree", "the launcher without its worker"])
def test_after_kill_9_the_next_goes_on_and_makes_nothing_twice(
    simulator: Simulator, cluster: dict[str, Any], launch: Launch, tmp_path: Path, all_of_it: bool
) -> None:
    """A worker of ansible outlives its launcher: it goes on and keeps the lock, which is then waited for."""
    since = simulator.last
    one = launch(cluster, "one")
    until_it_asked(simulator, since, CREATE)
    workers = descendants(one.pid)
    for pid in [*(workers if all_of_it else []), one.pid]:
        os.kill(pid, signal.SIGKILL)
    started = time.monotonic()
    two = launch(cluster, "two")
    assert two.wait(60) == 0, said(tmp_path, "two")
    assert creations(simulator, since) == 1
    if all_of_it:
        assert time.monotonic() - started < 30, "it waited for a lease although the holder's process is gone"


@pytest.mark.long
def test_one_that_was_stopped_is_replaced_and_stops_when_it_wakes(
    simulator: Simulator, cluster: dict[str, Any], launch: Launch, tmp_path: Path
) -> None:
    since = simulator.last
    simulator.faults(ENDLESS)
    one = launch({**cluster, "wait_timeout": 300}, "one")
    until_it_asked(simulator, since, CREATE)
    for pid in [*descendants(one.pid), one.pid]:
        os.kill(pid, signal.SIGSTOP)
    two = launch({**cluster, "name": f"{cluster['name']}-2"}, "two")
    assert two.wait(120) == 0, said(tmp_path, "two")
    assert "taken over" in said(tmp_path, "two")
    asked = simulator.last
    for pid in [*descendants(one.pid), one.pid]:
        os.kill(pid, signal.SIGCONT)
    assert one.wait(60) == 2
    assert "LockLost" in said(tmp_path, "one") or "was lost to" in said(tmp_path, "one")
    assert [entry for entry in simulator.requests(asked) if entry["write"] and entry["api"] == "cs"] == []
