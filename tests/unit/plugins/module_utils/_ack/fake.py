"""A small ACK in dictionaries: enough of the API for the rules of the resources, with a log of what was written."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline

RUNNING: dict[str, Any] = {
    "cluster_id": "c1",
    "name": "prod",
    "state": "running",
    "current_version": "1.34.4-aliyun.1",
    "profile": "Default",
    "cluster_spec": "ack.pro.small",
    "region_id": "cn-hangzhou",
    "vpc_id": "vpc-1",
    "vswitch_ids": ["vsw-1"],
    "master_url": '{"intranet_api_server_endpoint":"https://10.0.0.1:6443"}',
    "tags": [{"key": "team", "value": "ml"}],
    "deletion_protection": False,
}
VERSIONS = [
    {"version": "1.35.3-aliyun.1", "creatable": True, "upgradable_versions": []},
    {"version": "1.34.4-aliyun.1", "creatable": True, "upgradable_versions": ["1.35.3-aliyun.1"]},
]


_ALL = ["Install", "Upgrade", "Modify", "Uninstall"]
CATALOGUE: dict[str, dict[str, Any]] = {
    "log": {"name": "log", "version": "2.0", "supported_actions": _ALL},
    "dns": {"name": "dns", "version": "2.0", "supported_actions": _ALL[:3]},
    "core": {"name": "core", "version": "2.0", "managed": True},
}


class FakeAck:
    """`deaf`: writes succeed and change nothing. `lost`: the next creation is done, and its answer lost. `refuse`: by
    action, what its next call fails with.
    """

    def __init__(self, *clusters: dict[str, Any], deaf: bool = False, lost: bool = False) -> None:
        self.clusters = {each["cluster_id"]: copy.deepcopy(each) for each in clusters}
        self.deaf, self.lost = deaf, lost
        self.writes: list[tuple[str, Any]] = []
        self.pools: list[dict[str, Any]] = []
        self.nodes: list[dict[str, Any]] = []
        self.quota: dict[str, int] = {"ask_cluster_quota": 20}
        self.refuse: dict[str, Failure] = {}
        self.log: dict[str, Any] = {"components": [], "log_project": "", "log_ttl": "30"}
        self.addons: dict[str, dict[str, Any]] = {}
        self.addon_tasks: dict[str, dict[str, Any]] = {}
        self.addon_failure = ""
        self.script = "#!/bin/sh\n"
        self.asked: list[Any] = []
        self.config = "apiVersion: v1\n"
        self.expiration = "2026-11-22T13:00:00Z"

    def call(
        self,
        action: str,
        what: str,
        *,
        ids: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        deadline: Deadline | None = None,
    ) -> Any:
        ids = ids or {}
        if not action.startswith(("Check", "Describe", "List", "Get")):
            self.writes.append((action, body))
            if self.deaf and action != "CreateCluster":
                self.addon_tasks = {name: {"status": "success"} for name in self.addons}
                return {}
        if action in self.refuse:
            raise self.refuse.pop(action)
        cluster = self.clusters.get(ids.get("cluster", ""))
        if "cluster" in ids and cluster is None:
            raise Failure("ErrorClusterNotFound", "gone")
        match action:
            case "DescribeClustersV1":
                name = (query or {}).get("name", "")
                return {"clusters": [each for each in self.clusters.values() if name in each["name"]]}
            case "DescribeClusterDetail" | "DescribeClusterTasks":
                return copy.deepcopy(cluster)
            case "DescribeKubernetesVersionMetadata":
                return VERSIONS
            case "DescribeClusterResources":
                kept = {
                    "resource_type": "SLS_Data",
                    "instance_id": "log",
                    "delete_behavior": {"delete_by_default": False},
                }
                gone = {"resource_type": "SLB", "instance_id": "lb", "delete_behavior": {"delete_by_default": True}}
                return [kept, gone]
            case "CreateCluster":
                made = {**RUNNING, "name": body["name"], "vswitch_ids": body.get("vswitch_ids", []), "tags": []}
                made |= {name: body[name] for name in ("profile", "cluster_spec", "container_cidr") if name in body}
                self.clusters["c1"] = {**made, "current_version": body.get("kubernetes_version", "1.35.3-aliyun.1")}
                for row in body.get("addons", []):
                    self.addons[row["name"]] = {"version": "2.0", "state": "active", "config": "", **row}
                logs = ("components", "project", "ttl")
                told = {
                    f"log_{name}".replace("log_components", "components"): f"controlplane_log_{name}" for name in logs
                }
                self.log |= {name: body[field] for name, field in told.items() if field in body}
                if self.lost:
                    raise Failure("Unreachable", "cut", details={"uncertain": True})
                return {"cluster_id": "c1"}
            case "ModifyCluster":
                assert cluster is not None
                assert len(body) == 1
                [(name, value)] = body.items()
                names = {"enable_rrsa": "rrsa_config", "cluster_name": "name"}
                cluster[names.get(name, name)] = {"enabled": value} if name == "enable_rrsa" else value
            case "ModifyClusterTags":
                assert cluster is not None
                cluster["tags"] = body
            case "DescribeClusterAttachScripts":
                self.asked.append(body)
                return self.script
            case "DescribeUserQuota":
                return self.quota
            case "CheckControlPlaneLogEnable":
                return self.log
            case "UpdateControlPlaneLog":
                self.log = {**self.log, **body}
            case "UpgradeCluster":
                assert cluster is not None
                cluster["current_version"] = body["next_version"]
            case "DeleteCluster":
                del self.clusters[ids["cluster"]]
            case "DescribeClusterNodePools":
                return {"nodepools": copy.deepcopy(self.pools)}
            case "DescribeClusterNodes":
                return {"nodes": self.nodes}
            case "CreateClusterNodePool":
                self.pools.append(_pool(body))
            case "ModifyClusterNodePool":
                [pool] = self.pools
                for section, fields in body.items():
                    if isinstance(fields, dict):
                        pool[section] = {**pool.get(section, {}), **fields}
                _fill(pool)
            case "DeleteClusterNodepool":
                self.pools.clear()
            case "DescribeClusterUserKubeconfig":
                return {"config": self.config, "expiration": self.expiration}
            case "RevokeK8sClusterKubeConfig":
                return {}
            case _:
                return self._addons(action, ids, query or {}, body)
        return {}

    def _addons(self, action: str, ids: Mapping[str, str], query: Mapping[str, Any], body: Any) -> Any:
        name = ids.get("addon", "")
        match action:
            case "ListAddons":
                return {"addons": list(CATALOGUE.values())}
            case "DescribeAddon":
                version = query.get("version") or CATALOGUE[name]["version"]
                if version not in ("1.0", "2.0"):
                    raise Failure("InvalidParameter.Version", "no such version")
                newer = [{"version": "2.0", "upgradable": True}] if version == "1.0" else []
                later = {"version": "3.0", "upgradable": False, "minimum_cluster_version": "1.99"}
                return {**CATALOGUE[name], "version": version, "newer_versions": [*newer, later]}
            case "ListClusterAddonInstances":
                return {"addons": list(self.addons.values())}
            case "GetClusterAddonInstance":
                if name not in self.addons:
                    raise Failure("AddonNotFound", "gone")
                return self.addons[name]
            case "DescribeClusterAddonsUpgradeStatus":
                return {
                    each: {"can_upgrade": True, "tasks": self.addon_tasks.get(each, {})}
                    for each in query["componentIds"]
                }
            case "InstallClusterAddons":
                for row in body:
                    self.addons[row["name"]] = {"version": "2.0", "state": "active", "config": "", **row}
            case "UpgradeClusterAddons":
                for row in body:
                    new = {"version": row["next_version"], **({"config": row["config"]} if "config" in row else {})}
                    self.addons[row["component_name"]] |= new
            case "ModifyClusterAddon":
                if self.addon_failure:
                    self.addon_tasks[name] = {"status": "fail", "message": self.addon_failure, "created": "now"}
                else:
                    self.addons[name]["config"] = body["config"]
            case "UnInstallClusterAddons":
                for row in body:
                    del self.addons[row["name"]]
            case _:
                raise AssertionError(action)
        return {}


def _pool(body: Mapping[str, Any]) -> dict[str, Any]:
    pool = {**copy.deepcopy(dict(body)), "nodepool_info": {**body["nodepool_info"], "nodepool_id": "np1"}}
    _fill(pool)
    return pool


def _fill(pool: dict[str, Any]) -> None:
    size = pool.get("scaling_group", {}).get("desired_size", 0)
    pool["status"] = {"state": "active", "total_nodes": size, "healthy_nodes": size}
