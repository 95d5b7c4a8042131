# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The simulator's time: a wall clock that tests may move, and the length of a stage."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta, timezone

STAGE_S = 0.3
CHINA = timezone(timedelta(hours=8))


class Clock:
    """`time_factor` stretches every stage; 0 makes them instant."""

    def __init__(self, time_factor: float = 1.0) -> None:
        self.time_factor = time_factor
        self.offset_s = 0.0

    def now(self) -> float:
        """Seconds since the epoch, moved by `offset_s`."""
        return time.time() + self.offset_s

    async def stage(self) -> None:
        """Wait as long as one stage of a task lasts."""
        await asyncio.sleep(STAGE_S * self.time_factor)

    def utc(self, later_s: float = 0.0) -> str:
        """RFC 3339 in UTC, as kubeconfig expirations and the request log use it."""
        return datetime.fromtimestamp(self.now() + later_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def china(self) -> str:
        """RFC 3339 at +08:00, as the cluster object uses it."""
        return datetime.fromtimestamp(self.now(), CHINA).isoformat(timespec="seconds")
