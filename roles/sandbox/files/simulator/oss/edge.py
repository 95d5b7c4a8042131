# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""OSS over HTTP: signature, faults, routing, XML errors, streamed contents."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from aiohttp import web

from ..clock import Clock
from ..errors import ServiceError
from ..faults import HTTP_KINDS, Faults, cut, play
from ..http import Exchange, serve
from ..requestlog import RequestLog
from ..signature.oss4 import Oss4Verifier
from . import xml
from .call import Answer, Call
from .objects import is_public
from .router import match
from .storage import CHUNK, Storage


@dataclass
class OssEdge:
    storage: Storage
    verifier: Oss4Verifier
    faults: Faults
    log: RequestLog
    clock: Clock

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        return await serve("oss", self.log, self.clock, request, self._handle, _error)

    async def _handle(self, exchange: Exchange) -> web.StreamResponse:
        request, url = exchange.request, urlsplit(exchange.request.raw_path)
        # oss2 writes the slashes of a key as %2F, other clients do not: unquote, then split.
        bucket, _slash, key = unquote(url.path).removeprefix("/").partition("/")
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        exchange.write = request.method not in ("GET", "HEAD")
        operation = match(request.method, bucket, key, query)
        exchange.action = operation.name
        seen = {"api": "oss", "action": operation.name, "method": request.method, "path": url.path}
        rule = self.faults.take(HTTP_KINDS, seen)
        if rule is not None:
            await play(rule, request, "QpsLimitExceeded", 503)
        signed = self.verifier.verify(request.method, request.raw_path, request.headers)
        call = Call(request.method, bucket, key, query, request.headers, request.content, signed)
        if not signed and not (operation.name in ("GetObject", "HeadObject") and is_public(self.storage, call)):
            raise ServiceError(403, "AccessDenied", "Anonymous access is forbidden for this operation.")
        answer = await operation.run(self.storage, call)
        exchange.half = rule is not None and rule.kind == "half"
        return await self._send(exchange, answer)

    async def _send(self, exchange: Exchange, answer: Answer) -> web.StreamResponse:
        headers = {"x-oss-request-id": exchange.request_id, **answer.headers}
        if answer.blob is None and answer.length == 0:
            if exchange.half:
                await exchange.send_half(headers, answer.body, answer.status)
            return web.Response(status=answer.status, body=answer.body, headers=headers)
        response = web.StreamResponse(status=answer.status, headers={**headers, "Content-Length": str(answer.length)})
        await response.prepare(exchange.request)
        exchange.status = answer.status
        if exchange.request.method != "HEAD" and answer.blob is not None:
            await self._stream(exchange, response, answer)
        await response.write_eof()
        return response

    async def _stream(self, exchange: Exchange, response: web.StreamResponse, answer: Answer) -> None:
        left = answer.length // 2 if exchange.half else answer.length
        # Opened at once: the content stays readable when a later write replaces the object.
        with self.storage.blob(answer.blob or "").open("rb") as file:
            file.seek(answer.start)
            while left > 0 and (chunk := file.read(min(CHUNK, left))):
                left -= len(chunk)
                await response.write(chunk)
        if exchange.half:
            exchange.code = "HalfAnswer"
            cut(exchange.request)


def _error(exchange: Exchange, refused: ServiceError) -> web.StreamResponse:
    content = {
        "Code": refused.code,
        "Message": refused.message,
        "RequestId": exchange.request_id,
        "HostId": exchange.request.host,
        "EC": "0000-00000000",
    }
    body = xml.document("Error", content)
    headers = {"x-oss-request-id": exchange.request_id, "Content-Type": "application/xml", **refused.headers}
    if exchange.request.method == "HEAD":  # there is no body to say which of the 404s it is
        headers["x-oss-err"] = base64.b64encode(body).decode()
        return web.Response(status=refused.status, headers=headers)
    return web.Response(status=refused.status, body=body, headers=headers)
