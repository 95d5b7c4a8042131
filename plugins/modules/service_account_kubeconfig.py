#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: service_account_kubeconfig
short_description: Keep a kubeconfig file of a ServiceAccount
version_added: 1.1.0
description:
  - Asks the cluster for a token of a ServiceAccount that ends, and writes a kubeconfig with it to a file that only its
    owner may read. The token is never in the result, the diff or the log.
  - A file of this account that is valid for O(renew_before_minutes) is kept. Where the account or the cluster was made
    anew it is renewed.
  - A file that is there already, and is no kubeconfig of this account, is never replaced.
author: mlops.ack contributors (@mlops-ack)
options:
  namespace:
    description: Namespace of the account, and of the kubeconfig's context.
    type: str
    required: true
  service_account:
    description: Name of the account.
    type: str
    required: true
  dest:
    description: The file, on the machine where the task runs. Folders on the way are made.
    type: path
    required: true
  state:
    description:
      - V(absent) deletes the file. A token that was copied elsewhere works until it ends, or until its account is gone.
    type: str
    choices: [present, absent]
    default: present
  duration_minutes:
    description: How long a new token is valid, from 10 on. A cluster may give less.
    type: int
    default: 480
  renew_before_minutes:
    description: Renew when it is valid for less than this. Less than O(duration_minutes).
    type: int
    default: 60
  server:
    description: Address of the API server as the file's user reaches it; that of O(kubeconfig) when unset.
    type: str
extends_documentation_fragment:
  - mlops.ack.kubernetes
  - mlops.ack.attributes
seealso:
  - module: mlops.ack.ack_kubeconfig
"""

EXAMPLES = r"""
- name: A kubeconfig for a team, for a working day
  mlops.ack.service_account_kubeconfig:
    namespace: vision
    service_account: team
    dest: kubeconfigs/vision
    duration_minutes: 480
"""

RETURN = r"""
kubeconfig:
  description:
    - The file after the run; null when it is absent.
    - C(expiration) is null in check mode when a new one would be made.
  returned: success
  type: dict
  sample:
    path: kubeconfigs/vision
    expiration: "2026-11-22T18:00:00Z"
    server: https://10.0.0.1:6443
    namespace: vision
    service_account: team
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample: {code: NotFound, message: "...", resource: ServiceAccount/vision/team, hint: "...", retryable: false}
"""

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import KUBE
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._kube.account import AccountKubeconfig
from ansible_collections.mlops.ack.plugins.module_utils._kube.client import connect


def run(params: Params, context: Context) -> Outcome:
    AccountKubeconfig.check(params)
    kubeconfig = AccountKubeconfig(connect(params, context), params, context)
    return reconcile(kubeconfig, None if params["state"] == "absent" else {}, context)


MODULE = Module(
    {
        **KUBE,
        "namespace": {"type": "str", "required": True},
        "service_account": {"type": "str", "required": True},
        "dest": {"type": "path", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "duration_minutes": {"type": "int", "default": 480},
        "renew_before_minutes": {"type": "int", "default": 60},
        "server": {"type": "str"},
    },
    run,
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
