# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command that starts and stops a real cluster for a simulated one."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

LIMIT_S = 1800.0
TERMINATION_S = 10.0
TAIL_LINES = 20
# Which real cluster stands behind a simulated one of this profile.
REAL_CLUSTERS = {"Default": "prod", "Serverless": "dev", "Edge": "edge"}
# Addons that bring something into a real cluster; of the others only the API knows.
REAL_ADDONS = ("ack-virtual-node", "arms-prometheus", "kube-scheduler", "loongcollector")


class DriverFailed(Exception):
    """The command failed; the text is the last lines that it wrote."""


class Driver:
    """Runs `<command> up NAME`, `down NAME --purge`, `install NAME --addon ADDON`, `remove NAME --addon ADDON`,
    `join NAME --label KEY=VALUE`, one at a time for each name.
    """

    def __init__(self, command: str, logs: Path, kubeconfigs: str) -> None:
        logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._command, self._logs, self._kubeconfigs = shlex.split(command), logs, kubeconfigs
        self._locks: dict[str, asyncio.Lock] = {}

    async def up(self, name: str, on_line: Callable[[str], None]) -> None:
        await self._run(name, ["up", name], on_line)

    async def down(self, name: str, on_line: Callable[[str], None]) -> None:
        """Stop the cluster and forget its data."""
        await self._run(name, ["down", name, "--purge"], on_line)

    async def install(self, name: str, addon: str, on_line: Callable[[str], None]) -> None:
        """Bring an addon's workloads into the cluster."""
        await self._run(name, ["install", name, "--addon", addon], on_line)

    async def remove(self, name: str, addon: str, on_line: Callable[[str], None]) -> None:
        await self._run(name, ["remove", name, "--addon", addon], on_line)

    async def join(self, name: str, labels: Mapping[str, str], on_line: Callable[[str], None]) -> None:
        """Give the cluster's node the labels of the node pool that it joins."""
        words = [f"--label={key}={value}" for key, value in sorted(labels.items())]
        await self._run(name, ["join", name, *words], on_line)

    def kubeconfig(self, name: str) -> str:
        """The cluster's kubeconfig as YAML text. Raises OSError when there is none."""
        return Path(self._kubeconfigs.format(name=name)).read_text(encoding="utf-8")

    def server(self, name: str) -> str:
        """The API server's URL in the kubeconfig."""
        found = re.search(r"^\s*server:\s*(\S+)", self.kubeconfig(name), re.MULTILINE)
        return found.group(1).strip("\"'") if found else ""

    async def _run(self, name: str, arguments: list[str], on_line: Callable[[str], None]) -> None:
        async with self._locks.setdefault(name, asyncio.Lock()):
            # A session of its own: what stops the simulator must not take the cluster's processes with it.
            process = await asyncio.create_subprocess_exec(
                *self._command,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                limit=1 << 20,
            )
            tail: deque[str] = deque(maxlen=TAIL_LINES)
            try:
                await asyncio.wait_for(self._follow(process, name, tail, on_line), LIMIT_S)
            except TimeoutError:
                await _terminate(process)
                tail.append(f"no end after {LIMIT_S:.0f} s")
            except asyncio.CancelledError:  # the task was canceled or the simulator stops
                await _terminate(process)
                raise
            if await process.wait() != 0:
                raise DriverFailed("\n".join(tail) or f"exit code {process.returncode}")

    async def _follow(
        self, process: asyncio.subprocess.Process, name: str, tail: deque[str], on_line: Callable[[str], None]
    ) -> None:
        assert process.stdout is not None
        with (self._logs / f"{name}.log").open("a", encoding="utf-8", buffering=1) as log:
            async for raw in process.stdout:
                line = raw.decode(errors="replace").rstrip()
                log.write(line + "\n")
                tail.append(line)
                on_line(line)
        await process.wait()


async def _terminate(process: asyncio.subprocess.Process) -> None:
    """End the command; after a while by force."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), TERMINATION_S)
        except TimeoutError:
            process.kill()
