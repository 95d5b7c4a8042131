# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One addon of a cluster: install, configure, upgrade, remove; and what is on offer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .._core.failure import Failure
from .._core.resource import Plan, Resource, State, compare
from .._core.spelling import nearest
from . import addons, shape
from .client import Transport
from .waits import ADDON_ABSENT, Waiter

LATEST = "latest"
KEYS = ("name", "version", "state", "config")

ACTIONS = {"create": "Install", "version": "Upgrade", "config": "Modify", "delete": "Uninstall"}
"""What an entry of the catalogue must list in `supported_actions` for a change. Source: ListAddons, read 2026-11-22."""


class Addon(Resource):
    """Fields: `KEYS`. The catalogue is asked only when something must be decided by it."""

    kind = "addon"

    def __init__(self, transport: Transport, cluster_id: str | None, params: Mapping[str, Any], waiter: Waiter) -> None:
        """`cluster_id` None: the cluster is gone, and its addons with it."""
        self._transport, self._cluster_id, self._params, self._waiter = transport, cluster_id, params, waiter
        self._name: str = params["name"]
        self._resource = f"addon/{self._name}"
        self._leaving = False

    def observe(self) -> State:
        """One that is being removed counts as there only for its removal."""
        if self._cluster_id is None:
            return None
        wire = addons.one(self._transport, self._cluster_id, self._name)
        self._leaving = wire is not None and wire.get("state") == "deleting"
        if wire is None or (self._leaving and self._params["state"] == "present"):
            return None
        return {"name": self._name, "state": wire.get("state") or "active", **shape.addon(wire)}

    # -- deciding --------------------------------------------------------------------------------------------------

    def plan(self, observed: State, desired: State) -> Plan:
        if desired is None:
            return self._plan_removal(observed)
        wanted = {name: value for name, value in desired.items() if value is not None}
        if observed is None:
            return self._plan_installation(wanted)
        if wanted.get("version") not in (None, observed["version"]):
            offer = self._describe(observed["version"])
            newer = [each for each in offer.get("newer_versions") or [] if each.get("upgradable")]
            names = [str(each["version"]) for each in newer]
            wanted["version"] = self._choose(wanted["version"], [observed["version"], *names], offer)
        plan = compare(observed, wanted)
        changed = {change.field.split(".")[0] for change in plan.changes}
        if changed:
            self._allowed("version" if "version" in changed else "config")
        return plan

    def _plan_installation(self, wanted: dict[str, Any]) -> Plan:
        self._allowed("create")
        if wanted.get("version"):
            newest = str(self._describe()["version"])
            asked = wanted["version"]
            offered = [newest] if asked in (LATEST, newest) or not self._exists(asked) else [newest, asked]
            wanted["version"] = self._choose(asked, offered, {})
        plan = compare(None, wanted)
        return Plan("create", {**dict.fromkeys(KEYS), **wanted}, plan.changes, work=wanted)

    def _plan_removal(self, observed: State) -> Plan:
        if observed is not None:
            if not self._leaving:
                self._allowed("delete")
            return compare(observed, None)
        if self._cluster_id is None or self._name in (known := self._catalogue()):
            return Plan("none", None)
        near = nearest(self._name, known)
        meant = f" Did you mean '{near}'?" if near else ""
        return Plan("none", None, warnings=(f"ACK knows no addon '{self._name}'; nothing was removed.{meant}",))

    def _choose(self, asked: str, offered: list[str], offer: Mapping[str, Any]) -> str:
        newest = max(offered, key=order)
        if asked == LATEST or asked in offered:
            return newest if asked == LATEST else asked
        later = {
            str(each["version"]): str(each.get("minimum_cluster_version") or "a newer one")
            for each in offer.get("newer_versions") or []
            if not each.get("upgradable")
        }
        needs = f" It needs a cluster of version {later[asked]}." if asked in later else ""
        near = nearest(asked, offered)
        raise Failure(
            "VersionNotOffered",
            f"version is '{asked}', which ACK does not offer of addon {self._name} for this cluster.{needs} "
            f"On offer {'is' if len(offered) == 1 else 'are'} {', '.join(sorted(offered, key=order))}.",
            resource=self._resource,
            hint=f"Did you mean '{near}'?" if near else "Leave version out, or set it to latest.",
            details={"field": "version", "found": asked, "allowed": sorted(offered, key=order)},
        )

    def _allowed(self, change: str) -> None:
        """Raises Failure `UnknownAddon`, `AddonActionRefused`."""
        known = self._catalogue()
        entry = known.get(self._name)
        if entry is None and change == "create":
            raise unknown(self._name, known)
        actions = list((entry or {}).get("supported_actions") or [])
        action = ACTIONS[change]
        fixed = action == "Uninstall" and not actions and bool((entry or {}).get("managed"))
        if (actions and action not in actions) or fixed:
            raise Failure(
                "AddonActionRefused",
                f"Addon {self._name} does not support {action}; ACK allows {', '.join(actions) or 'nothing'}.",
                resource=self._resource,
                hint="It belongs to the cluster and stays with it."
                if action == "Uninstall"
                else "Leave it as it is; ACK manages it.",
                details={"action": action, "allowed": actions, "managed": bool((entry or {}).get("managed"))},
            )

    def _catalogue(self) -> dict[str, dict[str, Any]]:
        return catalogue(self._transport, self._cluster_id or "")

    def _describe(self, version: str | None = None) -> dict[str, Any]:
        """The addon of this version, or the newest, with what is newer."""
        found: dict[str, Any] = self._transport.call(
            "DescribeAddon",
            f"read the versions of addon {self._name}",
            ids={"addon": self._name},
            query={"cluster_id": self._cluster_id, "version": version},
        )
        return found

    def _exists(self, version: str) -> bool:
        try:
            return bool(self._describe(version).get("version") == version)
        except Failure as failure:
            if failure.code == ADDON_ABSENT or failure.code.startswith("InvalidParameter"):
                return False
            raise

    # -- writing ---------------------------------------------------------------------------------------------------

    def apply(self, plan: Plan) -> None:
        write, waits = self._writer, self._params["wait"]
        match plan.action:
            case "create":
                if self._leaving:
                    write.until_removed(self._name)
                write.install({self._name: plan.work})
            case "update":
                write.until_idle(self._name)
                # Read again: what an earlier run began may have ended meanwhile.
                write.change(self._name, self.observe() or {}, plan.after or {})
            case "delete":
                if not self._leaving:
                    write.remove(self._name, cleanup=self._params["cleanup_cloud_resources"])
                if waits:
                    write.until_removed(self._name)

    def verify(self, plan: Plan, desired: State) -> State:
        """An addon that an earlier run left in the middle of a change is waited for, though this one writes nothing."""
        if not self._params["wait"]:
            return plan.after if plan.action == "none" else self.observe()
        if desired is None:
            return super().verify(plan, None)
        if plan.action == "none" and (plan.after or {}).get("state") == "active":
            return plan.after
        self._writer.until_active(self._name)
        wanted = dict(desired)
        if wanted.get("version"):
            wanted["version"] = (plan.after or {})["version"]  # as it was resolved
        return super().verify(Plan("update", plan.after, plan.changes), wanted)

    @property
    def _writer(self) -> addons.Writer:
        return addons.Writer(self._transport, self._waiter, self._cluster_id or "", waits=self._params["wait"])


def catalogue(transport: Transport, cluster_id: str) -> dict[str, dict[str, Any]]:
    """What can be installed in this cluster, by name."""
    found = transport.call("ListAddons", "list the addons on offer", query={"cluster_id": cluster_id})
    return {str(each["name"]): each for each in found.get("addons") or []}


def unknown(name: str, known: Iterable[str]) -> Failure:
    """The failure for a name that the catalogue lacks."""
    names = sorted(known)
    near = nearest(name, names)
    return Failure(
        "UnknownAddon",
        f"ACK offers no addon '{name}' for this cluster; it offers {', '.join(names) or 'none'}.",
        resource=f"addon/{name}",
        hint=f"Did you mean '{near}'?" if near else "",
        details={"field": "name", "found": name, "allowed": names},
    )


def order(version: str) -> list[tuple[int, str]]:
    """A key that sorts `v1.12.1-aliyun.1` after `v1.9.0`: numbers as numbers."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.findall(r"\d+|[A-Za-z]+", version)]


def report(transport: Transport, cluster_id: str, name: str | None) -> list[dict[str, Any]]:
    """The installed addons (or the named one), sorted by name, with what the catalogue and the upgrade status add."""
    present = [each["name"] for each in addons.instances(transport, cluster_id) if name in (None, each["name"])]
    if not present:
        return []
    known, going = catalogue(transport, cluster_id), addons.status(transport, cluster_id, sorted(present))
    found = ((each, addons.one(transport, cluster_id, each)) for each in sorted(present))
    return [
        {
            "name": each,
            "state": wire.get("state") or "active",
            **shape.addon(wire),
            "can_upgrade": bool((going.get(each) or {}).get("can_upgrade")),
            **offer(known.get(each) or {}),
        }
        for each, wire in found
        if wire is not None
    ]


def offer(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What the catalogue tells of an addon, under our names."""
    return {
        "latest": entry.get("version") or "",
        "category": entry.get("category") or "",
        "managed": bool(entry.get("managed")),
        "install_by_default": bool(entry.get("install_by_default")),
        "supported_actions": list(entry.get("supported_actions") or []),
    }
