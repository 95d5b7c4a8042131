#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ack_addon_info
short_description: Read the addons of an ACK cluster
version_added: 1.1.0
description:
  - Reads the installed addons with their settings and what ACK offers beyond them. An absent cluster is a failure.
author: mlops.ack contributors (@mlops-ack)
options:
  cluster_name:
    description: Name of the cluster. Set this or O(cluster_id).
    type: str
  cluster_id:
    description: Id of the cluster.
    type: str
  name:
    description: Name of one addon. One that is not installed gives an empty list.
    type: str
  available:
    description: Also return what can be installed in this cluster.
    type: bool
    default: false
extends_documentation_fragment:
  - mlops.ack.alibaba
  - mlops.ack.alibaba.cs
  - mlops.ack.attributes
  - mlops.ack.attributes.info
"""

EXAMPLES = r"""
- name: Which addons can be upgraded
  mlops.ack.ack_addon_info:
    cluster_name: prod
    region: cn-hangzhou
  register: found

- name: What there is to install
  mlops.ack.ack_addon_info:
    cluster_name: prod
    region: cn-hangzhou
    available: true
"""

RETURN = r"""
addons:
  description: The installed addons, sorted by name. C(latest) is the newest version on offer for this cluster.
  returned: success
  type: list
  elements: dict
  sample:
    - name: loongcollector
      state: active
      version: 3.1.2
      config: {sls_project_name: ml-prod}
      can_upgrade: true
      latest: 3.2.0
      category: log
      managed: false
      install_by_default: false
      supported_actions: [Install, Upgrade, Modify, Uninstall]
available:
  description: What can be installed, sorted by name.
  returned: when O(available) is true
  type: list
  elements: dict
  sample:
    - name: ack-arena
      latest: 0.15.5
      category: ai
      managed: false
      install_by_default: false
      supported_actions: [Install, Upgrade, Modify, Uninstall]
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

from ansible_collections.mlops.ack.plugins.module_utils._ack import addon, locate
from ansible_collections.mlops.ack.plugins.module_utils._ack.client import connect
from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import CS
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome


def run(params: Params, context: Context) -> Outcome:
    transport = connect(params, context)
    cluster_id = locate.required(transport, params)["cluster_id"]
    values = {"addons": addon.report(transport, cluster_id, params["name"])}
    if params["available"]:
        known = addon.catalogue(transport, cluster_id)
        values["available"] = [{"name": name, **addon.offer(entry)} for name, entry in sorted(known.items())]
    return Outcome(False, values)


MODULE = Module(
    {
        **CS,
        "cluster_name": {"type": "str"},
        "cluster_id": {"type": "str"},
        "name": {"type": "str"},
        "available": {"type": "bool", "default": False},
    },
    run,
    {"required_one_of": [["cluster_name", "cluster_id"]], "mutually_exclusive": [["cluster_name", "cluster_id"]]},
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
