# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Node pools and the nodes in them. The nodes exist on paper only: the sandbox's real clusters have one node each.

That one joins an edge node pool when its attach script is run.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ..errors import ServiceError, invalid
from ..store import Document
from .driver import DriverFailed
from .service import Call, Service, new_id
from .work import Step, Work

SECTIONS = ("nodepool_info", "scaling_group", "auto_scaling", "kubernetes_config", "management", "tee_config")
CREATE_FIELDS = (
    *SECTIONS, "node_config", "node_components", "interconnect_mode", "max_nodes", "host_network", "intranet",
    "auto_mode", "count",
)  # fmt: skip
MODIFY_FIELDS = (*SECTIONS, "update_nodes", "concurrency")
MOST_LABELS = 20
SECRETS = ("login_password",)


def add(service: Service, cluster_id: str, wanted: Document) -> str:
    """Make the record of a new pool without nodes; its id. Raises ServiceError when a field is wrong."""
    check(wanted, {})
    pool_id, info, now = new_id("np", 32), wanted.get("nodepool_info") or {}, service.clock.china()
    group = {name: value for name, value in (wanted.get("scaling_group") or {}).items() if name not in SECRETS}
    if wanted.get("count") is not None:
        group.setdefault("desired_size", wanted["count"])
    pool: Document = {
        "nodepool_info": {
            "resource_group_id": "rg-default",
            "type": "ess",
            **info,
            "nodepool_id": pool_id,
            "is_default": False,
            "region_id": service.region,
            "created": now,
            "updated": now,
        },
        "scaling_group": {**group, "scaling_group_id": new_id("asg-", 20)},
        "auto_scaling": {"enable": False, **(wanted.get("auto_scaling") or {})},
        "kubernetes_config": {"labels": [], "taints": [], **(wanted.get("kubernetes_config") or {})},
        "management": {"enable": False, **(wanted.get("management") or {})},
        "tee_config": {"tee_enable": False, **(wanted.get("tee_config") or {})},
        "node_config": wanted.get("node_config") or {},
        "node_components": wanted.get("node_components") or [],
        "interconnect_mode": wanted.get("interconnect_mode") or "basic",
        "max_nodes": wanted.get("max_nodes") or 0,
        "auto_mode": wanted.get("auto_mode") or {"enable": False},
    }
    service.nodepools.put(pool_id, {"cluster_id": cluster_id, "pool": pool, "state": "initial", "nodes": []})
    return pool_id


def check(wanted: Document, before: Document) -> None:
    """Refuse what the service refuses. `before` is the pool as it is, empty for a new one."""
    auto, group, config = (wanted.get(name) or {} for name in ("auto_scaling", "scaling_group", "kubernetes_config"))
    if not before and not (wanted.get("nodepool_info") or {}).get("name"):
        raise invalid("NodepoolInfo", "nodepool_info.name must be given")
    enabled = auto.get("enable", (before.get("auto_scaling") or {}).get("enable", False))
    if enabled and group.get("desired_size") is not None:
        raise invalid("DesiredSize", "desired_size cannot be set while auto scaling is enabled")
    kind = (before.get("auto_scaling") or {}).get("type")
    if kind and auto.get("type") not in (None, kind):
        raise invalid("AutoScalingType", f"auto_scaling.type cannot be changed from {kind!r} to {auto['type']!r}")
    if auto.get("enable") and not 0 <= auto.get("min_instances", 0) <= auto.get("max_instances", 0):
        raise invalid("AutoScaling", "min_instances must not be greater than max_instances")
    labels = config.get("labels") or []
    reserved = [label["key"] for label in labels if label["key"].startswith(("aliyun", "acs:"))]
    if len(labels) > MOST_LABELS or reserved:
        raise invalid("Labels", f"at most {MOST_LABELS} labels; reserved keys: {', '.join(reserved) or 'none used'}")


def wanted_size(record: Document) -> int:
    """How many nodes the pool ought to have: within the limits of auto scaling, else its desired size."""
    auto, have = record["pool"]["auto_scaling"], len(record["nodes"])
    if auto.get("enable"):
        return int(max(auto.get("min_instances", 0), min(have, auto.get("max_instances", have))))
    return int(record["pool"]["scaling_group"].get("desired_size") or 0)


def fill(service: Service, pool_id: str, *, ready: bool = True) -> None:
    """Bring the pool to its size at once, new nodes Ready, or out of stock."""
    _order_nodes(service, pool_id)
    _receive_nodes(service, pool_id, ready=ready)
    record = service.nodepools.get(pool_id)
    if record is not None:
        record["state"] = "active"
        service.nodepools.put(pool_id, record)


