#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ack_attach_script
short_description: Keep the script with which a machine joins an edge node pool
version_added: 1.0.0
description:
  - Fetches the attach script of a node pool that was created with C(type=edge), and writes it to a file that only its
    owner may read. The script holds a token; its content is never in the result, the diff or the log.
  - The token serves once. Run the script as root on the machine, and delete it afterwards (O(state=absent)).
  - A file that is there already, and that this module did not write, is never replaced.
author: mlops.ack contributors (@mlops-ack)
options:
  cluster_name:
    description: Name of the cluster. Set this or O(cluster_id).
    type: str
  cluster_id:
    description: Id of the cluster.
    type: str
  node_pool:
    description: Name of the edge node pool. Required unless O(state=absent).
    type: str
  dest:
    description: The file, on the machine where the task runs. Folders on the way are made.
    type: path
    required: true
  state:
    description: V(absent) deletes the file and the note beside it; ACK is not asked.
    type: str
    choices: [present, absent]
    default: present
  arch:
    description: Processor of the machine.
    type: str
    choices: [amd64, arm64]
    default: amd64
  options:
    description: ACK's own settings of the script, sent as they are, for example C(nodeNameOverride).
    type: dict
  renew_after_minutes:
    description: Fetch another when this one is older. How long ACK's token lasts is not documented.
    type: int
    default: 60
extends_documentation_fragment:
  - mlops.ack.alibaba
  - mlops.ack.alibaba.cs
  - mlops.ack.attributes
"""

EXAMPLES = r"""
- name: Have the script for a machine in the plant
  mlops.ack.ack_attach_script:
    cluster_name: edge
    region: cn-hangzhou
    node_pool: plant-7
    dest: ~/attach-plant-7.sh

- name: Delete it after the machine has joined
  mlops.ack.ack_attach_script:
    cluster_name: edge
    region: cn-hangzhou
    dest: ~/attach-plant-7.sh
    state: absent
"""

RETURN = r"""
attach_script:
  description:
    - The file after the run; null when it is absent.
    - C(fetched) is null in check mode when a new one would be fetched.
  returned: success
  type: dict
  sample:
    path: /home/me/attach-plant-7.sh
    node_pool_id: np0a1b2c3d4e5f60718293a4b5c6d7e8f9
    fetched: "2026-11-22T12:00:00Z"
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample:
    code: NotAnEdgePool
    message: "..."
    resource: "node_pool/cpu"
    request_id: ""
    hint: "..."
    retryable: false
    details: {}
"""

from ansible_collections.mlops.ack.plugins.module_utils._ack.attach import AttachScript
from ansible_collections.mlops.ack.plugins.module_utils._ack.client import connect
from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import CS
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile


def run(params: Params, context: Context) -> Outcome:
    script = AttachScript(connect(params, context), params, context)
    return reconcile(script, None if params["state"] == "absent" else {}, context)


MODULE = Module(
    {
        **CS,
        "cluster_name": {"type": "str"},
        "cluster_id": {"type": "str"},
        "node_pool": {"type": "str"},
        "dest": {"type": "path", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "arch": {"type": "str", "choices": ["amd64", "arm64"], "default": "amd64"},
        "options": {"type": "dict"},
        "renew_after_minutes": {"type": "int", "default": 60},
    },
    run,
    {
        "required_one_of": [["cluster_name", "cluster_id"]],
        "mutually_exclusive": [["cluster_name", "cluster_id"]],
        "required_if": [["state", "present", ["node_pool"]]],
    },
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
