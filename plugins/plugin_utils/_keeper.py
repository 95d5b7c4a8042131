# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keeps connections to API servers open between the tasks of a run.

Each task is a process of its own, so each would read the kubeconfig and shake hands with the API server anew, which
takes longer than all of the rest of a task that finds nothing to do. The keeper is one process beside ansible-playbook
that does it once, as ControlPersist does for ssh. A worker reaches it through a socket that only the run's own
processes have; it ends when they have ended. Where it cannot be reached, a worker opens its own connection.

One question is one stream of its own: a line of JSON and the request's body, answered by the same.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._kube.connection import (
    Answer,
    Broken,
    Connection,
    Direct,
    open_direct,
)

KEPT_S = 60.0
"""A kubeconfig is read again after this, also when its file is the same: the files that it names may not be."""
OPEN_S = 60.0
MARGIN_S = 0.5  # the keeper's own answer to a call that takes too long comes first
ROOT = str(Path(__file__).parents[5])


class Gone(Exception):
    """There is no keeper any more: the question was not taken."""


class Keeper:
    """The controller's end. Raises OSError where the machine knows no such socket, or starts no process."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", f"from {__name__} import serve; serve({theirs.fileno()})"],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (ROOT, os.environ.get("PYTHONPATH"))))},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def open(self, kubeconfig: str | None, context: str | None) -> Connection:
        """A connection over the keeper, else one of this process. Raises as `open_direct`."""
        try:
            return Kept(self, kubeconfig, context)
        except (Gone, Broken):
            return open_direct(kubeconfig, context)

    def ask(self, question: Mapping[str, Any], body: bytes, timeout_s: float) -> tuple[dict[str, Any], bytes]:
        """(its line, what follows). Raises Gone, Broken, and the Failure that the keeper met."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                try:
                    socket.send_fds(self._channel, [b"?"], [theirs.fileno()])
                except OSError as error:
                    raise Gone(str(error)) from error
            try:
                ours.settimeout(timeout_s)
                ours.sendall(json.dumps({**question, "length": len(body)}).encode() + b"\n" + body)
                answer = b"".join(iter(lambda: ours.recv(1 << 18), b""))
            except OSError as error:
                raise Broken(f"the connection keeper did not answer: {error}") from error
        line, newline, data = answer.partition(b"\n")
        if not newline:
            raise Broken("the connection keeper ended before it answered")
        told: dict[str, Any] = json.loads(line)
        if "failure" in told:
            raise Failure(**told["failure"])
        return told, data


class Kept:
    """A connection that the keeper holds; one of this process where there is no keeper any more."""

    def __init__(self, keeper: Keeper, kubeconfig: str | None, context: str | None) -> None:
        self._keeper = keeper
        self._own: Direct | None = None
        self._which = {"kubeconfig": _absolute(kubeconfig), "context": context}
        told, _nothing = keeper.ask(self._which, b"", OPEN_S)
        self.host: str = told["host"]
        self.trust: dict[str, Any] = told["trust"]
        self.secrets = set(told["secrets"])

    def send(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None, timeout_s: float
    ) -> Answer:
        if self._own is None:
            try:
                return self._over_keeper(method, target, headers, body, timeout_s)
            except Gone:
                self._own = open_direct(self._which["kubeconfig"], self._which["context"])
                self._own.secrets = self.secrets
        return self._own.send(method, target, headers, body, timeout_s)

    def _over_keeper(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None, timeout_s: float
    ) -> Answer:
        call = {"method": method, "target": target, "headers": dict(headers), "timeout_s": timeout_s}
        question = {**self._which, "call": call, "has_body": body is not None}
        told, data = self._keeper.ask(question, body or b"", timeout_s + MARGIN_S)
        self.secrets.update(told["secrets"])
        if "broken" in told:
            raise Broken(told["broken"])
        return Answer(told["status"], told["headers"], data)


def _absolute(kubeconfig: str | None) -> str | None:
    """The keeper has a working folder of its own."""
    if kubeconfig is None:
        return None
    return os.pathsep.join(str(Path(path).expanduser().absolute()) for path in kubeconfig.split(os.pathsep) if path)


# -- the keeper's end --------------------------------------------------------------------------------------------------


def serve(number: int) -> None:
    """Answers until nobody is left who could ask."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(ImportError):  # told where a connection is opened
        importlib.import_module("kubernetes.client")
    holder = Holder()
    with socket.socket(fileno=number) as channel:
        while True:
            mark, descriptors, _flags, _address = socket.recv_fds(channel, 1, 1)
            if not mark:
                return
            stream = socket.socket(fileno=descriptors[0])
            threading.Thread(target=holder.answer, args=(stream,), daemon=True).start()


class Holder:
    """The connections that are open, by kubeconfig and context."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[tuple[str | None, str | None], tuple[object, float, Direct]] = {}

    def answer(self, stream: socket.socket) -> None:
        with stream, stream.makefile("rwb") as file:
            question = json.loads(file.readline())
            body = file.read(question["length"])
            told, data = self._answer(question, body if question.get("has_body") else None)
            file.write(json.dumps(told).encode() + b"\n" + data)

    def _answer(self, question: Mapping[str, Any], body: bytes | None) -> tuple[dict[str, Any], bytes]:
        try:
            connection = self._connection(question["kubeconfig"], question["context"])
        except Failure as failure:
            return {"failure": failure.as_dict()}, b""
        if "call" not in question:
            return {"host": connection.host, "trust": connection.trust, "secrets": sorted(connection.secrets)}, b""
        try:
            answer = connection.send(**question["call"], body=body)
        except Broken as broken:
            return {"broken": str(broken), "secrets": sorted(connection.secrets)}, b""
        if answer.status == 401:
            self._forget(connection)
        told = {"status": answer.status, "headers": dict(answer.headers), "secrets": sorted(connection.secrets)}
        return told, answer.data

    def _connection(self, kubeconfig: str | None, context: str | None) -> Direct:
        with self._lock:
            stamp, now = _stamp(kubeconfig), time.monotonic()
            known = self._held.get((kubeconfig, context))
            if known and known[0] == stamp and now - known[1] < KEPT_S:
                return known[2]
            opened = open_direct(kubeconfig, context)
            self._held[(kubeconfig, context)] = stamp, now, opened
            return opened

    def _forget(self, connection: Direct) -> None:
        """Its credentials are refused: they may have been renewed meanwhile."""
        with self._lock:
            self._held = {key: held for key, held in self._held.items() if held[2] is not connection}


def _stamp(kubeconfig: str | None) -> list[tuple[int, int, int] | None]:
    """What changes when the files are written again."""
    paths = kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    found: list[tuple[int, int, int] | None] = []
    for path in paths.split(os.pathsep):
        try:
            about = Path(path).expanduser().stat()
        except OSError:
            found.append(None)
        else:
            found.append((about.st_ino, about.st_mtime_ns, about.st_size))
    return found
