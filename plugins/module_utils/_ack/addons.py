# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The addons of a cluster, as far as the user names them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .._core.failure import Failure
from .._core.wait import Seen
from . import shape
from .client import Transport
from .waits import ADDON_ABSENT, ADDON_ACTIVE, GONE, Waiter

Addons = dict[str, dict[str, Any]]


def read(transport: Transport, cluster_id: str, names: Iterable[str]) -> Addons:
    """Those of the named addons that are installed: `{name: {version, config}}`."""
    listed = transport.call(
        "ListClusterAddonInstances", f"list the addons of cluster {cluster_id}", ids={"cluster": cluster_id}
    )
    installed = {each["name"] for each in listed.get("addons") or []}
    found: Addons = {}
    for name in sorted(installed & set(names)):
        wire = _one(transport, cluster_id, name)
        if wire is not None:
            found[name] = shape.addon(wire)
    return found


def write(
    transport: Transport,
    waiter: Waiter,
    cluster_id: str,
    before: Mapping[str, Mapping[str, Any]],
    after: Mapping[str, Mapping[str, Any]],
) -> None:
    """Install, upgrade and configure what differs, one after the other, each to its end."""
    lacking = {name: addon for name, addon in after.items() if name not in before}
    if lacking:
        what = f"install addons {', '.join(sorted(lacking))}"
        answer = transport.call(
            "InstallClusterAddons", what, ids={"cluster": cluster_id}, body=shape.install_addons(lacking)
        )
        waiter.task(answer, what)
    for name in sorted(after.keys() & before.keys()):
        old, new = before[name], after[name]
        config = None if new.get("config") is None else json.dumps(new["config"], sort_keys=True)
        if new.get("version") and new["version"] != old["version"]:
            body = {"component_name": name, "version": old["version"], "next_version": new["version"]}
            what = f"upgrade addon {name} to {new['version']}"
            answer = transport.call(
                "UpgradeClusterAddons",
                what,
                ids={"cluster": cluster_id},
                body=[body if config is None else {**body, "config": config}],
            )
            waiter.task(answer, what)
        elif config is not None and new["config"] != old["config"]:
            what = f"configure addon {name}"
            transport.call(
                "ModifyClusterAddon", what, ids={"cluster": cluster_id, "addon": name}, body={"config": config}
            )
    for name in sorted(after):
        waiter.until(ADDON_ACTIVE, lambda each=name: _seen(transport, cluster_id, each), f"addon {name}")  # type: ignore[misc]


def _seen(transport: Transport, cluster_id: str, name: str) -> Seen:
    wire = _one(transport, cluster_id, name)
    return Seen(GONE) if wire is None else Seen(str(wire.get("state") or "active"), str(wire.get("version") or ""))


def _one(transport: Transport, cluster_id: str, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = transport.call(
            "GetClusterAddonInstance", f"read addon {name}", ids={"cluster": cluster_id, "addon": name}
        )
    except Failure as failure:
        if failure.code == ADDON_ABSENT:
            return None
        raise
    return found
