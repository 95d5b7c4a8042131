# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every operation in one table: its name, its place, the fields it knows, the function that does it.

Source: table of the OpenAPI as of alibabacloud-cs20151215 7.2.3. Paths keep the service's irregularities.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

from . import access, addons, around, clusters, nodepools, tasks, versions
from .service import Call, Service

WORKS = {**clusters.WORKS, **nodepools.WORKS, **addons.WORKS, **around.WORKS}


@dataclass(frozen=True)
class Operation:
    """`query` and `body` are the fields that are understood; a body that names another one is refused.

    `rows`: the body is a bare array of objects with these fields. `answer` none: the body of the answer is empty; text:
    it is no JSON.
    """

    name: str
    method: str
    path: str
    run: Callable[[Service, Call], Any]
    query: tuple[str, ...] = ()
    body: tuple[str, ...] = ()
    rows: bool = False
    status: int = 200
    answer: Literal["json", "none", "text"] = "json"

    @property
    def write(self) -> bool:
        return self.method != "GET"


_CLUSTER, _POOL = "/clusters/{cluster_id}", "/clusters/{cluster_id}/nodepools/{nodepool_id}"
_PAGE = ("page_number", "page_size", "max_results", "next_token")
_LIST = ("name", "cluster_id", "cluster_type", "cluster_spec", "profile", "region_id", "page_number", "page_size")
_ADDON_QUERY = ("cluster_id", "region_id", "cluster_type", "profile", "cluster_spec", "cluster_version")
_SCALER = (
    "cool_down_duration", "daemonset_eviction_for_nodes", "expander", "gpu_utilization_threshold",
    "max_graceful_termination_sec", "min_replica_count", "priorities", "recycle_node_deletion_enabled",
    "scale_down_enabled", "scale_up_from_zero", "scaler_type", "scan_interval", "skip_nodes_with_local_storage",
    "skip_nodes_with_system_pods", "unneeded_duration", "utilization_threshold",
)  # fmt: skip
_PERMISSION = ("cluster", "is_custom", "is_ram_role", "namespace", "role_name", "role_type")

