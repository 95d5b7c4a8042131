#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ack_cluster
short_description: Manage an ACK cluster
version_added: 1.0.0
description:
  - Creates a managed Kubernetes cluster of Alibaba Cloud (ACK), adopts the one that has the name already, changes,
    upgrades and deletes it.
  - What is not set is left as it is. What cannot be changed of an existing cluster is refused with a list, and
    nothing is ever re-created.
  - A change is sent one field at a time, its task is waited for, and the result is read back.
  - An interrupted run is continued by the next one.
author: mlops.ack contributors (@mlops-ack)
options:
  name:
    description:
      - Name of the cluster, 1 to 63 letters, digits, C(-) and C(_).
      - ACK does not keep names unique; two clusters of one name are an error, unless O(cluster_id) tells which one.
    type: str
  cluster_id:
    description: Id of an existing cluster. With it, O(name) is its wished name.
    type: str
  state:
    description:
      - V(present) creates, adopts or changes. A cluster whose creation failed is an error that tells why.
      - V(absent) deletes in any state, a failed one too. Resources that stay are in RV(remaining_resources).
    type: str
    choices: [present, absent]
    default: present
  profile:
    description:
      - Kind of managed cluster. Cannot be changed. When unset, a new cluster is of profile V(Default).
      - V(Serverless) (ASK) has no nodes of its own; ACK offers it only to accounts that had one before 2025-02-17, see
        O(serverless_fallback).
      - V(Edge) takes machines elsewhere as nodes, beside a node pool in the cloud that it needs for itself.
    type: str
    choices: [Default, Serverless, Edge]
  serverless_fallback:
    description:
      - What to make where the account gets no cluster of O(profile=Serverless). An ACK Pro cluster that runs pods
        without nodes, on elastic container instances (V(eci)) or on container compute service (V(acs)). When unset,
        the refusal is a failure.
      - The ACK Pro cluster has the addon V(ack-virtual-node), and V(flannel) when O(addons) names no network plug-in;
        O(pod_cidr) is then needed. A Serverless cluster gets neither, and no O(pod_cidr).
      - RV(serverless) tells which of the two there is, and the labels with which pods ask to run so.
    type: str
    choices: [eci, acs]
  cluster_spec:
    description:
      - Kind and size of the control plane. V(ack.standard) is the basic cluster, the others are ACK Pro.
      - A standard cluster can become a Pro one, and a Pro one larger; ACK cannot go back to a standard one.
    type: str
    choices: [ack.standard, ack.pro.small, ack.pro.xlarge, ack.pro.2xlarge, ack.pro.4xlarge]
  version:
    description:
      - Kubernetes version, as V(1.34), V(v1.34) or V(1.34.4-aliyun.1). V(1.34) means the newest patch on offer for a
        new cluster, and is content with any patch of an existing one.
      - An existing cluster is upgraded only to a newer version, and only where ACK offers that step. Its nodes are
        not upgraded by this.
      - A new cluster gets the newest version when this is unset.
    type: str
  vpc_id:
    description: The VPC to be in. Cannot be changed. Without it, O(zone_ids) makes ACK create one.
    type: str
  vswitch_ids:
    description: The vSwitches of the control plane.
    type: list
    elements: str
  zone_ids:
    description: Zones in which ACK creates a VPC and vSwitches. Used at creation only.
    type: list
    elements: str
  pod_cidr:
    description: Addresses of pods, with Flannel. Cannot be changed.
    type: str
  service_cidr:
    description: Addresses of services. Cannot be changed.
    type: str
  node_cidr_mask:
    description: Bits of the network part of one node's share of O(pod_cidr). Cannot be changed.
    type: int
  proxy_mode:
    description: How kube-proxy forwards. Cannot be changed.
    type: str
    choices: [ipvs, iptables]
  endpoint_public_access:
    description: Give the API server a public address. Cannot be changed here afterwards.
    type: bool
  snat_entry:
    description: Give the VPC a way out to the Internet (a NAT gateway, which costs). Used at creation only.
    type: bool
  enable_rrsa:
    description: Let service accounts assume RAM roles. Can be enabled, not disabled.
    type: bool
  addons:
    description:
      - Addons that must be installed; those not named here are left alone.
      - A CNI addon (V(flannel) or V(terway-eniip)) is needed by a new cluster with nodes.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the addon.
        type: str
        required: true
      version:
        description: Its version. An installed addon of another version is upgraded. Unset is whatever ACK chooses.
        type: str
      config:
        description: Its settings as a mapping. Compared by key; keys that are not named here are left alone.
        type: dict
  tags:
    description: Tags of the cluster; replaces all of the user's.
    type: dict
  deletion_protection:
    description:
      - Refuse deletion by anyone. With O(state=absent), V(false) turns the protection off before deleting; without
        it, deleting a protected cluster is refused.
    type: bool
  maintenance_window:
    description: When ACK may maintain the cluster.
    type: dict
    suboptions:
      enable:
        description: Whether there is one.
        type: bool
        required: true
      maintenance_time:
        description: When it begins, for example V(03:00:00Z).
        type: str
      duration:
        description: How long it is, for example V(3h).
        type: str
      weekly_period:
        description: Its days, for example V(Monday,Thursday).
        type: str
  control_plane_log:
    description: Logs of the control plane, kept by the log service (SLS), which bills them.
    type: dict
    suboptions:
      components:
        description: Whose logs, for example V(apiserver), V(kcm), V(scheduler), V(ccm). An empty list ends it.
        type: list
        elements: str
        required: true
      project:
        description: The log project; C(k8s-log-<cluster id>) when unset.
        type: str
      ttl_days:
        description: How many days they are kept, 1 to 3000.
        type: int
  delete_options:
    description: What happens to resources of these kinds when the cluster is deleted. ACK's own defaults otherwise.
    type: list
    elements: dict
    suboptions:
      resource_type:
        description: The kind.
        type: str
        required: true
        choices: [SLB, ALB, SLS_Data, SLS_ControlPlane, PrivateZone]
      delete_mode:
        description: Delete it too, or keep it.
        type: str
        required: true
        choices: [delete, retain]
  wait_timeout:
    description: Seconds that the whole run may take, waiting included.
    type: int
    default: 3600
