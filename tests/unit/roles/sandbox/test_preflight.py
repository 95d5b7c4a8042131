# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The table of what a machine may lack."""

from __future__ import annotations

import ast
import dataclasses
import sys
from pathlib import Path

import pytest

from ack_sandbox import preflight
from ack_sandbox.preflight import GIB, Machine, problems, routes_into
from ack_sandbox.settings import Settings

FIT = Machine(
    system="Linux",
    architecture="x86_64",
    python=(3, 11),
    uid=0,
    capabilities=(1 << 41) - 1,
    memory_available=16 * GIB,
    disk_free=100 * GIB,
    state_filesystem="ext4",
    cgroup_version=1,
    filesystems=frozenset({"ext4", "overlay"}),
    has_apt=True,
    missing_packages=("runc",),
    taken=(),
    foreign_routes=(),
    others_state=None,
    running=False,
    built=False,
    state=Path("/home/user/.local/state/mlops-ack"),
)


def test_a_fit_machine_lacks_nothing() -> None:
    assert problems(FIT) == []


@pytest.mark.parametrize(
    ("fact", "word"),
    [
        pytest.param({"system": "Darwin"}, "Linux", id="another system"),
        pytest.param({"architecture": "aarch64"}, "aarch64", id="another processor"),
        pytest.param({"python": (3, 9)}, "3.9", id="an old Python"),
        pytest.param({"uid": 1000}, "1000", id="not root"),
        pytest.param({"capabilities": 0xA80425FB}, "CAP_SYS_ADMIN", id="a container without privileges"),
        pytest.param({"memory_available": 2 * GIB}, "2.0 GiB of memory", id="little memory"),
        pytest.param({"disk_free": 20 * GIB}, "20.0 GiB of disk", id="little disk for a first build"),
        pytest.param({"state_filesystem": "overlay"}, "overlay", id="state on an overlay"),
        pytest.param({"state": Path("/" + "x" * 80)}, "81 bytes", id="a path too long for sockets"),
        pytest.param({"state": Path("/var/lib/mlops")}, "/var/lib", id="state where the node mounts its own"),
        pytest.param({"cgroup_version": 0}, "control groups", id="no control groups"),
        pytest.param({"filesystems": frozenset({"ext4"})}, "overlay", id="a kernel without overlay"),
        pytest.param({"has_apt": False}, "runc", id="packages missing and no apt"),
        pytest.param({"taken": ("198.18.0.1:5000",)}, "198.18.0.1:5000", id="a port taken"),
        pytest.param({"foreign_routes": ("tun0",)}, "tun0", id="a VPN on the same addresses"),
        pytest.param({"others_state": "/srv/other"}, "/srv/other", id="another sandbox"),
    ],
)
def test_each_lack_is_told_with_a_remedy(fact: dict[str, object], word: str) -> None:
    (problem,) = problems(dataclasses.replace(FIT, **fact))  # type: ignore[arg-type]
    assert word in problem.found
    assert problem.remedy


def test_everything_is_told_at_once() -> None:
    machine = dataclasses.replace(FIT, uid=1000, memory_available=0, taken=("198.18.0.1:5000", "127.0.0.1:18580"))
    assert len(problems(machine)) == 4


@pytest.mark.parametrize(
    "fact",
    [
        pytest.param(
            {"running": True, "memory_available": GIB, "disk_free": GIB}, id="what runs already uses it itself"
        ),
        pytest.param({"built": True, "disk_free": 15 * GIB}, id="what is built needs no room to build"),
        pytest.param({"has_apt": False, "missing_packages": ()}, id="no apt needed where nothing is missing"),
    ],
)
def test_what_is_no_lack(fact: dict[str, object]) -> None:
    assert problems(dataclasses.replace(FIT, **fact)) == []  # type: ignore[arg-type]


HEADER = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"


@pytest.mark.parametrize(
    ("interface", "destination", "mask", "found"),
    [
        pytest.param("eth0", "00000000", "00000000", [], id="the default route"),
        pytest.param("tun0", "00000080", "00000080", [], id="half of the world, as VPNs do"),
        pytest.param("tun0", "000012C6", "0000FEFF", ["tun0"], id="198.18.0.0/15"),
        pytest.param("tun0", "000012C6", "FCFFFFFF", ["tun0"], id="198.18.0.0/30"),
        pytest.param("eth1", "000012C6", "00FFFFFF", ["eth1"], id="the same network"),
        pytest.param("ackbr0", "000012C6", "00FFFFFF", [], id="our own bridge"),
        pytest.param("eth1", "000013C6", "00FFFFFF", [], id="a neighbour, 198.19.0.0/24"),
    ],
)
def test_routes_of_others(interface: str, destination: str, mask: str, found: list[str]) -> None:
    row = f"{interface}\t{destination}\t00000000\t0001\t0\t0\t0\t{mask}\t0\t0\t0\n"
    assert routes_into(Settings.from_environment({"HOME": "/h"}).network, HEADER + row, "ackbr0") == found


def test_it_needs_the_standard_library_alone() -> None:
    """It runs before anything is installed."""
    folder = Path(preflight.__file__).parent
    todo, seen, foreign = ["preflight"], set(), set()
    while todo:
        name = todo.pop()
        seen.add(name)
        for node in ast.walk(ast.parse((folder / f"{name}.py").read_text())):
            if isinstance(node, ast.Import):
                foreign |= {alias.name.split(".")[0] for alias in node.names} - sys.stdlib_module_names
            elif isinstance(node, ast.ImportFrom) and node.level:
                names = [node.module] if node.module else [alias.name for alias in node.names]
                todo += [module for module in names if module not in seen]
            elif isinstance(node, ast.ImportFrom) and node.module:
                foreign |= {node.module.split(".")[0]} - sys.stdlib_module_names
    assert foreign == set()
