# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Wiring: one process, one state folder, all APIs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from .clock import Clock
from .control import Control
from .cs.driver import Driver
from .cs.edge import CsEdge
from .cs.router import WORKS
from .cs.service import Service
from .faults import Faults
from .oss.edge import OssEdge
from .oss.storage import Storage
from .requestlog import RequestLog
from .signature.acs3 import Acs3Verifier
from .signature.oss4 import Oss4Verifier
from .signature.sls1 import Sls1Verifier
from .sls.edge import SlsEdge

SHUTDOWN_S = 1.0
Edge = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass
class App:
    """A running simulator. The addresses are the real ones, also when port 0 was asked for."""

    cs_url: str
    oss_urls: list[str]
    clock: Clock
    faults: Faults
    service: Service
    runners: list[web.ServerRunner]

    async def stop(self) -> None:
        self.service.tasks.stop_all()
        for runner in self.runners:
            await runner.cleanup()


async def start(
    *,
    state: Path,
    cs: tuple[str, int],
    oss: list[tuple[str, int]],
    sls: tuple[str, int] | None = None,
    key_id: str,
    secret: str,
    driver: str | None = None,
    kubeconfigs: str = "",
    region: str = "cn-hangzhou",
    time_factor: float = 1.0,
) -> App:
    """Open the ports and go on with the tasks that were running. Raises OSError when a port cannot be had."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    clock, faults, log = Clock(time_factor), Faults(), RequestLog(state / "requests.jsonl")
    clusters = Driver(driver, state / "driver", kubeconfigs) if driver else None
    service = Service(state / "cs", clock, faults, region, clusters, WORKS)
    control = Control(clock, faults, log, service)
    cs_edge = CsEdge(service, Acs3Verifier(clock, key_id, secret), faults, log, clock, control)
    storage, verifier = Storage(state / "oss", clock, region), Oss4Verifier(clock, key_id, secret, region)
    oss_edge = OssEdge(storage, verifier, faults, log, clock)
    runners, urls = [], []
    edges: list[tuple[Edge, tuple[str, int]]] = [(cs_edge, cs), *((oss_edge, address) for address in oss)]
    if sls is not None:
        edges.append((SlsEdge(service, Sls1Verifier(clock, key_id, secret), faults, log, clock), sls))
    for edge, (host, port) in edges:
        runner = web.ServerRunner(web.Server(edge, access_log=None), shutdown_timeout=SHUTDOWN_S)
        await runner.setup()
        site = web.TCPSite(runner, host, port)
        await site.start()
        runners.append(runner)
        urls.append(f"http://{host}:{runner.addresses[0][1]}")
    service.tasks.resume_all()
    return App(urls[0], urls[1 : 1 + len(oss)], clock, faults, service, runners)