extends_documentation_fragment:
  - mlops.ack.alibaba
  - mlops.ack.alibaba.cs
  - mlops.ack.wait
  - mlops.ack.lock
  - mlops.ack.attributes
"""

EXAMPLES = r"""
- name: A cluster for training and serving
  mlops.ack.ack_cluster:
    name: prod
    region: cn-hangzhou
    cluster_spec: ack.pro.small
    version: "1.34"
    vpc_id: vpc-bp1example
    vswitch_ids: [vsw-bp1example]
    pod_cidr: 172.20.0.0/16
    service_cidr: 172.21.0.0/20
    endpoint_public_access: true
    enable_rrsa: true
    deletion_protection: true
    addons:
      - name: flannel
      - name: csi-plugin
      - name: csi-provisioner
    tags:
      team: ml

- name: A cluster for development without nodes, in whichever way the account gets one
  mlops.ack.ack_cluster:
    name: dev
    region: cn-hangzhou
    profile: Serverless
    serverless_fallback: eci
    vpc_id: vpc-bp1example
    vswitch_ids: [vsw-bp1example]
    pod_cidr: 172.24.0.0/16
    service_cidr: 172.25.0.0/20
  register: dev

- name: Let pods of the namespace run so
  mlops.ack.k8s_manifest:
    definition:
      apiVersion: v1
      kind: Namespace
      metadata:
        name: serving
        labels: "{{ dev.serverless.pod_labels }}"

- name: Delete it, and the load balancers that ALB made
  mlops.ack.ack_cluster:
    name: prod
    region: cn-hangzhou
    state: absent
    deletion_protection: false
    delete_options:
      - resource_type: ALB
        delete_mode: delete
  register: deleted
