"""Ten thousand small objects, and one of two GiB: how long, and with how much memory. Minutes; `make test-long`."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPO
from tests.integration.conftest import RunTasks
from tests.integration.simulated import Simulator, bucket_name, no_fault_is_left, simulator

__all__ = ["bucket_name", "no_fault_is_left", "simulator"]

pytestmark = [pytest.mark.simulator, pytest.mark.long]

MOST_RSS = 150_000_000  # bytes, of the process that runs the module
SMALL_FILES = 10_000
LARGE_SIZE = 2 << 30
MARK_EACH = 1 << 24
PAGE = REPO / "docs/volume.md"


@dataclass
class Memory:
    """The peak resident set of every process below this one, by pid; the kernel keeps the peak, we only read it."""

    peaks: dict[int, int] = field(default_factory=dict)
    words: dict[int, str] = field(default_factory=dict)

    def look(self) -> None:
        for pid in _below(os.getpid()):
            with contextlib.suppress(OSError, StopIteration):
                status = Path(f"/proc/{pid}/status").read_text()
                peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
                self.peaks[pid] = int(peak.split()[1]) * 1024
                words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                self.words[pid] = words or self.words.get(pid, "")  # one that is just ending has none

    def of_module(self, in_process: bool) -> int:
        """The largest peak among the processes in which the module ran."""
        ours = "ansible-playbook" if in_process else "AnsiballZ_oss_sync"
        return max(peak for pid, peak in self.peaks.items() if ours in self.words[pid])


def _below(root: int) -> list[int]:
    """Pids of all descendants."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found, todo = [], [root]
    while todo:
        now = todo.pop()
        children = [pid for pid, parent in parents.items() if parent == now]
        found += children
        todo += children
    return found


@contextlib.contextmanager
def watched() -> Iterator[Memory]:
    memory, is_over = Memory(), threading.Event()

    def look() -> None:
        while not is_over.wait(0.1):
            memory.look()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield memory
    finally:
        is_over.set()
        thread.join()


ROWS: list[dict[str, Any]] = []


@pytest.fixture(scope="module", autouse=True)
def page() -> Iterator[None]:
    """What was measured, in build/ at each run, and in the documentation when WRITE_DOCS is set."""
    ROWS.clear()
    yield
    (REPO / "build").mkdir(exist_ok=True)
    (REPO / "build/oss-volume.json").write_text(json.dumps(ROWS, indent=1))
    if os.environ.get("WRITE_DOCS") and ROWS:
        lines = "\n".join(
            f"| {row['what']} | {row['door']} | {row['step']} | {row['seconds']:.0f} | {row['rss'] / 1e6:.0f} |"
            for row in ROWS
        )
        PAGE.write_text(TEXT.format(lines=lines, where=_where(), day=datetime.now(UTC).date()))


def _where() -> str:
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, Linux {platform.release()}"


TEXT = """# Volume

What `mlops.ack.oss_sync` needs for many objects and for a large one. `make test-long` measures it against a simulator
on the same machine, and fails above 150 MB; `make test-long WRITE_DOCS=1` writes this page. Peak memory is that of the
whole process in which the module runs; in process, that is Ansible's worker with the cloud SDKs.

| what | door | step | seconds | peak RSS, MB |
|---|---|---|---|---|
{lines}

Last run: {day}, {where}. The times include starting Ansible, and the simulator's own work on the same cores.
"""


@pytest.fixture
def measured(run_tasks: RunTasks) -> Any:
    """Runs one task, notes time and memory, fails above the limit."""

    def run(task: dict[str, Any], in_process: bool, what: str, step: str) -> dict[str, Any]:
        started = time.monotonic()
        with watched() as memory:
            [result] = run_tasks([task], in_process=in_process, timeout_s=1800)
        door, rss = "in process" if in_process else "forked", memory.of_module(in_process)
        ROWS.append({"what": what, "door": door, "step": step, "seconds": time.monotonic() - started, "rss": rss})
        print(ROWS[-1], file=sys.stderr)
        assert not result.get("failed"), result["msg"]
        assert rss > 30_000_000, "this was not the process that ran the module"
        assert rss <= MOST_RSS, f"{what}, {door}, {step}: {rss / 1e6:.0f} MB"
        return result

    return run


def small(folder: Path) -> Path:
    for number in range(SMALL_FILES):
        place = folder / f"{number % 100:02d}/{number:05d}.txt"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"{number}\n" * 20)
    return folder


def large(folder: Path) -> Path:
    """A file of 2 GiB that takes little room on the disk; each 16 MiB has a mark of its own."""
    folder.mkdir()
    with (folder / "model.bin").open("wb") as stream:
        stream.truncate(LARGE_SIZE)
        for start in range(0, LARGE_SIZE, MARK_EACH):
            stream.seek(start)
            stream.write(f"part at {start}".encode())
    return folder


@pytest.mark.parametrize("in_process", [True, False], ids=["in process", "forked"])
@pytest.mark.parametrize(
    ("what", "make", "count", "size"),
    [
        pytest.param("10,000 small objects", small, SMALL_FILES, None, id="many"),
        pytest.param("one object of 2 GiB", large, 1, LARGE_SIZE, id="large"),
    ],
)
def test_volume_goes_up_and_comes_down_in_bounded_memory(
    run_tasks: RunTasks,
    measured: Any,
    simulator: Simulator,
    bucket_name: str,
    tmp_path: Path,
    in_process: bool,
    what: str,
    make: Any,
    count: int,
    size: int | None,
) -> None:
    bucket = {**simulator.oss, "name": bucket_name}
    up = {**simulator.oss, "bucket": bucket_name, "prefix": "data", "path": str(make(tmp_path / "in"))}
    down = {**up, "direction": "download", "path": str(tmp_path / "out")}
    run_tasks([{"mlops.ack.oss_bucket": bucket}])
    sent = measured({"mlops.ack.oss_sync": up}, in_process, what, "upload")
    assert (sent["sync"]["count"], len(sent["sync"]["transferred"])) == (count, count)
    assert size in (None, sent["sync"]["size"])
    assert "upload: " in sent["_output"] or not in_process
    before = simulator.last
    again = measured({"mlops.ack.oss_sync": up}, in_process, what, "upload again, nothing to do")
    assert (again["changed"], simulator.writes(before)) == (False, [])
    fetched = measured({"mlops.ack.oss_sync": down}, in_process, what, "download")
    assert fetched["sync"]["digest"] == sent["sync"]["digest"]
    assert fetched["sync"]["transferred"] == sent["sync"]["transferred"]
    [gone] = run_tasks([{"mlops.ack.oss_bucket": {**bucket, "state": "absent", "delete_objects": True}}])
    assert gone["deleted_objects"] == count
