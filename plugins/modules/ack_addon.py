#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ack_addon
short_description: Manage an addon of an ACK cluster
version_added: 1.1.0
description:
  - Installs, configures, upgrades and removes one addon (component) of a cluster.
  - What is not set is left as it is. Settings are compared as data, key by key, so neither the order nor the spacing of
    what ACK keeps as JSON text matters.
  - An unknown name is refused with the nearest one, a version that ACK does not offer with those that it does, and an
    action that the addon does not support with those that it does, all before anything is changed.
  - ACK gives no task for a change of settings; it is followed by the addon's own state, and read back.
author: mlops.ack contributors (@mlops-ack)
options:
  cluster_name:
    description: Name of the cluster. Set this or O(cluster_id).
    type: str
  cluster_id:
    description: Id of the cluster.
    type: str
  name:
    description: Name of the addon. M(mlops.ack.ack_addon_info) with O(mlops.ack.ack_addon_info#module:available) lists
      what there is.
    type: str
    required: true
  state:
    description: Whether it should be installed. An absent cluster has no addons.
    type: str
    choices: [present, absent]
    default: present
  version:
    description:
      - Its version. V(latest) is the newest that ACK offers for this cluster, at each run.
      - When unset, a new addon gets the newest, and an installed one keeps its version.
      - An addon is only ever upgraded; ACK cannot go back.
    type: str
  config:
    description: Its settings. Keys that are not named here are left alone.
    type: dict
  cleanup_cloud_resources:
    description: With O(state=absent), also delete the cloud resources that it made. ACK's own default when unset.
    type: bool
  wait_timeout:
    description: Seconds that the whole run may take, waiting included.
    type: int
    default: 1200
extends_documentation_fragment:
  - mlops.ack.alibaba
  - mlops.ack.alibaba.cs
  - mlops.ack.wait
  - mlops.ack.lock
  - mlops.ack.attributes
"""

EXAMPLES = r"""
- name: Share GPUs, with what ACK has newest
  mlops.ack.ack_addon:
    cluster_name: prod
    region: cn-hangzhou
    name: ack-ai-installer
    version: latest

- name: Send the logs of containers to a project of our own
  mlops.ack.ack_addon:
    cluster_name: prod
    region: cn-hangzhou
    name: loongcollector
    config:
      sls_project_name: ml-prod
      IngressDashboardEnabled: "true"

- name: Remove it, and what it made
  mlops.ack.ack_addon:
    cluster_name: prod
    region: cn-hangzhou
    name: loongcollector
    state: absent
    cleanup_cloud_resources: true
"""

RETURN = r"""
addon:
  description:
    - The addon after the run; null when it is absent.
    - In check mode, C(state) of a new one is null, and so are C(version) and C(config) where they are not set.
  returned: success
  type: dict
  sample:
    name: loongcollector
    version: 3.2.0
    state: active
    config: {sls_project_name: ml-prod, IngressDashboardEnabled: "true"}
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample:
    code: UnknownAddon
    message: "..."
    resource: "addon/loongcolector"
    request_id: ""
    hint: "Did you mean 'loongcollector'?"
    retryable: false
    details: {}
"""

from ansible_collections.mlops.ack.plugins.module_utils._ack import locate
from ansible_collections.mlops.ack.plugins.module_utils._ack.addon import Addon
from ansible_collections.mlops.ack.plugins.module_utils._ack.client import connect
from ansible_collections.mlops.ack.plugins.module_utils._ack.waits import Waiter
from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import CS, wait
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, State, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._oss.lock import LOCK, use_lock


def desired(params: Params) -> State:
    return None if params["state"] == "absent" else {name: params[name] for name in ("name", "version", "config")}


def run(params: Params, context: Context) -> Outcome:
    use_lock(params, context)
    deadline = Deadline(params["wait_timeout"], context.clock)
    transport = connect(params, context).within(deadline)
    find = locate.cluster if params["state"] == "absent" else locate.required
    cluster = find(transport, params)
    cluster_id = cluster["cluster_id"] if cluster else None
    addon = Addon(transport, cluster_id, params, Waiter(transport, deadline, context))
    return reconcile(addon, desired(params), context)


MODULE = Module(
    {
        **CS,
        **LOCK,
        **wait(1200),
        "cluster_name": {"type": "str"},
        "cluster_id": {"type": "str"},
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "version": {"type": "str"},
        "config": {"type": "dict"},
        "cleanup_cloud_resources": {"type": "bool"},
    },
    run,
    {"required_one_of": [["cluster_name", "cluster_id"]], "mutually_exclusive": [["cluster_name", "cluster_id"]]},
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
