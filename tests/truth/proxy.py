"""A proxy in front of a real API server that misbehaves when it is told to.

It speaks HTTP on loopback and the API's own TLS behind, as the user of a kubeconfig, and gives a kubeconfig that leads
through it. Faults: throttle (429), http500, http503, reset (before the request is handed on), half (handed on and
done; half of the answer), hang (not handed on, no answer).
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import urllib3
import yaml
from kubernetes.client import ApiClient, Configuration
from kubernetes.config import kube_config

STATUS = {
    "throttle": (429, "TooManyRequests"),
    "http500": (500, "InternalError"),
    "http503": (503, "ServiceUnavailable"),
}
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive", "host", "accept-encoding"}


@dataclass
class Rule:
    """`call`: `METHOD path`, a regular expression. times None: for ever. The first `spared` calls that fit pass."""

    kind: str
    call: str
    times: int | None = None
    spared: int = 0


@dataclass
class Proxy:
    """What a test asks of it. `calls` are the requests that came, `METHOD path?query`; `met`, those that were hit."""

    kubeconfig: Path
    calls: list[str] = field(default_factory=list)
    met: list[str] = field(default_factory=list)
    _rule: Rule | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    closing: threading.Event = field(default_factory=threading.Event)

    def fault(self, rule: Rule | None) -> None:
        """Put this fault in force instead of the old one."""
        with self._lock:
            self._rule, self.met = rule, []

    def writes(self, since: int) -> list[str]:
        """Calls that change something, after the first `since` ones."""
        return [
            call
            for call in self.calls[since:]
            if not call.startswith(("GET", "HEAD")) and "dryRun" not in call and "/proxy/" not in call
        ]

    def take(self, call: str) -> str:
        """The kind of the fault for this call; empty for none."""
        with self._lock:
            self.calls.append(call)
            rule = self._rule
            if rule is None or rule.times == 0 or not re.search(rule.call, call):
                return ""
            if rule.spared:
                rule.spared -= 1
                return ""
            if rule.times is not None:
                rule.times -= 1
            self.met.append(call)
            return rule.kind


@contextmanager
def misbehaving(kubeconfig: str, folder: Path) -> Iterator[Proxy]:
    """A proxy to the cluster of this kubeconfig, as long as the block lasts."""
    upstream = type.__call__(Configuration)
    kube_config.load_kube_config(config_file=kubeconfig, client_configuration=upstream, persist_config=False)
    pool = ApiClient(configuration=upstream).rest_client.pool_manager
    proxy = Proxy(folder / "proxied.kubeconfig")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(proxy, pool, upstream))
    server.daemon_threads = True
    config = yaml.safe_load(Path(kubeconfig).read_text())
    config["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{server.server_port}"}
    config["users"][0]["user"] = {}
    proxy.kubeconfig.write_text(yaml.safe_dump(config))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield proxy
    finally:
        proxy.closing.set()
        server.shutdown()
        server.server_close()


def _handler(proxy: Proxy, pool: Any, upstream: Any) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kind = proxy.take(f"{self.command} {self.path}")
            if kind in STATUS:
                code, reason = STATUS[kind]
                status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code}
                self._answer(
                    code, {"Content-Type": "application/json"}, json.dumps({**status, "message": reason}).encode()
                )
            elif kind in ("reset", "hang"):
                if kind == "hang":
                    self._until_closed()
                self._cut()
            else:
                answer = self._ask(body)
                headers = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
                self._answer(answer.status, headers, answer.data, is_half=kind == "half")

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

        def _ask(self, body: bytes) -> Any:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            for auth in upstream.auth_settings().values():
                headers[auth["key"]] = auth["value"]
            timeout = urllib3.Timeout(total=60)
            return pool.request(
                self.command,
                f"{upstream.host}{self.path}",
                body=body or None,
                headers=headers,
                retries=False,
                timeout=timeout,
            )

        def _answer(self, status: int, headers: dict[str, str], data: bytes, *, is_half: bool = False) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if is_half else data)
            self.wfile.flush()
            if is_half:
                self._cut()

        def _until_closed(self) -> None:
            self.connection.settimeout(0.2)
            while not proxy.closing.is_set():
                with contextlib.suppress(TimeoutError):
                    if not self.connection.recv(1):
                        return

        def _cut(self) -> None:
            """With a reset, not with an orderly end."""
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()

        def handle(self) -> None:
            with contextlib.suppress(OSError, ValueError):
                super().handle()

        def log_message(self, format: str, *args: Any) -> None:
            """Silent."""

    return Handler