def shown(record: Document) -> Document:
    """The API's object: the pool, and a status counted from its nodes."""
    nodes = record["nodes"]
    ready = [node for node in nodes if node["node_status"] == "Ready"]
    status = {
        "state": record["state"],
        "total_nodes": len(nodes),
        "healthy_nodes": len(ready),
        "serving_nodes": len(ready),
        "initial_nodes": sum(node["state"] == "pending" and not node["error_message"] for node in nodes),
        "failed_nodes": sum(bool(node["error_message"]) for node in nodes),
        "offline_nodes": sum(node["node_status"] == "Offline" for node in nodes),
        "removing_nodes": sum(node["state"] == "stopping" for node in nodes),
    }
    return {**record["pool"], "status": status}


def create(service: Service, call: Call) -> Document:
    record = service.operable(call)
    cluster_id = record["cluster"]["cluster_id"]
    pool_id = add(service, cluster_id, call.body)
    return _start(service, call, "nodepool_create", pool_id, {}, "scaling")


def listing(service: Service, call: Call) -> Document:
    service.cluster(call)
    name = call.query.get("NodepoolName")
    pools = [shown(record) for record in service.pools(call.ids["cluster_id"])]
    return {"nodepools": [pool for pool in pools if name in (None, "", pool["nodepool_info"]["name"])]}


def detail(service: Service, call: Call) -> Document:
    """The detail has `conditions` beside what the list shows."""
    pool = shown(_pool(service, call))
    return {**pool, "status": {**pool["status"], "conditions": []}}


def modify(service: Service, call: Call) -> Document:
    """Sections are merged field by field; a list that is given replaces the old one, an empty list too."""
    record = _active(service, call)
    check(call.body, record["pool"])
    sections = {name: call.body[name] for name in SECTIONS if call.body.get(name) is not None}
    group = sections.get("scaling_group", {})
    sections.update({"scaling_group": {k: v for k, v in group.items() if k not in SECRETS}} if group else {})
    before = len(record["nodes"])
    after = wanted_size({**record, "pool": _merged(record["pool"], sections)})
    busy = "scaling" if after > before else "removing" if after < before else "updating"
    return _start(service, call, "nodepool_modify", record, {"sections": sections}, busy)


def scale(service: Service, call: Call) -> Document:
    """`count` nodes more than there are."""
    record = _active(service, call)
    size = wanted_size(record) + int(call.body.get("count") or 0)
    if record["pool"]["auto_scaling"].get("enable"):
        raise invalid("Count", "a node pool with auto scaling cannot be scaled by hand")
    sections = {"scaling_group": {"desired_size": size}}
    answer = _start(service, call, "nodepool_scale", record, {"sections": sections}, "scaling")
    return {"task_id": answer["task_id"]}


def remove_nodes(service: Service, call: Call) -> Document:
    record = _active(service, call)
    asked = json.loads(call.query.get("instance_ids") or "[]") + json.loads(call.query.get("nodes") or "[]")
    names = [node["node_name"] for node in record["nodes"] if {node["instance_id"], node["node_name"]} & set(asked)]
    if not names or len(names) != len(set(asked)):
        raise invalid("InstanceIds", f"of {asked}, these are nodes of the pool: {names}")
    answer = _start(service, call, "nodepool_remove_nodes", record, {"nodes": names}, "removing")
    return {"request_id": call.request_id, "task_id": answer["task_id"]}


def attach(service: Service, call: Call) -> Document:
    record = _active(service, call)
    arguments = {"instances": call.body.get("instances") or []}
    answer = _start(service, call, "nodepool_attach", record, arguments, "scaling")
    return {"request_id": call.request_id, "task_id": answer["task_id"]}


def configure(service: Service, call: Call) -> Document:
    record = _active(service, call)
    config = {
        "kubelet_configuration": call.body.get("kubelet_config"),
        "node_os_config": call.body.get("os_config"),
    }
    sections = {"node_config": {name: value for name, value in config.items() if value is not None}}
    answer = _start(service, call, "nodepool_config", record, {"sections": sections}, "updating")
    return {name: answer[name] for name in ("nodepool_id", "request_id", "task_id")}


