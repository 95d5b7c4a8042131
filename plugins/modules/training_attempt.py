#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: training_attempt
short_description: Choose the environment in which a run is trained, and leave one that cannot
version_added: 1.1.0
description:
  - Puts on record where a run is trained. An attempt that nobody ended is continued; after one that was left comes the
    next environment of the list. Where all were left before, the first one is tried again.
  - An environment is left where it was unreachable, where pods found no node, or where there was no stock. Any other
    failure would meet the run everywhere, and is told again.
  - The role P(mlops.ack.training#role) uses it for C(training_environments).
author: mlops.ack contributors (@mlops-ack)
options:
  run_id:
    description: Name of the run.
    type: str
    required: true
  environments:
    description: Names of the environments, the preferred one first.
    type: list
    elements: str
    required: true
  left:
    description: The environment that failed, and how. The next one is chosen.
    type: dict
    suboptions:
      environment:
        description: Its name.
        type: str
        required: true
      failure:
        description: The failure, as modules of this collection return it.
        type: dict
        required: true
extends_documentation_fragment:
  - mlops.ack.alibaba
  - mlops.ack.alibaba.oss
  - mlops.ack.store
  - mlops.ack.attributes
"""

EXAMPLES = r"""
- name: Where to train
  mlops.ack.training_attempt:
    run_id: digits-3f9a0c11d2e4
    environments: [hangzhou, shanghai]
    store: {bucket: ml-example}
  register: training

- name: Go on where there are machines
  mlops.ack.training_attempt:
    run_id: digits-3f9a0c11d2e4
    environments: [hangzhou, shanghai]
    left:
      environment: hangzhou
      failure: {code: Unschedulable, message: "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."}
    store: {bucket: ml-example}
"""

RETURN = r"""
attempt:
  description: The environment to train in, and the number of the attempt. C(is_new) where nothing was begun in it.
  returned: success
  type: dict
  sample: {environment: shanghai, number: 2, is_new: true}
attempts:
  description:
    - All attempts so far, as the record of the run has them.
    - In check mode C(started) and C(left) of what is new are the time of the check.
  returned: success
  type: list
  elements: dict
  sample:
    - environment: hangzhou
      started: "2026-11-22T10:00:00Z"
      checkpoint: null
      left: "2026-11-22T10:05:00Z"
      reason: unschedulable
      code: Unschedulable
      message: "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
failure:
  description:
    - Why it failed, for programs. C(NoEnvironmentLeft) where all were left; the given failure where it is no reason to
      leave.
  returned: failure
  type: dict
  sample: {code: NoEnvironmentLeft, message: "...", resource: run/digits-3f9a0c11d2e4, hint: "...", retryable: true}
"""

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import OSS
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import STORE, open_store
from ansible_collections.mlops.ack.plugins.module_utils._training.attempts import choose


def run(params: Params, context: Context) -> Outcome:
    step, attempts = choose(open_store(params, context), params, check=context.check)
    return Outcome(step.is_new, {"attempt": step._asdict(), "attempts": attempts})


MODULE = Module(
    {
        **OSS,
        **STORE,
        "run_id": {"type": "str", "required": True},
        "environments": {"type": "list", "elements": "str", "required": True},
        "left": {
            "type": "dict",
            "options": {
                "environment": {"type": "str", "required": True},
                "failure": {"type": "dict", "required": True},
            },
        },
    },
    run,
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