"""

RETURN = r"""
cluster:
  description:
    - The cluster after the run; null when it is absent.
    - In check mode, what only ACK can choose is null. For a new cluster that is C(cluster_id), C(state), C(size),
      C(created), C(security_group_id), C(api_server_endpoint), C(api_server_intranet_endpoint), C(rrsa_oidc_arn), and
      where the option is not set, C(cluster_spec), C(profile), C(version), C(pod_cidr), C(service_cidr),
      C(node_cidr_mask), C(proxy_mode), C(endpoint_public_access), C(deletion_protection), C(enable_rrsa),
      C(maintenance_window) and C(tags). Later it is C(rrsa_oidc_arn) where RRSA is enabled, C(version) and C(config) of
      a new addon, and C(project) and C(ttl_days) of a new log.
    - C(addons) and C(control_plane_log) are there when the options are.
  returned: success
  type: dict
  sample:
    cluster_id: c0a1b2c3d4e5f60718293a4b5c6d7e8f9
    name: prod
    state: running
    version: 1.34.4-aliyun.1
    profile: Default
    cluster_spec: ack.pro.small
    region: cn-hangzhou
    vpc_id: vpc-bp1example
    vswitch_ids: [vsw-bp1example]
    security_group_id: sg-bp1example
    pod_cidr: 172.20.0.0/16
    service_cidr: 172.21.0.0/20
    node_cidr_mask: 26
    proxy_mode: ipvs
    endpoint_public_access: true
    api_server_endpoint: "https://203.0.113.10:6443"
    api_server_intranet_endpoint: "https://192.168.0.10:6443"
    size: 3
    tags: {team: ml}
    deletion_protection: true
    enable_rrsa: true
    rrsa_oidc_arn: "acs:ram::1000000000000000:oidc-provider/ack-rrsa-c0a1b2c3d4e5f60718293a4b5c6d7e8f9"
    maintenance_window: {enable: false}
    created: "2026-11-22T10:00:00+08:00"
serverless:
  description:
    - How the wish for O(profile=Serverless) is met; null without that wish.
    - C(taken) is V(profile), or what O(serverless_fallback) says. C(pod_labels) are needed by pods, or their namespace,
      in the stand-in.
  returned: success
  type: dict
  sample: {taken: eci, pod_labels: {alibabacloud.com/eci: "true"}}
resources:
  description:
    - With O(state=absent), the cloud resources of the cluster before it is deleted, those of addons too. Empty
      otherwise.
    - C(stays) tells whether it outlives the cluster, by ACK's default or by O(delete_options). C(made_by) is V(system),
      V(addon), V(user), or V(before) for what was there before the cluster.
  returned: success
  type: list
  elements: dict
  sample:
    - type: SLS_Data
      id: k8s-log-c0a1b2c3d4e5f60718293a4b5c6d7e8f9
      state: CREATE_COMPLETE
      made_by: system
      object: ""
      stays: true
remaining_resources:
  description:
    - The cloud resources that stay when the cluster is deleted, and go on billing. In check mode as predicted;
      afterwards as ACK tells then, where it still does.
    - A deletion that fails has them in RV(failure), under C(details).
  returned: success
  type: list
  elements: dict
  sample:
    - {type: SLS_Data, id: k8s-log-c0a1b2c3d4e5f60718293a4b5c6d7e8f9}
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample:
    code: TaskFailed
    message: "..."
    resource: "cluster/prod"
    request_id: ""
    hint: "..."
    retryable: false
    details: {}
