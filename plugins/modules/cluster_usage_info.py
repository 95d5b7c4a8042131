#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cluster_usage_info
short_description: Read who uses a cluster, and what is left of it
version_added: 1.1.0
description:
  - Adds up what pods request, by node, node pool, namespace and workload, and subtracts it from what nodes have.
  - Counts what the scheduler counts, requests rather than what is consumed at the moment. Finished pods hold nothing.
  - A node pool is the nodes with one value of the label C(alibabacloud.com/nodepool-id); a node without it stands for
    itself.
  - C(cpu) is in cores, C(memory) in bytes, C(gpu) in whole GPUs (C(nvidia.com/gpu)), C(gpu_memory) in GiB of shared
    GPUs (C(aliyun.com/gpu-mem)).
author: mlops.ack contributors (@mlops-ack)
options:
  namespaces:
    description:
      - List the namespaces, workloads and pods of these namespaces only. Nodes and node pools count every pod all the
        same.
    type: list
    elements: str
extends_documentation_fragment:
  - mlops.ack.kubernetes
  - mlops.ack.attributes
  - mlops.ack.attributes.info
"""

EXAMPLES = r"""
- name: Who uses the cluster
  mlops.ack.cluster_usage_info:
    kubeconfig: ~/.kube/config
  register: usage

- name: Is there a GPU for the next training
  ansible.builtin.assert:
    that: usage.total.free.gpu >= 1
    fail_msg: >-
      No GPU is free; they are held by
      {{ usage.workloads | selectattr('requested.gpu', 'gt', 0) | map(attribute='name') | join(', ') }}.
"""

RETURN = r"""
total:
  description:
    - The whole cluster. C(free) leaves out nodes that take no pods (not ready, cordoned or virtual).
    - C(requested) counts pods that have a node.
  returned: success
  type: dict
  sample:
    allocatable: {cpu: 12, memory: 51539607552, gpu: 2, gpu_memory: 31}
    requested: {cpu: 3.5, memory: 2147483648, gpu: 1, gpu_memory: 16}
    free: {cpu: 8.5, memory: 49392123904, gpu: 1, gpu_memory: 15}
node_pools:
  description: The node pools, sorted by name (the pool's id, or the node's name).
  returned: success
  type: list
  elements: dict
  sample:
    - name: np0a1b2c3d4e5f60718293a4b5c6d7e8f9
      nodes: [cn-hangzhou.10.0.0.1]
      allocatable: {cpu: 4, memory: 17179869184, gpu: 2, gpu_memory: 0}
      requested: {cpu: 1, memory: 2147483648, gpu: 1, gpu_memory: 0}
      free: {cpu: 3, memory: 15032385536, gpu: 1, gpu_memory: 0}
nodes:
  description: The nodes, sorted by pool and name.
  returned: success
  type: list
  elements: dict
  sample:
    - name: cn-hangzhou.10.0.0.1
      node_pool: np0a1b2c3d4e5f60718293a4b5c6d7e8f9
      ready: true
      schedulable: true
      virtual: false
      allocatable: {cpu: 4, memory: 17179869184, gpu: 2, gpu_memory: 0}
      requested: {cpu: 1, memory: 2147483648, gpu: 1, gpu_memory: 0}
      free: {cpu: 3, memory: 15032385536, gpu: 1, gpu_memory: 0}
namespaces:
  description: The namespaces that have pods, sorted by name. C(requested) counts pods that wait for a node, too.
  returned: success
  type: list
  elements: dict
  sample:
    - namespace: training
      pods: 2
      pending: 1
      node_pools: [np0a1b2c3d4e5f60718293a4b5c6d7e8f9]
      requested: {cpu: 2, memory: 4294967296, gpu: 2, gpu_memory: 0}
workloads:
  description: What the pods belong to, as a person made it (a Deployment, not its ReplicaSet). Sorted.
  returned: success
  type: list
  elements: dict
  sample:
    - namespace: training
      kind: TFJob
      name: digits-2026-11-22
      pods: 1
      pending: 0
      node_pools: [np0a1b2c3d4e5f60718293a4b5c6d7e8f9]
      requested: {cpu: 1, memory: 2147483648, gpu: 1, gpu_memory: 0}
pods:
  description: The pods that are not finished, sorted. C(reason) is the scheduler's where one waits for a node.
  returned: success
  type: list
  elements: dict
  sample:
    - namespace: training
      name: digits-2026-11-22-worker-0
      owner: {kind: TFJob, name: digits-2026-11-22}
      node: cn-hangzhou.10.0.0.1
      node_pool: np0a1b2c3d4e5f60718293a4b5c6d7e8f9
      phase: Running
      reason: ""
      requested: {cpu: 1, memory: 2147483648, gpu: 1, gpu_memory: 0}
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample: {code: Unreachable, message: "...", resource: "", hint: "..."}
"""

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import KUBE
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome
from ansible_collections.mlops.ack.plugins.module_utils._kube.client import connect
from ansible_collections.mlops.ack.plugins.module_utils._kube.usage import read


def run(params: Params, context: Context) -> Outcome:
    return Outcome(False, read(connect(params, context), params["namespaces"]))


MODULE = Module({**KUBE, "namespaces": {"type": "list", "elements": "str"}}, run)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
