# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The address plan and the two folders."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from ack_sandbox.settings import CLUSTERS, Settings


@pytest.mark.parametrize(
    ("environ", "cache", "state"),
    [
        pytest.param({"HOME": "/h"}, "/h/.cache/mlops-ack", "/h/.local/state/mlops-ack", id="XDG's defaults"),
        pytest.param(
            {"HOME": "/h", "XDG_CACHE_HOME": "/c", "XDG_STATE_HOME": "/s"},
            "/c/mlops-ack",
            "/s/mlops-ack",
            id="XDG's own",
        ),
        pytest.param(
            {"HOME": "/h", "XDG_CACHE_HOME": "/c", "MLOPS_ACK_CACHE": "/a", "MLOPS_ACK_STATE": "/b"},
            "/a",
            "/b",
            id="ours win",
        ),
        pytest.param(
            {"HOME": "/h", "MLOPS_ACK_STATE": ""}, "/h/.cache/mlops-ack", "/h/.local/state/mlops-ack", id="empty"
        ),
    ],
)
def test_folders_come_from_the_environment(environ: dict[str, str], cache: str, state: str) -> None:
    settings = Settings.from_environment(environ)
    assert (settings.cache, settings.state) == (Path(cache), Path(state))


def test_the_published_addresses_stay_as_they_are() -> None:
    plan = {name: (c.node_ip, c.pod_cidr, c.service_cidr, c.dns_ip) for name, c in CLUSTERS.items()}
    assert plan == {
        "prod": ("198.18.0.11", "198.18.16.0/24", "198.18.17.0/24", "198.18.17.10"),
        "dev": ("198.18.0.12", "198.18.32.0/24", "198.18.33.0/24", "198.18.33.10"),
        "edge": ("198.18.0.13", "198.18.48.0/24", "198.18.49.0/24", "198.18.49.10"),
    }


def test_no_two_networks_overlap() -> None:
    settings = Settings.from_environment({"HOME": "/h"})
    networks = [settings.network]
    for cluster in settings.clusters.values():
        networks += [ipaddress.IPv4Network(cluster.pod_cidr), ipaddress.IPv4Network(cluster.service_cidr)]
    clashes = [(a, b) for number, a in enumerate(networks) for b in networks[:number] if a.overlaps(b)]
    assert clashes == []


def test_interface_names_fit_the_kernel() -> None:
    assert all(len(cluster.veth) <= 15 for cluster in CLUSTERS.values())
