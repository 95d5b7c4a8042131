#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ack_kubeconfig
short_description: Keep a kubeconfig file of an ACK cluster
version_added: 1.0.0
description:
  - Fetches a temporary kubeconfig and writes it to a file that only its owner may read. The content is never in the
    result, the diff or the log.
  - A file that is still valid for O(renew_before_minutes) and is this cluster's is kept.
  - What the file cannot tell (when it expires) is noted beside it, in C(<dest>.ack.json).
  - A file that is there already, and is no kubeconfig of this cluster that this module wrote, is never replaced.
author: mlops.ack contributors (@mlops-ack)
options:
  cluster_name:
    description: Name of the cluster. Set this or O(cluster_id).
    type: str
  cluster_id:
    description: Id of the cluster.
    type: str
  dest:
    description: The file, on the machine where the task runs. Folders on the way are made.
    type: path
    required: true
  state:
    description:
      - V(absent) deletes the file and revokes at ACK every kubeconfig that this account has for the cluster. A cluster
        that is gone or does not answer has nothing to revoke.
    type: str
    choices: [present, absent]
    default: present
  duration_minutes:
    description: How long a new one is valid, 15 to 4320 minutes.
    type: int
    default: 60
  renew_before_minutes:
    description: Renew when it is valid for less than this. Less than O(duration_minutes).
    type: int
    default: 10
  private:
    description: Use the API server's address inside the VPC.
    type: bool
    default: false
extends_documentation_fragment:
  - mlops.ack.alibaba
  - mlops.ack.alibaba.cs
  - mlops.ack.attributes
"""

EXAMPLES = r"""
- name: Have a kubeconfig for the rest of the play
  mlops.ack.ack_kubeconfig:
    cluster_name: prod
    region: cn-hangzhou
    dest: ~/.kube/mlops-prod
    duration_minutes: 240

- name: Give it back
  mlops.ack.ack_kubeconfig:
    cluster_name: prod
    region: cn-hangzhou
    dest: ~/.kube/mlops-prod
    state: absent
"""

RETURN = r"""
kubeconfig:
  description:
    - The file after the run; null when it is absent.
    - C(expiration) is null in check mode when a new one would be fetched.
  returned: success
  type: dict
  sample:
    path: /home/me/.kube/mlops-prod
    expiration: "2026-11-22T12:00:00Z"
    cluster_id: c0a1b2c3d4e5f60718293a4b5c6d7e8f9
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample:
    code: ClusterNotRunning
    message: "..."
    resource: "cluster/prod"
    request_id: ""
    hint: "..."
    retryable: false
    details: {}
"""

from ansible_collections.mlops.ack.plugins.module_utils._ack.client import connect
from ansible_collections.mlops.ack.plugins.module_utils._ack.kubeconfig import Kubeconfig
from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import CS
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile


def run(params: Params, context: Context) -> Outcome:
    Kubeconfig.check(params)
    kubeconfig = Kubeconfig(connect(params, context), params, context)
    return reconcile(kubeconfig, None if params["state"] == "absent" else {}, context)


MODULE = Module(
    {
        **CS,
        "cluster_name": {"type": "str"},
        "cluster_id": {"type": "str"},
        "dest": {"type": "path", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "duration_minutes": {"type": "int", "default": 60},
        "renew_before_minutes": {"type": "int", "default": 10},
        "private": {"type": "bool", "default": False},
    },
    run,
    {"required_one_of": [["cluster_name", "cluster_id"]], "mutually_exclusive": [["cluster_name", "cluster_id"]]},
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
