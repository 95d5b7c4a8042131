# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What `cluster up` installs: CoreDNS, metrics-server, and the Gateway API with Contour and Envoy.

The manifests are the projects' own, copied from their Go modules at build time; only what must differ here is changed.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..settings import ClusterAddresses, Settings

Document = dict[str, Any]

GATEWAY_CLASS = "contour"
GATEWAY = "contour"
GATEWAY_NAMESPACE = "projectcontour"
# `up` waits for these pods; of the workloads, `status` tells.
COREDNS_PODS = "/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app%3Dkube-dns"
WORKLOADS = {
    "coredns": "/apis/apps/v1/namespaces/kube-system/deployments/coredns",
    "contour": f"/apis/apps/v1/namespaces/{GATEWAY_NAMESPACE}/deployments/contour",
    "envoy": f"/apis/apps/v1/namespaces/{GATEWAY_NAMESPACE}/daemonsets/envoy",
    "metrics-server": "/apis/apps/v1/namespaces/kube-system/deployments/metrics-server",
}


@dataclass(frozen=True, slots=True)
class Manifests:
    """What to apply, in two steps: kinds must be known before the first object of them is sent.

    `first` goes with the definitions: it needs none of them, and its images are pulled meanwhile.
    """

    definitions: tuple[Path, ...]
    first: str
    then: str

    @property
    def digest(self) -> str:
        total = hashlib.sha256(f"{self.first}\0{self.then}".encode())
        for folder in self.definitions:
            for path in sorted(folder.iterdir()):
                total.update(path.read_bytes())
        return total.hexdigest()


def manifests(settings: Settings, cluster: ClusterAddresses, binaries: Path, images: Mapping[str, str]) -> Manifests:
    """Everything to apply. `images`: reference by name; `binaries`: the build's folder, which holds `manifests`."""
    source = binaries / "manifests"
    first = coredns(settings, cluster, images["coredns"])
    first += metrics_server(load(source / "metrics-server"), images["metrics-server"])
    then = [
        *contour(load(source / "contour"), images["contour"], images["envoy"]),
        *gateway(load(source / "contour-gateway")),
    ]
    return Manifests((source / "gateway-api", source / "contour-crds"), dump(first), dump(then))


def dump(documents: list[Document]) -> str:
    return yaml.dump_all(documents, Dumper=yaml.CSafeDumper, sort_keys=False)


def load(folder: Path) -> list[Document]:
    documents: list[Document] = []
    for path in sorted(folder.glob("*.yaml")):
        loaded = yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader)
        documents += [document for document in loaded if document and document.get("kind") != "Kustomization"]
    return documents


def coredns(settings: Settings, cluster: ClusterAddresses, image: str) -> list[Document]:
    text = Path(__file__).with_name("coredns.yaml").read_text()
    for key, value in {"IMAGE": image, "DNS_IP": cluster.dns_ip, "HOST_IP": settings.host_ip}.items():
        text = text.replace(f"@{key}@", value)
    documents: list[Document] = yaml.load(text, Loader=yaml.CSafeLoader)["items"]
    return documents


def contour(documents: list[Document], contour_image: str, envoy_image: str) -> list[Document]:
    """Contour's example for one node: our images, one replica, and no load balancer to wait for."""
    changed = copy.deepcopy(documents)
    for document in changed:
        kind, name = document["kind"], document["metadata"]["name"]
        if kind in ("Deployment", "DaemonSet", "Job"):
            pod = document["spec"]["template"]["spec"]
            for container in [*pod.get("initContainers", ()), *pod["containers"]]:
                container["image"] = envoy_image if "/envoy:" in container["image"] else contour_image
        if kind == "Deployment":
            document["spec"]["replicas"] = 1
            pod.pop("affinity", None)
            # It shall outlive its API server. A leader that cannot renew its lease ends, and alone it has nobody to
            # lead; its /healthz asks the API server.
            container = pod["containers"][0]
            container.setdefault("args", []).append("--disable-leader-election")
            if "livenessProbe" in container:
                container["livenessProbe"] = {"tcpSocket": {"port": "xds"}, "periodSeconds": 10}
        if kind == "DaemonSet":
            # Draining for five minutes would hold up each restart of a machine that nobody else uses.
            pod["terminationGracePeriodSeconds"] = 5
            _probe_often(pod, period_s=1)
        if kind == "Service" and name == "envoy":
            document["spec"]["type"] = "ClusterIP"  # requests come in through the node's port 80
            document["spec"].pop("externalTrafficPolicy", None)
    return changed


def gateway(documents: list[Document]) -> list[Document]:
    """The one GatewayClass and Gateway, whose listener on port 80 takes routes of every namespace."""
    changed = copy.deepcopy(documents)
    for document in changed:
        if document["kind"] == "GatewayClass":
            document["metadata"]["name"] = GATEWAY_CLASS
        if document["kind"] == "Gateway":
            document["spec"]["gatewayClassName"] = GATEWAY_CLASS
    return changed


def metrics_server(documents: list[Document], image: str) -> list[Document]:
    """Its base manifests, with the kubelet's certificate checked and a resolution short enough to watch scaling."""
    changed = copy.deepcopy(documents)
    label = {"k8s-app": "metrics-server"}  # what the base's kustomization adds
    for document in changed:
        document["metadata"].setdefault("labels", {}).update(label)
        if document["kind"] == "Service":
            document["spec"]["selector"] = label
        if document["kind"] == "Deployment":
            document["spec"]["selector"] = {"matchLabels": label}
            document["spec"]["template"].setdefault("metadata", {})["labels"] = label
            pod = document["spec"]["template"]["spec"]
            container = pod["containers"][0]
            container["image"] = image
            container["args"] = [
                "--cert-dir=/tmp",
                "--secure-port=10250",
                "--metric-resolution=10s",
                "--kubelet-request-timeout=5s",  # must be below the resolution
                "--kubelet-certificate-authority=/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
            ]
            container["resources"] = {"requests": {"cpu": "20m", "memory": "60Mi"}}
            container["readinessProbe"]["initialDelaySeconds"] = 1
            _probe_often(pod, period_s=2)
    return changed


def _probe_often(pod: Document, period_s: int) -> None:
    for container in pod["containers"]:
        if probe := container.get("readinessProbe"):
            probe["periodSeconds"] = period_s
