# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who uses a cluster: what pods request and what is left, by node, node pool, namespace and owner."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from .kinds import Kind, kind_of
from .shape import Object, quantity

NODE, POD = kind_of("v1", "Node"), kind_of("v1", "Pod")
BETWEEN = (kind_of("apps/v1", "ReplicaSet"), kind_of("batch/v1", "Job"))
"""Kinds that others make on behalf of a person's object; followed to find it."""

POOL_LABEL = "alibabacloud.com/nodepool-id"
RESOURCES = {
    "cpu": "cpu",
    "memory": "memory",
    "gpu": "nvidia.com/gpu",
    "gpu_memory": "aliyun.com/gpu-mem",
}
"""Our names for what is counted: cores, bytes, whole GPUs, GiB of shared GPUs. Source: ACK GPU sharing, 2026-11-22."""

Amounts = dict[str, Decimal]
Owner = tuple[str, str]  # kind, name
Place = tuple[str, str, str]  # namespace, kind, name


class Cluster(Protocol):
    def list(self, kind: Kind, namespace: str | None = None, *, metadata_only: bool = False) -> list[Object]: ...


class Used(NamedTuple):
    """One pod that holds its request, or waits for a node (node empty)."""

    namespace: str
    name: str
    owner: Owner
    node: str
    phase: str
    requested: Amounts
    reason: str


def read(cluster: Cluster, namespaces: list[str] | None = None) -> dict[str, Any]:
    """`report` of everything in the cluster; every list is read page by page."""
    nodes, pods = cluster.list(NODE), cluster.list(POD)
    between = [item for kind in BETWEEN for item in cluster.list(kind, metadata_only=True)]
    return report(nodes, pods, between, namespaces)


def report(
    nodes: Iterable[Object], pods: Iterable[Object], between: Iterable[Object], namespaces: list[str] | None = None
) -> dict[str, Any]:
    """What is there, requested and free. `between`: ReplicaSets and Jobs, metadata will do. Pure.

    Nodes and pools count every pod; `namespaces` limits only the lists of namespaces, workloads and pods. `free` of a
    pool and of the whole leaves out nodes that take no pods (not ready, cordoned, virtual).
    """
    owners = {_place(item): owner for item in between if (owner := _controller(item))}
    used = [_used(pod, owners) for pod in pods if _phase(pod) not in ("Succeeded", "Failed")]
    held = _sums((pod.node, pod.requested) for pod in used if pod.node)
    table = [_node(node, held.get(node["metadata"]["name"], none())) for node in nodes]
    table.sort(key=lambda node: (str(node["node_pool"]), str(node["name"])))
    pools = {
        name: [node for node in table if node["node_pool"] == name] for name in {node["node_pool"] for node in table}
    }
    pool_of = {str(node["name"]): str(node["node_pool"]) for node in table}
    told = sorted(pod for pod in used if namespaces is None or pod.namespace in namespaces)
    return {
        "total": _together(table),
        "node_pools": [
            {"name": name, "nodes": [node["name"] for node in members], **_together(members)}
            for name, members in sorted(pools.items())
        ],
        "nodes": [{**node, **{part: shown(node[part]) for part in PARTS}} for node in table],
        "namespaces": [
            {"namespace": name, **_group([pod for pod in told if pod.namespace == name], pool_of)}
            for name in sorted({pod.namespace for pod in told})
        ],
        "workloads": [
            {"namespace": namespace, "kind": owner[0], "name": owner[1], **_group(members, pool_of)}
            for (namespace, owner), members in _by_owner(told)
        ],
        "pods": [
            {
                "namespace": pod.namespace,
                "name": pod.name,
                "owner": {"kind": pod.owner[0], "name": pod.owner[1]},
                "node": pod.node,
                "node_pool": pool_of.get(pod.node, ""),
                "phase": pod.phase,
                "reason": pod.reason,
                "requested": shown(pod.requested),
            }
            for pod in told
        ],
    }


PARTS = ("allocatable", "requested", "free")


def none() -> Amounts:
    return dict.fromkeys(RESOURCES, Decimal(0))


def requested(pod: Mapping[str, Any]) -> Amounts:
    """What the scheduler reserves for a pod: its containers and sidecars together, or its hungriest moment of
    initialisation, whichever is more, and the overhead. Source: Kubernetes, resource requests of pods.
    """
    spec = pod.get("spec") or {}
    running, peak = none(), none()
    for container in spec.get("initContainers") or []:
        wants = _requests(container.get("resources"))
        if container.get("restartPolicy") == "Always":  # a sidecar, which stays
            running = _plus(running, wants)
            peak = _most(peak, running)
        else:
            peak = _most(peak, _plus(running, wants))
    for container in spec.get("containers") or []:
        running = _plus(running, _requests(container.get("resources")))
    whole = _most(running, peak)
    for name, amount in _given(spec.get("resources")).items():  # the pod's own figure counts instead of the sum
        whole[name] = amount
    return _plus(whole, _amounts(spec.get("overhead") or {}))


