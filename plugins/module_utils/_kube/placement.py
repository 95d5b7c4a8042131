# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a pod may run, from the user's words to a pod template: shared GPUs, serverless, spot, an edge site. Pure.

Source: ACK documentation, "GPU sharing", "ResourcePolicy", "Schedule pods to a virtual node", "Use spot instances of
ECI" (2026-11). Not run against Alibaba Cloud; that several cards of one pod share `gpu-mem` evenly is unverified.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .._core.failure import Failure
from .._core.options import Spec, validator
from .kinds import kind_of

Object = dict[str, Any]

SHARED_MEMORY = "aliyun.com/gpu-mem"
SHARED_CORES = "aliyun.com/gpu-core.percentage"
SHARED_CARDS = "aliyun.com/gpu-count"
WHOLE_CARDS = "nvidia.com/gpu"

RESOURCE_POLICY = kind_of("scheduling.alibabacloud.com/v1alpha1", "ResourcePolicy")
VIRTUAL_TAINT = "virtual-kubelet.io/provider"
VIRTUAL_LABEL = ("type", "virtual-kubelet")
NODE_POOL = "alibabacloud.com/nodepool-id"
SITE = "mlops.ack/site"
"""Label of an edge node pool, and so of its nodes: where they are."""
LOST = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
"""Taints that evict pods after five minutes, also where only the line to the site is cut."""
MOST_INSTANCE_TYPES = 5
LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")

PLACEMENT: Spec = {
    "site": {"type": "str"},
    "gpu_memory": {"type": "int", "aliases": ["gpuMemory"]},
    "gpu_core_percentage": {"type": "int", "aliases": ["gpuCorePercentage"]},
    "gpu_count": {"type": "int", "aliases": ["gpuCount"]},
    "burst": {
        "type": "dict",
        "options": {
            "to": {"type": "str", "choices": ["eci", "acs"], "default": "eci"},
            "keep_local": {"type": "int", "aliases": ["keepLocal"]},
            "node_pool": {"type": "str", "aliases": ["nodePool"]},
            "instance_types": {"type": "list", "elements": "str", "aliases": ["instanceTypes"]},
            "compute_class": {"type": "str", "aliases": ["computeClass"]},
            "compute_qos": {"type": "str", "choices": ["default", "best-effort"], "aliases": ["computeQos"]},
        },
    },
    "spot": {
        "type": "dict",
        "options": {
            "strategy": {
                "type": "str",
                "choices": ["SpotAsPriceGo", "SpotWithPriceLimit"],
                "default": "SpotAsPriceGo",
            },
            "price_limit": {"type": "float", "aliases": ["priceLimit"]},
        },
    },
}


class Burst(NamedTuple):
    """Pods beyond `keep_local` (None: beyond what the nodes hold) run on the virtual node."""

    to: str
    keep_local: int | None
    node_pool: str
    instance_types: tuple[str, ...]
    compute_class: str
    compute_qos: str


class Spot(NamedTuple):
    """`price_limit` in the account's currency per hour; only with SpotWithPriceLimit."""

    strategy: str
    price_limit: float | None


class Placement(NamedTuple):
    """One pod's wishes. gpu_memory: GiB of shared cards. gpu_count: the cards they are on; without it whole cards.
    site: the one place where it may run, and where it stays when the place cannot be reached.
    """

    gpu_memory: int | None = None
    gpu_core_percentage: int | None = None
    gpu_count: int | None = None
    burst: Burst | None = None
    spot: Spot | None = None
    site: str | None = None

    @property
    def limits(self) -> dict[str, str]:
        """Extended resources, as the container's limits name them."""
        if self.gpu_memory is None:
            return {} if self.gpu_count is None else {WHOLE_CARDS: str(self.gpu_count)}
        asked = {
            SHARED_MEMORY: self.gpu_memory,
            SHARED_CORES: self.gpu_core_percentage,
            SHARED_CARDS: self.gpu_count,
        }
        return {name: str(value) for name, value in asked.items() if value is not None}


