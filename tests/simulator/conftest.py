"""Simulators for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import oss2
import pytest
from alibabacloud_cs20151215.client import Client

from tests.simulator.simulated import FAST, SLOW, Simulator, new_name


@pytest.fixture(scope="session")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    running = Simulator(tmp_path_factory.mktemp("simulator"))
    yield running
    running.stop()


@pytest.fixture
def simulator(_shared: Simulator) -> Iterator[Simulator]:
    """The one that most tests share; faults and clock are put back."""
    yield _shared
    _shared.faults()
    offset = _shared.control("GET", "clock")["offset_s"]
    _shared.control("PUT", "clock", {"advance_s": -offset, "time_factor": FAST})


@pytest.fixture
def slow(simulator: Simulator) -> None:
    """Stages last long enough to be seen."""
    simulator.control("PUT", "clock", {"time_factor": SLOW})


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Callable[..., Simulator]]:
    """Starts simulators that a test may kill."""
    started: list[Simulator] = []

    def start(*options: str, **more: Any) -> Simulator:
        started.append(Simulator(tmp_path, *options, **more))
        return started[-1]

    yield start
    for running in started:
        running.kill()


@pytest.fixture
def cs(simulator: Simulator) -> Client:
    return simulator.cs()


@pytest.fixture
def bucket(simulator: Simulator) -> oss2.Bucket:
    """A new bucket."""
    made = simulator.bucket(new_name())
    made.create_bucket()
    return made
