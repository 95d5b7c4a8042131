"""The edge to a Prometheus, against a server that speaks its query API."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._serving.prometheus import Prometheus, ask


class Server(http.server.BaseHTTPRequestHandler):
    answers: dict[str, tuple[int, Any]] = {}
    asked: list[tuple[str, str]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        query = parse_qs(body)["query"][0]
        self.asked.append((query, self.headers.get("Authorization", "")))
        status, answer = self.answers[query]
        text = answer if isinstance(answer, str) else json.dumps({"status": "success", "data": answer})
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *ignored: Any) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    Server.asked.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def vector(*values: str) -> dict[str, Any]:
    return {"resultType": "vector", "result": [{"metric": {}, "value": [0, value]} for value in values]}


def test_each_query_gives_one_number_or_none(url: str) -> None:
    Server.answers = {
        'rate(x{s=~"c-1|c-2"}[1m])': (200, vector("0.25")),
        "scalar(y)": (200, {"resultType": "scalar", "result": [0, "7"]}),
        "empty": (200, vector()),
        "0 / 0": (200, vector("NaN")),
    }
    queries = {"failed": 'rate(x{s=~"$new"}[1m])', "seven": "scalar(y)", "none": "empty", "nan": "0 / 0"}
    found = ask(Prometheus(url, queries, {"Authorization": "Bearer t"}), ["c-2", "c-1"], ["b"])
    assert found == {"failed": 0.25, "seven": 7.0, "none": None, "nan": None}
    assert {header for _query, header in Server.asked} == {"Bearer t"}


@pytest.mark.parametrize(
    ("status", "answer", "text"),
    [
        (400, '{"error": "parse error"}', "HTTP 400"),
        (200, "<html>", "no answer of a Prometheus"),
        (200, vector("1", "2"), "gives 2 series"),
    ],
)
def test_what_is_no_number_is_a_failure_that_says_so(url: str, status: int, answer: Any, text: str) -> None:
    Server.answers = {"up": (status, answer)}
    with pytest.raises(Failure) as failed:
        ask(Prometheus(url, {"errors": "up"}, {}), [], [])
    assert failed.value.code == "PrometheusFailed"
    assert text in failed.value.message


def test_nobody_there() -> None:
    with pytest.raises(Failure, match="did not answer the query errors"):
        ask(Prometheus("http://127.0.0.1:9", {"errors": "up"}, {}), [], [])
