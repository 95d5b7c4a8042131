#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ack_node_pool_info
short_description: Read the node pools of an ACK cluster
version_added: 1.0.0
description:
  - Reads the node pools of a cluster with their health. An absent cluster is a failure; nothing is waited for.
author: mlops.ack contributors (@mlops-ack)
options:
  cluster_name:
    description: Name of the cluster. Set this or O(cluster_id).
    type: str
  cluster_id:
    description: Id of the cluster.
    type: str
  name:
    description: Name of one node pool. An absent one gives an empty list.
    type: str
  type:
    description:
      - Only node pools whose nodes are for this. A pool of spot instances with shared GPUs is V(gpu), V(gpushare) and
        V(spot).
    type: str
    choices: [cpu, gpu, gpushare, spot]
  states:
    description: Only node pools in one of these states, for example V(active) or V(scaling).
    type: list
    elements: str
  labels:
    description: Only node pools whose nodes have all of these labels.
    type: dict
extends_documentation_fragment:
  - mlops.ack.alibaba
  - mlops.ack.alibaba.cs
  - mlops.ack.attributes
  - mlops.ack.attributes.info
"""

EXAMPLES = r"""
- name: How many nodes are healthy
  mlops.ack.ack_node_pool_info:
    cluster_name: prod
    region: cn-hangzhou
  register: found

- name: What has GPUs
  mlops.ack.ack_node_pool_info:
    cluster_name: prod
    region: cn-hangzhou
    type: gpu
"""

RETURN = r"""
node_pools:
  description: The node pools, sorted by name. C(types) tells what their nodes are for.
  returned: success
  type: list
  elements: dict
  sample:
    - node_pool_id: np0a1b2c3d4e5f60718293a4b5c6d7e8f9
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
      types: [gpu]
      nodes: {total: 0, healthy: 0, failed: 0, removing: 0, offline: 0}
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample:
    code: ClusterNotFound
    message: "..."
    resource: "cluster/prod"
    request_id: ""
    hint: "..."
    retryable: false
    details: {}
"""

from ansible_collections.mlops.ack.plugins.module_utils._ack import info
from ansible_collections.mlops.ack.plugins.module_utils._ack.client import connect
from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import CS
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome


def run(params: Params, context: Context) -> Outcome:
    return Outcome(False, {"node_pools": info.node_pools(connect(params, context), params)})


MODULE = Module(
    {
        **CS,
        "cluster_name": {"type": "str"},
        "cluster_id": {"type": "str"},
        "name": {"type": "str"},
        "type": {"type": "str", "choices": ["cpu", "gpu", "gpushare", "spot"]},
        "states": {"type": "list", "elements": "str"},
        "labels": {"type": "dict"},
    },
    run,
    {"required_one_of": [["cluster_name", "cluster_id"]], "mutually_exclusive": [["cluster_name", "cluster_id"]]},
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
