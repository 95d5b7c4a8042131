# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the API's words to the user's, and back. Every managed field is always present; lists whose order means nothing
are sorted, numbers are numbers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from .._core.failure import Failure

Wire = Mapping[str, Any]
Fields = dict[str, Any]

SYSTEM_TAGS = ("acs:", "aliyun", "http://", "https://")
"""Tags that begin so are the platform's; a user can neither set nor remove them."""


def cluster(wire: Wire) -> Fields:
    """One cluster of DescribeClusterDetail. `master_url` of the API is JSON inside a string."""
    urls = parsed(wire.get("master_url"))
    vswitches = wire.get("vswitch_ids") or str(wire.get("vswitch_id") or "").split(",")
    window = wire.get("maintenance_window") or {}
    return {
        "cluster_id": wire["cluster_id"],
        "name": wire["name"],
        "state": wire.get("state") or "",
        "version": wire.get("current_version") or wire.get("init_version") or "",
        "profile": wire.get("profile") or "Default",
        "cluster_spec": wire.get("cluster_spec") or "ack.standard",
        "region": wire.get("region_id") or "",
        "vpc_id": wire.get("vpc_id") or "",
        "vswitch_ids": sorted(filter(None, vswitches)),
        "security_group_id": wire.get("security_group_id") or "",
        "pod_cidr": wire.get("container_cidr") or wire.get("subnet_cidr") or "",
        "service_cidr": wire.get("service_cidr") or "",
        "node_cidr_mask": int(wire.get("node_cidr_mask") or 0),
        "proxy_mode": wire.get("proxy_mode") or "",
        "endpoint_public_access": bool(urls.get("api_server_endpoint")),
        "api_server_endpoint": urls.get("api_server_endpoint") or urls.get("intranet_api_server_endpoint") or "",
        "api_server_intranet_endpoint": urls.get("intranet_api_server_endpoint") or "",
        "size": int(wire.get("size") or 0),
        "tags": tags(wire.get("tags")),
        "deletion_protection": bool(wire.get("deletion_protection")),
        "enable_rrsa": bool((wire.get("rrsa_config") or {}).get("enabled")),
        "rrsa_oidc_arn": (wire.get("rrsa_config") or {}).get("oidc_arn") or "",
        "maintenance_window": {name: window.get(name) for name in WINDOW if window.get(name) is not None},
        "created": wire.get("created") or "",
    }


WINDOW = ("enable", "maintenance_time", "duration", "weekly_period")


def control_plane_log(wire: Wire) -> Fields:
    """The answer of CheckControlPlaneLogEnable. `log_ttl` of the API is days in a string."""
    return {
        "components": sorted(wire.get("components") or []),
        "project": wire.get("log_project") or "",
        "ttl_days": int(wire.get("log_ttl") or 0),
    }


def update_log(log: Wire) -> Fields:
    """The body of UpdateControlPlaneLog."""
    body = {"components": log["components"], "log_project": log.get("project"), "log_ttl": log.get("ttl_days")}
    return {name: str(value) if name == "log_ttl" else value for name, value in body.items() if value not in (None, "")}


def create_cluster(wanted: Wire, region: str, token: str) -> Fields:
    """The body of CreateCluster; what is unset is not in it."""
    log = wanted.get("control_plane_log") or {}
    body = {
        "name": wanted["name"],
        "region_id": region,
        "cluster_type": "ManagedKubernetes",
        "profile": wanted.get("profile"),
        "cluster_spec": wanted.get("cluster_spec"),
        "kubernetes_version": wanted.get("version"),
        "vpcid": wanted.get("vpc_id"),
        "vswitch_ids": wanted.get("vswitch_ids"),
        "zone_ids": wanted.get("zone_ids"),
        "container_cidr": wanted.get("pod_cidr"),
        "service_cidr": wanted.get("service_cidr"),
        "node_cidr_mask": None if wanted.get("node_cidr_mask") is None else str(wanted["node_cidr_mask"]),
        "proxy_mode": wanted.get("proxy_mode"),
        "endpoint_public_access": wanted.get("endpoint_public_access"),
        "snat_entry": wanted.get("snat_entry"),
        "deletion_protection": wanted.get("deletion_protection"),
        "enable_rrsa": wanted.get("enable_rrsa"),
        "maintenance_window": wanted.get("maintenance_window"),
        "controlplane_log_components": log.get("components"),
        "controlplane_log_project": log.get("project"),
        "controlplane_log_ttl": None if log.get("ttl_days") is None else str(log["ttl_days"]),
        "tags": None if wanted.get("tags") is None else pairs(wanted["tags"]),
        "addons": None if wanted.get("addons") is None else install_addons(wanted["addons"]),
        "client_token": token,
    }
    return {name: value for name, value in body.items() if value is not None}


