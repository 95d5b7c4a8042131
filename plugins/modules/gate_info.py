#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: gate_info
short_description: List what waits at gates, and what was decided
version_added: 1.0.0
description:
  - Lists every subject that a gate of the store has asked or decided about.
  - Reads only. Each is judged by the policy that the gate asked with last.
author: mlops.ack contributors (@mlops-ack)
options:
  name:
    description: Only this gate.
    type: str
  environment:
    description: Only this environment.
    type: str
  status:
    description: Only subjects with one of these.
    type: list
    elements: str
    choices: [approved, rejected, pending, expired, altered]
  signing_key:
    description: Proves the decisions of gates whose policy asks for signatures. Without it none of those counts.
    type: str
extends_documentation_fragment:
  - mlops.ack.alibaba
  - mlops.ack.alibaba.oss
  - mlops.ack.store
  - mlops.ack.attributes.info
seealso:
  - module: mlops.ack.gate
  - module: mlops.ack.gate_decision
"""

EXAMPLES = r"""
- name: What waits for somebody
  mlops.ack.gate_info:
    status: [pending, expired]
    store: {bucket: ml-example}
    region: cn-hangzhou
  register: waiting
"""

RETURN = r"""
gates:
  description:
    - One entry for each environment, gate and subject, sorted; the fields of RV(mlops.ack.gate#module:gate), and
    - C(evidence) and C(submitted_by) as last shown, C(requested) when the gate asked last, C(page) all of that
      as the text that people see at the gate, C(history) every decision.
  returned: success
  type: list
  elements: dict
  sample:
    - name: evaluate-model
      environment: prod
      status: pending
      subject: {model_digest: "sha256:0a..."}
      subject_digest: "sha256:1f..."
      approvals: 0
      min_approvals: 1
      evidence: {accuracy: 0.97}
      submitted_by: carol
      page: "Subject..."
      requested: "2026-11-22T18:40:00Z"
      history: []
"""

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import OSS
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome
from ansible_collections.mlops.ack.plugins.module_utils._gate.overview import overview
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import STORE, open_store


def run(params: Params, context: Context) -> Outcome:
    store = open_store(params, context)
    found = overview(store, store.now(), params["environment"], params["name"], params["signing_key"])
    wanted = params["status"]
    return Outcome(False, {"gates": [each for each in found if wanted is None or each["status"] in wanted]})


MODULE = Module(
    {
        **OSS,
        **STORE,
        "name": {"type": "str"},
        "environment": {"type": "str"},
        "status": {
            "type": "list",
            "elements": "str",
            "choices": ["approved", "rejected", "pending", "expired", "altered"],
        },
        "signing_key": {"type": "str", "no_log": True},
    },
    run,
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
