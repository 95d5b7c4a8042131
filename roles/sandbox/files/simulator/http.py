# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What both APIs share at the edge: limits, counting milliseconds, the log line, the half answer."""

from __future__ import annotations

import sys
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

from .clock import Clock
from .errors import ServiceError
from .faults import ConnectionCut, cut
from .requestlog import RequestLog, public_path


@dataclass
class Exchange:
    """One request on its way; the log line is written from it."""

    request: web.BaseRequest
    action: str = ""
    write: bool = False
    status: int = 0  # 0: the connection was cut
    code: str = ""
    half: bool = False  # a fault wants the answer to break off in the middle
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()).upper())

    async def send_half(self, headers: dict[str, str], body: bytes, status: int = 200) -> None:
        """Promise the whole answer, send one half, end the connection."""
        response = web.StreamResponse(status=status, headers={**headers, "Content-Length": str(len(body))})
        await response.prepare(self.request)
        await response.write(body[: len(body) // 2])
        self.status, self.code = status, "HalfAnswer"
        cut(self.request)


Handler = Callable[[Exchange], Awaitable[web.StreamResponse]]
ErrorAnswer = Callable[[Exchange, ServiceError], web.StreamResponse]


async def serve(
    api: str, log: RequestLog, clock: Clock, request: web.BaseRequest, handler: Handler, error_answer: ErrorAnswer
) -> web.StreamResponse:
    """Answer one request whatever happens, and log it."""
    exchange, began = Exchange(request), time.monotonic()
    try:
        if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        response = await handler(exchange)
        exchange.status = response.status
    except ServiceError as refused:
        exchange.status, exchange.code = refused.status, refused.code
        response = error_answer(exchange, refused)
    except (ConnectionCut, ConnectionError):
        exchange.code = exchange.code or "ConnectionCut"
        response = web.Response(status=500)  # nobody is there to read it
    except Exception:
        traceback.print_exc(file=sys.stderr)
        exchange.status, exchange.code = 500, "InternalError"
        response = error_answer(exchange, ServiceError(500, "InternalError", "The simulator failed; see its output."))
    log.add(
        time=clock.utc(),
        api=api,
        method=request.method,
        path=public_path(request.raw_path),
        action=exchange.action,
        write=exchange.write,
        status=exchange.status,
        code=exchange.code,
        request_id=exchange.request_id,
        millis=round((time.monotonic() - began) * 1000, 1),
    )
    return response
