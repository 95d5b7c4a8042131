# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Follows the folder of a model: serves its highest version, and moves to a higher one when that appears."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from .batching import Batcher
from .errors import Code, ServingError
from .model import Model

REMIND_S = 10.0


class State(Enum):
    """TensorFlow Serving's ModelVersionStatus.State."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


@dataclass(slots=True)
class Version:
    number: int
    state: State = State.START
    code: Code = Code.OK
    message: str = ""
    model: Model | None = None
    batcher: Batcher | None = None
    in_use: int = 0  # requests that are being answered


class Versions:
    """The versions of one model, by the policy "latest": a new one is loaded before the old one goes."""

    def __init__(
        self, base_path: Path, load: Callable[[Path], Model], make_batcher: Callable[[Model], Batcher | None]
    ) -> None:
        self._base_path, self._load_model, self._make_batcher = base_path, load, make_batcher
        self.known: dict[int, Version] = {}

    def latest(self) -> Version | None:
        available = [number for number, version in self.known.items() if version.state is State.AVAILABLE]
        return self.known[max(available)] if available else None

    async def wait_for_first(self, poll_s: float) -> Version:
        """Wait for a version folder and load it. A pod may start before its model is copied, so this has no end of
        its own: the pod's probes and the deadline of whoever waits for it are that end. Raises ServingError if the
        version cannot be loaded."""
        reminded = -REMIND_S
        while not (number := self.on_disk()):
            if time.monotonic() - reminded >= REMIND_S:
                reminded = time.monotonic()
                say(f"no version of the model under {self._base_path} yet: expected a folder named by a number")
            await asyncio.sleep(poll_s)
        version = await self._load(number)
        if version.state is not State.AVAILABLE:
            raise ServingError(version.code, version.message)
        return version

    async def follow(self, poll_s: float) -> None:
        """For ever: load a version that is newer than all known, then unload the one before it."""
        while True:
            await asyncio.sleep(poll_s)
            number = self.on_disk()
            if number and number not in self.known and number > max(self.known):
                before = self.latest()
                version = await self._load(number)
                if version.state is State.AVAILABLE and before:
                    await self._unload(before)

    def on_disk(self) -> int:
        """The highest version that has a saved_model.pb; 0 if there is none."""
        return max(
            (int(file.parent.name) for file in self._base_path.glob("*/saved_model.pb") if _is_version(file)), default=0
        )

    async def _load(self, number: int) -> Version:
        version = self.known[number] = Version(number, State.LOADING)
        started = time.monotonic()
        try:
            version.model = await asyncio.to_thread(self._load_model, self._base_path / str(number))
        except Exception as error:  # whatever TensorFlow says about these files, the status tells it
            version.state, version.code, version.message = State.END, Code.UNKNOWN, f"{type(error).__name__}: {error}"
            say(f"version {number} cannot be loaded: {version.message}")
        else:
            version.batcher = self._make_batcher(version.model)
            version.state = State.AVAILABLE
            say(f"version {number} is available after {time.monotonic() - started:.1f} s")
        return version

    async def _unload(self, version: Version) -> None:
        version.state = State.UNLOADING
        while version.in_use:
            await asyncio.sleep(0.05)
        if version.batcher:
            await version.batcher.drain()
        version.model = version.batcher = None
        version.state = State.END
        say(f"version {version.number} is unloaded")


def say(text: str) -> None:
    print(text, flush=True)


def _is_version(file: Path) -> bool:
    return file.parent.name.isdigit()
