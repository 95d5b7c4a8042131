# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""/__simulator__/: what tests and the sandbox ask the simulator itself. Unsigned, for this machine only."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from .clock import Clock
from .cs.nodepools import join
from .cs.service import Service
from .errors import ServiceError
from .faults import Faults
from .requestlog import RequestLog

PREFIX = "/__simulator__/"


@dataclass
class Control:
    """GET and PUT faults and clock; GET requests?since=ID, clusters; POST join, what an attach script does."""

    clock: Clock
    faults: Faults
    log: RequestLog
    service: Service

    async def answer(self, request: web.BaseRequest) -> web.Response:
        url = urlsplit(request.raw_path)
        name = url.path.removeprefix(PREFIX)
        try:
            if not ipaddress.ip_address(request.remote or "0.0.0.0").is_loopback:
                raise ServiceError(403, "Forbidden", "The simulator is controlled from its own machine only.")
            if (request.method, name) == ("POST", "join"):
                return web.json_response(await join(self.service, (await request.read()).decode()))
            body = json.loads(await request.read() or b"null") if request.method == "PUT" else None
            return web.json_response(self._do(request.method, name, dict(parse_qsl(url.query)), body))
        except ServiceError as refused:
            return web.json_response({"code": refused.code, "message": refused.message}, status=refused.status)
        except (ValueError, TypeError, AttributeError) as wrong:
            return web.json_response({"code": "InvalidParameter", "message": str(wrong)}, status=400)

    def _do(self, method: str, name: str, query: dict[str, str], body: Any) -> Any:
        match method, name:
            case "PUT", "faults":
                self.faults.replace(body)
                return self.faults.listing()
            case "GET", "faults":
                return self.faults.listing()
            case "PUT", "clock":
                self.clock.offset_s += float(body.get("advance_s", 0))
                self.clock.time_factor = float(body.get("time_factor", self.clock.time_factor))
                return self._clock()
            case "GET", "clock":
                return self._clock()
            case "GET", "requests":
                entries = self.log.since(int(query.get("since", "0")))
                writes = sum(bool(entry["write"]) for entry in entries)
                return {"last": self.log.last, "writes": writes, "requests": entries}
            case "GET", "clusters":
                fields = ("cluster_id", "name", "profile", "state")
                return [{**{f: r["cluster"][f] for f in fields}, "real": r["real"]} for r in self.service.clusters]
        raise ServiceError(404, "NotFound", f"{method} {PREFIX}{name}: known are faults, clock, requests, clusters.")

    def _clock(self) -> dict[str, Any]:
        return {"now": self.clock.utc(), "offset_s": self.clock.offset_s, "time_factor": self.clock.time_factor}