def upgrade(service: Service, call: Call) -> Document:
    record = _active(service, call)
    config = {"runtime": call.body.get("runtime_type"), "runtime_version": call.body.get("runtime_version")}
    sections: Document = {"kubernetes_config": {name: value for name, value in config.items() if value}}
    if call.body.get("image_id"):
        sections["scaling_group"] = {"image_id": call.body["image_id"]}
    answer = _start(service, call, "nodepool_upgrade", record, {"sections": sections}, "upgrading")
    return {"RequestId": call.request_id, "task_id": answer["task_id"]}


def delete(service: Service, call: Call) -> Document:
    service.operable(call)
    record = _pool(service, call)
    if record["state"] in ("removing_nodes", "removing", "deleting", "scaling", "updating"):
        raise _busy(record)
    if record["nodes"] and not call.flag("force"):
        raise ServiceError(400, "ErrorNodePoolHasNodes", f"the node pool has {len(record['nodes'])} nodes; use force")
    answer = _start(service, call, "nodepool_delete", record, {}, "deleting", cluster_state="removing")
    return {"request_id": call.request_id, "task_id": answer["task_id"]}


def nodes(service: Service, call: Call) -> Document:
    service.cluster(call)
    ids, names = (json.loads(call.query.get(name) or "[]") for name in ("instanceIds", "nodeNames"))
    found = [
        node
        for record in service.pools(call.ids["cluster_id"])
        for node in record["nodes"]
        if call.query.get("nodepool_id") in (None, "", node["nodepool_id"])
        and call.query.get("state") in (None, "", "all", node["state"])
        and (not ids or node["instance_id"] in ids)
        and (not names or node["node_name"] in names)
    ]
    number, size = call.number("pageNumber", 1), call.number("pageSize", 10)
    page = {"page_number": number, "page_size": size, "total_count": len(found)}
    return {"nodes": found[(number - 1) * size : number * size], "page": page}


def attach_script(service: Service, call: Call) -> str:
    """The script that a machine outside the cloud runs to join: it brings its token to `join`. Kept is a digest."""
    service.operable(call)
    record = service.nodepools.get(str(call.body.get("nodepool_id")))
    if record is None or record["cluster_id"] != call.ids["cluster_id"]:
        raise ServiceError(404, "ErrorNodePoolNotFound", f"node pool {call.body.get('nodepool_id')!r} not found")
    if record["pool"]["nodepool_info"]["type"] != "edge":
        raise invalid("NodepoolId", "machines join node pools of type edge")
    token, pool_id = new_id("", 32), record["pool"]["nodepool_info"]["nodepool_id"]
    kept = {"digest": _digest(token), "once": bool(call.body.get("one_time_token"))}
    service.nodepools.put(pool_id, {**record, "tokens": [*record.get("tokens", []), kept]})
    return SCRIPT.format(url=f"http://{call.host}/__simulator__/join", token=token)


SCRIPT = """\
#!/bin/sh
# Run as root on the machine that shall join.
exec python3 - <<'END'
import urllib.request
request = urllib.request.Request("{url}", data=b"{token}", method="POST")
print(urllib.request.urlopen(request, timeout=60).read().decode())
END
"""


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def join(service: Service, token: str) -> Document:
    """The machine that brings this token becomes a node of its pool: where there is a real cluster, that one's node."""
    for record in service.nodepools:
        kept = next((each for each in record.get("tokens", []) if each["digest"] == _digest(token)), None)
        if kept is not None:
            break
    else:
        raise ServiceError(403, "Forbidden", "the token is unknown or was used")
    pool_id = record["pool"]["nodepool_info"]["nodepool_id"]
    cluster = service.cluster_named(record["cluster_id"])
    node = _node(service, record, len(record["nodes"]), new_id("edge-", 16))
    if service.driver is not None and cluster["real"]:
        node["node_name"] = f"ack-{cluster['real']}"
        labels = {each["key"]: each.get("value") or "" for each in record["pool"]["kubernetes_config"]["labels"]}
        labels |= {"alibabacloud.com/nodepool-id": pool_id, "alibabacloud.com/is-edge-worker": "true"}
        try:
            await service.driver.join(cluster["real"], labels, lambda line: None)
        except DriverFailed as failed:
            raise ServiceError(500, "InternalError", str(failed)) from failed
    node.update(state="running", node_status="Ready", instance_status="Running", is_aliyun_node=False)
    others = [each for each in record["nodes"] if each["node_name"] != node["node_name"]]
    tokens = [each for each in record["tokens"] if each is not kept or not each["once"]]
    service.nodepools.put(pool_id, {**record, "nodes": [*others, node], "tokens": tokens})
    service.resize(record["cluster_id"])
    return {"node_name": node["node_name"], "nodepool_id": pool_id}


