# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host's own services, kept running by a supervisord in the control group `/ack-host`: registry and simulator."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shlex
import socket
import string
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import cgroups, supervisor
from .process import CLEAN_ENVIRONMENT, differs, last_lines, wait_until, write_file
from .progress import Progress
from .settings import Settings
from .supervisor import Program

GROUP = "ack-host"
START_TIMEOUT_S = 30.0
# Programs that must be there for images to be pushed, and those that need what was pushed.
REGISTRY, SIMULATOR = "registry", "simulator"


def credentials(settings: Settings) -> dict[str, str]:
    """The access key of this sandbox, made at its first start. As long as the cloud's own keys are."""
    if not settings.credentials_file.exists():
        alphabet = string.ascii_letters + string.digits
        fresh = {
            "access_key_id": "LTAI5t" + "".join(secrets.choice(alphabet) for _letter in range(18)),
            "access_key_secret": "".join(secrets.choice(alphabet) for _letter in range(30)),
        }
        write_file(settings.credentials_file, json.dumps(fresh, indent=2), mode=0o600)
    found: dict[str, str] = json.loads(settings.credentials_file.read_text())
    return found


def control_socket(settings: Settings) -> Path:
    return settings.host_state / "control.sock"


def files(settings: Settings) -> dict[Path, str]:
    """Configuration files with their text."""
    folder = settings.host_state
    return {
        folder / "registry.yml": json.dumps(_registry(settings), indent=2),
        folder / "supervisord.conf": supervisor.render(folder, control_socket(settings), programs(settings)),
    }


def _registry(settings: Settings) -> dict[str, object]:
    """The registry's YAML file, as JSON, which YAML includes."""
    return {
        "version": 0.1,
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(settings.host_state / "registry")},
            "delete": {"enabled": True},
            "maintenance": {"uploadpurging": {"enabled": False}},
        },
        # The secret signs upload sessions between registries behind a load balancer; there is one.
        "http": {"addr": settings.registry, "secret": "sandbox"},
    }


def programs(settings: Settings) -> list[Program]:
    folder = settings.host_state
    environment = {
        **settings.python_environment,
        "SIMULATOR_SOURCE": source_digest(settings.files / "simulator"),  # with other code it starts again
        "MLOPS_ACK_CACHE": str(settings.cache),
        "MLOPS_ACK_STATE": str(settings.state),
    }
    simulator = {
        "--state": folder / "simulator",
        "--cs": settings.cs_endpoint,
        "--sls": settings.sls_endpoint,
        "--credentials": settings.credentials_file,
        "--driver": shlex.join([supervisor.python(), "-m", "ack_sandbox", "cluster"]),
        "--kubeconfigs": str(settings.kubeconfig("{name}")),
    }
    words = [str(word) for option in simulator.items() for word in option]
    for address in (settings.oss_loopback, settings.oss_bridge):
        words += ["--oss", address]
    return [
        Program(REGISTRY, ["docker-registry", "serve", folder / "registry.yml"]),
        Program(SIMULATOR, [supervisor.python(), "-m", "simulator", *words], environment=environment, priority=200),
    ]


def source_digest(folder: Path) -> str:
    """One digest over the Python files beneath a folder."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        total.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return total.hexdigest()


def endpoints(settings: Settings) -> Mapping[str, list[str]]:
    """The addresses each program listens on."""
    return {
        REGISTRY: [settings.registry],
        SIMULATOR: [settings.cs_endpoint, settings.sls_endpoint, settings.oss_loopback, settings.oss_bridge],
    }


def listening(address: str, timeout_s: float = 1.0) -> bool:
    host, port = address.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), timeout=timeout_s):
            return True
    except OSError:
        return False


def running(settings: Settings) -> bool:
    """Whether our own supervisord answers; then the ports belong to us."""
    return supervisor.states(control_socket(settings)) is not None


def others_state(settings: Settings) -> str | None:
    """The state folder of another sandbox whose services run on this machine; None if there is none.

    There is one bridge, so there can be one sandbox. Ours is known by its folder on every command line, also when its
    supervisord was killed and left them behind.
    """
    mark = str(settings.host_state)
    lines = [_command_line(pid) for pid in cgroups.processes(GROUP)]
    if not any(lines) or any(mark in line for line in lines):
        return None
    found = re.search(r"(/\S*)/host/(?:supervisord\.conf|registry\.yml|simulator)", " ".join(lines))
    return found.group(1) if found else "unknown"


def _command_line(pid: int) -> str:
    try:
        return Path("/proc", str(pid), "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""  # it ended meanwhile


def start(settings: Settings, report: Progress) -> bool:
    """Start what does not run, or runs with other settings or code, and wait for it. Returns whether it did any."""
    credentials(settings)
    folder = settings.host_state
    for name in ("log", "registry", "simulator"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rendered = files(settings)
    if running(settings) and not any(differs(path, text) for path, text in rendered.items()):
        wait(settings, [REGISTRY, SIMULATOR])
        return False
    stop(settings)
    for path, text in rendered.items():
        write_file(path, text)
    report("starting the registry and the simulated cloud API")
    members = cgroups.create(GROUP)
    with (folder / "log" / "init.log").open("w") as log:
        subprocess.Popen(
            cgroups.enter_command(members, supervisor.command(folder / "supervisord.conf")),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**CLEAN_ENVIRONMENT, **settings.python_environment},
            cwd="/",
            start_new_session=True,
        )
    wait(settings, [REGISTRY, SIMULATOR])
    return True


def wait(settings: Settings, names: Sequence[str]) -> None:
    """Until each of these programs listens on all its addresses."""
    for name in names:
        _wait_for(settings, name)


def _wait_for(settings: Settings, name: str) -> None:
    start = time.monotonic()

    def told(what: str) -> str:
        log = settings.host_state / "log" / f"{name}.log"
        lines = "\n".join(f"  {line}" for line in last_lines(log) or ["(empty)"])
        return f"The {name} {what}. Last lines of {log}:\n{lines}"

    def broken() -> str:
        info = (supervisor.states(control_socket(settings)) or {}).get(name, {})
        # A few failed starts are forgiven: an address may still be in use by what was stopped just now.
        failed = info.get("statename") == "BACKOFF" and time.monotonic() - start > 8
        return told("does not stay up") if failed else ""

    wait_until(
        lambda: all(listening(address) for address in endpoints(settings)[name]),
        timeout_s=START_TIMEOUT_S,
        failure=lambda: told(f"did not listen within {START_TIMEOUT_S:g} s"),
        broken=broken,
        every_s=0.05,
    )


def stop(settings: Settings) -> bool:
    """End them, politely first: what they write is complete then. Returns whether any ran."""
    found = bool(cgroups.kill(GROUP, polite_s=2.0))
    cgroups.remove(GROUP)
    return found


def status(settings: Settings) -> dict[str, dict[str, object]]:
    """State, pid and addresses of each service."""
    states = supervisor.states(control_socket(settings)) or {}
    return {
        name: {
            "state": str(states[name]["statename"]).lower() if name in states else "stopped",
            "pid": states[name]["pid"] if name in states else 0,
            "listening": [address for address in addresses if listening(address, timeout_s=0.3)],
        }
        for name, addresses in endpoints(settings).items()
    }
