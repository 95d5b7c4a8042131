# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The edge to the gateway: one request at a time over a connection that is kept."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from .._core.failure import Failure
from .routes import PREDICTOR_HEADER, VERSION_HEADER


class Answer(NamedTuple):
    """`predictor` and `version` as the gateway's headers tell them; `error` is empty for a good answer."""

    predictor: str
    version: str
    seconds: float
    error: str


class Request(NamedTuple):
    """What is sent. `endpoint` is `http://host[:port]`; `host` goes into the Host header; no body: a GET."""

    endpoint: str
    host: str
    path: str
    body: Any = None


class Connection:
    """One kept-alive connection; made again after an error. Not for two threads."""

    def __init__(self, request: Request) -> None:
        address = urlsplit(request.endpoint)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise Failure(
                "InvalidOption",
                f"verify.endpoint is '{request.endpoint}'; allowed is http:// or https:// and a host.",
            )
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(address.hostname, address.port)
        self._path = address.path.rstrip("/") + request.path
        self._body = None if request.body is None else json.dumps(request.body).encode()
        self._headers = {"Host": request.host} if request.host else {}
        if self._body is not None:
            self._headers["Content-Type"] = "application/json"

    def ask(self, timeout_s: float) -> Answer:
        """Never raises for what the network or the server does: that is what is being counted."""
        started = time.monotonic()
        self._connection.timeout = timeout_s
        if self._connection.sock is not None:
            self._connection.sock.settimeout(timeout_s)
        try:
            self._connection.request("GET" if self._body is None else "POST", self._path, self._body, self._headers)
            answer = self._connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return Answer("", "", time.monotonic() - started, f"{type(error).__name__}: {error}")
        wrong = "" if answer.status < 400 else f"HTTP {answer.status} {text[:120].decode(errors='replace')}"
        predictor, version = answer.headers.get(PREDICTOR_HEADER, ""), answer.headers.get(VERSION_HEADER, "")
        return Answer(predictor, version, time.monotonic() - started, wrong)

    def close(self) -> None:
        self._connection.close()