def autoscaling(service: Service, call: Call) -> Document:
    record = service.operable(call, ("running",))
    cluster_id = record["cluster"]["cluster_id"]
    service.set_state(cluster_id, "updating")
    return service.tasks.start(call, "autoscaling_config", cluster_id, cluster_id, {"config": call.body})


def _pool(service: Service, call: Call) -> Document:
    service.cluster(call)
    record = service.nodepools.get(call.ids["nodepool_id"])
    if record is None or record["cluster_id"] != call.ids["cluster_id"]:
        raise ServiceError(404, "ErrorNodePoolNotFound", f"node pool {call.ids['nodepool_id']} not found")
    return record


def _active(service: Service, call: Call) -> Document:
    service.operable(call)
    record = _pool(service, call)
    if record["state"] != "active":
        raise _busy(record)
    return record


def _busy(record: Document) -> ServiceError:
    return ServiceError(400, "InvalidNodePoolStatus.Forbidden", f"the node pool is {record['state']}")


def _start(
    service: Service,
    call: Call,
    work: str,
    pool: Document | str,
    arguments: Document,
    busy: str,
    cluster_state: str | None = None,
) -> Document:
    """Mark pool and cluster busy and begin the task."""
    pool_id = pool if isinstance(pool, str) else pool["pool"]["nodepool_info"]["nodepool_id"]
    if not isinstance(pool, str):
        pool["state"] = busy
        service.nodepools.put(pool_id, pool)
    cluster_id = call.ids["cluster_id"]
    in_cluster = cluster_state or (busy if busy in ("scaling", "removing") else None)
    if in_cluster:
        service.set_state(cluster_id, in_cluster)
    answer = service.tasks.start(call, work, cluster_id, pool_id, {"pool": pool_id, **arguments})
    return {"nodepool_id": pool_id, "request_id": call.request_id, "task_id": answer["task_id"]}


def _merged(pool: Document, sections: Document) -> Document:
    return {**pool, **{name: {**(pool.get(name) or {}), **section} for name, section in sections.items()}}


def _node(service: Service, record: Document, index: int, instance_id: str | None = None) -> Document:
    group, pool_id = record["pool"]["scaling_group"], record["pool"]["nodepool_info"]["nodepool_id"]
    number = int(pool_id[2:6], 16)
    address = f"10.{number >> 8}.{number & 255}.{index + 1}"
    types = group.get("instance_types") or ["ecs.g7.xlarge"]
    return {
        "node_name": f"{service.region}.{address}",
        "instance_id": instance_id or new_id("i-", 20),
        "nodepool_id": pool_id,
        "state": "pending",
        "node_status": "Unknown",
        "instance_status": "Pending",
        "instance_type": types[index % len(types)],
        "instance_role": "Worker",
        "instance_charge_type": group.get("instance_charge_type") or "PostPaid",
        "ip_address": [address],
        "source": "ess_attach" if instance_id is None else "manual",
        "host_name": f"ack-{pool_id[:8]}-{index}",
        "creation_time": service.clock.utc(),
        "is_aliyun_node": True,
        "error_message": "",
    }


def _order_nodes(service: Service, pool_id: str) -> None:
    """First half of a resize: new nodes appear as pending, surplus ones begin to stop."""
    record = service.nodepools.get(pool_id)
    if record is None:
        return
    size, used = wanted_size(record), {node["ip_address"][0] for node in record["nodes"]}
    index = 0
    while len(record["nodes"]) < size:
        node = _node(service, record, index)
        if node["ip_address"][0] not in used:
            record["nodes"].append(node)
        index += 1
    for node in record["nodes"][size:]:
        node.update(state="stopping", node_status="NotReady")
    record["state"] = "scaling" if record["state"] == "initial" else record["state"]
    service.nodepools.put(pool_id, record)


def _receive_nodes(service: Service, pool_id: str, *, ready: bool) -> None:
    """Second half: pending nodes become Ready or stay out of stock, stopping ones are gone."""
    record = service.nodepools.get(pool_id)
    if record is None:
        return
    record["nodes"] = [node for node in record["nodes"] if node["state"] != "stopping"]
    for node in record["nodes"]:
        if node["state"] == "pending" and ready:
            node.update(state="running", node_status="Ready", instance_status="Running", error_message="")
        elif node["state"] == "pending":
            kind = node["instance_type"]
            node["error_message"] = f"OperationDenied.NoStock: the requested instance type {kind} is sold out."
    service.nodepools.put(pool_id, record)
    service.resize(record["cluster_id"])


