"""One kept connection to a real HTTP server."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._serving.endpoint import Connection, Request


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: list[dict[str, Any]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append(
            {"host": self.headers["Host"], "path": self.path, "body": json.loads(body), "from": self.client_address}
        )
        status = 500 if self.path.endswith("bad") else 200
        self.send_response(status)
        self.send_header("x-mlops-predictor", "canary")
        self.send_header("x-mlops-model-version", "digits-v2")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[str]:
    Handler.seen = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_requests_share_a_connection_and_carry_the_host(endpoint: str) -> None:
    connection = Connection(Request(endpoint, "digits.test", "/v1/models/digits:predict", {"instances": []}))
    answers = [connection.ask(5), connection.ask(5)]
    connection.close()
    assert [(each.predictor, each.version, each.error) for each in answers] == [("canary", "digits-v2", "")] * 2
    assert len({seen["from"] for seen in Handler.seen}) == 1
    assert Handler.seen[0]["host"] == "digits.test"
    assert Handler.seen[0]["body"] == {"instances": []}


def test_a_refusal_is_an_answer_too(endpoint: str) -> None:
    assert Connection(Request(endpoint, "", "/bad", {})).ask(5).error == "HTTP 500 {}"


def test_a_broken_connection_is_made_again(endpoint: str) -> None:
    connection = Connection(Request("http://127.0.0.1:9", "", "/", {}))
    assert "ConnectionRefusedError" in connection.ask(5).error
    assert connection.ask(5).error


@pytest.mark.parametrize("endpoint", ["198.18.0.11", "ftp://host", "http://"])
def test_an_address_without_scheme_is_refused(endpoint: str) -> None:
    with pytest.raises(Failure, match=r"verify\.endpoint"):
        Connection(Request(endpoint, "", "/"))


def test_an_answer_that_does_not_come_is_not_waited_for(endpoint: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connection = Connection(Request(f"http://127.0.0.1:{silent.getsockname()[1]}", "", "/"))
        answer = connection.ask(0.2)
    assert "timed out" in answer.error
    assert 0.1 < answer.seconds < 2
