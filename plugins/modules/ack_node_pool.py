#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ack_node_pool
short_description: Manage a node pool of an ACK cluster
version_added: 1.0.0
description:
  - Creates, changes, scales and deletes a node pool.
  - What is not set is neither sent nor compared; an empty list or mapping is a value.
  - Nodes are added and removed by O(desired_size), or by ACK itself with O(auto_scaling).
author: mlops.ack contributors (@mlops-ack)
options:
  cluster_name:
    description: Name of the cluster. Set this or O(cluster_id).
    type: str
  cluster_id:
    description: Id of the cluster.
    type: str
  name:
    description: Name of the node pool.
    type: str
    required: true
  state:
    description: Whether it should be there. Deleting drains and releases its nodes.
    type: str
    choices: [present, absent]
    default: present
  type:
    description:
      - What its nodes are for. With O(auto_scaling) it is the kind of autoscaling, which cannot be changed.
      - Machines of the user's own join a pool of V(edge), by its attach script (M(mlops.ack.ack_attach_script)), in a
        cluster of profile Edge. It has no size, O(instance_types) or O(vswitch_ids), and its type cannot be changed.
      - V(gpushare) also labels the nodes with O(gpu_share_mode); V(spot) also sets O(spot_strategy) to
        V(SpotAsPriceGo) when neither that nor O(spot_price_limits) is set.
    type: str
    choices: [cpu, gpu, gpushare, spot, edge]
  interconnect_mode:
    description: How the machines of an edge pool reach the control plane; V(basic) over the Internet. Used at creation.
    type: str
    choices: [basic, private]
  gpu_share_mode:
    description:
      - How pods share a GPU, with O(type=gpushare). V(cgpu) isolates memory, V(core_mem) compute too, V(share) neither.
      - It is the node label C(ack.node.gpu.schedule). V(cgpu) when unset. V(default) gives GPUs to one pod each again,
        which taking the label away does not.
    type: str
    choices: [cgpu, core_mem, share, mps, default]
  instance_types:
    description: ECS instance types, all of them acceptable. A new node pool needs it.
    type: list
    elements: str
  vswitch_ids:
    description: vSwitches, and so zones, in which nodes may be. A new node pool needs it.
    type: list
    elements: str
  system_disk_category:
    description: Kind of the system disk, for example V(cloud_essd).
    type: str
  system_disk_size:
    description: Size of the system disk in GiB.
    type: int
  data_disks:
    description: Further disks of each node.
    type: list
    elements: dict
    suboptions:
      category:
        description: Kind of the disk.
        type: str
        required: true
      size:
        description: Size in GiB.
        type: int
        required: true
      performance_level:
        description: Performance level of an ESSD.
        type: str
        choices: [PL0, PL1, PL2, PL3]
      mount_target:
        description: Where it is mounted.
        type: str
  image_type:
    description: Operating system of the nodes, for example V(AliyunLinux3ContainerOptimized).
    type: str
  key_pair:
    description: Name of the SSH key pair of the nodes.
    type: str
  desired_size:
    description: How many nodes there should be. Not with O(auto_scaling.enable).
    type: int
  auto_scaling:
    description: Let ACK choose how many nodes there are.
    type: dict
    suboptions:
      enable:
        description: Whether it does.
        type: bool
        required: true
      min_instances:
        description: At least so many.
        type: int
      max_instances:
        description: At most so many.
        type: int
      type:
        description: Kind of autoscaling; O(type), or V(cpu), when unset. Cannot be changed.
        type: str
        choices: [cpu, gpu, gpushare, spot]
  labels:
    description:
      - Labels of the nodes, present ones too; replaces all.
      - At most 20, whose keys do not begin with C(aliyun) or C(acs:).
    type: dict
  taints:
    description: Taints of the nodes, present ones too; replaces all.
    type: list
    elements: dict
    suboptions:
      key:
        description: Key.
        type: str
        required: true
      value:
        description: Value.
        type: str
        default: ""
      effect:
        description: What it does to pods that do not tolerate it.
        type: str
        required: true
        choices: [NoSchedule, PreferNoSchedule, NoExecute]
  spot_strategy:
    description: Whether nodes are spot instances, and up to which price.
    type: str
    choices: [NoSpot, SpotWithPriceLimit, SpotAsPriceGo]
  spot_price_limits:
    description: Highest price per hour by instance type. Means O(spot_strategy=SpotWithPriceLimit) when that is unset.
    type: dict
  management:
    description: What ACK does to the nodes by itself. What is not set is left as it is.
    type: dict
    suboptions:
      enable:
        description: Whether the node pool is a managed one.
        type: bool
      auto_repair:
        description: Repair nodes that fail.
        type: bool
      auto_repair_policy:
        description: How they are repaired.
        type: dict
        suboptions:
          restart_node:
            description: Whether a node may be restarted for it.
            type: bool
      auto_upgrade:
        description: Upgrade nodes, in the cluster's maintenance window.
        type: bool
      auto_upgrade_policy:
        description: What of them is upgraded.
        type: dict
        suboptions:
          auto_upgrade_kubelet:
            description: The kubelet.
            type: bool
          auto_upgrade_runtime:
            description: The container runtime.
            type: bool
          auto_upgrade_os:
            description: The operating system.
            type: bool
      auto_vul_fix:
        description: Fix vulnerabilities.
        type: bool
      auto_vul_fix_policy:
        description: Which, and how.
        type: dict
        suboptions:
          restart_node:
            description: Whether a node may be restarted for it.
            type: bool
          vul_level:
            description: Levels, separated by commas, of V(asap), V(later) and V(nntf).
            type: str
      upgrade_config:
        description: How many nodes change at once.
        type: dict
        suboptions:
          max_unavailable:
            description: At most so many nodes are unavailable.
            type: int
          surge:
            description: So many nodes are added for the time of the upgrade.
            type: int
          surge_percentage:
            description: The same as a part of all nodes. Not with O(management.upgrade_config.surge).
            type: int
  wait_timeout:
    description: Seconds that the whole run may take, waiting included.
    type: int
    default: 2400