def placement(given: Mapping[str, Any], where: str) -> Placement:
    """Options as one value. Raises Failure `InvalidOption` or `MissingOption` that names the field below `where`."""
    memory, cores, cards = (given.get(name) for name in ("gpu_memory", "gpu_core_percentage", "gpu_count"))
    for name, value, most in (
        ("gpu_memory", memory, None),
        ("gpu_core_percentage", cores, 100),
        ("gpu_count", cards, None),
    ):
        if value is not None and not 1 <= value <= (most or value):
            allowed = f"1 to {most}" if most else "1 and more"
            raise Failure("InvalidOption", f"{where}.{name} is {value}; allowed are {allowed}.")
    if cores is not None and memory is None:
        raise Failure(
            "MissingOption",
            f"{where} has gpu_core_percentage {cores}, but no gpu_memory.",
            hint="A share of a card's cores comes with a share of its memory; set gpu_memory in GiB.",
        )
    if memory is not None and cards is not None and memory % cards:
        raise Failure(
            "InvalidOption",
            f"{where}.gpu_memory is {memory}, which {cards} cards cannot share evenly.",
            hint=f"Set a multiple of {cards}.",
        )
    burst, spot, site = _burst(given.get("burst"), where), _spot(given.get("spot"), where), given.get("site")
    if site is not None and not LABEL_VALUE.fullmatch(site):
        raise Failure(
            "InvalidOption",
            f"{where}.site is '{site}'; a site is 1 to 63 letters, digits, '-', '_' and '.', as a label's value is.",
        )
    if burst and site:
        raise Failure(
            "InvalidOption",
            f"{where} asks for site {site} and for burst; a virtual node is at no site.",
            hint="Leave one of them out.",
        )
    if burst and memory is not None:
        raise Failure(
            "InvalidOption",
            f"{where} asks for gpu_memory and for burst; serverless pods have whole cards only.",
            hint="Ask for gpu_count with burst.instance_types, or leave burst out.",
        )
    if burst and cards is not None and not burst.instance_types:
        raise Failure(
            "MissingOption",
            f"{where}.burst.instance_types is not set; a serverless pod with GPUs is made by instance type only.",
            hint=f"Name up to {MOST_INSTANCE_TYPES}, for example ecs.gn7i-c8g1.2xlarge.",
        )
    return Placement(memory, cores, cards, burst, spot, site)


def placement_in(given: Mapping[str, Any], where: str) -> Placement:
    """`placement` of a mapping that nobody has checked yet, in either spelling; its other keys are not looked at."""
    words = {word: name for name, rule in PLACEMENT.items() for word in (name, *rule.get("aliases", ()))}
    checked = validator(PLACEMENT).validate({words[key]: given[key] for key in given if key in words})
    if checked.error_messages:
        raise Failure("InvalidOption", f"{where}: {'; '.join(checked.error_messages)}")
    return placement(checked.validated_parameters, where)


def refuse_both(limits: Iterable[str], where: str) -> None:
    """Raises Failure `InvalidOption` where a pod asks for whole cards and for shared ones."""
    if {WHOLE_CARDS, SHARED_MEMORY} <= set(limits):
        raise Failure(
            "InvalidOption",
            f"{where} asks for {WHOLE_CARDS} and {SHARED_MEMORY} together; a pod has whole cards or shared ones.",
            hint=f"Take {WHOLE_CARDS} out of resources and template, or leave gpu_memory out.",
        )


def _burst(given: Mapping[str, Any] | None, where: str) -> Burst | None:
    if given is None:
        return None
    keep, types = given.get("keep_local"), tuple(given.get("instance_types") or ())
    if keep is not None and keep < 0:
        raise Failure("InvalidOption", f"{where}.burst.keep_local is {keep}; allowed are 0 and more.")
    if len(types) > MOST_INSTANCE_TYPES:
        raise Failure(
            "InvalidOption",
            f"{where}.burst.instance_types has {len(types)} entries; allowed are {MOST_INSTANCE_TYPES}.",
        )
    to = given.get("to") or "eci"
    for name in ("compute_class", "compute_qos"):
        if given.get(name) and to != "acs":
            raise Failure(
                "InvalidOption", f"{where}.burst.{name} is '{given[name]}', but burst.to is {to}; it belongs to acs."
            )
    return Burst(
        to,
        keep,
        given.get("node_pool") or "",
        types,
        given.get("compute_class") or ("general-purpose" if to == "acs" else ""),
        given.get("compute_qos") or "",
    )


