# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The life of a cluster: create, read, modify, upgrade, delete."""

from __future__ import annotations

import json
import re
from typing import Any

from ..errors import ServiceError, invalid
from ..store import Document
from . import addons, nodepools, versions
from .driver import REAL_CLUSTERS, DriverFailed
from .service import Call, Service, new_id
from .work import Step, TaskFailed, Work

CLUSTER_TYPES = ("ManagedKubernetes", "Kubernetes", "ExternalKubernetes")
PROFILES = ("Default", "Serverless", "Edge", "Lingjun", "Acs")
SPECS = ("ack.standard", "ack.pro.small", "ack.pro.xlarge", "ack.pro.2xlarge", "ack.pro.4xlarge")
# Fields that only DescribeClusterDetail shows.
DETAIL_ONLY = ("auto_mode", "extra_sans", "node_cidr_mask", "parameters", "rrsa_config")
# Fields that the list for one region leaves out beside those.
NOT_FOR_REGION = (
    "docker_version", "external_loadbalancer_id", "maintenance_window", "master_url", "meta_data", "network_mode",
    "operation_policy", "private_zone", "subnet_cidr", "vswitch_id", "worker_ram_role_name", "zone_id",
)  # fmt: skip

# Fields of CreateCluster that the cluster object shows under the same name, with the service's default.
SHOWN_FIELDS: dict[str, Any] = {
    "cluster_domain": "cluster.local",
    "container_cidr": "",
    "extra_sans": [],
    "ip_stack": "ipv4",
    "maintenance_window": {"enable": False},
    "node_cidr_mask": "26",
    "operation_policy": {"cluster_auto_upgrade": {"enabled": False}},
    "proxy_mode": "ipvs",
    "resource_group_id": "rg-default",
    "service_cidr": "172.16.0.0/16",
    "tags": [],
    "timezone": "Asia/Shanghai",
}
# Fields that create() looks at in another way.
READ_FIELDS = (
    "name", "region_id", "cluster_type", "profile", "cluster_spec", "kubernetes_version", "vpcid", "vswitch_ids",
    "zone_id", "zone_ids", "security_group_id", "snat_entry", "endpoint_public_access", "deletion_protection",
    "rrsa_config", "enable_rrsa", "addons", "nodepools", "auto_mode", "controlplane_log_project",
    "controlplane_log_ttl", "controlplane_log_components",
)  # fmt: skip
# Fields that a client may send and that nothing readable reflects here.
ACCEPTED_FIELDS = (
    "api_audiences", "audit_log_config", "charge_type", "client_token", "control_plane_endpoints_config",
    "disable_rollback", "encryption_provider_key", "is_enterprise_security_group", "load_balancer_id",
    "load_balancer_spec", "logging_type", "pod_vswitch_ids", "service_account_issuer", "service_discovery_types",
    "timeout_mins",
)  # fmt: skip
CREATE_FIELDS = (*SHOWN_FIELDS, *READ_FIELDS, *ACCEPTED_FIELDS)


def create(service: Service, call: Call) -> Document:
    body = call.body
    _check_create(service, body)
    cluster_id, profile = new_id("c", 32), body.get("profile") or "Default"
    version = versions.creatable(body.get("kubernetes_version"))
    vswitches = body.get("vswitch_ids") or [new_id("vsw-", 20)]
    wants_rrsa = bool((body.get("rrsa_config") or {}).get("enabled") or body.get("enable_rrsa"))
    now = service.clock.china()
    cluster = {
        **{name: body.get(name) or default for name, default in SHOWN_FIELDS.items()},
        "cluster_id": cluster_id,
        "name": body["name"],
        "state": "initial",
        "cluster_type": body["cluster_type"],
        "cluster_spec": body.get("cluster_spec") or "ack.standard",
        "profile": profile,
        "current_version": version,
        "init_version": version,
        "next_version": "",
        "docker_version": "",
        "region_id": service.region,
        "zone_id": (body.get("zone_ids") or [body.get("zone_id") or f"{service.region}-h"])[0],
        "vpc_id": body.get("vpcid") or new_id("vpc-", 20),
        "vswitch_id": ",".join(vswitches),
        "vswitch_ids": vswitches,
        "security_group_id": body.get("security_group_id") or new_id("sg-", 20),
        "external_loadbalancer_id": new_id("lb-", 20),
        "subnet_cidr": body.get("container_cidr") or "",
        "network_mode": "vpc",
        "worker_ram_role_name": f"KubernetesWorkerRole-{cluster_id}",
        "private_zone": False,
        "size": 0,
        "created": now,
        "updated": now,
        "deletion_protection": bool(body.get("deletion_protection")),
        "master_url": "",
        "parameters": {},
        "auto_mode": {"enable": bool((body.get("auto_mode") or {}).get("enable"))},
        "rrsa_config": rrsa(cluster_id, wants_rrsa),
        "meta_data": json.dumps({"Addons": [], "Capabilities": {}, "ExtraCertSAN": body.get("extra_sans") or []}),
    }
    record = {
        "cluster": cluster,
        "real": None,
        "snat_entry": bool(body.get("snat_entry")),
        "public_endpoint": bool(body.get("endpoint_public_access")),
        "control_plane_log": {
            "aliuid": "1000000000000000",
            "components": body.get("controlplane_log_components") or [],
            "log_project": body.get("controlplane_log_project") or "",
            "log_ttl": str(body.get("controlplane_log_ttl") or "30"),
        },
    }
    first_addons = addons.for_new_cluster(body.get("addons") or [])
    for wanted in body.get("nodepools") or []:
        nodepools.check(wanted, {})
    service.clusters.put(cluster_id, record)
    pools = [nodepools.add(service, cluster_id, wanted) for wanted in body.get("nodepools") or []]
    arguments = {"nodepools": pools, "addons": first_addons}
    return service.tasks.start(call, "cluster_create", cluster_id, cluster_id, arguments)


