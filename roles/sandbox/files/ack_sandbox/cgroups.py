# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The sandbox's control groups, in version 1 (also hybrid) and version 2.

Each node lives in `/ack-NAME` of every hierarchy: its daemons in `sys`, its pods in `kubepods`. The host services live
in `/ack-host`. So the groups are the truthful list of the sandbox's processes, whatever pid file was lost.

Version 2 is written from the kernel's documentation (admin-guide/cgroup-v2) and has not been tried.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from .process import SandboxError

ROOT = Path("/sys/fs/cgroup")
# What the kubelet asks of version 2.
CONTROLLERS_V2 = ("cpuset", "cpu", "io", "memory", "hugetlb", "pids")


def parse_mounts(mounts: str) -> list[tuple[Path, str]]:
    """(mount point, kind) of each cgroup hierarchy in the text of /proc/mounts; kind is `cgroup` (v1) or `cgroup2`."""
    rows = (line.split() for line in mounts.splitlines())
    return [(Path(row[1]), row[2]) for row in rows if len(row) > 2 and row[2] in ("cgroup", "cgroup2")]


def hierarchies() -> list[tuple[Path, str]]:
    return parse_mounts(Path("/proc/mounts").read_text())


def version() -> int:
    """2 where the root is the unified hierarchy, 1 where controllers are in others (hybrid included), else 0."""
    kinds = dict(hierarchies())
    if kinds.get(ROOT) == "cgroup2":
        return 2
    return 1 if "cgroup" in kinds.values() else 0


def create(name: str, *leaves: str) -> list[Path]:
    """Make `/name` and the leaves below it in every hierarchy. Returns the `cgroup.procs` files of the last leaf."""
    members: list[Path] = []
    for root, kind in hierarchies():
        if kind == "cgroup2" and root == ROOT:
            _delegate(root)
        path = root
        for part in (name, *leaves):
            path = path / part
            path.mkdir(exist_ok=True)
            if kind == "cgroup2" and root == ROOT and part != (name, *leaves)[-1]:
                _delegate(path)
            _copy_cpuset(path)
        members.append(path / "cgroup.procs")
    return members


def enter_command(members: Iterable[Path], argv: Sequence[str]) -> list[str]:
    """argv that joins the groups of these `cgroup.procs` files, then becomes `argv`: no child is born outside."""
    files = [str(path) for path in members]
    script = f'n={len(files)}; while [ $n -gt 0 ]; do echo $$ > "$1"; shift; n=$((n-1)); done; exec "$@"'
    return ["sh", "-ec", script, "sh", *files, *argv]


def _delegate(path: Path) -> None:
    """Version 2: hand this group's controllers on to its children."""
    available = (path / "cgroup.controllers").read_text().split()
    wanted = [controller for controller in CONTROLLERS_V2 if controller in available]
    try:
        (path / "cgroup.subtree_control").write_text(" ".join(f"+{controller}" for controller in wanted))
    except OSError as error:
        raise SandboxError(
            f"Cannot enable the controllers {', '.join(wanted)} below {path}: {error.strerror}.",
            "Processes directly in that group prevent it; inside a container, start it with its own cgroup namespace "
            "and an init that moves itself into a child group.",
        ) from error


def _copy_cpuset(path: Path) -> None:
    """Version 1: a new cpuset is empty, and nothing may join it until cpus and mems are set."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        file, parent = path / name, path.parent / name
        if file.exists() and parent.exists() and not file.read_text().strip():
            file.write_text(parent.read_text())


def groups(name: str) -> list[Path]:
    """Every existing group of that name and below it, the deepest first."""
    found: list[Path] = []
    for root, _kind in hierarchies():
        for folder, _folders, _files in os.walk(root / name, topdown=False):
            found.append(Path(folder))
    return found


def processes(name: str) -> set[int]:
    """The pids (as the host counts) in that group and below it."""
    pids: set[int] = set()
    for group in groups(name):
        try:
            pids.update(int(pid) for pid in (group / "cgroup.procs").read_text().split())
        except OSError:
            continue  # the group went away, or is a threaded one
    pids.discard(os.getpid())
    return pids


def leave(name: str) -> None:
    """Move this process to the root of each hierarchy if it is in that group: it would kill itself otherwise."""
    for root, _kind in hierarchies():
        members = root / name
        if members.is_dir() and _is_member(root, name):
            (root / "cgroup.procs").write_text("0")


def _is_member(root: Path, name: str) -> bool:
    for folder, _folders, _files in os.walk(root / name):
        if str(os.getpid()) in (Path(folder) / "cgroup.procs").read_text().split():
            return True
    return False


def kill(name: str, timeout_s: float = 10.0, polite_s: float = 0.0) -> int:
    """End every process in the group: SIGTERM first if `polite_s` > 0, SIGKILL after it. Returns how many there were.

    Raises SandboxError with the survivors after `timeout_s`: only a process stuck in the kernel survives SIGKILL.
    """
    leave(name)
    found = processes(name)
    start = time.monotonic()
    if polite_s:
        _signal(found, signal.SIGTERM)
        while processes(name) and time.monotonic() - start < polite_s:
            time.sleep(0.05)
    while alive := processes(name):
        if time.monotonic() - start > timeout_s:
            raise SandboxError(f"Processes of {name} survived SIGKILL: {', '.join(map(str, sorted(alive)))}.")
        _signal(alive, signal.SIGKILL)
        time.sleep(0.03)
    return len(found)


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def remove(name: str, timeout_s: float = 5.0) -> None:
    """Remove the (empty) groups. The kernel keeps one busy for a moment after its last process died."""
    deadline = time.monotonic() + timeout_s
    while remaining := groups(name):
        for group in remaining:
            try:
                group.rmdir()
            except OSError:
                continue
        if time.monotonic() > deadline and (left := groups(name)):
            raise SandboxError(f"Cannot remove the control group {left[0]}: it is busy.")
        time.sleep(0.02)