def install_addons(wanted: Mapping[str, Wire]) -> list[Fields]:
    """The addons of CreateCluster and the body of InstallClusterAddons. Their `config` is JSON inside a string."""
    found = []
    for name, addon in sorted(wanted.items()):
        one: Fields = {"name": name}
        if addon.get("version"):
            one["version"] = addon["version"]
        if addon.get("config") is not None:
            one["config"] = json.dumps(addon["config"], sort_keys=True)
        found.append(one)
    return found


def addon(wire: Wire) -> Fields:
    """One addon of GetClusterAddonInstance."""
    return {"version": wire.get("version") or "", "config": parsed(wire.get("config"))}


def node_pool(wire: Wire) -> Fields:
    """One node pool of DescribeClusterNodePoolDetail."""
    info, group = wire.get("nodepool_info") or {}, wire.get("scaling_group") or {}
    auto, config, status = (wire.get(name) or {} for name in ("auto_scaling", "kubernetes_config", "status"))
    disks = [
        {name: int(disk[name]) if name == "size" else disk[name] for name in DISK if disk.get(name) is not None}
        for disk in group.get("data_disks") or []
    ]
    return {
        "node_pool_id": info["nodepool_id"],
        "name": info["name"],
        "state": status.get("state") or "",
        "instance_types": sorted(group.get("instance_types") or []),
        "vswitch_ids": sorted(group.get("vswitch_ids") or []),
        "system_disk_category": group.get("system_disk_category") or "",
        "system_disk_size": int(group.get("system_disk_size") or 0),
        "data_disks": disks,
        "image_type": group.get("image_type") or "",
        "key_pair": group.get("key_pair") or "",
        "desired_size": None if auto.get("enable") else int(group.get("desired_size") or 0),
        "auto_scaling": {
            "enable": bool(auto.get("enable")),
            **{name: auto[name] for name in AUTO if auto.get("enable") and auto.get(name) is not None},
        },
        "labels": {each["key"]: each.get("value") or "" for each in config.get("labels") or []},
        "taints": sorted_taints(config.get("taints") or []),
        "spot_strategy": group.get("spot_strategy") or "NoSpot",
        "spot_price_limits": {
            each["instance_type"]: price(each["price_limit"]) for each in group.get("spot_price_limit") or []
        },
        "management": management(wire.get("management") or {}),
        "nodes": {
            name.removesuffix("_nodes"): int(status.get(name) or 0)
            for name in ("total_nodes", "healthy_nodes", "failed_nodes", "removing_nodes", "offline_nodes")
        },
    }


MANAGEMENT: dict[str, tuple[str, ...]] = {
    "enable": (),
    "auto_repair": (),
    "auto_repair_policy": ("restart_node",),
    "auto_upgrade": (),
    "auto_upgrade_policy": ("auto_upgrade_kubelet", "auto_upgrade_runtime", "auto_upgrade_os"),
    "auto_vul_fix": (),
    "auto_vul_fix_policy": ("restart_node", "vul_level"),
    "upgrade_config": ("max_unavailable", "surge", "surge_percentage"),
}
"""What of a managed node pool is managed here: switches, and mappings with their keys."""


def management(wire: Wire) -> Fields:
    """Switches are always there; of the mappings, what the service tells."""
    found: Fields = {}
    for name, keys in MANAGEMENT.items():
        told = wire.get(name)
        if keys:
            found[name] = {key: told[key] for key in keys if (told or {}).get(key) is not None} if told else {}
        else:
            found[name] = bool(told)
    return found