def _check_create(service: Service, body: Document) -> None:
    if not re.fullmatch(r"[^-_\W][\w-]{0,62}", body.get("name") or ""):
        raise invalid("Name", f"name {body.get('name')!r}: 1 to 63 letters, digits, - and _, not beginning with - or _")
    for name, code, allowed in (
        ("region_id", "RegionId", (service.region,)),
        ("cluster_type", "ClusterType", CLUSTER_TYPES),
        ("profile", "Profile", PROFILES),
        ("cluster_spec", "ClusterSpec", SPECS),
    ):
        found = body.get(name)
        if found not in allowed and (found or name in ("region_id", "cluster_type")):
            raise invalid(code, f"{name} {found!r} is none of {', '.join(allowed)}")
    if not (body.get("vpcid") and body.get("vswitch_ids")) and not body.get("zone_ids"):
        raise invalid("VpcId", "vpcid with vswitch_ids, or zone_ids, must be given")


def rrsa(cluster_id: str, enabled: bool) -> Document:
    if not enabled:
        return {"enabled": False}
    issuer = f"https://oidc-ack-cn.oss-cn-hangzhou.aliyuncs.com/{cluster_id}"
    return {
        "enabled": True,
        "audience": "sts.aliyuncs.com",
        "issuer": issuer,
        "jwks_url": f"{issuer}/keys.json",
        "open_api_configuration_url": f"{issuer}/.well-known/openid-configuration",
        "oidc_name": f"ack-rrsa-{cluster_id}",
        "oidc_arn": f"acs:ram::1000000000000000:oidc-provider/ack-rrsa-{cluster_id}",
        "max_oidc_token_expiration": "12h",
    }


def detail(service: Service, call: Call) -> Document:
    cluster: Document = service.cluster(call)["cluster"]
    return cluster


def listing(service: Service, call: Call) -> Document:
    """DescribeClustersV1 and DescribeClustersForRegion: `name` is a part of the name, everything else is equal."""
    equal = {
        name: call.query[name]
        for name in ("cluster_id", "cluster_type", "cluster_spec", "profile", "region_id")
        if call.query.get(name)
    }
    hidden: tuple[str, ...] = DETAIL_ONLY
    if "region_id" in call.ids:
        hidden = (*DETAIL_ONLY, *NOT_FOR_REGION)
        equal["region_id"] = call.ids["region_id"]
    found = [
        {name: value for name, value in record["cluster"].items() if name not in hidden}
        for record in service.clusters
        if call.query.get("name", "") in record["cluster"]["name"]
        and all(record["cluster"][name] == value for name, value in equal.items())
    ]
    page, info = call.page(sorted(found, key=lambda cluster: str(cluster["created"]), reverse=True), default_size=10)
    return {"clusters": page, "page_info": info}


# ModifyCluster: field -> how it changes the record. The order is the order of precedence.
def _set(name: str) -> Any:
    def change(record: Document, value: Any) -> None:
        record["cluster"][name] = value

    return change


def _set_rrsa(record: Document, value: Any) -> None:
    record["cluster"]["rrsa_config"] = rrsa(record["cluster"]["cluster_id"], bool(value))


def _set_vswitches(record: Document, value: Any) -> None:
    record["cluster"].update(vswitch_ids=value, vswitch_id=",".join(value))


def _set_public_endpoint(record: Document, value: Any) -> None:
    record["public_endpoint"] = bool(value)
    urls = json.loads(record["cluster"]["master_url"] or "{}")
    public = {"api_server_endpoint": urls["intranet_api_server_endpoint"]} if value else {"api_server_endpoint": ""}
    record["cluster"]["master_url"] = json.dumps({**urls, **public})


