# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the machine must have, checked before anything is changed, and told all at once with what to do.

Needs Python's standard library alone, so `python3 -m ack_sandbox.preflight` works before anything is installed.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import platform
import shutil
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from . import cgroups, gobuild, packages, services
from .process import SandboxError
from .settings import Settings

GIB = 1 << 30
MEMORY_GIB = 6
# Module and build caches, images; then registry and the unpacked images of two clusters.
DISK_COLD_GIB, DISK_WARM_GIB = 25, 12
# Longest path of a UNIX socket is 107 bytes; below the state folder comes `clusters/prod/containerd.sock.ttrpc`.
STATE_PATH_LIMIT = 65
# 198.18.0.0/15, of which the sandbox takes its addresses.
BENCHMARK_PREFIX = 15
# The node puts its own folders over these, which would hide the state.
HIDDEN = ("/run", "/var/run", "/var/lib", "/var/log")
OWN_CLUSTERS = "roles/sandbox/README.md tells how an inventory names them."
CAPABILITIES = {
    "CAP_CHOWN": 0,
    "CAP_DAC_OVERRIDE": 1,
    "CAP_KILL": 5,
    "CAP_SETGID": 6,
    "CAP_SETUID": 7,
    "CAP_NET_BIND_SERVICE": 10,
    "CAP_NET_ADMIN": 12,
    "CAP_SYS_CHROOT": 18,
    "CAP_SYS_PTRACE": 19,
    "CAP_SYS_ADMIN": 21,
    "CAP_MKNOD": 27,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and what ends it."""

    found: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Machine:
    """The facts the checks look at. Sizes in bytes."""

    system: str
    architecture: str
    python: tuple[int, int]
    uid: int
    capabilities: int
    memory_available: int
    disk_free: int
    state_filesystem: str
    cgroup_version: int
    filesystems: frozenset[str]
    has_apt: bool
    missing_packages: tuple[str, ...]
    taken: tuple[str, ...]  # addresses somebody else listens on
    foreign_routes: tuple[str, ...]  # interfaces that lead to the sandbox's addresses, and are not its own
    others_state: str | None  # state folder of another sandbox that runs here
    running: bool  # processes of ours run: then memory and ports are theirs
    built: bool  # binaries and images are in the cache
    state: Path

    @classmethod
    def look(cls, settings: Settings) -> Machine:
        """Read everything from this machine; changes nothing."""
        linux = platform.system() == "Linux"
        others = services.others_state(settings) if linux else None
        running = linux and others is None and bool(cgroups.processes(services.GROUP))
        addresses = (
            []
            if running or others
            else [address for group in services.endpoints(settings).values() for address in group]
        )
        return cls(
            system=platform.system(),
            architecture=platform.machine(),
            python=sys.version_info[:2],
            uid=os.geteuid(),
            capabilities=_status_field("CapEff", 16) if linux else 0,
            memory_available=_memory_available() if linux else 0,
            disk_free=min(shutil.disk_usage(_existing(path)).free for path in (settings.cache, settings.state)),
            state_filesystem=_filesystem(_existing(settings.state)) if linux else "",
            cgroup_version=cgroups.version() if linux else 0,
            filesystems=frozenset(_read("/proc/filesystems").split()),
            has_apt=shutil.which("apt-get") is not None,
            missing_packages=tuple(packages.missing()) if shutil.which("dpkg-query") else packages.NEEDED,
            taken=tuple(address for address in addresses if _taken(address)),
            foreign_routes=tuple(routes_into(settings.network, _read("/proc/net/route"), settings.bridge)),
            others_state=others,
            running=running,
            built=os.access(gobuild.result_folder(settings), os.F_OK),
            state=settings.state,
        )


def problems(machine: Machine) -> list[Problem]:
    """Everything that stands in the way, in the order one would mend it. Pure."""
    if machine.system != "Linux" or machine.architecture != "x86_64":
        found = f"The sandbox needs Linux on x86_64; this is {machine.system} on {machine.architecture}."
        return [Problem(found, f"Use a virtual machine with Debian 12, or your own clusters. {OWN_CLUSTERS}")]
    table = [
        (
            machine.python < (3, 11),
            f"Python 3.11 or newer is needed; this is {machine.python[0]}.{machine.python[1]}.",
            "Install python3.11 and run `make` with PYTHON=python3.11.",
        ),
        (
            machine.uid != 0,
            f"The sandbox makes namespaces, a bridge and control groups and needs root; this is user {machine.uid}.",
            f"Run it as root (sudo make …), or use your own clusters. {OWN_CLUSTERS}",
        ),
        (
            machine.uid == 0 and bool(_lacking(machine.capabilities)),
            f"Root lacks capabilities here: {', '.join(_lacking(machine.capabilities))}.",
            "In a container, start it with --privileged; otherwise use a virtual machine.",
        ),
        (
            not machine.running and machine.memory_available < MEMORY_GIB * GIB,
            f"{machine.memory_available / GIB:.1f} GiB of memory are free; {MEMORY_GIB} are needed.",
            "End other programs or give the machine more memory.",
        ),
        (
            not machine.running and machine.disk_free < _disk_gib(machine) * GIB,
            f"{machine.disk_free / GIB:.1f} GiB of disk are free for cache and state; {_disk_gib(machine)} are needed.",
            "Free some, or set MLOPS_ACK_CACHE and MLOPS_ACK_STATE to folders on a larger disk.",
        ),
        (
            machine.state_filesystem in ("overlay", "overlayfs"),
            f"The state folder {machine.state} lies on {machine.state_filesystem}, where images cannot be unpacked.",
            "Set MLOPS_ACK_STATE to a folder on a volume (ext4, xfs, btrfs or tmpfs).",
        ),
        (
            len(os.fsencode(machine.state)) > STATE_PATH_LIMIT,
            f"The state folder's path has {len(os.fsencode(machine.state))} bytes; sockets in it allow "
            f"{STATE_PATH_LIMIT}.",
            "Set MLOPS_ACK_STATE to a shorter path.",
        ),
        (
            any(machine.state.is_relative_to(folder) for folder in HIDDEN),
            f"The state folder {machine.state} lies below one of {', '.join(HIDDEN)}, which each node replaces.",
            "Set MLOPS_ACK_STATE to another folder.",
        ),
        (
            machine.cgroup_version == 0,
            "No control groups are mounted at /sys/fs/cgroup.",
            "Mount them (package cgroupfs-mount, or boot with systemd).",
        ),
        (
            "overlay" not in machine.filesystems,
            "The kernel offers no overlay file system.",
            "Run `modprobe overlay`; in a container, on the machine that runs it.",
        ),
        (
            bool(machine.missing_packages) and not machine.has_apt,
            f"These programs are missing and there is no apt-get: {', '.join(machine.missing_packages)}.",
            "Use Debian 12, or install them by hand.",
        ),
        (
            bool(machine.foreign_routes),
            f"The sandbox's addresses lead elsewhere on this machine: routes by {', '.join(machine.foreign_routes)}.",
            "A VPN or proxy that uses 198.18.0.0/15 does so; end it while the sandbox runs.",
        ),
        (
            machine.others_state is not None,
            f"Another sandbox runs on this machine, with its state in {machine.others_state}.",
            f"Set MLOPS_ACK_STATE={machine.others_state}, or end that one: "
            f"MLOPS_ACK_STATE={machine.others_state} make sandbox-down.",
        ),
        *(
            (True, f"Something else listens on {address}.", f"Find it with `ss -ltnp 'sport = :{port}'` and end it.")
            for address in machine.taken
            for port in [address.rsplit(":", 1)[1]]
        ),
    ]
    return [Problem(found, remedy) for wrong, found, remedy in table if wrong]


def routes_into(network: ipaddress.IPv4Network, table: str, own: str) -> list[str]:
    """Interfaces, but `own`, with a route into the network in `table` (the text of /proc/net/route). Pure.

    Default routes, also in two halves as VPNs set them, do no harm: the bridge's own is more specific.
    """
    found = set()
    for row in (line.split() for line in table.splitlines()[1:]):
        # Addresses are little-endian hexadecimal.
        address, mask = (ipaddress.IPv4Address(int(row[column], 16).to_bytes(4, "little")) for column in (1, 7))
        route = ipaddress.IPv4Network(f"{address}/{mask}")
        if row[0] != own and route.prefixlen >= BENCHMARK_PREFIX and route.overlaps(network):
            found.add(row[0])
    return sorted(found)


def require(settings: Settings) -> Machine:
    """Raises SandboxError with the whole list if anything is missing."""
    machine = Machine.look(settings)
    if found := problems(machine):
        lines = [f"  {number}. {problem.found}\n     {problem.remedy}" for number, problem in enumerate(found, 1)]
        raise PreflightError("This machine cannot run the sandbox yet. Nothing was changed.\n" + "\n".join(lines))
    return machine


class PreflightError(SandboxError):
    """The machine lacks something."""


def _disk_gib(machine: Machine) -> int:
    return DISK_WARM_GIB if machine.built else DISK_COLD_GIB


def _lacking(effective: int) -> list[str]:
    return [name for name, bit in CAPABILITIES.items() if not effective >> bit & 1]


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _status_field(name: str, base: int) -> int:
    for line in _read("/proc/self/status").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1], base)
    return 0


def _memory_available() -> int:
    """MemAvailable, or what is left below a container's limit if that is less."""
    rows = (line.split() for line in _read("/proc/meminfo").splitlines())
    available = next((int(row[1]) * 1024 for row in rows if row[0] == "MemAvailable:"), 0)
    for limit_file, usage_file in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        limit, usage = _read(limit_file).strip(), _read(usage_file).strip()
        if limit.isdigit() and usage.isdigit():
            available = min(available, max(0, int(limit) - int(usage)))
    return available


def _existing(path: Path) -> Path:
    """The folder itself or its nearest ancestor that is there to be seen."""
    return next(folder for folder in (path, *path.parents) if os.access(folder, os.F_OK))


def _filesystem(path: Path) -> str:
    """Type of the file system a path lies on, by the longest mount point in front of it."""
    mounts = [line.split()[1:3] for line in _read("/proc/mounts").splitlines()]
    over = [(len(point), kind) for point, kind in mounts if path.resolve().is_relative_to(point)]
    return max(over, default=(0, ""))[1]


def _taken(address: str) -> bool:
    """Whether somebody listens there. An address the machine does not have yet is free."""
    host, port = address.rsplit(":", 1)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def main() -> int:
    try:
        require(Settings.from_environment())
    except PreflightError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
