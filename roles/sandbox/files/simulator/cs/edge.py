# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""CS over HTTP: signature, faults, routing, JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from ..clock import Clock
from ..control import PREFIX, Control
from ..errors import ServiceError, invalid
from ..faults import HTTP_KINDS, Faults, play
from ..http import Exchange, serve
from ..requestlog import RequestLog
from ..signature.acs3 import Acs3Verifier
from .router import Operation, match
from .service import Call, Service

VERSION = "2015-12-15"
LARGEST_BODY = 4 << 20


@dataclass
class CsEdge:
    service: Service
    verifier: Acs3Verifier
    faults: Faults
    log: RequestLog
    clock: Clock
    control: Control

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.raw_path.startswith(PREFIX):
            return await self.control.answer(request)
        return await serve("cs", self.log, self.clock, request, self._handle, _error)

    async def _handle(self, exchange: Exchange) -> web.StreamResponse:
        request, url = exchange.request, urlsplit(exchange.request.raw_path)
        found = match(request.method, url.path)
        exchange.action = found[0].name if found else request.headers.get("x-acs-action", "")
        exchange.write = found[0].write if found else request.method != "GET"
        body = await self._body(request)
        seen = {"api": "cs", "action": exchange.action, "method": request.method, "path": url.path}
        rule = self.faults.take(HTTP_KINDS, seen)
        if rule is not None:
            await play(rule, request, "Throttling.User", 429)
        self.verifier.verify(request.method, request.raw_path, request.headers, body)
        if found is None or request.headers["x-acs-action"] != found[0].name:
            raise ServiceError(404, "InvalidAction.NotFound", f"{request.method} {url.path} is not simulated.")
        if request.headers["x-acs-version"] != VERSION:
            raise ServiceError(400, "InvalidVersion", f"x-acs-version must be {VERSION}.")
        operation, ids = found
        call = Call(
            operation.name, request.method, url.path, ids, _query(operation, url.query), _parsed(operation, body),
            request.host, exchange.request_id,
        )  # fmt: skip
        answer = operation.run(self.service, call)
        payload = b"" if operation.answer == "none" else json.dumps(answer, ensure_ascii=False).encode()
        headers = {"x-acs-request-id": exchange.request_id, "Content-Type": "application/json; charset=utf-8"}
        if operation.answer == "text":
            payload, headers["Content-Type"] = answer.encode(), "text/plain; charset=utf-8"
        if rule is not None and rule.kind == "half":
            await exchange.send_half(headers, payload, operation.status)
        return web.Response(status=operation.status, body=payload, headers=headers)

    async def _body(self, request: web.BaseRequest) -> bytes:
        body = bytearray()
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > LARGEST_BODY:
                raise ServiceError(413, "RequestTooLarge", f"The body is larger than {LARGEST_BODY} bytes.")
        return bytes(body)


def _query(operation: Operation, text: str) -> dict[str, str]:
    query = dict(parse_qsl(text, keep_blank_values=True))
    _understood(operation, query, operation.query)
    return query


def _parsed(operation: Operation, body: bytes) -> Any:
    """The JSON body, `{}` when there is none. Raises ServiceError when it has another form or unknown fields."""
    if not operation.body:
        return {}
    try:
        parsed = json.loads(body or (b"[]" if operation.rows else b"{}"))
    except ValueError as wrong:
        raise invalid("", f"the body is not JSON: {wrong}") from None
    rows = parsed if operation.rows else [parsed]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise invalid("", f"the body must be {'an array of objects' if operation.rows else 'an object'}")
    for row in rows:
        # The SDK's models send an empty list for every unset list field, understood or not.
        _understood(operation, [name for name, value in row.items() if value not in (None, [])], operation.body)
    return parsed


def _understood(operation: Operation, found: Any, known: tuple[str, ...]) -> None:
    """The service ignores unknown fields. A simulator that did so would hide misspellings and its own gaps."""
    unknown = sorted(set(found) - set(known))
    if unknown:
        raise ServiceError(400, "NotSimulated", f"{operation.name} does not know here: {', '.join(unknown)}.")


def _error(exchange: Exchange, refused: ServiceError) -> web.StreamResponse:
    body = {"code": refused.code, "message": refused.message, "requestId": exchange.request_id}
    headers = {"x-acs-request-id": exchange.request_id, **refused.headers}
    return web.json_response(body, status=refused.status, headers=headers)
