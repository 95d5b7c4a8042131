#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ack_cluster_info
short_description: Read ACK clusters
version_added: 1.0.0
description:
  - Reads one cluster by its name or id, or all clusters of a region that fit. Whatever state they are in, nothing is
    waited for.
author: mlops.ack contributors (@mlops-ack)
options:
  name:
    description: Exact name. An absent cluster gives an empty list.
    type: str
  cluster_id:
    description: Id of one cluster.
    type: str
  profile:
    description: Only clusters of this profile.
    type: str
    choices: [Default, Serverless, Edge]
  cluster_spec:
    description: Only clusters of this kind and size, for example V(ack.pro.small).
    type: str
  states:
    description: Only clusters in one of these states, for example V(running) or V(failed).
    type: list
    elements: str
  tags:
    description: Only clusters that have all of these tags.
    type: dict
  resources:
    description: Also return what each cluster has in the cloud, which is what bills.
    type: bool
    default: false
extends_documentation_fragment:
  - mlops.ack.alibaba
  - mlops.ack.alibaba.cs
  - mlops.ack.attributes
  - mlops.ack.attributes.info
"""

EXAMPLES = r"""
- name: All clusters of the region
  mlops.ack.ack_cluster_info:
    region: cn-hangzhou
  register: found

- name: The running clusters of a team, and what they cost money for
  mlops.ack.ack_cluster_info:
    region: cn-hangzhou
    states: [running]
    tags:
      team: ml
    resources: true

- name: Is prod there, and in which state
  mlops.ack.ack_cluster_info:
    name: prod
    region: cn-hangzhou
"""

RETURN = r"""
clusters:
  description:
    - The clusters, sorted by name and id.
    - C(resources) is there when O(resources) is true; C(stays) tells of each whether it outlives the cluster when that
      is deleted, by ACK's own default. C(made_by) is V(system), V(addon), V(user), or V(before) for what was there
      before the cluster.
  returned: success
  type: list
  elements: dict
  sample:
    - cluster_id: c0a1b2c3d4e5f60718293a4b5c6d7e8f9
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
      resources:
        - type: SLS_Data
          id: k8s-log-c0a1b2c3d4e5f60718293a4b5c6d7e8f9
          state: CREATE_COMPLETE
          made_by: system
          object: ""
          stays: true
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample:
    code: Forbidden.RAM
    message: "..."
    resource: ""
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
    return Outcome(False, {"clusters": info.clusters(connect(params, context), params)})


MODULE = Module(
    {
        **CS,
        "name": {"type": "str"},
        "cluster_id": {"type": "str"},
        "profile": {"type": "str", "choices": ["Default", "Serverless", "Edge"]},
        "cluster_spec": {"type": "str"},
        "states": {"type": "list", "elements": "str"},
        "tags": {"type": "dict"},
        "resources": {"type": "bool", "default": False},
    },
    run,
    {"mutually_exclusive": [["name", "cluster_id"]]},
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