extends_documentation_fragment:
  - mlops.ack.alibaba
  - mlops.ack.alibaba.cs
  - mlops.ack.wait
  - mlops.ack.lock
  - mlops.ack.attributes
"""

EXAMPLES = r"""
- name: Three nodes for serving
  mlops.ack.ack_node_pool:
    cluster_name: prod
    region: cn-hangzhou
    name: serving
    instance_types: [ecs.g7.xlarge]
    vswitch_ids: [vsw-bp1example]
    desired_size: 3

- name: Cheap nodes with GPUs that several predictors share, looked after by ACK
  mlops.ack.ack_node_pool:
    cluster_name: dev
    region: cn-hangzhou
    name: shared-gpu
    type: gpushare
    gpu_share_mode: core_mem
    instance_types: [ecs.gn7i-c8g1.2xlarge]
    vswitch_ids: [vsw-bp1example]
    desired_size: 1
    spot_price_limits:
      ecs.gn7i-c8g1.2xlarge: 4.5
    management:
      enable: true
      auto_repair: true
      auto_repair_policy:
        restart_node: true

- name: A site whose machines are our own
  mlops.ack.ack_node_pool:
    cluster_name: edge
    region: cn-hangzhou
    name: plant-7
    type: edge
    labels:
      mlops.ack/site: plant-7

- name: GPU nodes that come when a training needs them, and go afterwards
  mlops.ack.ack_node_pool:
    cluster_name: prod
    region: cn-hangzhou
    name: gpu
    type: gpu
    instance_types: [ecs.gn7i-c8g1.2xlarge]
    vswitch_ids: [vsw-bp1example]
    auto_scaling:
      enable: true
      min_instances: 0
      max_instances: 4
    taints:
      - key: nvidia.com/gpu
        value: "true"
        effect: NoSchedule
"""

RETURN = r"""
node_pool:
  description:
    - The node pool after the run; null when it is absent.
    - In check mode, what only ACK can choose is null. For a new one that is C(node_pool_id), C(state), and where the
      option is not set, C(auto_scaling), C(data_disks), C(image_type), C(key_pair), C(management),
      C(spot_price_limits), C(spot_strategy), C(system_disk_category), C(system_disk_size) and C(taints). It is C(nodes)
      wherever the size changes.
  returned: success
  type: dict
  sample:
    node_pool_id: np0a1b2c3d4e5f60718293a4b5c6d7e8f9
    name: gpu
    state: active
    instance_types: [ecs.gn7i-c8g1.2xlarge]
    vswitch_ids: [vsw-bp1example]
    system_disk_category: cloud_essd
    system_disk_size: 120
    data_disks: []
    image_type: AliyunLinux3ContainerOptimized
    key_pair: ""
    desired_size: null
    auto_scaling: {enable: true, min_instances: 0, max_instances: 4, type: gpu}
    labels: {workload: training}
    taints: [{key: nvidia.com/gpu, value: "true", effect: NoSchedule}]
    spot_strategy: NoSpot
    spot_price_limits: {}
    management:
      enable: true
      auto_repair: true
      auto_repair_policy: {restart_node: true}
      auto_upgrade: false
      auto_upgrade_policy: {}
      auto_vul_fix: false
      auto_vul_fix_policy: {}
      upgrade_config: {}
    nodes: {total: 0, healthy: 0, failed: 0, removing: 0, offline: 0}
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample:
    code: TooFewNodes
    message: "..."
    resource: "node_pool/gpu"
    request_id: ""
    hint: "..."
    retryable: false
    details: {}
