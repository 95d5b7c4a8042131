#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: tfjob_info
short_description: Read training jobs
version_added: 1.0.0
description:
  - Reads one training job or all of a namespace, with their pods and what is wrong with them.
author: mlops.ack contributors (@mlops-ack)
options:
  namespace:
    description: Namespace of the jobs.
    type: str
    required: true
  name:
    description: One job; all of the namespace when unset.
    type: str
extends_documentation_fragment:
  - mlops.ack.kubernetes
  - mlops.ack.attributes.info
"""

EXAMPLES = r"""
- name: What is training
  mlops.ack.tfjob_info:
    namespace: training
  register: training

- name: Names of those that failed
  ansible.builtin.debug:
    msg: "{{ training.jobs | selectattr('state', 'equalto', 'failed') | map(attribute='name') }}"
"""

RETURN = r"""
jobs:
  description:
    - The jobs by name, each as RV(mlops.ack.tfjob#module:job), with C(trouble), a line about the first pod that is in
      trouble. C(log_keys) is empty; the logs' names need a store.
    - Empty where there are none, and where the cluster has no training operator.
  returned: success
  type: list
  elements: dict
  sample:
    - name: digits-3f9a0c11d2e4
      namespace: training
      run_id: digits-3f9a0c11d2e4
      state: failed
      seconds: 12
      trouble: "ContainerFailed: pod digits-3f9a0c11d2e4-worker-1, container tensorflow: exited with 1"
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample: {code: Unreachable, message: "...", resource: "", hint: "...", retryable: true, details: {}}
"""

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import KUBE
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome
from ansible_collections.mlops.ack.plugins.module_utils._kube.client import connect
from ansible_collections.mlops.ack.plugins.module_utils._training.info import read_jobs


def run(params: Params, context: Context) -> Outcome:
    try:
        jobs = read_jobs(connect(params, context), params["namespace"], params["name"])
    except Failure as failure:
        if failure.code != "MissingOperator":
            raise
        jobs = []
    return Outcome(False, {"jobs": jobs})


MODULE = Module({**KUBE, "namespace": {"type": "str", "required": True}, "name": {"type": "str"}}, run)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
