# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What surrounds a cluster: its cloud resources, events, tags, control plane logs, protection, quotas."""

from __future__ import annotations

import json

from ..errors import ServiceError, invalid
from ..store import Document
from .service import Call, Service
from .work import Step, Work

TAGGED = "CLUSTER"
# What addons make: kind, prefix of its id, whether a deletion of the cluster takes it along, for which object.
MADE_BY_ADDONS = {
    "nginx-ingress-controller": ("SLB", "lb-", True, ("Service", "kube-system", "nginx-ingress-lb")),
    "alb-ingress-controller": ("ALB", "alb-", False, ("AlbConfig", "", "alb")),
}


def resources(service: Service, call: Call) -> list[Document]:
    """The cloud resources that come with a cluster, most of which outlive it unless told otherwise."""
    record = service.cluster(call)
    cluster = record["cluster"]
    made = [
        ("SLB", cluster["external_loadbalancer_id"], True),
        ("ALIYUN::ECS::SecurityGroup", cluster["security_group_id"], True),
        ("SLS_Data", f"k8s-log-{cluster['cluster_id']}", False),
    ]
    if record["snat_entry"]:
        made.append(("ALIYUN::VPC::NatGateway", "ngw-" + cluster["cluster_id"][1:21], False))
        made.append(("ALIYUN::VPC::EIP", "eip-" + cluster["cluster_id"][1:21], False))
    made += [
        ("ALIYUN::ESS::ScalingGroup", pool["pool"]["scaling_group"]["scaling_group_id"], True)
        for pool in service.pools(cluster["cluster_id"])
    ]
    found = [
        {
            "cluster_id": cluster["cluster_id"],
            "created": cluster["created"],
            "instance_id": instance_id,
            "resource_info": "",
            "resource_type": kind,
            "state": "CREATE_COMPLETE",
            "auto_create": 1,
            "dependencies": [],
            "delete_behavior": {"delete_by_default": by_default, "changeable": True},
            "creator_type": "system",
        }
        for kind, instance_id, by_default in made
    ]
    return [*found, *(_of_addons(service, cluster) if call.flag("with_addon_resources") else [])]


def _of_addons(service: Service, cluster: Document) -> list[Document]:
    installed = {record["addon"]["name"] for record in service.installed(cluster["cluster_id"])}
    return [
        {
            "cluster_id": cluster["cluster_id"],
            "created": cluster["created"],
            "instance_id": prefix + cluster["cluster_id"][1:21],
            "resource_type": kind,
            "state": "CREATE_COMPLETE",
            "auto_create": 1,
            "delete_behavior": {"delete_by_default": by_default, "changeable": True},
            "creator_type": "addon",
            "associated_object": dict(zip(("kind", "namespace", "name"), thing, strict=True)),
        }
        for name, (kind, prefix, by_default, thing) in MADE_BY_ADDONS.items()
        if name in installed
    ]


def events(service: Service, call: Call) -> Document:
    """DescribeClusterEvents and DescribeEvents: every event is one of a task's."""
    cluster_id = call.ids.get("cluster_id")
    if cluster_id:
        service.cluster(call)
    found = [
        {
            "event_id": f"{record['task']['task_id']}-{number}",
            "type": f"{record['task']['task_type']}_{event['action']}",
            "source": event["source"],
            "subject": record["task"]["target"]["id"],
            "time": event["timestamp"],
            "cluster_id": record["task"]["cluster_id"],
            "data": {"level": event["level"], "reason": event["reason"], "message": event["message"]},
        }
        for record in service.tasks.of_cluster(cluster_id or call.query.get("cluster_id") or None)
        if call.query.get("task_id") in (None, "", record["task"]["task_id"])
        for number, event in reversed(list(enumerate(record["task"]["events"])))
    ]
    kept = [event for event in found if call.query.get("type") in (None, "", event["type"])]
    page, info = call.page(kept, default_size=50)
    return {"events": page, "page_info": info, "next_token": ""}


def tag(service: Service, call: Call) -> Document:
    for record in _tagged(service, call.body.get("resource_type"), call.body.get("resource_ids") or []):
        asked = {tag["key"]: tag["value"] for tag in call.body.get("tags") or []}
        _retag(service, record, {**_tags(record), **asked})
    return {"RequestId": call.request_id}


