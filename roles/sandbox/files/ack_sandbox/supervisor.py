# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Configuration of supervisord (PyPI `supervisor`), which keeps the processes of a node and of the host running."""

from __future__ import annotations

import http.client
import socket
import sys
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .process import SandboxError

UPDATE_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Program:
    """One process that is started at once and again whenever it ends. `priority`: lower starts first."""

    name: str
    argv: Sequence[str | Path]
    directory: Path = Path("/")
    environment: Mapping[str, str] = field(default_factory=dict)
    priority: int = 100
    stop_wait_s: int = 2


def _quoted(word: str) -> str:
    # supervisord splits `command` as a shell would and expands %(...)s first.
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def render(folder: Path, socket_path: Path, programs: Sequence[Program], include: Path | None = None) -> str:
    """The text of a supervisord.conf whose logs and pid file lie in `folder`. Logs rotate at 20 MB, one is kept.

    include: a folder whose `*.conf` bring more programs, what `groups` renders.
    """
    lines = [
        "[supervisord]",
        f"logfile={folder}/log/supervisord.log",
        "logfile_maxbytes=5MB",
        "logfile_backups=1",
        f"pidfile={folder}/supervisord.pid",
        f"directory={folder}",
        "nodaemon=true",
        "silent=true",
        "minfds=1024",
        "user=root",
        "[unix_http_server]",
        f"file={socket_path}",
        "chmod=0600",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        "[supervisorctl]",
        f"serverurl=unix://{socket_path}",
    ]
    if include:
        lines += ["[include]", f"files={include}/*.conf"]
    return "\n".join(lines) + "\n" + groups(folder, programs)


def groups(folder: Path, programs: Sequence[Program]) -> str:
    """The programs' part of a supervisord.conf."""
    lines: list[str] = []
    for program in programs:
        environment = ",".join(f"{key}={_quoted(value)}" for key, value in sorted(program.environment.items()))
        lines += [
            f"[program:{program.name}]",
            "command=" + " ".join(_quoted(str(word)) for word in program.argv),
            f"directory={program.directory}",
            f"priority={program.priority}",
            "autostart=true",
            "autorestart=true",
            "startsecs=1",
            "startretries=1000000",
            f"stopwaitsecs={program.stop_wait_s}",
            "stopasgroup=true",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile={folder}/log/{program.name}.log",
            "stdout_logfile_maxbytes=20MB",
            "stdout_logfile_backups=1",
        ]
        if environment:
            lines.append(f"environment={environment}")
    return "\n".join(lines) + "\n"


def python() -> str:
    """This interpreter by one of its names: by another, a configuration would look like a change."""
    path = Path(sys.prefix, "bin", "python3")
    return str(path) if path.exists() else sys.executable


def command(config: Path) -> list[str]:
    """argv of a supervisord in the foreground, run by this same Python."""
    return [python(), "-m", "supervisor.supervisord", "-n", "-c", str(config)]


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class _SocketTransport(xmlrpc.client.Transport):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__()
        self._path, self._timeout_s = path, timeout_s

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        return _SocketConnection(self._path, self._timeout_s)


def _proxy(socket_path: Path, timeout_s: float) -> xmlrpc.client.ServerProxy:
    return xmlrpc.client.ServerProxy("http://localhost", transport=_SocketTransport(socket_path, timeout_s))


def states(socket_path: Path, timeout_s: float = 2.0) -> dict[str, dict[str, Any]] | None:
    """State of each program (`statename`, `pid`, `start`, `spawnerr`) by name; None where no supervisord answers."""
    proxy = _proxy(socket_path, timeout_s)
    try:
        infos: Any = proxy.supervisor.getAllProcessInfo()
    except (OSError, xmlrpc.client.Error, http.client.HTTPException):
        return None
    return {str(info["name"]): info for info in infos}


def update(socket_path: Path) -> None:
    """Start programs that the configuration names now, end those that it names no more; leave the others alone."""
    proxy: Any = _proxy(socket_path, UPDATE_TIMEOUT_S)
    try:
        ((added, _changed, removed),) = proxy.supervisor.reloadConfig()
        for name in removed:
            proxy.supervisor.stopProcessGroup(name)
            proxy.supervisor.removeProcessGroup(name)
        for name in added:
            proxy.supervisor.addProcessGroup(name)
    except (OSError, xmlrpc.client.Error, http.client.HTTPException) as error:
        raise SandboxError(f"The supervisord at {socket_path} did not take its new programs: {error}.") from error


def hold(socket_path: Path, name: str, *, stopped: bool) -> bool:
    """Stop one program until it is started again, or start it. Returns whether it was otherwise before."""
    proxy: Any = _proxy(socket_path, UPDATE_TIMEOUT_S)
    try:
        runs = proxy.supervisor.getProcessInfo(name)["statename"] in ("RUNNING", "STARTING", "BACKOFF")
        if runs == stopped:
            (proxy.supervisor.stopProcess if stopped else proxy.supervisor.startProcess)(name)
    except (OSError, xmlrpc.client.Error, http.client.HTTPException) as error:
        verb = "stop" if stopped else "start"
        raise SandboxError(f"The supervisord at {socket_path} did not {verb} {name}: {error}.") from error
    return bool(runs == stopped)