def _set_sans(record: Document, value: Any) -> None:
    old = record["cluster"]["extra_sans"] if value.get("action") == "append" else []
    new = sorted({*old, *(value.get("subject_alternative_names") or [])})
    record["cluster"]["extra_sans"] = new
    record["cluster"]["meta_data"] = json.dumps({**json.loads(record["cluster"]["meta_data"]), "ExtraCertSAN": new})


CONCERNS: dict[str, Any] = {
    "cluster_spec": _set("cluster_spec"),
    "cluster_name": _set("name"),
    "deletion_protection": _set("deletion_protection"),
    "enable_rrsa": _set_rrsa,
    "api_server_eip": _set_public_endpoint,
    "api_server_custom_cert_sans": _set_sans,
    "maintenance_window": _set("maintenance_window"),
    "operation_policy": _set("operation_policy"),
    "resource_group_id": _set("resource_group_id"),
    "security_group_id": _set("security_group_id"),
    "timezone": _set("timezone"),
    "vswitch_ids": _set_vswitches,
}
MODIFY_FIELDS = (*CONCERNS, "api_server_eip_id", "client_token", "access_control_list")


def modify(service: Service, call: Call) -> Document:
    """Only the first concern of the body takes effect, and the task succeeds all the same: the service does that."""
    body = {name: value for name, value in call.body.items() if value is not None and name in CONCERNS}
    at_rest = ("running", "failed", "delete_failed") if set(body) == {"deletion_protection"} else ("running",)
    record = service.operable(call, at_rest)
    cluster_id, name = record["cluster"]["cluster_id"], body.get("cluster_name")
    if body.get("api_server_eip") and not call.body.get("api_server_eip_id"):
        raise invalid("ApiServerEipId", "api_server_eip_id must be given with api_server_eip")
    if body.get("enable_rrsa") is False and record["cluster"]["rrsa_config"]["enabled"]:
        raise invalid("EnableRrsa", "RRSA cannot be disabled once it is enabled")
    if body.get("cluster_spec") not in (None, *SPECS):
        raise invalid("ClusterSpec", f"cluster_spec {body['cluster_spec']!r} is none of {', '.join(SPECS)}")
    if name and any(other["cluster"]["name"] == name and other is not record for other in service.clusters):
        raise ServiceError(400, "ClusterNameAlreadyExist", f"cluster name {name} already exists")
    first = next((name for name in CONCERNS if name in body), None)
    change = {} if first is None else {first: body[first]}
    arguments = {"change": change, "rest": record["cluster"]["state"]}
    service.set_state(cluster_id, "updating")
    return service.tasks.start(call, "cluster_modify", cluster_id, cluster_id, arguments)


def upgrade(service: Service, call: Call) -> Document:
    record = service.operable(call, ("running",))
    current, wanted = record["cluster"]["current_version"], call.body.get("next_version")
    offered = versions.upgradable(current)
    if wanted not in offered:
        possible = ", ".join(offered) or "none"
        raise invalid("NextVersion", f"{current} cannot be upgraded to {wanted!r}; possible: {possible}")
    cluster_id = record["cluster"]["cluster_id"]
    record["cluster"]["next_version"] = wanted
    service.set_state(cluster_id, "upgrading")
    return service.tasks.start(call, "cluster_upgrade", cluster_id, cluster_id, {"version": wanted})


def delete(service: Service, call: Call) -> Document:
    record = service.cluster(call)
    cluster_id, state = record["cluster"]["cluster_id"], record["cluster"]["state"]
    if state == "deleting":
        raise ServiceError(400, "ErrorClusterState", "cluster state is deleting")
    if record["cluster"]["deletion_protection"]:
        raise ServiceError(403, "OperationDenied.DeletionProtection", "deletion protection is enabled for this cluster")
    for task in service.tasks.of_cluster(cluster_id):
        if task["task"]["state"] in ("running", "paused"):
            service.tasks.cancel(task, "the cluster is being deleted")
    service.set_state(cluster_id, "deleting")
    return service.tasks.start(call, "cluster_delete", cluster_id, cluster_id, {})


def _prepare(service: Service, task: Document) -> None:
    """Take the real cluster of this profile, when there is one to take."""
    record = service.cluster_named(task["task"]["cluster_id"])
    if service.driver is None or record["real"]:
        return
    profile = record["cluster"]["profile"]
    name = REAL_CLUSTERS.get(profile)
    holder = next((other["cluster"]["name"] for other in service.clusters if name and other["real"] == name), None)
    if name is None or holder:
        taken = f"it is taken by cluster {holder}" if holder else f"profiles with one: {', '.join(REAL_CLUSTERS)}"
        raise TaskFailed("QuotaExceeded.Cluster", f"The sandbox has no free cluster of profile {profile}: {taken}.")
    record["real"] = name
    service.clusters.put(record["cluster"]["cluster_id"], record)


