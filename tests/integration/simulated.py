"""A simulator of the two cloud APIs for one test run, on ports of its own; it needs neither root nor the sandbox."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REPO

KEY = {"access_key_id": "LTAItest", "access_key_secret": "test-secret-0123456789"}


@dataclass
class Simulator:
    """Where it keeps its state and listens, and what a test may ask of it."""

    folder: Path
    cs_url: str
    oss_url: str

    @property
    def cs(self) -> dict[str, Any]:
        """Options of a module that calls ACK."""
        return {**KEY, "region": "cn-hangzhou", "cs_endpoint": self.cs_url.removeprefix("http://")}

    @property
    def oss(self) -> dict[str, Any]:
        """Options of a module that calls OSS."""
        return {**KEY, "region": "cn-hangzhou", "oss_endpoint": self.oss_url}

    def faults(self, *rules: dict[str, Any]) -> None:
        """Put these faults in force instead of the old ones."""
        self._ask("PUT", "faults", list(rules))

    @property
    def last(self) -> int:
        """The number of the last request."""
        return int(self._ask("GET", "requests?since=999999999")["last"])

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask("GET", f"requests?since={since}")["requests"]
        return found

    def writes(self, since: int) -> list[str]:
        """The actions since a request that wrote."""
        return [entry["action"] for entry in self.requests(since) if entry["write"]]

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.cs_url}/__simulator__/{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


@contextmanager
def running(folder: Path, oss_host: str = "127.0.0.1", key: Mapping[str, str] | None = None) -> Iterator[Simulator]:
    """One that keeps its state in this folder, as long as the block lasts. `oss_host`: where pods reach it too. `key`:
    the one that it accepts, KEY when unset.
    """
    (folder / "credentials.json").write_text(json.dumps(key or KEY))
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "simulator", "--state", str(folder / "state"), "--time-factor", "0.1"),
            *("--cs", "127.0.0.1:0", "--oss", f"{oss_host}:0", "--credentials", str(folder / "credentials.json")),
        ],
        env={**os.environ, "PYTHONPATH": str(REPO / "roles/sandbox/files")},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        urls = re.findall(r"http://[0-9.:]+", process.stdout.readline())
        yield Simulator(folder, *urls)
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with running(tmp_path_factory.mktemp("simulator")) as found:
        yield found


@pytest.fixture(autouse=True)
def no_fault_is_left(simulator: Simulator) -> Iterator[None]:
    yield
    simulator.faults()


@pytest.fixture
def bucket_name() -> str:
    return f"t-{uuid.uuid4().hex[:12]}"


def pattern(size: int, seed: int = 0) -> bytes:
    """`size` bytes that differ from place to place."""
    block = bytes((i * 7 + seed) % 251 for i in range(4099))
    return (block * (size // len(block) + 1))[:size]


def write(folder: Path, files: dict[str, bytes]) -> Path:
    """A folder with these files."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder
