# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Addons (components): the catalogue, and what is installed in a cluster."""

from __future__ import annotations

import json
from typing import Any, Literal

from ..errors import ServiceError, invalid
from ..store import Document
from .driver import REAL_ADDONS, DriverFailed
from .service import Call, Service
from .work import Step, TaskFailed, Work

_REMOVABLE = ["Install", "Upgrade", "Modify", "Uninstall"]
_FIXED = ["Install", "Upgrade", "Modify"]


def _entry(
    category: str, older: str, newer: str, *, default: bool = False, managed: bool = False, fixed: bool = False
) -> Document:
    return {
        "category": category,
        "versions": [older, newer],
        "install_by_default": default,
        "managed": managed,
        "supported_actions": _FIXED if fixed else _REMOVABLE,
    }


# Version numbers are examples in the service's form.
CATALOGUE: dict[str, Document] = {
    "ack-ai-installer": _entry("ai", "1.13.1", "1.14.0"),
    "ack-arena": _entry("ai", "0.15.3", "0.15.5"),
    "ack-node-problem-detector": _entry("monitor", "1.2.26", "1.2.30"),
    "ack-pod-identity-webhook": _entry("security", "0.2.0", "0.2.1"),
    "ack-virtual-node": _entry("node", "2.13.0", "2.14.0"),
    "alb-ingress-controller": _entry("network", "2.17.0", "2.18.0", managed=True),
    "arms-prometheus": _entry("monitor", "1.1.30", "1.1.32"),
    "coredns": _entry("network", "v1.11.3.5", "v1.12.1.3", default=True, fixed=True),
    "csi-plugin": _entry("storage", "v1.33.4", "v1.34.1", default=True, fixed=True),
    "csi-provisioner": _entry("storage", "v1.33.4", "v1.34.1", default=True, managed=True, fixed=True),
    "flannel": _entry("network", "v0.15.1.24", "v0.15.1.25", fixed=True),
    "gateway-api": _entry("network", "1.2.0", "1.3.0"),
    "kube-scheduler": _entry("core", "v1.34.0-aliyun-1.1.0", "v1.34.0-aliyun-1.2.0", managed=True),
    "kube-proxy": _entry("network", "v1.34.1", "v1.34.4", default=True, fixed=True),
    "loongcollector": _entry("log", "3.1.2", "3.2.0"),
    "managed-aliyun-acr-credential-helper": _entry("security", "v24.11.0", "v25.6.0", managed=True),
    "metrics-server": _entry("monitor", "v0.3.9.15", "v0.3.9.17", default=True),
    "nginx-ingress-controller": _entry("network", "v1.11.5-aliyun.1", "v1.12.1-aliyun.1"),
    "storage-operator": _entry("storage", "v1.32.3", "v1.33.1"),
    "terway-eniip": _entry("network", "v1.14.1", "v1.15.0", fixed=True),
}


def for_new_cluster(asked: list[Document]) -> list[Document]:
    """What a new cluster gets: the defaults, and what was asked for, without what was disabled."""
    by_name = {name: {"name": name} for name, entry in CATALOGUE.items() if entry["install_by_default"]}
    for addon in asked:
        _catalogued(addon.get("name"))
        if addon.get("disabled"):
            by_name.pop(addon["name"], None)
        else:
            by_name[addon["name"]] = {name: addon[name] for name in ("name", "version", "config") if addon.get(name)}
    return [_instance(addon) for addon in by_name.values()]


def put(service: Service, cluster_id: str, addon: Document, state: str = "active") -> None:
    service.addons.put(_key(cluster_id, addon["name"]), {"cluster_id": cluster_id, "addon": {**addon, "state": state}})


def remove(service: Service, cluster_id: str, name: str) -> None:
    service.addons.delete(_key(cluster_id, name))


def catalogue(service: Service, call: Call) -> Document:
    return {"addons": [_described(name, entry["versions"][-1]) for name, entry in CATALOGUE.items()]}


def describe(service: Service, call: Call) -> Document:
    name = call.ids["name"]
    entry = _catalogued(name)
    version = call.query.get("version") or entry["versions"][-1]
    if version not in entry["versions"]:
        raise _no_version(name, version)
    newer = entry["versions"][entry["versions"].index(version) + 1 :]
    shown = [{"version": other, "minimum_cluster_version": "1.22.0", "upgradable": True} for other in newer]
    return {**_described(name, version), "newer_versions": shown}


def instances(service: Service, call: Call) -> Document:
    service.cluster(call)
    fields = ("name", "version", "state")
    return {"addons": [{f: r["addon"][f] for f in fields} for r in service.installed(call.ids["cluster_id"])]}


def instance(service: Service, call: Call) -> Document:
    service.cluster(call)
    logging = {"capable": False, "enabled": False, "log_project": "", "logstore": ""}
    return {**_installed(service, call.ids["cluster_id"], call.ids["name"])["addon"], "logging": logging}


def upgrade_status(service: Service, call: Call) -> Document:
    service.cluster(call)
    cluster_id = call.ids["cluster_id"]
    asked = json.loads(call.query.get("componentIds") or "[]")
    names = asked or [record["addon"]["name"] for record in service.installed(cluster_id)]
    return {name: _status(service, cluster_id, name) for name in names}


def install(service: Service, call: Call) -> Document:
    service.operable(call)
    cluster_id = call.ids["cluster_id"]
    wanted = [_instance(addon) for addon in call.body]
    for addon in wanted:
        if service.addons.get(_key(cluster_id, addon["name"])):
            raise ServiceError(400, "AddonAlreadyInstalled", f"addon {addon['name']} is installed already")
    for addon in wanted:
        put(service, cluster_id, addon, "updating")
    return _start(service, call, "addon_install", wanted)


def upgrade(service: Service, call: Call) -> Document:
    service.operable(call)
    changed = []
    for asked in call.body:
        addon = _installed(service, call.ids["cluster_id"], asked["component_name"])["addon"]
        version = asked.get("next_version") or _catalogued(addon["name"])["versions"][-1]
        config = addon["config"] if asked.get("config") is None else asked["config"]
        changed.append({**_instance({"name": addon["name"], "version": version, "config": config})})
        put(service, call.ids["cluster_id"], addon, "upgrading")
    return _start(service, call, "addon_upgrade", changed)


def configure(service: Service, call: Call) -> None:
    """The answer has no task id: the client polls upgradestatus."""
    service.operable(call)
    addon = _installed(service, call.ids["cluster_id"], call.ids["name"])["addon"]
    changed = _instance({**addon, "config": call.body.get("config")})
    put(service, call.ids["cluster_id"], addon, "updating")
    _start(service, call, "addon_modify", [changed])


def uninstall(service: Service, call: Call) -> Document:
    service.operable(call)
    found = [_installed(service, call.ids["cluster_id"], asked["name"])["addon"] for asked in call.body]
    for addon in found:
        if "Uninstall" not in CATALOGUE[addon["name"]]["supported_actions"]:
            raise ServiceError(400, "AddonOperationNotSupported", f"addon {addon['name']} cannot be uninstalled")
    for addon in found:
        put(service, call.ids["cluster_id"], addon, "deleting")
    return _start(service, call, "addon_uninstall", found)


def _start(service: Service, call: Call, work: str, addons: list[Document]) -> Document:
    target = addons[0]["name"] if addons else ""
    return service.tasks.start(call, work, call.ids["cluster_id"], target, {"addons": addons})


def _key(cluster_id: str, name: str) -> str:
    return f"{cluster_id}--{name}"


def _catalogued(name: Any) -> Document:
    if name not in CATALOGUE:
        raise ServiceError(404, "AddonNotFound", f"addon {name} not found")
    return CATALOGUE[name]


def _installed(service: Service, cluster_id: str, name: str) -> Document:
    record = service.addons.get(_key(cluster_id, name))
    if record is None:
        raise ServiceError(404, "AddonNotFound", f"addon {name} is not installed in cluster {cluster_id}")
    return record


def _no_version(name: str, version: str) -> ServiceError:
    offered = ", ".join(CATALOGUE[name]["versions"])
    return invalid("Version", f"addon {name} has no version {version!r}; on offer: {offered}")


