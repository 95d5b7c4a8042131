# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Processes, files, locks, packages, control groups: the parts that touch the system, on a small scale."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ack_sandbox import cgroups, packages
from ack_sandbox.process import SandboxError, last_lines, locked, run, wait_until, write_file
from ack_sandbox.progress import Progress


def test_a_failed_command_shows_its_last_words() -> None:
    with pytest.raises(SandboxError, match=r"exit code 3:\nno such bridge"):
        run(["sh", "-c", "echo no such bridge >&2; exit 3"])


def test_a_command_that_hangs_is_ended() -> None:
    with pytest.raises(SandboxError, match=r"did not end within 0\.1 s"):
        run(["sleep", "5"], timeout_s=0.1)


def test_a_missing_command_is_named() -> None:
    with pytest.raises(SandboxError, match="Command not found: no-such-command"):
        run(["no-such-command"])


def test_waiting_ends_at_the_deadline() -> None:
    with pytest.raises(SandboxError, match="it took too long"):
        wait_until(lambda: False, timeout_s=0.05, failure=lambda: "it took too long", every_s=0.01)


def test_waiting_ends_at_once_when_it_cannot_help() -> None:
    start = time.monotonic()
    with pytest.raises(SandboxError, match="it died"):
        wait_until(lambda: False, timeout_s=30, failure=lambda: "late", broken=lambda: "it died")
    assert time.monotonic() - start < 1


def test_a_file_is_written_only_when_it_differs(tmp_path: Path) -> None:
    path = tmp_path / "a/b"
    assert write_file(path, "x", mode=0o600)
    assert not write_file(path, "x", mode=0o600)
    assert write_file(path, "x", mode=0o644)
    assert write_file(path, "y")
    assert [entry.name for entry in path.parent.iterdir()] == ["b"]


def test_the_end_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_lines(log) == []
    log.write_text("".join(f"{number}\n" for number in range(9999)))
    assert last_lines(log, 2) == ["9997", "9998"]


def test_a_lock_is_free_after_its_holder_was_killed(tmp_path: Path) -> None:
    take = f"f = open({str(tmp_path / 'lock')!r}, 'a'); fcntl.flock(f, fcntl.LOCK_EX)"
    code = f"import fcntl, time; {take}; print(flush=True); time.sleep(60)"
    told: list[str] = []
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        threading.Timer(0.1, holder.kill).start()
        with locked(tmp_path / "lock", lambda: told.append("waiting")):
            pass
    assert told == ["waiting"]


def test_a_line_comes_at_least_every_so_often() -> None:
    stream = io.StringIO()
    report = Progress(stream)
    with report.during(lambda: "still building", every_s=0.05):
        time.sleep(0.2)
    assert stream.getvalue().count("still building") >= 2
    assert stream.getvalue().startswith("[   0.")


def test_nothing_is_said_twice_while_others_speak() -> None:
    stream = io.StringIO()
    report = Progress(stream)
    with report.during(lambda: "still building", every_s=10):
        report("news")
    assert stream.getvalue().count("\n") == 1


def test_installed_packages_are_those_that_dpkg_calls_so() -> None:
    assert packages.installed("runc installed\netcd-server not-installed\ncontainerd config-files\n") == {"runc"}


@pytest.mark.parametrize(
    ("before", "during"),
    [
        pytest.param(None, packages.POLICY_TEXT, id="no policy"),
        pytest.param("#!/bin/sh\nexit 101\n", "#!/bin/sh\nexit 101\n", id="a policy that says no already"),
        pytest.param("#!/bin/sh\nexit 0\n", packages.POLICY_TEXT, id="a policy that would let services start"),
    ],
)
def test_services_stay_down_and_the_machines_own_policy_is_put_back(
    tmp_path: Path, before: str | None, during: str
) -> None:
    policy = tmp_path / "policy-rc.d"
    if before:
        policy.write_text(before)
        policy.chmod(0o755)
    with packages.services_stay_down(policy):
        assert policy.read_text() == during
    assert (policy.read_text() if policy.exists() else None) == before
    assert len(list(tmp_path.iterdir())) == (1 if before else 0)


@pytest.mark.parametrize("own", [None, "#!/bin/sh\nexit 0\n"], ids=["no policy of its own", "a policy of its own"])
def test_a_policy_left_by_a_killed_run_is_mended(tmp_path: Path, own: str | None) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text(packages.POLICY_TEXT)
    policy.chmod(0o755)
    if own:
        (tmp_path / "policy-rc.d.mlops-ack-kept").write_text(own)
    with packages.services_stay_down(policy):
        pass
    assert (policy.read_text() if policy.exists() else None) == own


def test_hierarchies_of_both_versions_are_found() -> None:
    mounts = (
        "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n"
        "cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\n"
        "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n"
        "/dev/vda / ext4 rw 0 0\n"
    )
    assert cgroups.parse_mounts(mounts) == [
        (Path("/sys/fs/cgroup/pids"), "cgroup"),
        (Path("/sys/fs/cgroup/unified"), "cgroup2"),
    ]
