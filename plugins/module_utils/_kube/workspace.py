# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A team's place in a cluster, as manifests: how much it may use, whom its pods may talk to, what its people may do.

Source: Kubernetes 1.34 documentation, "Resource Quotas", "Network Policies", "Pod Security Standards"; ACK
documentation, "GPU sharing" (2026-11).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Any

from .._core.failure import Failure
from .._core.spelling import refuse
from .placement import SHARED_MEMORY, WHOLE_CARDS

Object = dict[str, Any]

ACCOUNT = NAME = "team"
QUOTA = {
    "cpu": "requests.cpu",
    "cpu_limit": "limits.cpu",
    "gpu": f"requests.{WHOLE_CARDS}",
    "gpu_memory": f"requests.{SHARED_MEMORY}",
    "memory": "requests.memory",
    "memory_limit": "limits.memory",
    "pods": "pods",
    "storage": "requests.storage",
}
"""What a quota counts, in the user's words and the API's."""

POD_SECURITY = ("baseline", "privileged", "restricted")
MEMBERS = ("Group", "User")
LOCAL_DNS = "169.254.20.10/32"  # NodeLocal DNSCache
CLUSTERS_OWN = re.compile(r"default|kube-.*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")

OWN = "*"
"""A team does with these as it likes; quotas, walls and rights it can only look at."""
RULES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (
        ("",),
        (
            *("configmaps", "events", "persistentvolumeclaims", "pods", "pods/attach", "pods/exec", "pods/log"),
            *("pods/portforward", "secrets", "services", "services/proxy"),
        ),
    ),
    (("apps",), ("deployments", "deployments/scale", "replicasets", "statefulsets", "statefulsets/scale")),
    (("autoscaling",), ("horizontalpodautoscalers",)),
    (("batch",), ("cronjobs", "jobs")),
    (("gateway.networking.k8s.io",), ("httproutes",)),
    (("kubeflow.org", "training.kubedl.io"), ("tfjobs",)),
    (("policy",), ("poddisruptionbudgets",)),
)
SEEN: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("",), ("limitranges", "resourcequotas", "serviceaccounts")),
    (("metrics.k8s.io",), ("pods",)),
    (("networking.k8s.io",), ("networkpolicies",)),
    (("rbac.authorization.k8s.io",), ("rolebindings", "roles")),
)


def manifests(settings: Mapping[str, Any]) -> list[Object]:
    """The objects of one workspace. Raises Failure `InvalidOption` that names the setting."""
    namespace = settings["namespace"]
    if CLUSTERS_OWN.fullmatch(namespace) or not _LABEL.fullmatch(namespace) or len(namespace) > 63:
        raise Failure(
            "InvalidOption",
            f"namespace is '{namespace}'; a workspace needs a namespace of its own, 1 to 63 of a-z, 0-9 and '-'.",
            details={"field": "namespace", "found": namespace},
        )
    found = [_namespace(settings), _quota(settings["quota"]), _limits(settings), *_rights(settings)]
    if settings["isolated"]:
        found.append(_walls(namespace, settings["ingress_namespaces"], settings["egress_cidrs"]))
    return [each if each["kind"] == "Namespace" else _within(namespace, each) for each in found]


def _object(api_version: str, kind: str, **fields: Any) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": NAME}, **fields}


def _within(namespace: str, manifest: Object) -> Object:
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}


def _namespace(settings: Mapping[str, Any]) -> Object:
    level = settings["pod_security"]
    if level not in POD_SECURITY:
        raise refuse("pod_security", level, POD_SECURITY)
    labels = {"mlops.ack/workspace": settings["name"], "pod-security.kubernetes.io/enforce": level}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": settings["namespace"], "labels": labels}}


def _quota(quota: Mapping[str, Any]) -> Object:
    for word in quota:
        if word not in QUOTA:
            raise refuse("quota", word, QUOTA)
    hard = {QUOTA[word]: str(value) for word, value in sorted(quota.items())}
    return _object("v1", "ResourceQuota", spec={"hard": hard})


def _limits(settings: Mapping[str, Any]) -> Object:
    limit: Object = {"type": "Container"}
    for word, key in (
        ("default", "container_default"),
        ("defaultRequest", "container_request"),
        ("max", "container_max"),
    ):
        if settings[key]:
            limit[word] = {name: str(value) for name, value in settings[key].items()}
    return _object("v1", "LimitRange", spec={"limits": [limit]})


def _rights(settings: Mapping[str, Any]) -> list[Object]:
    rules = [_rule(groups, resources, [OWN]) for groups, resources in RULES]
    rules += [_rule(groups, resources, ["get", "list", "watch"]) for groups, resources in SEEN]
    subjects: list[Object] = [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": settings["namespace"]}]
    for number, member in enumerate(settings["members"]):
        if member.get("kind") not in MEMBERS:
            raise refuse(f"members[{number}].kind", member.get("kind"), MEMBERS)
        subjects.append({"apiGroup": "rbac.authorization.k8s.io", "kind": member["kind"], "name": str(member["name"])})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": NAME}
    return [
        _object("v1", "ServiceAccount", automountServiceAccountToken=False),
        _object("rbac.authorization.k8s.io/v1", "Role", rules=rules),
        _object("rbac.authorization.k8s.io/v1", "RoleBinding", roleRef=role, subjects=subjects),
    ]


def _rule(groups: Iterable[str], resources: Iterable[str], verbs: list[str]) -> Object:
    return {"apiGroups": list(groups), "resources": list(resources), "verbs": verbs}


def _walls(namespace: str, ingress_namespaces: Iterable[str], egress_cidrs: Iterable[str]) -> Object:
    """Nothing comes in and nothing goes out but within the namespace, names, and what is let through by name."""
    dns = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
    resolvers = [_in_namespace("kube-system"), {"ipBlock": {"cidr": LOCAL_DNS}}]
    egress: list[Object] = [{"to": [{"podSelector": {}}]}, {"to": resolvers, "ports": dns}]
    if cidrs := [_cidr(each) for each in egress_cidrs]:
        egress.append({"to": [{"ipBlock": {"cidr": each}} for each in cidrs]})
    ingress = [{"podSelector": {}}, *(_in_namespace(each) for each in ingress_namespaces if each != namespace)]
    spec = {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": ingress}],
        "egress": egress,
    }
    return _object("networking.k8s.io/v1", "NetworkPolicy", spec=spec)


def _in_namespace(name: str) -> Object:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def _cidr(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise Failure(
            "InvalidOption",
            f"egress_cidrs has '{text}': {error}.",
            hint="For example 100.64.0.0/10, where OSS answers inside a VPC.",
            details={"field": "egress_cidrs", "found": text},
        ) from error
