# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which cluster is meant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .._core.failure import Failure
from .._core.wait import Deadline
from .client import Transport
from .waits import CLUSTER_ABSENT

PAGE = 50


def by_id(transport: Transport, cluster_id: str, deadline: Deadline | None = None) -> dict[str, Any] | None:
    """The cluster as DescribeClusterDetail has it, or None."""
    try:
        found: dict[str, Any] = transport.call(
            "DescribeClusterDetail", f"read cluster {cluster_id}", ids={"cluster": cluster_id}, deadline=deadline
        )
    except Failure as failure:
        if failure.code == CLUSTER_ABSENT:
            return None
        raise
    return None if found.get("state") == "deleted" else found


def listed(transport: Transport, region: str, name: str = "") -> list[dict[str, Any]]:
    """The clusters of a region, all pages; the API's `name` finds every name that contains it."""
    query = {"region_id": region, **({"name": name} if name else {})}

    def page(number: int) -> tuple[list[dict[str, Any]], int | None]:
        asked = {**query, "page_number": number, "page_size": PAGE}
        answer = transport.call("DescribeClustersV1", "list clusters", query=asked)
        return answer.get("clusters") or [], (answer.get("page_info") or {}).get("total_count")

    return [item for item in paged(page) if item.get("region_id") in (region, None) and item.get("state") != "deleted"]


def paged(page: Callable[[int], tuple[list[dict[str, Any]], int | None]]) -> list[dict[str, Any]]:
    """All items. `page(number)` gives one page, from 1, and how many items there are in all (None: it is not told).

    The service may give smaller pages than were asked for, so a short one does not mean the last.
    """
    found: list[dict[str, Any]] = []
    number = 1
    while True:
        items, total = page(number)
        found += items
        if not items or (len(items) < PAGE if total is None else len(found) >= total):
            return found
        number += 1


def by_name(transport: Transport, region: str, name: str) -> dict[str, Any] | None:
    """The one cluster of exactly this name, or None. Raises Failure `AmbiguousName` for several.

    One that is being deleted does not count where another has its name.
    """
    same = [each for each in listed(transport, region, name) if each["name"] == name]
    alive = [each for each in same if each.get("state") != "deleting"] or same
    if len(alive) > 1:
        ids = sorted(each["cluster_id"] for each in alive)
        raise Failure(
            "AmbiguousName",
            f"{len(alive)} clusters of region {region} are named {name}: {', '.join(ids)}.",
            resource=f"cluster/{name}",
            hint="Name the one that is meant by cluster_id.",
            details={"cluster_ids": ids},
        )
    return by_id(transport, alive[0]["cluster_id"]) if alive else None


def cluster(
    transport: Transport, params: Mapping[str, Any], name_option: str = "cluster_name"
) -> dict[str, Any] | None:
    """The cluster that the options cluster_id, or else cluster_name, mean."""
    if params.get("cluster_id"):
        return by_id(transport, params["cluster_id"])
    return by_name(transport, params["region"], params["cluster_name"])


def required(transport: Transport, params: Mapping[str, Any]) -> dict[str, Any]:
    """As `cluster`. Raises Failure `ClusterNotFound` where there is none."""
    found = cluster(transport, params)
    if found is None:
        meant = params.get("cluster_id") or params["cluster_name"]
        names = sorted(each["name"] for each in listed(transport, params["region"]))
        raise Failure(
            "ClusterNotFound",
            f"There is no cluster {meant} in region {params['region']}; there are {', '.join(names) or 'none'}.",
            resource=f"cluster/{meant}",
            hint="Create it with mlops.ack.ack_cluster, or correct the name or the region.",
            details={"allowed": names},
        )
    return found
