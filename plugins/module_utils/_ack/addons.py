# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The addons of a cluster: read, install, upgrade, configure, remove, each waited for to its end."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .._core.failure import Failure
from .._core.wait import Seen
from . import shape
from .client import Transport
from .waits import ADDON_ABSENT, ADDON_ACTIVE, ADDON_IDLE, ADDON_REMOVED, GONE, TASK, Waiter

Addons = dict[str, dict[str, Any]]


def read(transport: Transport, cluster_id: str, names: Iterable[str]) -> Addons:
    """Those of the named addons that are installed: `{name: {version, config}}`."""
    installed = {each["name"] for each in instances(transport, cluster_id)}
    found: Addons = {}
    for name in sorted(installed & set(names)):
        wire = one(transport, cluster_id, name)
        if wire is not None:
            found[name] = shape.addon(wire)
    return found


def instances(transport: Transport, cluster_id: str) -> list[dict[str, Any]]:
    """What is installed, as {name, version, state}."""
    found = transport.call(
        "ListClusterAddonInstances", f"list the addons of cluster {cluster_id}", ids={"cluster": cluster_id}
    )
    return list(found.get("addons") or [])


def one(transport: Transport, cluster_id: str, name: str) -> dict[str, Any] | None:
    """The installed addon as the API has it, or None."""
    try:
        found: dict[str, Any] = transport.call(
            "GetClusterAddonInstance", f"read addon {name}", ids={"cluster": cluster_id, "addon": name}
        )
    except Failure as failure:
        if failure.code == ADDON_ABSENT:
            return None
        raise
    return found


def status(transport: Transport, cluster_id: str, names: list[str]) -> dict[str, Any]:
    """What the service says about upgrades and running changes, by name of addon."""
    found: dict[str, Any] = transport.call(
        "DescribeClusterAddonsUpgradeStatus",
        f"read the state of addons {', '.join(names)}",
        ids={"cluster": cluster_id},
        query={"componentIds": names},
    )
    return found


def write(
    transport: Transport,
    waiter: Waiter,
    cluster_id: str,
    before: Mapping[str, Mapping[str, Any]],
    after: Mapping[str, Mapping[str, Any]],
) -> None:
    """Install, upgrade and configure what differs, one after the other, each to its end."""
    writer = Writer(transport, waiter, cluster_id)
    lacking = {name: addon for name, addon in after.items() if name not in before}
    if lacking:
        writer.install(lacking)
    for name in sorted(after.keys() & before.keys()):
        writer.change(name, before[name], after[name])


class Writer:
    """Changes to the addons of one cluster. `waits` False: each is begun, and not waited for."""

    def __init__(self, transport: Transport, waiter: Waiter, cluster_id: str, *, waits: bool = True) -> None:
        self._transport, self._waiter, self._cluster_id, self._waits = transport, waiter, cluster_id, waits

    def install(self, wanted: Mapping[str, Mapping[str, Any]]) -> None:
        body = shape.install_addons(wanted)
        self._task("InstallClusterAddons", f"install addons {', '.join(sorted(wanted))}", body)
        for name in sorted(wanted):
            self.until_active(name)

    def change(self, name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        """Upgrade, or only configure. A config is sent as a whole, the present keys with it."""
        config = None if new.get("config") == old.get("config") else new.get("config")
        text = None if config is None else json.dumps(config, sort_keys=True)
        if new.get("version") and new["version"] != old.get("version"):
            body = {"component_name": name, "version": old.get("version"), "next_version": new["version"]}
            rows = [body if text is None else {**body, "config": text}]
            self._task("UpgradeClusterAddons", f"upgrade addon {name} to {new['version']}", rows)
            self.until_active(name)
        elif config is not None:
            self._configure(name, config, str(text))

    def remove(self, name: str, *, cleanup: bool | None = None) -> None:
        row = {"name": name, **({} if cleanup is None else {"cleanup_cloud_resources": cleanup})}
        self._task("UnInstallClusterAddons", f"remove addon {name}", [row])

    def until_removed(self, name: str) -> None:
        self._waiter.until(ADDON_REMOVED, lambda: self._seen(name), f"addon {name}")

    def until_idle(self, name: str) -> None:
        """Until no other change is going on."""
        self._waiter.until(ADDON_IDLE, lambda: self._seen(name), f"addon {name}")

    def until_active(self, name: str) -> None:
        if self._waits:
            self._waiter.until(ADDON_ACTIVE, lambda: self._seen(name), f"addon {name}")

    def _configure(self, name: str, config: Mapping[str, Any], text: str) -> None:
        """No task tells how this goes: the upgrade status does, and the addon itself."""
        what = f"configure addon {name}"
        earlier = self._change_of(name)
        ids = {"cluster": self._cluster_id, "addon": name}
        self._transport.call("ModifyClusterAddon", what, ids=ids, body={"config": text})

        def look() -> Seen:
            addon, going = one(self._transport, self._cluster_id, name), self._change_of(name)
            if addon is None:
                return Seen(GONE)
            news = going if going != earlier else {}  # what an earlier change left is no news
            if news.get("status") in TASK.failure:
                return Seen("failed", str(news.get("message") or news.get("error") or ""), news)
            state = str(addon.get("state") or "active")
            is_done = shape.parsed(addon.get("config")) == config or news.get("status") in TASK.success
            return Seen("updating" if state == "active" and not is_done else state)

        if self._waits:
            self._waiter.until(ADDON_ACTIVE, look, what, lambda seen: _failed(name, what, seen))

    def _change_of(self, name: str) -> dict[str, Any]:
        found = status(self._transport, self._cluster_id, [name]).get(name) or {}
        return dict(found.get("tasks") or {})

    def _task(self, action: str, what: str, body: Any) -> None:
        answer = self._transport.call(action, what, ids={"cluster": self._cluster_id}, body=body)
        if self._waits:
            self._waiter.task(answer, what)

    def _seen(self, name: str) -> Seen:
        wire = one(self._transport, self._cluster_id, name)
        return Seen(GONE) if wire is None else Seen(str(wire.get("state") or "active"), str(wire.get("version") or ""))


def _failed(name: str, what: str, seen: Seen) -> Failure:
    if seen.state != "failed":
        return Failure("WaitFailed", f"Addon {name} is {seen.state}.", resource=f"addon/{name}")
    return Failure(
        "TaskFailed",
        f"{what} failed: {seen.text.rstrip('.') or 'no reason is told'}.",
        resource=f"addon/{name}",
        hint="ACK may have kept the new config all the same; mlops.ack.ack_addon_info shows it.",
        details={"status": seen.value},
    )