# fmt: off
OPERATIONS: tuple[Operation, ...] = (
    Operation("CreateCluster", "POST", "/clusters", clusters.create, body=clusters.CREATE_FIELDS, status=202),
    Operation("DescribeClusterDetail", "GET", _CLUSTER, clusters.detail),
    Operation("DescribeClustersV1", "GET", "/api/v1/clusters", clusters.listing, query=_LIST),
    Operation("DescribeClustersForRegion", "GET", "/regions/{region_id}/clusters", clusters.listing,
              query=tuple(name for name in _LIST if name != "region_id")),
    Operation("DeleteCluster", "DELETE", _CLUSTER, clusters.delete, status=202,
              query=("delete_options", "retain_all_resources", "retain_resources", "keep_slb")),
    Operation("ModifyCluster", "PUT", "/api/v2/clusters/{cluster_id}", clusters.modify, body=clusters.MODIFY_FIELDS),
    Operation("UpgradeCluster", "POST", "/api/v2/clusters/{cluster_id}/upgrade", clusters.upgrade,
              body=("next_version", "master_only", "rolling_policy")),
    Operation("DescribeKubernetesVersionMetadata", "GET", "/api/v1/metadata/versions", versions.metadata,
              query=("Region", "ClusterType", "Profile", "KubernetesVersion", "Mode", "QueryUpgradableVersion",
                     "runtime")),

    Operation("CreateClusterNodePool", "POST", _CLUSTER + "/nodepools", nodepools.create, body=nodepools.CREATE_FIELDS),
    Operation("DescribeClusterNodePools", "GET", _CLUSTER + "/nodepools", nodepools.listing, query=("NodepoolName",)),
    Operation("DescribeClusterNodePoolDetail", "GET", _POOL, nodepools.detail),
    Operation("ModifyClusterNodePool", "PUT", _POOL, nodepools.modify, body=nodepools.MODIFY_FIELDS),
    Operation("ScaleClusterNodePool", "POST", _POOL, nodepools.scale, body=("count",)),
    Operation("DeleteClusterNodepool", "DELETE", _POOL, nodepools.delete, query=("force",)),
    Operation("RemoveNodePoolNodes", "DELETE", _POOL + "/nodes", nodepools.remove_nodes,
              query=("instance_ids", "nodes", "release_node", "drain_node", "concurrency")),
    Operation("AttachInstancesToNodePool", "POST", _POOL + "/attach", nodepools.attach,
              body=("instances", "password", "format_disk", "keep_instance_name")),
    Operation("ModifyNodePoolNodeConfig", "PUT", _POOL + "/node_config", nodepools.configure,
              body=("kubelet_config", "os_config", "rolling_policy", "node_names")),
    Operation("UpgradeClusterNodepool", "POST", _POOL + "/upgrade", nodepools.upgrade,
              body=("kubernetes_version", "image_id", "runtime_type", "runtime_version", "node_names", "rolling_policy",
                    "use_replace")),
    Operation("DescribeClusterNodes", "GET", _CLUSTER + "/nodes", nodepools.nodes,
              query=("nodepool_id", "state", "instanceIds", "nodeNames", "pageNumber", "pageSize")),
    Operation("DescribeClusterAttachScripts", "POST", _CLUSTER + "/attachscript", nodepools.attach_script,
              body=("nodepool_id", "arch", "expired", "one_time_token", "options"), answer="text"),
    Operation("CreateAutoscalingConfig", "POST", "/cluster/{cluster_id}/autoscale/config/", nodepools.autoscaling,
              body=_SCALER),

    Operation("ListAddons", "GET", "/addons", addons.catalogue, query=_ADDON_QUERY),
    Operation("DescribeAddon", "GET", "/addons/{name}", addons.describe, query=(*_ADDON_QUERY, "version")),
    Operation("ListClusterAddonInstances", "GET", _CLUSTER + "/addon_instances", addons.instances),
    Operation("GetClusterAddonInstance", "GET", _CLUSTER + "/addon_instances/{name}", addons.instance),
    Operation("DescribeClusterAddonsUpgradeStatus", "GET", _CLUSTER + "/components/upgradestatus",
              addons.upgrade_status, query=("componentIds",)),
    Operation("InstallClusterAddons", "POST", _CLUSTER + "/components/install", addons.install, rows=True,
              body=("name", "version", "config")),
    Operation("UpgradeClusterAddons", "POST", _CLUSTER + "/components/upgrade", addons.upgrade, rows=True,
              body=("component_name", "version", "next_version", "config", "policy")),
    Operation("UnInstallClusterAddons", "POST", _CLUSTER + "/components/uninstall", addons.uninstall, rows=True,
              body=("name", "cleanup_cloud_resources")),
    Operation("ModifyClusterAddon", "POST", _CLUSTER + "/components/{name}/config", addons.configure,
              body=("config",), answer="none"),

    Operation("DescribeTaskInfo", "GET", "/tasks/{task_id}", tasks.describe),
    Operation("DescribeClusterTasks", "GET", _CLUSTER + "/tasks", tasks.of_cluster, query=_PAGE),
    Operation("PauseTask", "POST", "/tasks/{task_id}/pause", tasks.pause, answer="none"),
    Operation("ResumeTask", "POST", "/tasks/{task_id}/resume", tasks.resume, answer="none"),
    Operation("CancelTask", "POST", "/tasks/{task_id}/cancel", tasks.cancel, answer="none"),
    Operation("DescribeClusterEvents", "GET", _CLUSTER + "/events", around.events, query=(*_PAGE, "task_id")),
    Operation("DescribeEvents", "GET", "/events", around.events, query=(*_PAGE, "cluster_id", "type")),

    Operation("DescribeClusterUserKubeconfig", "GET", "/k8s/{cluster_id}/user_config", access.kubeconfig,
              query=("PrivateIpAddress", "TemporaryDurationMinutes")),
    Operation("DescribeSubaccountK8sClusterUserConfig", "GET", "/k8s/{cluster_id}/users/{uid}/user_config",
              access.kubeconfig, query=("PrivateIpAddress", "TemporaryDurationMinutes")),
    Operation("RevokeK8sClusterKubeConfig", "DELETE", "/k8s/{cluster_id}/certs", access.revoke),
    Operation("GrantPermissions", "POST", "/permissions/users/{uid}", access.grant, rows=True, body=_PERMISSION,
              answer="none"),
    Operation("UpdateUserPermissions", "POST", "/permissions/users/{uid}/update", access.update, rows=True,
              body=_PERMISSION, query=("mode",), answer="none"),
    Operation("DescribeUserPermission", "GET", "/permissions/users/{uid}", access.permissions),

    Operation("DescribeClusterResources", "GET", _CLUSTER + "/resources", around.resources,
              query=("with_addon_resources",)),
    Operation("UpdateResourcesDeleteProtection", "PUT", _CLUSTER + "/resources/protection", around.protect,
              body=("resource_type", "resources", "namespace", "enable")),
    Operation("TagResources", "PUT", "/tags", around.tag, body=("region_id", "resource_type", "resource_ids", "tags")),
    Operation("UntagResources", "DELETE", "/tags", around.untag,
              query=("region_id", "resource_type", "resource_ids", "tag_keys", "all")),
    Operation("ListTagResources", "GET", "/tags", around.tags,
              query=("region_id", "resource_type", "resource_ids", "tags", "next_token")),
    Operation("ModifyClusterTags", "POST", _CLUSTER + "/tags", around.replace_tags, rows=True, body=("key", "value"),
              answer="none"),
    Operation("UpdateControlPlaneLog", "PUT", _CLUSTER + "/controlplanelog", around.update_log,
              body=("components", "log_project", "log_ttl", "aliuid")),
    Operation("CheckControlPlaneLogEnable", "GET", _CLUSTER + "/controlplanelog", around.log),
    Operation("DescribeUserQuota", "GET", "/quota", around.quota),
)
# fmt: on

_PATTERNS = [(re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", op.path) + r"\Z"), op) for op in OPERATIONS]


def match(method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
    """The operation at this place and the placeholders of its path. Literal paths win over placeholders."""
    fits = [(op, found) for pattern, op in _PATTERNS if op.method == method and (found := pattern.match(path))]
    if not fits:
        return None
    operation, found = min(fits, key=lambda fit: len(fit[1].groups()))
    return operation, {name: unquote(value) for name, value in found.groupdict().items()}
