# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host bridge and each node's network namespace.

A node has one cable into the bridge and no default route, so nothing in it can leave 198.18.0.0/24; its bridge port is
isolated, so that it reaches the host's services and not the other node.
"""

from __future__ import annotations

import json
from pathlib import Path

from .process import SandboxError, run
from .settings import ClusterAddresses, Settings

NETNS = Path("/run/netns")


def bridge_exists(settings: Settings) -> bool:
    return Path("/sys/class/net", settings.bridge).exists()


def create_bridge(settings: Settings) -> bool:
    """Make the bridge with the host's address on it. Returns whether anything was missing."""
    made = not bridge_exists(settings)
    if made:
        run(["ip", "link", "add", settings.bridge, "type", "bridge"])
    address = f"{settings.host_ip}/{settings.prefix_length}"
    if settings.host_ip not in _addresses(settings.bridge):
        run(["ip", "address", "add", address, "dev", settings.bridge])
        made = True
    run(["ip", "link", "set", settings.bridge, "up"])
    return made


def _addresses(device: str) -> set[str]:
    found = json.loads(run(["ip", "-json", "address", "show", "dev", device]) or "[]")
    return {info["local"] for link in found for info in link.get("addr_info", ())}


def remove_bridge(settings: Settings) -> bool:
    if not bridge_exists(settings):
        return False
    run(["ip", "link", "delete", settings.bridge])
    return True


def create_namespace(settings: Settings, cluster: ClusterAddresses) -> None:
    """Make the node's namespace, its cable and routes anew; what a killed sandbox left is removed first."""
    remove_namespace(cluster)
    namespace, veth = cluster.node_name, cluster.veth
    run(["ip", "netns", "add", namespace])
    peer = ["peer", "name", "eth0", "address", cluster.mac, "netns", namespace]
    run(["ip", "link", "add", veth, "type", "veth", *peer])
    run(["ip", "neighbour", "flush", "dev", settings.bridge])
    run(["ip", "link", "set", veth, "master", settings.bridge, "up"])
    run(["bridge", "link", "set", "dev", veth, "isolated", "on"])
    inside = "\n".join(
        [
            "link set lo up",
            f"address add {cluster.node_ip}/{settings.prefix_length} dev eth0",
            "link set eth0 up",
            # kube-proxy rewrites service addresses after the routing decision, so they need some route.
            f"route add {cluster.service_cidr} via {settings.host_ip}",
        ]
    )
    run(["ip", "-n", namespace, "-batch", "-"], text_in=inside + "\n")


def namespace_exists(cluster: ClusterAddresses) -> bool:
    return (NETNS / cluster.node_name).exists()


def remove_namespace(cluster: ClusterAddresses) -> bool:
    """Remove the cable and the namespace. Returns whether there was one of them."""
    removed = False
    if Path("/sys/class/net", cluster.veth).exists():
        try:
            run(["ip", "link", "delete", cluster.veth])
        except SandboxError:
            # The kernel removes it by itself when the namespace's last process ends, perhaps just now.
            if Path("/sys/class/net", cluster.veth).exists():
                raise
        removed = True
    if namespace_exists(cluster):
        run(["ip", "netns", "delete", cluster.node_name])
        removed = True
    return removed