def shown(amounts: Mapping[str, Decimal]) -> dict[str, int | float]:
    """Numbers for a result: cores with at most three decimals, everything else whole where it is whole."""
    return {
        name: int(value) if value == value.to_integral_value() else round(float(value), 3)
        for name, value in amounts.items()
    }


def _used(pod: Object, owners: Mapping[Place, Owner]) -> Used:
    metadata, spec = pod["metadata"], pod.get("spec") or {}
    owner = _controller(pod) or ("Pod", str(metadata["name"]))
    seen: set[Owner] = set()
    while owner not in seen and (above := owners.get((metadata["namespace"], *owner))):
        seen.add(owner)
        owner = above
    conditions = (pod.get("status") or {}).get("conditions") or []
    waits: Object = next(
        (each for each in conditions if each.get("type") == "PodScheduled" and each["status"] == "False"), {}
    )
    reason = str(waits.get("message") or waits.get("reason") or "")
    node = str(spec.get("nodeName") or "")
    return Used(metadata["namespace"], metadata["name"], owner, node, _phase(pod), requested(pod), reason)


def _node(node: Object, held: Amounts) -> dict[str, Any]:
    metadata, status = node["metadata"], node.get("status") or {}
    labels = metadata.get("labels") or {}
    conditions = {each["type"]: each["status"] for each in status.get("conditions") or []}
    allocatable = _amounts(status.get("allocatable") or {})
    return {
        "name": metadata["name"],
        "node_pool": labels.get(POOL_LABEL) or metadata["name"],
        "ready": conditions.get("Ready") == "True",
        "schedulable": not (node.get("spec") or {}).get("unschedulable"),
        "virtual": labels.get("type") == "virtual-kubelet",
        "allocatable": allocatable,
        "requested": held,
        "free": {name: value - held[name] for name, value in allocatable.items()},
    }


def _together(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    """The sums over nodes. What a virtual node says it has is no measure of anything, so it is not added."""
    real = [node for node in nodes if not node["virtual"]]
    usable = [node for node in real if node["ready"] and node["schedulable"]]
    parts = {
        "allocatable": _sum(node["allocatable"] for node in real),
        "requested": _sum(node["requested"] for node in nodes),
        "free": _sum(node["free"] for node in usable),
    }
    return {name: shown(amounts) for name, amounts in parts.items()}


def _group(pods: list[Used], pool_of: Mapping[str, str]) -> dict[str, Any]:
    return {
        "pods": len(pods),
        "pending": sum(not pod.node for pod in pods),
        "node_pools": sorted({pool_of.get(pod.node, pod.node) for pod in pods if pod.node}),
        "requested": shown(_sum(pod.requested for pod in pods)),
    }


def _by_owner(pods: Iterable[Used]) -> list[tuple[tuple[str, Owner], list[Used]]]:
    groups: dict[tuple[str, Owner], list[Used]] = {}
    for pod in pods:
        groups.setdefault((pod.namespace, pod.owner), []).append(pod)
    return sorted(groups.items())


def _controller(item: Mapping[str, Any]) -> Owner | None:
    references = item["metadata"].get("ownerReferences") or []
    return next(((each["kind"], each["name"]) for each in references if each.get("controller")), None)


def _place(item: Mapping[str, Any]) -> Place:
    return item["metadata"]["namespace"], item["kind"], item["metadata"]["name"]


def _phase(pod: Mapping[str, Any]) -> str:
    return str((pod.get("status") or {}).get("phase") or "Pending")


def _requests(resources: Mapping[str, Any] | None) -> Amounts:
    return {**none(), **_given(resources)}


def _given(resources: Mapping[str, Any] | None) -> Amounts:
    """Only what is named; a limit stands for the request that is not."""
    both = {**((resources or {}).get("limits") or {}), **((resources or {}).get("requests") or {})}
    return {name: quantity(both[key]) or Decimal(0) for name, key in RESOURCES.items() if key in both}


def _amounts(wire: Mapping[str, Any]) -> Amounts:
    return {name: quantity(wire.get(key, 0)) or Decimal(0) for name, key in RESOURCES.items()}


def _plus(one: Amounts, other: Amounts) -> Amounts:
    return {name: one[name] + other[name] for name in RESOURCES}


def _most(one: Amounts, other: Amounts) -> Amounts:
    return {name: max(one[name], other[name]) for name in RESOURCES}


def _sum(many: Iterable[Amounts]) -> Amounts:
    total = none()
    for one in many:
        total = _plus(total, one)
    return total


def _sums(many: Iterable[tuple[str, Amounts]]) -> dict[str, Amounts]:
    found: dict[str, Amounts] = {}
    for name, amounts in many:
        found[name] = _plus(found.get(name, none()), amounts)
    return found
