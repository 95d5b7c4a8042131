# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What serves, read from the cluster alone, and on request counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .._core.context import Context
from .._core.failure import Failure
from .._core.wait import Deadline
from .._oss.store import open_store
from . import record, split
from .endpoint import Connection, Request
from .live import Live, Reader, gateway_address, read, read_all
from .plan import hostnames, path
from .release import host
from .routes import under_way
from .split import Asker


def servings(api: Reader, namespace: str, name: str | None) -> list[Live]:
    """The tfservings of a namespace, or the one of this name; none where there is none."""
    if name is None:
        return read_all(api, namespace)
    found = read(api, namespace, name)
    return [found] if found.objects else []


def describe(
    api: Reader,
    live: Live,
    probe: Mapping[str, Any],
    context: Context,
    connect: Callable[[Request], Asker] = Connection,
) -> dict[str, Any]:
    """One tfserving in the words of module tfserving. `probe`: requests, endpoint, host, timeout (seconds)."""
    base = (probe.get("endpoint") or "").rstrip("/") or gateway_address(api, live.routes)
    names, model = hostnames(live.routes), next(iter(live.models), "")
    place = f"{path(live.routes)}/v1/models/{model}"
    address = base or (f"http://{names[0]}" if names else "")
    predictors = live.predictors()
    counted = None
    if probe.get("requests") and live.routes:
        if not base:
            raise Failure(
                "MissingOption",
                f"probe.endpoint is not set, and the gateway of {live.name} names no address.",
                hint="Set probe.endpoint to the address at which clients reach the gateway.",
            )
        request = Request(base, host(names, probe.get("host") or ""), place)
        declared = [entry["name"] for entry in predictors if entry["traffic_percentage"] is not None]
        deadline = Deadline(probe["timeout"], context.clock)
        counted = split.measure(lambda: connect(request), declared, probe["requests"], deadline, context)
        for entry in predictors:
            if entry["traffic_percentage"] is not None:
                entry["observed_percentage"] = counted.observed.get(entry["name"])
    return {
        "name": live.name,
        "namespace": live.namespace,
        "url": f"{address}{place}:predict" if address and live.routes else "",
        "hostnames": names,
        "predictors": predictors,
        "under_way": under_way(live.routes) or None,
        "split": counted.as_dict() if counted else None,
    }


def history(api: Reader, params: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """What has served, and what was brought back, newest first, without what only makes it again."""
    store, environment, serving = open_store(params, context), params["environment"], params["name"]
    model = record.model_of(store, environment, serving, read(api, params["namespace"], serving).models)
    if model is None:
        return {"releases": [], "attempts": []}
    releases = record.releases(store, model, environment, serving)
    attempts = record.attempts(store, model, environment, serving)
    return {
        "releases": [
            {"replaces": each["replaces"], "restores": each.get("restores"), **_told(each)}
            for each in reversed(releases)
        ],
        "attempts": [
            {"serves_on": each["serves_on"], "step": each["step"], "code": each["code"], **_told(each)}
            for each in reversed(attempts)
        ],
    }


def _told(entry: Mapping[str, Any]) -> dict[str, Any]:
    decision = entry.get("decision") or {}
    return {
        "n": entry["n"],
        "time": entry["time"],
        "by": entry["by"],
        "reason": entry.get("reason") or "",
        "approved_by": list(decision.get("approvers") or []),
        "predictors": [
            {name: each[name] for name in ("name", "model_version", "model_digest", "traffic_percentage")}
            for each in entry["predictors"]
        ],
    }