"""

from ansible_collections.mlops.ack.plugins.module_utils._ack import serverless
from ansible_collections.mlops.ack.plugins.module_utils._ack.client import connect
from ansible_collections.mlops.ack.plugins.module_utils._ack.cluster import Cluster
from ansible_collections.mlops.ack.plugins.module_utils._ack.waits import Waiter
from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import CS, wait
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, State, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._oss.lock import LOCK, use_lock

FIELDS = (
    "name",
    "profile",
    "cluster_spec",
    "version",
    "vpc_id",
    "pod_cidr",
    "service_cidr",
    "node_cidr_mask",
    "proxy_mode",
    "endpoint_public_access",
    "deletion_protection",
    "enable_rrsa",
)


def desired(params: Params) -> State:
    if params["state"] == "absent":
        return None
    addons, tags, window = params["addons"], params["tags"], params["maintenance_window"]
    log = params["control_plane_log"]
    return {
        **{field: params[field] for field in FIELDS},
        "vswitch_ids": None if params["vswitch_ids"] is None else sorted(params["vswitch_ids"]),
        "tags": None if tags is None else {str(key): str(value) for key, value in tags.items()},
        "maintenance_window": None if window is None else _set(window),
        "addons": {each["name"]: _set({**each, "name": None}) for each in addons} if addons else None,
        "control_plane_log": None if log is None else {**_set(log), "components": sorted(log["components"])},
    }


def _set(options: Params) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}


def run(params: Params, context: Context) -> Outcome:
    use_lock(params, context)
    deadline = Deadline(params["wait_timeout"], context.clock)
    transport = connect(params, context).within(deadline)

    def attempt(options: Params) -> Outcome:
        wish = desired(options)
        cluster = Cluster(transport, options, wish, Waiter(transport, deadline, context))
        outcome = reconcile(cluster, wish, context)
        outcome.values |= {"resources": cluster.resources, "remaining_resources": cluster.remaining}
        return outcome

    return serverless.reconcile(attempt, params)


MODULE = Module(
    {
        **CS,
        **wait(3600),
        **LOCK,
        "name": {"type": "str"},
        "cluster_id": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "profile": {"type": "str", "choices": ["Default", "Serverless", "Edge"]},
        "serverless_fallback": {"type": "str", "choices": ["eci", "acs"]},
        "cluster_spec": {
            "type": "str",
            "choices": ["ack.standard", "ack.pro.small", "ack.pro.xlarge", "ack.pro.2xlarge", "ack.pro.4xlarge"],
        },
        "version": {"type": "str"},
        "vpc_id": {"type": "str"},
        "vswitch_ids": {"type": "list", "elements": "str"},
        "zone_ids": {"type": "list", "elements": "str"},
        "pod_cidr": {"type": "str"},
        "service_cidr": {"type": "str"},
        "node_cidr_mask": {"type": "int"},
        "proxy_mode": {"type": "str", "choices": ["ipvs", "iptables"]},
        "endpoint_public_access": {"type": "bool"},
        "snat_entry": {"type": "bool"},
        "enable_rrsa": {"type": "bool"},
        "addons": {
            "type": "list",
            "elements": "dict",
            "options": {
                "name": {"type": "str", "required": True},
                "version": {"type": "str"},
                "config": {"type": "dict"},
            },
        },
        "tags": {"type": "dict"},
        "deletion_protection": {"type": "bool"},
        "maintenance_window": {
            "type": "dict",
            "options": {
                "enable": {"type": "bool", "required": True},
                "maintenance_time": {"type": "str"},
                "duration": {"type": "str"},
                "weekly_period": {"type": "str"},
            },
        },
        "control_plane_log": {
            "type": "dict",
            "options": {
                "components": {"type": "list", "elements": "str", "required": True},
                "project": {"type": "str"},
                "ttl_days": {"type": "int"},
            },
        },
        "delete_options": {
            "type": "list",
            "elements": "dict",
            "options": {
                "resource_type": {
                    "type": "str",
                    "required": True,
                    "choices": ["SLB", "ALB", "SLS_Data", "SLS_ControlPlane", "PrivateZone"],
                },
                "delete_mode": {"type": "str", "required": True, "choices": ["delete", "retain"]},
            },
        },
    },
    run,
    {"required_one_of": [["name", "cluster_id"]]},
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
