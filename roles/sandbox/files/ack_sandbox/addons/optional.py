# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What addons of ACK bring into a cluster when somebody installs them through the simulated API."""

from __future__ import annotations

import base64
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import virtual_node
from ..gobuild import find_go, go_environment
from ..images import recipes
from ..node import Node
from ..pki import Certificate
from ..process import run
from ..progress import Progress
from ..settings import Settings
from ..supervisor import Program
from . import Document, dump

PROMETHEUS_NAMESPACE = "arms-prom"
PROMETHEUS_PORT = 30090
"""Of every node: where its cluster's Prometheus answers."""

POLICY_PORT = 9443


@dataclass(frozen=True, slots=True)
class Addon:
    """`definitions` are applied first. `pods`: API paths of lists that must each hold a ready pod.

    `certificates`, `files` and `programs` make daemons beside the cluster's own; `node` is the name of the one that
    they register.
    """

    definitions: tuple[Path, ...] = ()
    documents: str = ""
    pods: tuple[str, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    files: Mapping[Path, str] = field(default_factory=dict)
    programs: tuple[Program, ...] = ()
    node: str = ""


def arms_prometheus(of: Node, report: Progress) -> Addon:
    """The kinds of the Prometheus operator, and a Prometheus that reads what annotated ones of them select.

    Made when it is first asked for: the main job needs none.
    """
    recipes.build_prometheus(of.settings, report)
    image = recipes.push_all(of.settings, report)["prometheus"]
    documents = [_object("v1", "Namespace", PROMETHEUS_NAMESPACE), *_prometheus(image)]
    pods = f"/api/v1/namespaces/{PROMETHEUS_NAMESPACE}/pods?labelSelector=app%3Dprometheus"
    return Addon((_operator_kinds(of.settings),), dump(documents), (pods,))


def _operator_kinds(settings: Settings) -> Path:
    """The folder of the operator's definitions, in Go's module cache; go.sum proves it."""
    module = settings.files / "prometheus" / "crds"
    go_mod = (module / "go.mod").read_text()
    wanted = next(line.split() for line in go_mod.splitlines() if line.startswith("require "))
    go = find_go(settings, go_mod, lambda text: None)
    place = Path(tempfile.mkdtemp(prefix="crds-", dir=settings.state))
    try:
        for name in ("go.mod", "go.sum"):
            shutil.copyfile(module / name, place / name)
        words = [go, "mod", "download", "-json", f"{wanted[1]}@{wanted[2]}"]
        told = json.loads(run(words, cwd=place, env=go_environment(settings), timeout_s=300))
    finally:
        shutil.rmtree(place)
    return Path(told["Dir"]) / "example/prometheus-operator-crd"


def loongcollector(of: Node, report: Progress) -> Addon:
    """The kind that says which logs are collected. The simulator reads it, and the pods' logs, when it is asked."""
    return Addon(documents=Path(__file__).with_name("loongcollector.yaml").read_text())


def ack_virtual_node(of: Node, report: Progress) -> Addon:
    """A node that takes pods only where they ask for it: the pods are real."""
    return Addon(
        certificates=(virtual_node.certificate(of),),
        files=virtual_node.files(of),
        programs=tuple(virtual_node.programs(of)),
        node=virtual_node.name(of),
    )


def kube_scheduler(of: Node, report: Progress) -> Addon:
    """The kind ResourcePolicy, and what stands for the part of ACK's scheduler that acts on it."""
    text = Path(__file__).with_name("kube-scheduler.yaml").read_text()
    authority = base64.b64encode((of.pki / "ca.crt").read_bytes()).decode()
    for key, value in {"URL": f"https://127.0.0.1:{POLICY_PORT}/", "CA": authority}.items():
        text = text.replace(f"@{key}@", value)
    command = [of.python, "-m", "ack_sandbox.resource_policy", of.cluster.node_ip, str(of.pki), str(POLICY_PORT)]
    return Addon(
        documents=text,
        certificates=(Certificate("resource-policy", "resource-policy", server=("127.0.0.1",)),),
        programs=(Program("resource-policy", command, environment=of.settings.python_environment, priority=300),),
    )


ADDONS: Mapping[str, Callable[[Node, Progress], Addon]] = {
    "ack-virtual-node": ack_virtual_node,
    "arms-prometheus": arms_prometheus,
    "kube-scheduler": kube_scheduler,
    "loongcollector": loongcollector,
}


def _prometheus(image: str) -> list[Document]:
    readable = [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
        {"apiGroups": ["monitoring.coreos.com"], "resources": ["podmonitors", "prometheusrules"], "verbs": ["list"]},
    ]
    account = {"kind": "ServiceAccount", "name": "prometheus", "namespace": PROMETHEUS_NAMESPACE}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "arms-prometheus"}
    labels = {"app": "prometheus"}
    shared = [{"name": "shared", "mountPath": "/shared"}]
    small = {"requests": {"cpu": "10m", "memory": "60Mi"}}
    server = {
        "name": "prometheus",
        "image": image,
        "args": [
            "--config.file=/opt/prometheus/prometheus.yml",
            "--storage.tsdb.path=/shared/data",
            "--storage.tsdb.retention.time=2h",
            "--web.enable-lifecycle",
        ],
        "ports": [{"name": "web", "containerPort": 9090}],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": "web"}, "periodSeconds": 2},
        "volumeMounts": shared,
        "resources": small,
    }
    collector = {
        "name": "collector",
        "image": image,
        "command": ["python3.11", "/opt/prometheus/collector.py", "/shared"],
        "volumeMounts": shared,
        "resources": small,
    }
    pod = {
        "serviceAccountName": "prometheus",
        "terminationGracePeriodSeconds": 3,
        "containers": [server, collector],
        "volumes": [{"name": "shared", "emptyDir": {}}],
    }
    deployment = {
        "replicas": 1,
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    port = {"name": "web", "port": 9090, "targetPort": "web", "nodePort": PROMETHEUS_PORT}
    return [
        _object("v1", "ServiceAccount", "prometheus", namespaced=True),
        _object("rbac.authorization.k8s.io/v1", "ClusterRole", "arms-prometheus", rules=readable),
        _object(
            "rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "arms-prometheus", roleRef=role, subjects=[account]
        ),
        _object("apps/v1", "Deployment", "prometheus", namespaced=True, spec=deployment),
        _object(
            "v1",
            "Service",
            "prometheus",
            namespaced=True,
            spec={"type": "NodePort", "selector": labels, "ports": [port]},
        ),
    ]


def _object(api_version: str, kind: str, name: str, *, namespaced: bool = False, **fields: Any) -> Document:
    metadata = {"name": name, **({"namespace": PROMETHEUS_NAMESPACE} if namespaced else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}
