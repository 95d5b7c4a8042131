# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""GetLogs over HTTP: signature, faults, and the lines that the real clusters' pods wrote."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import aiohttp
from aiohttp import web

from ..clock import Clock
from ..cs.service import Service
from ..errors import ServiceError
from ..faults import HTTP_KINDS, Faults, play
from ..http import Exchange, serve
from ..requestlog import RequestLog
from ..signature.sls1 import Sls1Verifier
from . import select
from .kube import Cluster

GET_LOGS = re.compile(r"/logstores/([^/]+)$")
MOST_LINES = 100


@dataclass
class SlsEdge:
    service: Service
    verifier: Sls1Verifier
    faults: Faults
    log: RequestLog
    clock: Clock

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        return await serve("sls", self.log, self.clock, request, self._handle, _error)

    async def _handle(self, exchange: Exchange) -> web.StreamResponse:
        request, url = exchange.request, urlsplit(exchange.request.raw_path)
        found, query = GET_LOGS.fullmatch(url.path), dict(parse_qsl(url.query, keep_blank_values=True))
        exchange.action = "GetLogs" if found and request.method == "GET" else ""
        exchange.write = request.method != "GET"
        seen = {"api": "sls", "action": exchange.action, "method": request.method, "path": url.path}
        rule = self.faults.take(HTTP_KINDS, seen)
        if rule is not None:
            await play(rule, request, "ReadQuotaExceed", 403)
        self.verifier.verify(request.method, request.raw_path, request.headers)
        if not exchange.action or found is None or query.get("type") != "log":
            raise ServiceError(404, "InvalidAction", f"{request.method} {url.path} is not simulated.")
        project = request.headers.get("Host", "").partition(".")[0]
        lines = await self._lines(project, unquote(found[1]), _number(query, "from"), _number(query, "to"))
        number = min(_number(query, "line", MOST_LINES), MOST_LINES)
        offset = _number(query, "offset", 0)
        page = (lines[::-1] if query.get("reverse") == "true" else lines)[offset : offset + number]
        headers = {
            "Content-Type": "application/json",
            "x-log-requestid": exchange.request_id,
            "x-log-progress": "Complete",
            "x-log-count": str(len(page)),
        }
        return web.Response(body=json.dumps(page, ensure_ascii=False).encode(), headers=headers)

    async def _lines(self, project: str, logstore: str, start: int, end: int) -> list[dict[str, Any]]:
        """Every line of the logstore in [start, end), seconds since 1970, oldest first; a query's words are ignored."""
        known = False
        stores: set[str] = set()
        found: list[tuple[str, dict[str, Any]]] = []
        since = datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        async with aiohttp.ClientSession() as session:
            for record in [each for each in self.service.clusters if each["real"]]:
                cluster = Cluster(self._kubeconfig(record["real"]))
                default = f"k8s-log-{record['cluster']['cluster_id']}"
                configs, pods = await cluster.configs(session), await cluster.pods(session)
                known = known or project == default
                stores |= select.logstores(configs, pods, project, default)
                for source in select.sources(configs, pods, project, logstore, default):
                    for stamp, content in await cluster.lines(session, source, since):
                        seconds = int(datetime.fromisoformat(stamp).timestamp())
                        if seconds < end:
                            found.append((stamp, _line(source, stamp, seconds, content)))
        if not known and not stores:
            raise ServiceError(404, "ProjectNotExist", f"The Project does not exist : {project}")
        if logstore not in stores:
            raise ServiceError(404, "LogStoreNotExist", f"logstore {logstore} does not exist")
        return [line for _stamp, line in sorted(found, key=lambda pair: pair[0])]

    def _kubeconfig(self, real: str) -> str:
        assert self.service.driver is not None  # a cluster is real only with one
        return self.service.driver.kubeconfig(real)


def _line(source: select.Source, stamp: str, seconds: int, content: str) -> dict[str, Any]:
    return {
        "__time__": str(seconds),
        "__source__": "",
        "_time_": stamp,
        "_namespace_": source.namespace,
        "_pod_name_": source.pod,
        "_container_name_": source.container,
        "content": content,
    }


def _number(query: dict[str, str], name: str, default: int | None = None) -> int:
    text = query.get(name, "" if default is None else str(default))
    if not text.isdigit():
        raise ServiceError(400, "ParameterInvalid", f"{name} {text!r} is not a number")
    return int(text)


def _error(exchange: Exchange, refused: ServiceError) -> web.StreamResponse:
    body = {"errorCode": refused.code, "errorMessage": refused.message}
    headers = {"x-log-requestid": exchange.request_id, **refused.headers}
    return web.json_response(body, status=refused.status, headers=headers)