def _spot(given: Mapping[str, Any] | None, where: str) -> Spot | None:
    if given is None:
        return None
    strategy, limit = given.get("strategy") or "SpotAsPriceGo", given.get("price_limit")
    if (strategy == "SpotWithPriceLimit") != (limit is not None):
        found = "no price_limit" if limit is None else f"price_limit {limit}"
        raise Failure(
            "MissingOption" if limit is None else "InvalidOption",
            f"{where}.spot has strategy {strategy} and {found}.",
            hint="SpotWithPriceLimit needs price_limit (per hour), SpotAsPriceGo has none.",
        )
    if limit is not None and limit <= 0:
        raise Failure("InvalidOption", f"{where}.spot.price_limit is {limit}; it has to be above 0.")
    return Spot(strategy, limit)


def placed_template(wish: Placement, container: str, *, by_policy: bool) -> Object:
    """A partial pod template. by_policy: a ResourcePolicy of the cluster says where pods burst to; else the pods do."""
    template: Object = {}
    if wish.limits:
        template["spec"] = {"containers": [{"name": container, "resources": {"limits": wish.limits}}]}
    if notes := _annotations(wish):
        template["metadata"] = {"annotations": notes}
    if wish.burst and not by_policy:
        template.setdefault("spec", {}).update(_prefers_local(wish.burst))
    if wish.site:
        stays = [{"key": taint, "operator": "Exists", "effect": "NoExecute"} for taint in LOST]
        template.setdefault("spec", {}).update(nodeSelector={SITE: wish.site}, tolerations=stays)
    return template


def _annotations(wish: Placement) -> dict[str, str]:
    found = {}
    if wish.burst and wish.burst.instance_types:
        found["k8s.aliyun.com/eci-use-specs"] = ",".join(wish.burst.instance_types)
    if wish.spot:
        found["k8s.aliyun.com/eci-spot-strategy"] = wish.spot.strategy
        if wish.spot.price_limit is not None:
            found["k8s.aliyun.com/eci-spot-price-limit"] = f"{wish.spot.price_limit:g}"
    return found


def _prefers_local(burst: Burst) -> Object:
    """Nodes first, the virtual node when they are full."""
    label, value = VIRTUAL_LABEL
    wanted: list[Object] = [{"key": label, "operator": "NotIn", "values": [value]}]
    if burst.node_pool:
        wanted.append({"key": NODE_POOL, "operator": "In", "values": [burst.node_pool]})
    return {
        "tolerations": [{"key": VIRTUAL_TAINT, "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {
            "nodeAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {"weight": 100, "preference": {"matchExpressions": wanted}}
                ]
            }
        },
    }


def resource_policy(burst: Burst, metadata: Mapping[str, Any], selector: Mapping[str, str]) -> Object:
    """The pods that `selector` finds: on nodes first, at most `keep_local` there, then serverless; back in reverse."""
    local: Object = {"resource": "ecs"}
    if burst.keep_local is not None:
        local["max"] = burst.keep_local
    if burst.node_pool:
        local["nodeSelector"] = {NODE_POOL: burst.node_pool}
    beyond: Object = {"resource": burst.to}
    if burst.to == "acs":
        beyond["podLabels"] = {"alibabacloud.com/compute-class": burst.compute_class}
        if burst.compute_qos:
            beyond["podLabels"]["alibabacloud.com/compute-qos"] = burst.compute_qos
    return {
        "apiVersion": RESOURCE_POLICY.api_version,
        "kind": RESOURCE_POLICY.kind,
        "metadata": dict(metadata),
        "spec": {
            "selector": dict(selector),
            "strategy": "prefer",
            "units": [local, beyond],
            "whenTryNextUnits": {"policy": "LackResourceOrExceedMax"},
        },
    }