GPU_FAMILY = re.compile(r"ecs\.(?:ebm|s)?(?:gn|vgn|sgn)\d")
"""Instance families with NVIDIA GPUs. Source: ECS instance families, read 2026-11-22."""
SHARING = "ack.node.gpu.schedule"
"""The node label that chooses how a GPU is shared. Source: ACK, GPU sharing, read 2026-11-22."""
EXCLUSIVE = ("default", "topology")
"""Values of that label with which a GPU is one pod's alone."""


def purposes(pool: Wire) -> list[str]:
    """What a pool's nodes are for, in the words of the option type; a GPU pool may be of spot instances, too."""
    auto, labels = pool["auto_scaling"].get("type"), pool["labels"]
    shares = auto == "gpushare" or (SHARING in labels and labels[SHARING] not in EXCLUSIVE)
    has_gpu = shares or auto == "gpu" or any(GPU_FAMILY.match(each) for each in pool["instance_types"])
    is_spot = auto == "spot" or pool["spot_strategy"] != "NoSpot"
    said = {"cpu": not has_gpu, "gpu": has_gpu, "gpushare": shares, "spot": is_spot}
    return [name for name, is_so in said.items() if is_so]


AUTO = ("min_instances", "max_instances", "type")
DISK = ("category", "size", "performance_level", "mount_target")
GROUP = (
    "instance_types",
    "vswitch_ids",
    "system_disk_category",
    "system_disk_size",
    "data_disks",
    "image_type",
    "key_pair",
    "desired_size",
    "spot_strategy",
)
"""Fields of a node pool that the API keeps under the same names in `scaling_group`."""


def pool_sections(fields: Wire) -> Fields:
    """Fields of a node pool as the API's sections; what is not in `fields` is not in any."""
    group = {name: fields[name] for name in GROUP if fields.get(name) is not None}
    if fields.get("spot_price_limits") is not None:
        group["spot_price_limit"] = [
            {"instance_type": name, "price_limit": limit} for name, limit in sorted(fields["spot_price_limits"].items())
        ]
    config: Fields = {}
    if fields.get("labels") is not None:
        config["labels"] = pairs(fields["labels"])
    if fields.get("taints") is not None:
        config["taints"] = [dict(taint) for taint in fields["taints"]]
    sections = {
        "auto_scaling": dict(fields.get("auto_scaling") or {}),
        "management": dict(fields.get("management") or {}),
        "kubernetes_config": config,
        "scaling_group": group,
    }
    return {name: section for name, section in sections.items() if section}


def price(text: Any) -> str:
    """A price as the API's text, one for each number: 1, 1.0 and "1.00" are "1". Raises Failure `InvalidOption`."""
    try:
        number = Decimal(str(text))
    except InvalidOperation:
        raise Failure("InvalidOption", f"spot_price_limits has '{text}'; a price is a number such as 1.25.") from None
    return f"{number.normalize():f}"


def sorted_taints(taints: Iterable[Wire]) -> list[Fields]:
    plain = ({"key": t["key"], "value": t.get("value") or "", "effect": t["effect"]} for t in taints)
    return sorted(plain, key=lambda taint: (taint["key"], taint["effect"]))


def tags(wire: Iterable[Wire] | None) -> dict[str, str]:
    """The user's own tags as a mapping."""
    found = {each["key"]: str(each.get("value") or "") for each in wire or []}
    return {key: value for key, value in found.items() if not key.startswith(SYSTEM_TAGS)}


def pairs(mapping: Wire) -> list[Fields]:
    """A mapping as the API's list of key and value, sorted."""
    return [{"key": key, "value": str(value)} for key, value in sorted(mapping.items())]


def parsed(text: Any) -> Fields:
    """JSON inside a string, as several fields of the API are. Empty is an empty mapping."""
    if isinstance(text, Mapping):
        return dict(text)
    try:
        found = json.loads(text or "{}")
    except ValueError as error:
        raise Failure("BrokenAnswer", f"ACK answered with a field that is no JSON: {error}.") from error
    return found if isinstance(found, dict) else {}
