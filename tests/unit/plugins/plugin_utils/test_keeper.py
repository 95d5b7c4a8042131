# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The connection keeper: a real process, in front of an API server of a few lines."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._kube.connection import Broken, Connection, Direct
from ansible_collections.mlops.ack.plugins.plugin_utils._keeper import Keeper, Kept


class Api(ThreadingHTTPServer):
    """Says who asks: the token, and over which of its connections. `/hang` says nothing, `/refuse` 401."""

    daemon_threads = True
    connections = 0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.over = threading.Event()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Api

    def setup(self) -> None:
        super().setup()
        Api.connections += 1

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/hang":
            self.server.over.wait(30)
        told = {"path": self.path, "token": self.headers.get("Authorization", ""), "body": body.decode()}
        data = json.dumps(told).encode()
        self.send_response(401 if self.path == "/refuse" else 200)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PATCH = _serve

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def api() -> Iterator[Api]:
    server = Api()
    Api.connections = 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.over.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def keeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keeper]:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    made = Keeper()
    yield made
    made._channel.close()
    made._process.wait(10)
    assert list((tmp_path / "tmp").iterdir()) == []


def write(folder: Path, api: Api, **user: str) -> str:
    place = {"server": f"http://127.0.0.1:{api.server_port}"}
    config = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": place}],
        "users": [{"name": "x", "user": user}],
    }
    (folder / "config").write_text(json.dumps(config))
    return str(folder / "config")


def asked(connection: Connection, target: str = "/version", body: bytes | None = None) -> dict[str, str]:
    answer = connection.send("PATCH" if body else "GET", target, {"Accept": "application/json"}, body, 20)
    assert answer.headers["retry-after"] == "7"
    return {"status": str(answer.status), **json.loads(answer.data)}


def test_tasks_share_one_connection(keeper: Keeper, api: Api, tmp_path: Path) -> None:
    path = write(tmp_path, api, token="first-token")
    for number in range(3):
        connection = keeper.open(path, None)
        assert isinstance(connection, Kept)
        told = asked(connection, f"/api?n={number}", b"{}" * number)
        assert told == {
            "status": "200",
            "path": f"/api?n={number}",
            "token": "Bearer first-token",
            "body": "{}" * number,
        }
        assert (connection.host, connection.secrets) == (f"http://127.0.0.1:{api.server_port}", {"first-token"})
        assert connection.trust["server"] == connection.host
    assert Api.connections == 1


def test_many_at_once_get_their_own_answers(keeper: Keeper, api: Api, tmp_path: Path) -> None:
    connection = keeper.open(write(tmp_path, api, token="t-o-k-e-n"), "x")
    found: dict[int, str] = {}

    def ask(number: int) -> None:
        found[number] = asked(connection, f"/{number}", b"x" * 300_000)["path"]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == {number: f"/{number}" for number in range(12)}


def test_a_kubeconfig_that_is_written_again_is_read_again(keeper: Keeper, api: Api, tmp_path: Path) -> None:
    connection = keeper.open(write(tmp_path, api, token="first-token"), None)
    assert asked(connection)["token"] == "Bearer first-token"
    write(tmp_path, api, token="second-token")
    assert asked(connection)["token"] == "Bearer second-token"
    assert connection.secrets == {"first-token", "second-token"}


def test_credentials_that_were_refused_are_read_again(keeper: Keeper, api: Api, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("old-token")
    connection = keeper.open(write(tmp_path, api, tokenFile="token"), None)
    (tmp_path / "token").write_text("new-token")
    assert asked(connection, "/refuse")["token"] == "Bearer old-token"
    assert asked(connection)["token"] == "Bearer new-token"


def test_a_path_means_the_same_for_the_keeper(
    keeper: Keeper, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, api, token="first-token")
    monkeypatch.chdir(tmp_path)
    assert asked(keeper.open("config", None))["token"] == "Bearer first-token"


def test_what_is_no_kubeconfig_is_told_as_without_a_keeper(keeper: Keeper, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="Cannot use the kubeconfig") as refused:
        keeper.open(str(tmp_path / "none"), None)
    assert refused.value.code == "InvalidKubeconfig"


def test_an_api_that_does_not_answer_is_told(keeper: Keeper, api: Api, tmp_path: Path) -> None:
    connection = keeper.open(write(tmp_path, api, token="first-token"), None)
    began = time.monotonic()
    with pytest.raises(Broken, match="timed out"):
        connection.send("GET", "/hang", {}, None, 0.5)
    assert time.monotonic() - began < 10
    api.shutdown()
    api.server_close()
    again = keeper.open(str(tmp_path / "config"), None)
    with pytest.raises(Broken, match="refused"):
        again.send("GET", "/", {}, None, 5)


def test_without_the_keeper_a_worker_helps_itself(keeper: Keeper, api: Api, tmp_path: Path) -> None:
    path = write(tmp_path, api, token="first-token")
    before = keeper.open(path, None)
    keeper._process.kill()
    keeper._process.wait(10)
    assert asked(before)["token"] == "Bearer first-token", "also one that was opened before"
    after = keeper.open(path, None)
    assert isinstance(after, Direct)
    assert asked(after)["token"] == "Bearer first-token"


def test_it_ends_when_nobody_is_left_who_could_ask(keeper: Keeper, api: Api, tmp_path: Path) -> None:
    asked(keeper.open(write(tmp_path, api, token="first-token"), None))
    child = os.fork()
    if child == 0:
        time.sleep(1)  # a worker that outlives its parent
        os._exit(0)
    keeper._channel.close()
    assert keeper._process.poll() is None, "a worker could still ask"
    os.waitpid(child, 0)
    assert keeper._process.wait(10) == 0