def _apply(service: Service, task: Document) -> None:
    record = _of(service, task)
    if record is not None:
        record["pool"] = _merged(record["pool"], task["arguments"]["sections"])
        record["pool"]["nodepool_info"]["updated"] = service.clock.china()
        service.nodepools.put(task["arguments"]["pool"], record)


def _order(service: Service, task: Document) -> None:
    _order_nodes(service, task["arguments"]["pool"])


def _receive(service: Service, task: Document) -> None:
    in_stock = (task["fault"] or {}).get("kind") != "stock_shortage"
    _receive_nodes(service, task["arguments"]["pool"], ready=in_stock)


def _mark_removed(service: Service, task: Document) -> None:
    record = _of(service, task)
    if record is not None:
        for node in record["nodes"]:
            if node["node_name"] in task["arguments"]["nodes"]:
                node.update(state="stopping", node_status="NotReady")
        service.nodepools.put(task["arguments"]["pool"], record)


def _remove(service: Service, task: Document) -> None:
    record = _of(service, task)
    if record is not None:
        group = record["pool"]["scaling_group"]
        if group.get("desired_size") is not None:
            group["desired_size"] = sum(node["state"] != "stopping" for node in record["nodes"])
    _receive(service, task)


def _attach(service: Service, task: Document) -> None:
    record = _of(service, task)
    if record is not None:
        known = {node["instance_id"] for node in record["nodes"]}
        for instance in task["arguments"]["instances"]:
            if instance not in known:
                record["nodes"].append(_node(service, record, 100 + len(record["nodes"]), instance))
        if record["pool"]["scaling_group"].get("desired_size") is not None:
            record["pool"]["scaling_group"]["desired_size"] = len(record["nodes"])
        service.nodepools.put(task["arguments"]["pool"], record)


def _drain(service: Service, task: Document) -> None:
    record = _of(service, task)
    if record is not None:
        for node in record["nodes"]:
            node.update(state="stopping", node_status="NotReady")
        service.nodepools.put(task["arguments"]["pool"], record)


def _delete(service: Service, task: Document) -> None:
    service.nodepools.delete(task["arguments"]["pool"])
    service.resize(task["task"]["cluster_id"])


def _of(service: Service, task: Document) -> Document | None:
    return service.nodepools.get(task["arguments"]["pool"])


def _settled(state: str) -> Any:
    """The pool is in this state, if it is still there, and the cluster at rest."""

    def settle(service: Service, task: Document) -> None:
        record = _of(service, task)
        if record is not None:
            record["state"] = state
            service.nodepools.put(task["arguments"]["pool"], record)
        service.rest(task["task"]["cluster_id"], task)

    return settle


def _rest(service: Service, task: Document) -> None:
    service.rest(task["task"]["cluster_id"], task)


_ORDER, _RECEIVE, _APPLY = Step("scale_out", _order), Step("nodes_ready", _receive), Step("apply", _apply)
_ACTIVE = _settled("active")
WORKS = {
    "nodepool_create": Work("cluster_scaleout", "nodepool", (_ORDER, _RECEIVE), _ACTIVE, _settled("failed")),
    "nodepool_modify": Work("nodepool_update", "nodepool", (_APPLY, _ORDER, _RECEIVE), _ACTIVE, _ACTIVE),
    "nodepool_scale": Work("cluster_scaleout", "nodepool", (_APPLY, _ORDER, _RECEIVE), _ACTIVE, _ACTIVE),
    "nodepool_remove_nodes": Work(
        "remove_nodes", "nodepool", (Step("drain", _mark_removed), Step("release", _remove)), _ACTIVE, _ACTIVE
    ),
    "nodepool_attach": Work("attach_instances", "nodepool", (Step("attach", _attach), _RECEIVE), _ACTIVE, _ACTIVE),
    "nodepool_config": Work("node_config", "nodepool", (_APPLY,), _ACTIVE, _ACTIVE, can_cancel=True),
    "nodepool_upgrade": Work("nodepool_upgrade", "nodepool", (_APPLY,), _ACTIVE, _ACTIVE, can_cancel=True),
    "nodepool_delete": Work(
        "nodepool_delete", "nodepool", (Step("drain", _drain), Step("release", _delete)), _rest, _ACTIVE
    ),
    "autoscaling_config": Work(
        "autoscaling_config", "cluster", (Step("apply", lambda service, task: None),), _rest, _rest
    ),
}
