# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the sandbox keeps its files and which addresses it uses. Every other module reads them from here."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

# 198.18.0.0/15 is set aside for benchmarks (RFC 2544): no real host answers there, so nothing real is shadowed.
HOST_IP = "198.18.0.1"


@dataclass(frozen=True, slots=True)
class ClusterAddresses:
    """One single-node cluster's place in the address plan. The index also makes the names of its interfaces."""

    name: str
    index: int
    node_ip: str
    pod_cidr: str
    service_cidr: str
    dns_ip: str
    kubernetes_service_ip: str
    autonomous: bool = False
    """Whether its node keeps its pods ready while it cannot be reached, as autonomous nodes of ACK Edge do."""

    @property
    def node_name(self) -> str:
        """Name of the node, of its network namespace and of its cgroup."""
        return f"ack-{self.name}"

    @property
    def api_url(self) -> str:
        return f"https://{self.node_ip}:6443"

    @property
    def veth(self) -> str:
        """The host's end of the cable."""
        return f"ack-v{self.index}"

    @property
    def mac(self) -> str:
        """Fixed: with a new one after each restart the host's ARP cache stalls connections for up to a minute."""
        return f"02:ac:6b:00:00:{self.index:02x}"


def _addresses(name: str, index: int) -> ClusterAddresses:
    pods, services = 16 * index, 16 * index + 1
    return ClusterAddresses(
        name=name,
        index=index,
        node_ip=f"198.18.0.{10 + index}",
        pod_cidr=f"198.18.{pods}.0/24",
        service_cidr=f"198.18.{services}.0/24",
        dns_ip=f"198.18.{services}.10",
        kubernetes_service_ip=f"198.18.{services}.1",
        autonomous=name == "edge",
    )


CLUSTERS: Mapping[str, ClusterAddresses] = MappingProxyType(
    {name: _addresses(name, index) for index, name in enumerate(("prod", "dev", "edge"), start=1)}
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Folders come from the environment, everything else is a constant.

    `cache` holds what can be built again (binaries, images) under content-hash keys and survives `clean`;
    `state` holds everything of the running sandbox and is removed by it.
    """

    cache: Path
    state: Path
    region: str = "cn-hangzhou"
    kubernetes_version: str = "1.34.4"
    bridge: str = "ackbr0"
    host_ip: str = HOST_IP
    prefix_length: int = 24
    registry: str = f"{HOST_IP}:5000"
    cs_endpoint: str = "127.0.0.1:18580"
    sls_endpoint: str = "127.0.0.1:18582"
    oss_loopback: str = "127.0.0.1:18581"
    oss_bridge: str = f"{HOST_IP}:18581"  # pods reach it here
    clusters: Mapping[str, ClusterAddresses] = field(default_factory=lambda: CLUSTERS)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """MLOPS_ACK_CACHE and MLOPS_ACK_STATE win over XDG_CACHE_HOME and XDG_STATE_HOME, as XDG's rules say."""
        env = os.environ if environ is None else environ
        home = Path(env.get("HOME") or Path.home())
        cache_home = Path(env.get("XDG_CACHE_HOME") or home / ".cache")
        state_home = Path(env.get("XDG_STATE_HOME") or home / ".local" / "state")
        return cls(
            cache=Path(env.get("MLOPS_ACK_CACHE") or cache_home / "mlops-ack").absolute(),
            state=Path(env.get("MLOPS_ACK_STATE") or state_home / "mlops-ack").absolute(),
        )

    @property
    def files(self) -> Path:
        """The role's `files` folder: import path of this package and of the simulator, home of the Go modules."""
        return Path(__file__).resolve().parent.parent

    @property
    def network(self) -> ipaddress.IPv4Network:
        """The bridge's: the host and the nodes. Pods and services have theirs inside the nodes only."""
        return ipaddress.IPv4Network(f"{self.host_ip}/{self.prefix_length}", strict=False)

    @property
    def python_environment(self) -> dict[str, str]:
        """How a daemon's Python finds this package; compiled files go to the cache, the checkout stays as it is."""
        return {"PYTHONPATH": str(self.files), "PYTHONPYCACHEPREFIX": str(self.cache / "pycache")}

    @property
    def host_state(self) -> Path:
        """Configuration, logs and data of the registry and the simulator."""
        return self.state / "host"

    @property
    def credentials_file(self) -> Path:
        return self.host_state / "credentials.json"

    @property
    def sandbox_file(self) -> Path:
        """What a user of the sandbox needs: endpoints, credentials, image references. Mode 0600."""
        return self.state / "sandbox.json"

    def cluster_state(self, name: str) -> Path:
        return self.state / "clusters" / name

    def kubeconfig(self, name: str) -> Path:
        return self.cluster_state(name) / "admin.kubeconfig"