def _instance(asked: Document) -> Document:
    """An installed addon from what was asked for: newest version unless told, `config` a JSON string."""
    entry = _catalogued(asked.get("name"))
    version, config = asked.get("version") or entry["versions"][-1], asked.get("config") or ""
    if version not in entry["versions"]:
        raise _no_version(asked["name"], version)
    try:
        json.loads(config or "{}")
    except ValueError as wrong:
        raise invalid("Config", f"config of addon {asked['name']} is not JSON: {wrong}") from None
    return {"name": asked["name"], "version": version, "config": config}


def _described(name: str, version: str) -> Document:
    entry = CATALOGUE[name]
    fields = ("category", "install_by_default", "managed", "supported_actions")
    schema = json.dumps({"$schema": "http://json-schema.org/schema#", "type": "object"})
    shown = {field: entry[field] for field in fields}
    return {"name": name, "version": version, "config_schema": schema, "architecture": ["amd64", "arm64"], **shown}


def _status(service: Service, cluster_id: str, name: str) -> Document:
    addon = _installed(service, cluster_id, name)["addon"]
    last: Document = next(
        (
            record["task"]
            for record in service.tasks.of_cluster(cluster_id)
            if any(changed["name"] == name for changed in record["arguments"].get("addons", []))
        ),
        {"state": "success", "created": ""},
    )
    settled = addon["state"] == "active"
    # The cluster's own creation and the stage after a task count as what the addon's state says.
    state = last["state"] if last["state"] != "success" or settled else "running"
    error = last.get("error", {}).get("message", "")
    return {
        "addon_info": {"component_name": name, "version": addon["version"], "category": CATALOGUE[name]["category"]},
        "can_upgrade": addon["version"] != CATALOGUE[name]["versions"][-1],
        "tasks": {"status": state, "message": error, "error": error, "created": last["created"], "is_canceled": False},
    }


def _apply(service: Service, task: Document) -> None:
    for addon in task["arguments"]["addons"]:
        put(service, task["task"]["cluster_id"], addon, "updating")


def _active(service: Service, task: Document) -> None:
    """Whatever is known about the addons of this task is in force."""
    for addon in task["arguments"]["addons"]:
        record = service.addons.get(_key(task["task"]["cluster_id"], addon["name"]))
        if record is not None:
            put(service, task["task"]["cluster_id"], record["addon"])


def _gone(service: Service, task: Document) -> None:
    for addon in task["arguments"]["addons"]:
        remove(service, task["task"]["cluster_id"], addon["name"])


async def rollout(service: Service, task: Document) -> None:
    """Bring what the addons hold into the real cluster, where there is one."""
    await _each_real(service, task, "install")


async def _take_away(service: Service, task: Document) -> None:
    await _each_real(service, task, "remove")


async def _each_real(service: Service, task: Document, verb: Literal["install", "remove"]) -> None:
    record = service.clusters.get(task["task"]["cluster_id"])
    if service.driver is None or record is None or not record["real"]:
        return
    for addon in task["arguments"]["addons"]:
        if addon["name"] in REAL_ADDONS:
            act = service.driver.install if verb == "install" else service.driver.remove
            try:
                await act(record["real"], addon["name"], lambda line: service.tasks.note(task, "rollout", line))
            except DriverFailed as failed:
                raise TaskFailed("AddonOperationFailed", f"{addon['name']}: {failed}") from failed


def _nothing(service: Service, task: Document) -> None:
    return None


_APPLY = (Step("apply", _apply), Step("rollout", rollout))
_REMOVE = (Step("workloads", _take_away), Step("remove", _gone))
WORKS = {
    "addon_install": Work("addon_install", "addon", _APPLY, _active, _gone),
    "addon_upgrade": Work("addon_upgrade", "addon", _APPLY, _active, _active, can_cancel=True),
    "addon_modify": Work("addon_modify", "addon", _APPLY, _active, _active),
    "addon_uninstall": Work(
        "addon_uninstall", "addon", (Step("workloads", _take_away), Step("remove", _gone)), _nothing, _active
    ),
}
