# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cloud resources of a cluster: what bills, and what goes on billing when the cluster is gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .client import Transport

Modes = Mapping[str, str]
"""What the user wants of resources of a kind: `delete` or `retain`."""


def read(transport: Transport, cluster_id: str, name: str, modes: Modes | None = None) -> list[dict[str, Any]]:
    """All resources that ACK knows of, those of addons too, sorted: {type, id, state, made_by, object, stays}."""
    found = transport.call(
        "DescribeClusterResources",
        f"list the resources of {name}",
        ids={"cluster": cluster_id},
        query={"with_addon_resources": True},
    )
    told = [_shape(each, modes or {}) for each in found or [] if each.get("state") != "DELETE_COMPLETE"]
    return sorted(told, key=lambda each: (each["type"], each["id"]))


def staying(resources: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Those that outlive the cluster, by type and id."""
    return [{"type": each["type"], "id": each["id"]} for each in resources if each["stays"]]


def _shape(wire: Mapping[str, Any], modes: Modes) -> dict[str, Any]:
    thing = wire.get("associated_object") or {}
    return {
        "type": str(wire.get("resource_type") or ""),
        "id": str(wire.get("instance_id") or ""),
        "state": str(wire.get("state") or ""),
        "made_by": "before" if wire.get("auto_create") == 0 else str(wire.get("creator_type") or "system"),
        "object": "/".join(str(thing[part]) for part in ("kind", "namespace", "name") if thing.get(part)),
        "stays": not _goes(wire, modes),
    }


def _goes(wire: Mapping[str, Any], modes: Modes) -> bool:
    """Whether deleting the cluster takes this resource along. The service tells its default; delete_options overrule it
    where it may be changed.
    """
    behaviour = wire.get("delete_behavior") or {}
    mode = modes.get(str(wire.get("resource_type")))
    if mode and behaviour.get("changeable", True):
        return mode == "delete"
    return bool(behaviour.get("delete_by_default"))