"""

from ansible_collections.mlops.ack.plugins.module_utils._ack import locate
from ansible_collections.mlops.ack.plugins.module_utils._ack.client import connect
from ansible_collections.mlops.ack.plugins.module_utils._ack.nodepool import NodePool, desired
from ansible_collections.mlops.ack.plugins.module_utils._ack.waits import Waiter
from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import CS, wait
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._oss.lock import LOCK, use_lock

TYPES = ["cpu", "gpu", "gpushare", "spot"]


def run(params: Params, context: Context) -> Outcome:
    use_lock(params, context)
    deadline = Deadline(params["wait_timeout"], context.clock)
    wish, transport = desired(params), connect(params, context).within(deadline)
    find = locate.cluster if params["state"] == "absent" else locate.required
    cluster = find(transport, params)
    cluster_id = cluster["cluster_id"] if cluster else None
    pool = NodePool(transport, cluster_id, params, Waiter(transport, deadline, context))
    return reconcile(pool, wish, context)


MODULE = Module(
    {
        **CS,
        **wait(2400),
        **LOCK,
        "cluster_name": {"type": "str"},
        "cluster_id": {"type": "str"},
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "type": {"type": "str", "choices": [*TYPES, "edge"]},
        "interconnect_mode": {"type": "str", "choices": ["basic", "private"]},
        "gpu_share_mode": {"type": "str", "choices": ["cgpu", "core_mem", "share", "mps", "default"]},
        "instance_types": {"type": "list", "elements": "str"},
        "vswitch_ids": {"type": "list", "elements": "str"},
        "system_disk_category": {"type": "str"},
        "system_disk_size": {"type": "int"},
        "data_disks": {
            "type": "list",
            "elements": "dict",
            "options": {
                "category": {"type": "str", "required": True},
                "size": {"type": "int", "required": True},
                "performance_level": {"type": "str", "choices": ["PL0", "PL1", "PL2", "PL3"]},
                "mount_target": {"type": "str"},
            },
        },
        "image_type": {"type": "str"},
        "key_pair": {"type": "str", "no_log": False},
        "desired_size": {"type": "int"},
        "auto_scaling": {
            "type": "dict",
            "options": {
                "enable": {"type": "bool", "required": True},
                "min_instances": {"type": "int"},
                "max_instances": {"type": "int"},
                "type": {"type": "str", "choices": TYPES},
            },
            "required_if": [["enable", True, ["min_instances", "max_instances"]]],
        },
        "labels": {"type": "dict"},
        "taints": {
            "type": "list",
            "elements": "dict",
            "options": {
                "key": {"type": "str", "required": True, "no_log": False},
                "value": {"type": "str", "default": ""},
                "effect": {
                    "type": "str",
                    "required": True,
                    "choices": ["NoSchedule", "PreferNoSchedule", "NoExecute"],
                },
            },
        },
        "spot_strategy": {"type": "str", "choices": ["NoSpot", "SpotWithPriceLimit", "SpotAsPriceGo"]},
        "spot_price_limits": {"type": "dict"},
        "management": {
            "type": "dict",
            "options": {
                "enable": {"type": "bool"},
                "auto_repair": {"type": "bool"},
                "auto_repair_policy": {"type": "dict", "options": {"restart_node": {"type": "bool"}}},
                "auto_upgrade": {"type": "bool"},
                "auto_upgrade_policy": {
                    "type": "dict",
                    "options": {
                        "auto_upgrade_kubelet": {"type": "bool"},
                        "auto_upgrade_runtime": {"type": "bool"},
                        "auto_upgrade_os": {"type": "bool"},
                    },
                },
                "auto_vul_fix": {"type": "bool"},
                "auto_vul_fix_policy": {
                    "type": "dict",
                    "options": {"restart_node": {"type": "bool"}, "vul_level": {"type": "str"}},
                },
                "upgrade_config": {
                    "type": "dict",
                    "options": {
                        "max_unavailable": {"type": "int"},
                        "surge": {"type": "int"},
                        "surge_percentage": {"type": "int"},
                    },
                    "mutually_exclusive": [["surge", "surge_percentage"]],
                },
            },
        },
    },
    run,
    {"required_one_of": [["cluster_name", "cluster_id"]], "mutually_exclusive": [["cluster_name", "cluster_id"]]},
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
