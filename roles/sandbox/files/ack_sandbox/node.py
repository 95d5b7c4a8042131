# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What runs on a node: its daemons' command lines and configuration files. Pure text; `cluster` starts it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from . import supervisor
from .settings import ClusterAddresses, Settings
from .supervisor import Program

ETCD_URL = "http://127.0.0.1:2379"  # the node namespace's loopback: pods cannot reach it
# Requests that change something, without what components do all the time; tests count the lines of a user.
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {
            "level": "None",
            "resources": [
                {"group": "coordination.k8s.io", "resources": ["leases"]},
                {"group": "", "resources": ["events"]},
                {"group": "events.k8s.io", "resources": ["events"]},
                {"group": "authentication.k8s.io"},
                {"group": "authorization.k8s.io"},
            ],
        },
        {"level": "Metadata", "verbs": ["create", "update", "patch", "delete", "deletecollection"]},
        {"level": "None"},
    ],
}


@dataclass(frozen=True, slots=True)
class Node:
    """One node's layout in its state folder and everything rendered from it."""

    settings: Settings
    cluster: ClusterAddresses
    binaries: Path
    pause_image: str
    python: str  # path of the interpreter that its first process and its waiting daemons start with

    @property
    def folder(self) -> Path:
        return self.settings.cluster_state(self.cluster.name)

    @property
    def pki(self) -> Path:
        return self.folder / "pki"

    @property
    def logs(self) -> Path:
        return self.folder / "log"

    @property
    def containerd_socket(self) -> Path:
        return self.folder / "containerd.sock"

    @property
    def control_socket(self) -> Path:
        return self.folder / "control.sock"

    @property
    def supervisor_config(self) -> Path:
        return self.folder / "supervisord.conf"

    @property
    def addons(self) -> Path:
        """Programs that addons brought, a supervisord.conf each."""
        return self.folder / "addons"

    def folders(self) -> Sequence[Path]:
        """To be there before anything starts."""
        names = ("log", "varlib", "varlog", "containerd", "containerd-state", "kubelet", "addons")
        return [self.folder / name for name in names]

    def files(self) -> dict[Path, str]:
        """Every configuration file with its text."""
        registry = self.settings.registry
        mirror = f'server = "http://{registry}"\n[host."http://{registry}"]\n  capabilities = ["pull", "resolve"]\n'
        return {
            self.folder / "containerd.toml": self.containerd(self.folder),
            self.folder / "certs.d" / registry / "hosts.toml": mirror,
            self.folder / "cni" / "10-bridge.conflist": json.dumps(self._network(), indent=2),
            self.folder / "resolv.conf": f"nameserver {self.settings.host_ip}\n",
            self.folder / "hosts": f"127.0.0.1 localhost\n{self.cluster.node_ip} {self.cluster.node_name}\n",
            self.folder / "kubelet.yaml": yaml.safe_dump(self.kubelet(), sort_keys=False),
            self.folder / "kube-proxy.yaml": yaml.safe_dump(self._kube_proxy(), sort_keys=False),
            self.folder / "audit-policy.yaml": yaml.safe_dump(AUDIT_POLICY, sort_keys=False),
            self.supervisor_config: supervisor.render(
                self.folder, self.control_socket, self.programs(), include=self.addons
            ),
        }

    def programs(self) -> list[Program]:
        """The daemons in the order they start; those that need the API server wait for it by themselves."""

        def waiting(name: str, *flags: str) -> Program:
            return self.waiting(name, self.binaries / name, *flags)

        return [
            Program("containerd", ["containerd", "-c", self.folder / "containerd.toml"]),
            Program("etcd", self._etcd()),
            Program("kube-apiserver", self._api_server(), priority=200),
            waiting("kube-controller-manager", *self._controller_manager()),
            waiting("kube-scheduler", *self._delegating("scheduler")),
            waiting(
                "kubelet",
                f"--config={self.folder}/kubelet.yaml",
                f"--kubeconfig={self.pki}/kubelet.kubeconfig",
                f"--root-dir={self.folder}/kubelet",
                f"--hostname-override={self.cluster.node_name}",
                f"--node-ip={self.cluster.node_ip}",
            ),
            waiting("kube-proxy", f"--config={self.folder}/kube-proxy.yaml"),
        ]

    def waiting(self, name: str, *argv: str | Path) -> Program:
        """A program that starts when the API server answers."""
        ready = [self.python, "-m", "ack_sandbox.after", f"{self.cluster.api_url}/readyz", f"{self.pki}/ca.crt"]
        return Program(name, [*ready, *argv], environment=self.settings.python_environment, priority=300)

    def _etcd(self) -> list[str]:
        return [
            "etcd",
            f"--data-dir={self.folder}/etcd",
            f"--listen-client-urls={ETCD_URL}",
            f"--advertise-client-urls={ETCD_URL}",
            "--listen-peer-urls=http://127.0.0.1:2380",
            "--logger=zap",
            "--log-level=warn",
            # A sandbox may lose its last second when the machine dies, and starts twice as fast for it.
            "--unsafe-no-fsync",
        ]

    def _api_server(self) -> list[str | Path]:
        pki, cluster = self.pki, self.cluster
        return [
            self.binaries / "kube-apiserver",
            f"--etcd-servers={ETCD_URL}",
            "--secure-port=6443",
            "--bind-address=0.0.0.0",
            f"--advertise-address={cluster.node_ip}",
            f"--tls-cert-file={pki}/apiserver.crt",
            f"--tls-private-key-file={pki}/apiserver.key",
            f"--client-ca-file={pki}/ca.crt",
            f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
            f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
            f"--kubelet-certificate-authority={pki}/ca.crt",
            "--kubelet-preferred-address-types=InternalIP",
            f"--service-account-key-file={pki}/service-account.key",
            f"--service-account-signing-key-file={pki}/service-account.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-username-headers=X-Remote-User",
            f"--proxy-client-cert-file={pki}/front-proxy-client.crt",
            f"--proxy-client-key-file={pki}/front-proxy-client.key",
            "--enable-aggregator-routing=true",
            "--authorization-mode=Node,RBAC",
            f"--service-cluster-ip-range={cluster.service_cidr}",
            "--allow-privileged=true",
            "--profiling=false",
            # Asks etcd for sizes in a way that Debian's etcd 3.4 refuses, once a second, with a line in the log.
            "--feature-gates=SizeBasedListCostEstimate=false",
            f"--audit-policy-file={self.folder}/audit-policy.yaml",
            f"--audit-log-path={self.logs}/audit.log",
            "--audit-log-maxsize=50",
            "--audit-log-maxbackup=1",
            "--audit-log-mode=blocking",
        ]

    def _delegating(self, name: str) -> list[str]:
        """Flags the controller manager and the scheduler share."""
        kubeconfig = f"{self.pki}/{name}.kubeconfig"
        return [
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
        ]

    def _controller_manager(self) -> list[str]:
        return [
            *self._delegating("controller-manager"),
            f"--service-account-private-key-file={self.pki}/service-account.key",
            "--use-service-account-credentials=true",
            f"--root-ca-file={self.pki}/ca.crt",
            "--allocate-node-cidrs=true",
            f"--cluster-cidr={self.cluster.pod_cidr}",
            f"--service-cluster-ip-range={self.cluster.service_cidr}",
            "--node-cidr-mask-size=24",
            # The defaults suit fleets: 15 s between looks at the metrics and 5 min before scaling down.
            "--horizontal-pod-autoscaler-sync-period=5s",
            "--horizontal-pod-autoscaler-downscale-stabilization=30s",
            *(["--node-monitor-grace-period=24h"] if self.cluster.autonomous else []),
        ]

    def containerd(self, folder: Path) -> str:
        """Configuration of a runtime that keeps what it has in that folder, and listens there."""
        return f"""\
version = 2
root = "{folder}/containerd"
state = "{folder}/containerd-state"
disabled_plugins = [
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.devmapper",
]
[grpc]
  address = "{folder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{self.pause_image}"
  restrict_oom_score_adj = true  # lowering it takes a capability that containers often lack
  disable_apparmor = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{self.folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{self.folder}/certs.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
"""

    def _network(self) -> dict[str, Any]:
        bridge = {
            "type": "bridge",
            "bridge": "cni0",
            "isGateway": True,
            "ipMasq": True,
            "hairpinMode": True,
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": self.cluster.pod_cidr}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }
        portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
        return {"cniVersion": "0.4.0", "name": "sandbox", "plugins": [bridge, portmap]}

    def kubelet(self) -> dict[str, Any]:
        """Its configuration."""
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": f"{self.pki}/ca.crt"},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": f"{self.pki}/kubelet-server.crt",
            "tlsPrivateKeyFile": f"{self.pki}/kubelet-server.key",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self.cluster.node_name}",
            "failSwapOn": False,
            "failCgroupV1": False,
            "containerRuntimeEndpoint": f"unix://{self.containerd_socket}",
            "clusterDNS": [self.cluster.dns_ip],
            "clusterDomain": "cluster.local",
            "resolvConf": f"{self.folder}/resolv.conf",
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
            "oomScoreAdj": 0,
            "maxPods": 110,
            "serializeImagePulls": False,
            "nodeStatusUpdateFrequency": "10s",
            "syncFrequency": "10s",
        }

    def _kube_proxy(self) -> dict[str, Any]:
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "clusterCIDR": self.cluster.pod_cidr,
            "hostnameOverride": self.cluster.node_name,
            "oomScoreAdj": 0,
            "clientConnection": {"kubeconfig": f"{self.pki}/kube-proxy.kubeconfig"},
            "conntrack": {"maxPerCore": 0},
            "metricsBindAddress": "127.0.0.1:10249",
        }
