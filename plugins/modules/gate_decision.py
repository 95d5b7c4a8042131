#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: gate_decision
short_description: Record a person's decision about what waits at a gate
version_added: 1.0.0
description:
  - Records that somebody approves or rejects a subject, or takes the own decision back. M(mlops.ack.gate) finds it when
    its play runs again, from whatever machine.
  - Decisions are added, never edited. The same decision with the same reason is not recorded twice.
  - Where the gate has asked already, its policy is applied at once, so that nobody believes to have approved in vain.
author: mlops.ack contributors (@mlops-ack)
options:
  name:
    description: Name of the gate.
    type: str
    required: true
  environment:
    description: The environment that the decision is for.
    type: str
    required: true
  subject:
    description: What the decision releases, exactly as the gate has it.
    type: dict
  subject_digest:
    description:
      - The digest of the subject, in full, or its first 6 or more digits where the gate has asked already.
      - Without it and O(subject), the one subject that waits at this gate is meant. Fails unless exactly one waits.
    type: str
  decision:
    description: V(revoke) takes back what the same approver decided before.
    type: str
    choices: [approve, reject, revoke]
    required: true
  reason:
    description: Why.
    type: str
    required: true
  approver:
    description:
      - Who decides.
      - In AWX the user who launched the job, and nobody else; elsewhere the login name when unset.
    type: str
  expires_in:
    description: How long an approval counts, for example V(24h). The policy of the gate may make it shorter.
    type: str
  signing_key:
    description: A secret that signs the decision; needed where the policy of the gate asks for signatures.
    type: str
extends_documentation_fragment:
  - mlops.ack.alibaba
  - mlops.ack.alibaba.oss
  - mlops.ack.store
  - mlops.ack.attributes
seealso:
  - module: mlops.ack.gate
  - module: mlops.ack.gate_info
"""

EXAMPLES = r"""
- name: Approve what waits
  mlops.ack.gate_decision:
    name: evaluate-model
    environment: prod
    subject_digest: sha256:1f0c44
    decision: approve
    reason: 0.97 on holdout
    approver: alice
    expires_in: 7d
    store: {bucket: ml-example}
    region: cn-hangzhou

- name: Take it back
  mlops.ack.gate_decision:
    name: evaluate-model
    environment: prod
    subject_digest: sha256:1f0c44
    decision: revoke
    reason: The holdout was in the training set
    approver: alice
    store: {bucket: ml-example}
    region: cn-hangzhou
"""

RETURN = r"""
gate:
  description:
    - What the decisions about the subject come to now, as RV(mlops.ack.gate#module:gate).
    - In check mode C(decided) of a new decision, and C(created) in C(decisions), are the time of the check.
  returned: success
  type: dict
  sample:
    name: evaluate-model
    environment: prod
    status: approved
    subject_digest: "sha256:1f..."
    source: record
    approvers: [alice]
    reason: 0.97 on holdout
    n: 1
    record_key: gates/prod/evaluate-model/1f.../1.json
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample: {code: UnknownSubject, message: "...", resource: "", hint: "...", retryable: false}
"""

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import OSS
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome
from ansible_collections.mlops.ack.plugins.module_utils._gate.recording import record_decision
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import STORE, open_store


def run(params: Params, context: Context) -> Outcome:
    store = open_store(params, context)
    return record_decision(params, context, store, store.now)


MODULE = Module(
    {
        **OSS,
        **STORE,
        "name": {"type": "str", "required": True},
        "environment": {"type": "str", "required": True},
        "subject": {"type": "dict"},
        "subject_digest": {"type": "str"},
        "decision": {"type": "str", "choices": ["approve", "reject", "revoke"], "required": True},
        "reason": {"type": "str", "required": True},
        "approver": {"type": "str"},
        "expires_in": {"type": "str"},
        "signing_key": {"type": "str", "no_log": True},
    },
    run,
    {"mutually_exclusive": [["subject", "subject_digest"]]},
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
