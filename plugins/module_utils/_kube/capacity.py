# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether what is asked for can run in a cluster at all, before anything is applied.

`check` is pure; `preflight` reads nodes and pods for it, and only where GPUs or a virtual node are asked for.
Source: ACK documentation, "Enable GPU sharing", "Labels for GPU scheduling" (2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from .._core.failure import Failure
from .._core.spelling import nearest
from .kinds import Kind, kind_of
from .placement import NODE_POOL, SHARED_MEMORY, SITE, VIRTUAL_TAINT, WHOLE_CARDS, Placement
from .shape import quantity

NODE, POD = kind_of("v1", "Node"), kind_of("v1", "Pod")

MODE_LABEL = "ack.node.gpu.schedule"
CARDS_LABEL = "aliyun.accelerator/nvidia_count"
SHARING_MODES = ("cgpu", "core_mem", "share", "mps")
NOT_ISOLATED = "share"
CORE_MODE = "core_mem"

Object = dict[str, Any]


class Reader(Protocol):
    def list(self, kind: Kind, namespace: str | None = None) -> list[Object]: ...


class Ask(NamedTuple):
    """`pods` pods of `who`, each placed by `wish`. by_policy: a ResourcePolicy will say where they burst to."""

    who: str
    pods: int
    wish: Placement
    by_policy: bool = False


class GpuNode(NamedTuple):
    """A node's GPUs. Memory in GiB: of one card, of all, and what no pod asked for. `holders`: GiB by pod."""

    name: str
    mode: str
    card_memory: int
    memory: int
    free_memory: int
    whole_cards: int
    free_cards: int
    holders: Mapping[str, int]


def preflight(api: Reader, asks: Sequence[Ask]) -> tuple[str, ...]:
    """Warnings. Raises Failure `DoesNotFit`, `GpuNotShared`, `NoVirtualNode` or `UnknownSite` where waiting would not
    help.
    """
    asks = [ask for ask in asks if ask.wish.limits or ask.wish.burst or ask.wish.site]
    if not asks:
        return ()
    try:
        nodes = api.list(NODE)
        pods = api.list(POD) if any(ask.wish.limits for ask in asks) else []
    except Failure as failure:
        if failure.code != "Forbidden":
            raise
        return ("The kubeconfig's user may not list nodes and pods, so nobody checked whether the pods find a place.",)
    return check(asks, nodes, pods)


def check(
    asks: Sequence[Ask], nodes: Sequence[Mapping[str, Any]], pods: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    """`preflight` without reading."""
    found = gpu_nodes(nodes, pods)
    warnings: list[str] = []
    for ask in asks:
        if ask.wish.site:
            _check_site(ask, nodes)
        if ask.wish.burst:
            warnings += _check_burst(ask, nodes)
        elif ask.wish.gpu_memory is not None:
            warnings += _check_shared(ask, found)
        elif ask.wish.gpu_count is not None:
            warnings += _check_whole(ask, found)
    return tuple(dict.fromkeys(warnings))


def gpu_nodes(nodes: Sequence[Mapping[str, Any]], pods: Sequence[Mapping[str, Any]]) -> list[GpuNode]:
    """The nodes that have GPUs of either kind, by name."""
    found = []
    for node in nodes:
        labels = node["metadata"].get("labels") or {}
        there = (node.get("status") or {}).get("allocatable") or {}
        memory, cards = _whole(there.get(SHARED_MEMORY)), _whole(there.get(WHOLE_CARDS))
        if not memory and not cards:
            continue
        name = node["metadata"]["name"]
        mine = [pod for pod in pods if _runs_on(pod, name)]
        holders = {_name(pod): held for pod in mine if (held := _asked(pod, SHARED_MEMORY))}
        number = _whole(labels.get(CARDS_LABEL)) or 1
        found.append(
            GpuNode(
                name,
                str(labels.get(MODE_LABEL) or "default"),
                memory // number,
                memory,
                memory - sum(holders.values()),
                cards,
                cards - sum(_asked(pod, WHOLE_CARDS) for pod in mine),
                holders,
            )
        )
    return sorted(found)


def _check_shared(ask: Ask, nodes: Sequence[GpuNode]) -> list[str]:
    wish = ask.wish
    if wish.gpu_memory is None:
        return []
    if not nodes:
        return [f"{ask.who} asks for shared GPU memory, and no node has a GPU now; its pods wait for one."]
    sharing = [node for node in nodes if node.memory and node.mode in SHARING_MODES]
    if not sharing:
        named = ", ".join(f"{node.name} ({MODE_LABEL}={node.mode})" for node in nodes)
        raise Failure(
            "GpuNotShared",
            f"{ask.who} asks for {wish.gpu_memory} GiB of a shared GPU, but no node shares its cards: {named}.",
            resource=ask.who,
            hint=f"Label the node pool {MODE_LABEL}: cgpu (or core_mem), and install the addon ack-ai-installer.",
            details=_details(nodes),
        )
    if wish.gpu_core_percentage is not None:
        sharing = [node for node in sharing if node.mode == CORE_MODE]
        if not sharing:
            raise Failure(
                "GpuNotShared",
                f"{ask.who} asks for {wish.gpu_core_percentage} % of a card's cores, but no node has the mode"
                f" {CORE_MODE}.",
                resource=ask.who,
                hint=f"Label the node pool {MODE_LABEL}: {CORE_MODE}, or leave gpu_core_percentage out.",
                details=_details(nodes),
            )
    per_card = wish.gpu_memory // (wish.gpu_count or 1)
    largest = max(sharing, key=lambda node: node.card_memory)
    if per_card > largest.card_memory:
        raise Failure(
            "DoesNotFit",
            f"{ask.who} asks for {per_card} GiB of one card; the largest card has {largest.card_memory} GiB"
            f" (node {largest.name}).",
            resource=ask.who,
            hint="A request has to fit one card. Ask for less, for more cards (gpu_count), or add larger nodes.",
            details=_details(sharing),
        )
    warnings = []
    if open_nodes := [node.name for node in sharing if node.mode == NOT_ISOLATED]:
        warnings.append(
            f"{', '.join(open_nodes)}: mode {NOT_ISOLATED} does not isolate memory; a pod that takes more than it asked"
            " for ends its neighbours."
        )
    if sum(node.free_memory // wish.gpu_memory for node in sharing) < ask.pods:
        held = [f"{pod} {gib} GiB" for node in sharing for pod, gib in sorted(node.holders.items())]
        free = sum(node.free_memory for node in sharing)
        warnings.append(
            f"{ask.who} needs {ask.pods} times {wish.gpu_memory} GiB of shared GPU memory and {free} GiB are free now"
            f" ({', '.join(held) or 'nobody holds any'}); pods without a place wait."
        )
    return warnings


def _check_whole(ask: Ask, nodes: Sequence[GpuNode]) -> list[str]:
    wanted = ask.wish.gpu_count or 0
    having = [node for node in nodes if node.whole_cards]
    if not having:
        return [f"{ask.who} asks for {wanted} GPUs, and no node has whole cards now; its pods wait for one."]
    largest = max(having, key=lambda node: node.whole_cards)
    if wanted > largest.whole_cards:
        raise Failure(
            "DoesNotFit",
            f"{ask.who} asks for {wanted} GPUs on one node; the largest node, {largest.name}, has"
            f" {largest.whole_cards}.",
            resource=ask.who,
            hint="Ask for fewer, with more replicas, or add larger nodes.",
            details=_details(having),
        )
    free = sum(node.free_cards // wanted for node in having)
    if free < ask.pods:
        return [f"{ask.who} needs {ask.pods} times {wanted} GPUs, and {free} such places are free now; the rest wait."]
    return []


def _check_burst(ask: Ask, nodes: Sequence[Mapping[str, Any]]) -> list[str]:
    burst = ask.wish.burst
    if burst is None:
        return []
    if not any(_is_virtual(node) for node in nodes):
        raise Failure(
            "NoVirtualNode",
            f"{ask.who} bursts to {burst.to}, but the cluster has no virtual node.",
            resource=ask.who,
            hint="Install the addon ack-virtual-node, or leave burst out.",
        )
    if burst.to == "acs" and not ask.by_policy:
        raise Failure(
            "NoResourcePolicy",
            f"{ask.who} bursts to acs, which needs the cluster to know ResourcePolicy, and it does not.",
            resource=ask.who,
            hint="Install the addon kube-scheduler of ACK Pro that brings it, or burst to eci.",
        )
    warnings = []
    if burst.keep_local is not None and not ask.by_policy:
        warnings.append(
            f"{ask.who}: the cluster knows no ResourcePolicy, so burst.keep_local {burst.keep_local} is not kept; pods"
            " go to the virtual node when the nodes are full."
        )
    pools = {(node["metadata"].get("labels") or {}).get(NODE_POOL) for node in nodes}
    if burst.node_pool and burst.node_pool not in pools:
        warnings.append(f"{ask.who} keeps pods on node pool {burst.node_pool}, which has no node now.")
    return warnings


def _check_site(ask: Ask, nodes: Sequence[Mapping[str, Any]]) -> None:
    sites = sorted({site for node in nodes if (site := (node["metadata"].get("labels") or {}).get(SITE))})
    if ask.wish.site not in sites:
        meant = nearest(str(ask.wish.site), sites)
        raise Failure(
            "UnknownSite",
            f"{ask.who} is for site {ask.wish.site}, but no node has the label {SITE}={ask.wish.site}."
            f" Sites with nodes: {', '.join(sites) or 'none'}.",
            resource=ask.who,
            hint=f"Did you mean '{meant}'?" if meant else "Attach a machine to the site's node pool first.",
            details={"sites": sites},
        )


def _is_virtual(node: Mapping[str, Any]) -> bool:
    return any(taint.get("key") == VIRTUAL_TAINT for taint in (node.get("spec") or {}).get("taints") or [])


def _runs_on(pod: Mapping[str, Any], node: str) -> bool:
    """Whether it holds resources there: a pod that ended holds none."""
    phase = (pod.get("status") or {}).get("phase")
    return (pod.get("spec") or {}).get("nodeName") == node and phase not in ("Succeeded", "Failed")


def _asked(pod: Mapping[str, Any], resource: str) -> int:
    return sum(
        _whole(((container.get("resources") or {}).get("limits") or {}).get(resource))
        for container in pod["spec"].get("containers") or []
    )


def _name(pod: Mapping[str, Any]) -> str:
    return f"{pod['metadata'].get('namespace', '')}/{pod['metadata']['name']}"


def _whole(value: object) -> int:
    number = quantity(value) if value is not None else None
    return int(number) if number is not None else 0


def _details(nodes: Sequence[GpuNode]) -> dict[str, Any]:
    return {"nodes": [{**node._asdict(), "holders": dict(node.holders)} for node in nodes]}
