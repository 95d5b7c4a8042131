# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading clusters and node pools that fit a description; nothing is waited for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import locate, resources, shape
from .client import Transport

Params = Mapping[str, Any]
Found = list[dict[str, Any]]


def clusters(transport: Transport, params: Params) -> Found:
    """The clusters that fit, sorted by name and id. Only those are read in detail."""
    if params["cluster_id"]:
        ids = [params["cluster_id"]]
    else:
        listed = locate.listed(transport, params["region"], params["name"] or "")
        ids = [each["cluster_id"] for each in listed if _fits(each, params)]
    wires = [wire for each in ids if (wire := locate.by_id(transport, each)) and _fits(wire, params)]
    found = [shape.cluster(wire) for wire in wires]
    if params["resources"]:
        for each in found:
            each["resources"] = resources.read(transport, each["cluster_id"], f"cluster {each['name']}")
    return sorted(found, key=lambda each: (each["name"], each["cluster_id"]))


def node_pools(transport: Transport, params: Params) -> Found:
    """The node pools that fit, sorted by name and id, each with its `types`."""
    cluster_id = locate.required(transport, params)["cluster_id"]
    found = transport.call("DescribeClusterNodePools", "list the node pools", ids={"cluster": cluster_id})
    pools = [shape.node_pool(each) for each in found.get("nodepools") or []]
    told = [{**pool, "types": shape.purposes(pool)} for pool in pools]
    fitting = [
        pool
        for pool in told
        if params["name"] in (None, pool["name"])
        and (params["type"] is None or params["type"] in pool["types"])
        and (not params["states"] or pool["state"] in params["states"])
        and _has(pool["labels"], params["labels"])
    ]
    return sorted(fitting, key=lambda pool: (pool["name"], pool["node_pool_id"]))


def _fits(wire: Mapping[str, Any], params: Params) -> bool:
    return (
        params["name"] in (None, wire.get("name"))
        and params["profile"] in (None, wire.get("profile") or "Default")
        and params["cluster_spec"] in (None, wire.get("cluster_spec") or "ack.standard")
        and (not params["states"] or wire.get("state") in params["states"])
        and _has(shape.tags(wire.get("tags")), params["tags"])
    )


def _has(found: Mapping[str, str], wanted: Mapping[str, Any] | None) -> bool:
    return all(found.get(str(key)) == str(value) for key, value in (wanted or {}).items())