async def _start_control_plane(service: Service, task: Document) -> None:
    record = service.cluster_named(task["task"]["cluster_id"])
    endpoint = "https://192.0.2.10:6443"
    if service.driver is not None:
        try:
            await service.driver.up(record["real"], lambda line: service.tasks.note(task, "control_plane", line))
            endpoint = service.driver.server(record["real"])
        except DriverFailed as failed:
            raise TaskFailed("ClusterStartFailed", f"{record['real']} did not start:\n{failed}") from failed
        except OSError as failed:
            raise TaskFailed("ClusterStartFailed", f"{record['real']} has no kubeconfig: {failed}") from failed
    public = endpoint if record["public_endpoint"] else ""
    urls = {"api_server_endpoint": public, "intranet_api_server_endpoint": endpoint}
    record["cluster"]["master_url"] = json.dumps(urls)
    service.clusters.put(record["cluster"]["cluster_id"], record)


def _first_nodes(service: Service, task: Document) -> None:
    for pool_id in task["arguments"]["nodepools"]:
        nodepools.fill(service, pool_id, ready=(task["fault"] or {}).get("kind") != "stock_shortage")


def _first_addons(service: Service, task: Document) -> None:
    for addon in task["arguments"]["addons"]:
        addons.put(service, task["task"]["cluster_id"], addon)


def _created(service: Service, task: Document) -> None:
    record = service.clusters.get(task["task"]["cluster_id"])
    if record is not None and record["cluster"]["state"] == "initial":  # its deletion may have begun meanwhile
        service.set_state(task["task"]["cluster_id"], "running")


def _create_failed(service: Service, task: Document) -> None:
    service.set_state(task["task"]["cluster_id"], "failed")


def _apply_change(service: Service, task: Document) -> None:
    record = service.cluster_named(task["task"]["cluster_id"])
    for name, value in task["arguments"]["change"].items():
        CONCERNS[name](record, value)
    service.clusters.put(record["cluster"]["cluster_id"], record)


def _apply_upgrade(service: Service, task: Document) -> None:
    record = service.cluster_named(task["task"]["cluster_id"])
    record["cluster"].update(current_version=task["arguments"]["version"], next_version="")
    service.clusters.put(record["cluster"]["cluster_id"], record)


def _drain(service: Service, task: Document) -> None:
    for pool in service.pools(task["task"]["cluster_id"]):
        service.nodepools.delete(pool["pool"]["nodepool_info"]["nodepool_id"])


async def _stop_control_plane(service: Service, task: Document) -> None:
    record = service.clusters.get(task["task"]["cluster_id"])
    if record is None or service.driver is None or not record["real"]:
        return
    try:
        await service.driver.down(record["real"], lambda line: service.tasks.note(task, "control_plane", line))
    except DriverFailed as failed:
        raise TaskFailed("ClusterStopFailed", f"{record['real']} did not stop:\n{failed}") from failed


def _forget(service: Service, task: Document) -> None:
    cluster_id = task["task"]["cluster_id"]
    for addon in service.installed(cluster_id):
        addons.remove(service, cluster_id, addon["addon"]["name"])
    service.clusters.delete(cluster_id)


def _delete_failed(service: Service, task: Document) -> None:
    service.set_state(task["task"]["cluster_id"], "delete_failed")


def _as_before(service: Service, task: Document) -> None:
    """A change mends nothing: what had failed is failed."""
    if task["arguments"].get("rest", "running") != "running":
        service.set_state(task["task"]["cluster_id"], task["arguments"]["rest"])
    else:
        _rest(service, task)


def _rest(service: Service, task: Document) -> None:
    service.rest(task["task"]["cluster_id"], task)


WORKS = {
    "cluster_create": Work(
        "cluster_create",
        "cluster",
        (
            Step("infrastructure", _prepare),
            Step("control_plane", _start_control_plane),
            Step("nodepools", _first_nodes),
            Step("addons", _first_addons),
            Step("rollout", addons.rollout),
        ),
        _created,
        _create_failed,
    ),
    "cluster_modify": Work("cluster_modify", "cluster", (Step("apply", _apply_change),), _as_before, _as_before),
    "cluster_upgrade": Work(
        "cluster_upgrade",
        "cluster",
        (Step("precheck", lambda service, task: None), Step("control_plane", _apply_upgrade)),
        _rest,
        _rest,
        can_cancel=True,
    ),
    "cluster_delete": Work(
        "cluster_delete",
        "cluster",
        (Step("drain", _drain), Step("control_plane", _stop_control_plane), Step("resources", _forget)),
        lambda service, task: None,
        _delete_failed,
    ),
}
