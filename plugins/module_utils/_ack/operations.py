# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The operations of the ACK API that we call, as one table.

Source: CS OpenAPI 2015-12-15 and alibabacloud-cs20151215 7.2.3, read 2026-11-22.
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class Operation(NamedTuple):
    """method, path with its placeholders. answers: the form of the response's body. safe: may be sent twice."""

    method: str
    path: str
    answers: Literal["json", "none", "string"] = "json"
    safe: bool = True


OPERATIONS: dict[str, Operation] = {
    "CreateCluster": Operation("POST", "/clusters", safe=False),
    "DescribeClusterDetail": Operation("GET", "/clusters/{cluster}"),
    "DescribeClustersV1": Operation("GET", "/api/v1/clusters"),
    "DeleteCluster": Operation("DELETE", "/clusters/{cluster}"),
    "ModifyCluster": Operation("PUT", "/api/v2/clusters/{cluster}"),
    "ModifyClusterTags": Operation("POST", "/clusters/{cluster}/tags", answers="none"),
    "UpgradeCluster": Operation("POST", "/api/v2/clusters/{cluster}/upgrade", safe=False),
    "DescribeClusterResources": Operation("GET", "/clusters/{cluster}/resources"),
    "UpdateControlPlaneLog": Operation("PUT", "/clusters/{cluster}/controlplanelog"),
    "CheckControlPlaneLogEnable": Operation("GET", "/clusters/{cluster}/controlplanelog"),
    "DescribeUserQuota": Operation("GET", "/quota"),
    "DescribeKubernetesVersionMetadata": Operation("GET", "/api/v1/metadata/versions"),
    "DescribeTaskInfo": Operation("GET", "/tasks/{task}"),
    "DescribeClusterTasks": Operation("GET", "/clusters/{cluster}/tasks"),
    "CreateClusterNodePool": Operation("POST", "/clusters/{cluster}/nodepools", safe=False),
    "DescribeClusterNodePools": Operation("GET", "/clusters/{cluster}/nodepools"),
    "DescribeClusterNodePoolDetail": Operation("GET", "/clusters/{cluster}/nodepools/{pool}"),
    "ModifyClusterNodePool": Operation("PUT", "/clusters/{cluster}/nodepools/{pool}"),
    "DeleteClusterNodepool": Operation("DELETE", "/clusters/{cluster}/nodepools/{pool}"),
    "DescribeClusterNodes": Operation("GET", "/clusters/{cluster}/nodes"),
    "DescribeClusterAttachScripts": Operation("POST", "/clusters/{cluster}/attachscript", answers="string", safe=False),
    "ListAddons": Operation("GET", "/addons"),
    "DescribeAddon": Operation("GET", "/addons/{addon}"),
    "ListClusterAddonInstances": Operation("GET", "/clusters/{cluster}/addon_instances"),
    "GetClusterAddonInstance": Operation("GET", "/clusters/{cluster}/addon_instances/{addon}"),
    "InstallClusterAddons": Operation("POST", "/clusters/{cluster}/components/install", safe=False),
    "UpgradeClusterAddons": Operation("POST", "/clusters/{cluster}/components/upgrade", safe=False),
    "ModifyClusterAddon": Operation("POST", "/clusters/{cluster}/components/{addon}/config", answers="none"),
    "UnInstallClusterAddons": Operation("POST", "/clusters/{cluster}/components/uninstall", safe=False),
    "DescribeClusterAddonsUpgradeStatus": Operation("GET", "/clusters/{cluster}/components/upgradestatus"),
    "DescribeClusterUserKubeconfig": Operation("GET", "/k8s/{cluster}/user_config"),
    "RevokeK8sClusterKubeConfig": Operation("DELETE", "/k8s/{cluster}/certs"),
}
