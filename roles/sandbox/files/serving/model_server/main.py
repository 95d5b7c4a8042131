# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Starts the server: flags, model, REST port, in this order, so that an open port means a model that answers."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from .batching import Batcher, Parameters, read_parameters
from .errors import ServingError, StartError
from .flags import Flags, parse
from .metrics import Metrics, monitoring_path
from .model import Model, load
from .rest import Rest
from .versions import Versions, say

FINISH_S = 20.0  # below a pod's 30 s of grace


def main(arguments: Sequence[str]) -> int:
    """Exit codes: 0 stopped by a signal, 1 no model can be loaded or the port is taken, 255 wrong flags or files."""
    try:
        flags = parse(arguments)
        parameters = read_parameters(flags.batching_parameters_file) if flags.enable_batching else None
        metrics_path = monitoring_path(flags.monitoring_config_file)
    except StartError as error:
        print(error, file=sys.stderr)
        return 255
    return asyncio.run(serve(flags, parameters, metrics_path))


async def serve(flags: Flags, parameters: Parameters | None, metrics_path: str) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    metrics = Metrics()

    def make_batcher(model: Model) -> Batcher | None:
        return Batcher(lambda name, inputs: rest.run(model, name, inputs), parameters, metrics) if parameters else None

    versions = Versions(Path(flags.model_base_path), load, make_batcher)
    rest = Rest(flags.model_name, versions, metrics, metrics_path)
    loading = asyncio.create_task(versions.wait_for_first(flags.file_system_poll_wait_seconds))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({loading, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not loading.done():
        loading.cancel()
        return 0
    try:
        loading.result()
        runner = web.AppRunner(rest.application(), access_log=None, shutdown_timeout=FINISH_S)
        await runner.setup()
        await web.TCPSite(runner, port=flags.rest_api_port).start()
    except (ServingError, OSError) as error:
        print(f"cannot serve {flags.model_name}: {error}", file=sys.stderr)
        return 1
    say(f"serving {flags.model_name} over REST on port {flags.rest_api_port}")
    following = asyncio.create_task(versions.follow(flags.file_system_poll_wait_seconds))
    await stopping
    say("stopping: requests that are running are finished, no new one is taken")
    following.cancel()
    await runner.cleanup()
    return 0
