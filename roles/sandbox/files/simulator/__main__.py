# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Command line: `python -m simulator --state DIR --cs HOST:PORT --oss HOST:PORT --credentials FILE`."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from .app import App, start


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulator", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="folder that holds everything")
    parser.add_argument("--cs", required=True, metavar="HOST:PORT", help="where the CS API listens")
    parser.add_argument("--oss", required=True, action="append", metavar="HOST:PORT", help="where OSS listens")
    parser.add_argument("--sls", metavar="HOST:PORT", help="where Simple Log Service listens, if it shall")
    parser.add_argument("--credentials", type=Path, required=True, help="JSON {access_key_id, access_key_secret}")
    parser.add_argument("--driver", help="command for real clusters: called with `up NAME` and `down NAME --purge`")
    parser.add_argument("--kubeconfigs", help="[STATE/../clusters/{name}/admin.kubeconfig]")
    parser.add_argument("--region", default="cn-hangzhou", help="the one region there is [%(default)s]")
    parser.add_argument(
        "--time-factor", type=float, default=1.0, help="a task's stage lasts 0.3 s times this [%(default)s]"
    )
    options = parser.parse_args()
    return asyncio.run(_serve(options))


async def _serve(options: argparse.Namespace) -> int:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    try:
        credentials = json.loads(options.credentials.read_text(encoding="utf-8"))
        app: App = await start(
            state=options.state,
            cs=_address(options.cs),
            oss=[_address(text) for text in options.oss],
            sls=_address(options.sls) if options.sls else None,
            key_id=credentials["access_key_id"],
            secret=credentials["access_key_secret"],
            driver=options.driver,
            kubeconfigs=options.kubeconfigs or str(options.state.parent / "clusters" / "{name}" / "admin.kubeconfig"),
            region=options.region,
            time_factor=options.time_factor,
        )
    except (OSError, ValueError, KeyError) as failed:
        print(f"simulator: cannot start: {failed!r}", file=sys.stderr)
        return 1
    print(f"simulator: CS on {app.cs_url}, OSS on {', '.join(app.oss_urls)}", flush=True)
    await stop.wait()
    await app.stop()
    return 0


def _address(text: str) -> tuple[str, int]:
    host, _colon, port = text.rpartition(":")
    return host, int(port)


if __name__ == "__main__":
    sys.exit(main())