def untag(service: Service, call: Call) -> Document:
    keys, everything = json.loads(call.query.get("tag_keys") or "[]"), call.flag("all")
    ids = json.loads(call.query.get("resource_ids") or "[]")
    for record in _tagged(service, call.query.get("resource_type"), ids):
        _retag(service, record, {k: v for k, v in _tags(record).items() if not everything and k not in keys})
    return {"RequestId": call.request_id}


def tags(service: Service, call: Call) -> Document:
    ids = json.loads(call.query.get("resource_ids") or "[]")
    wanted = {tag["key"]: tag.get("value") for tag in json.loads(call.query.get("tags") or "[]")}
    found = [
        {"resource_id": record["cluster"]["cluster_id"], "resource_type": TAGGED, "tag_key": key, "tag_value": value}
        for record in service.clusters
        if not ids or record["cluster"]["cluster_id"] in ids
        for key, value in _tags(record).items()
        if not wanted or (key in wanted and wanted[key] in (None, "", value))
    ]
    return {"request_id": call.request_id, "next_token": "", "tag_resources": {"tag_resource": found}}


def replace_tags(service: Service, call: Call) -> None:
    _retag(service, service.cluster(call), {tag["key"]: tag.get("value", "") for tag in call.body})


def update_log(service: Service, call: Call) -> Document:
    record = service.operable(call, ("running",))
    cluster_id = record["cluster"]["cluster_id"]
    ttl = str(call.body.get("log_ttl") or record["control_plane_log"]["log_ttl"])
    if not ttl.isdigit() or not 1 <= int(ttl) <= 3000:
        raise invalid("LogTtl", f"log_ttl {ttl!r} is not between 1 and 3000 days")
    asked = {name: value for name, value in call.body.items() if value is not None}
    asked.setdefault("log_project", f"k8s-log-{cluster_id}")
    service.set_state(cluster_id, "updating")
    return service.tasks.start(call, "control_plane_log", cluster_id, cluster_id, {"log": {**asked, "log_ttl": ttl}})


def log(service: Service, call: Call) -> Document:
    found: Document = service.cluster(call)["control_plane_log"]
    return found


def protect(service: Service, call: Call) -> Document:
    """Protection of Kubernetes resources from deletion: remembered, not enforced."""
    service.operable(call)
    return {
        "requestId": call.request_id,
        "namespace": call.body.get("namespace") or "default",
        "protection": "enable" if call.body.get("enable") else "disable",
        "resource_type": call.body.get("resource_type") or "",
        "resources": call.body.get("resources") or [],
    }


def quota(service: Service, call: Call) -> Document:
    return {
        "cluster_quota": 50,
        "amk_cluster_quota": 20,
        "ask_cluster_quota": 20,
        "cluster_nodepool_quota": 20,
        "node_quota": 100,
    }


def _tagged(service: Service, kind: str | None, ids: list[str]) -> list[Document]:
    if (kind or "").upper() != TAGGED:
        raise ServiceError(400, "InvalidParameter.ResourceType", f"resource_type {kind!r} is not {TAGGED}")
    return [service.cluster_named(cluster_id) for cluster_id in ids]


def _tags(record: Document) -> dict[str, str]:
    return {tag["key"]: tag.get("value", "") for tag in record["cluster"]["tags"]}


def _retag(service: Service, record: Document, tags: dict[str, str]) -> None:
    record["cluster"]["tags"] = [{"key": key, "value": value} for key, value in sorted(tags.items())]
    service.clusters.put(record["cluster"]["cluster_id"], record)


def _apply_log(service: Service, task: Document) -> None:
    record = service.cluster_named(task["task"]["cluster_id"])
    record["control_plane_log"].update(task["arguments"]["log"])
    service.clusters.put(record["cluster"]["cluster_id"], record)


def _rest(service: Service, task: Document) -> None:
    service.rest(task["task"]["cluster_id"], task)


WORKS = {"control_plane_log": Work("control_plane_log", "cluster", (Step("apply", _apply_log),), _rest, _rest)}
