#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: gate
short_description: Let a play go on only when its subject was approved
version_added: 1.0.0
description:
  - Passes when the subject was approved for this environment. Fails otherwise, and says who can approve it and how.
  - Asks for a decision in this order, and takes the first there is. The task's own O(decision) and an approval of AWX
    (O(awx_approved_by)) are recorded first; then what people have recorded counts; then the rule of the policy; then a
    person at the terminal is asked.
  - Never approves because nobody answered. Without a terminal, in a background process, under ansible-runner and in
    AWX it does not ask; at a terminal nobody who answers within O(timeout) is a refusal. In check mode it does not
    ask.
  - A decision releases one subject, in one environment, at one gate, for as long as the policy says. It is recorded in
    the store and never edited. Another subject needs another decision.
  - The latest word of each approver counts. One rejection rejects; C(revoke) of M(mlops.ack.gate_decision) takes the
    approver's own word back.
  - Names of approvers are claims of those who can write to the store, except in AWX, where the launcher's name is
    taken. Protect the store accordingly.
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
    description:
      - What a decision releases, exactly, for example digests of model and evaluation.
      - No value may be empty. Its digest is what a decision is bound to.
    type: dict
    required: true
  evidence:
    description: What a person is shown, and what the rule of the policy reads. Recorded with the decision.
    type: dict
    default: {}
  policy:
    description: Who decides in this environment.
    type: dict
    default: {}
    suboptions:
      approvers:
        description: The people whose word counts. Anyone who gives a name, when unset.
        type: list
        elements: str
      min_approvals:
        description: How many different approvers must approve.
        type: int
        default: 1
      forbid_self_approval:
        description: Whether the approval of the person in O(submitted_by) does not count.
        type: bool
        default: false
      expires_in:
        description:
          - How long an approval counts, for example V(7d) or V(12h). For ever, when unset.
          - Also shortens approvals that were made under a longer one.
        type: str
      rule:
        description:
          - A condition over the evidence that decides where no person has, for example V(accuracy >= 0.95).
          - Knows names of the evidence (dotted for nested ones), numbers, text in quotes, C(true), C(false),
            C(< <= > >= == !=), C(and or not), C(+ - * /) and brackets.
          - Excludes O(policy.min_approvals) above 1 and O(policy.forbid_self_approval).
        type: str
      signed:
        description: Whether only approvals count that were signed with O(signing_key). Rejections always count.
        type: bool
        default: false
  signing_key:
    description:
      - A secret that signs what this task records, and proves what others recorded; needed with O(policy.signed).
      - Whoever has it can sign for anybody. Give it to the jobs that decide, not to all that can write to the store.
    type: str
  decision:
    description: Decides now. Recorded with O(reason) and O(approver).
    type: str
    choices: [approve, reject]
  reason:
    description: Why. Needed with O(decision).
    type: str
  approver:
    description:
      - Who decides, with O(decision) or at the terminal.
      - In AWX the user who launched the job, and nobody else; elsewhere the login name when unset.
    type: str
  subject_digest:
    description: The digest that was looked at. When set, the task fails if O(subject) is another one.
    type: str
  submitted_by:
    description:
      - Who wants the subject released; see O(policy.forbid_self_approval).
      - C(submitted_by) of the evidence when unset.
    type: str
  awx_approved_by:
    description:
      - Who approved the workflow's approval node before this job, as the workflow hands it on.
      - Counts only inside of an AWX workflow (C(awx_workflow_job_id)).
    type: str
  awx_approved_subject:
    description:
      - The digest of the subject that was waiting when O(awx_approved_by) approved, as the workflow hands it on.
      - When set, the approval counts for that subject alone.
    type: str
  timeout:
    description: How long a person at the terminal may think, for example V(90s), V(10m), V(1h).
    type: str
    default: 10m
  resume_command:
    description: What a person types to go on after the decision; shown when the gate is pending.
    type: str
extends_documentation_fragment:
  - mlops.ack.alibaba
  - mlops.ack.alibaba.oss
  - mlops.ack.store
  - mlops.ack.attributes
notes:
  - In a play with several hosts use C(run_once=true), so that the decision is one for all of them. Without it each
    host runs the task, only the first asks, and all come to the same answer.
  - As a forked module (C(async), another machine, another user) it cannot ask, and does not know what AWX says about
    the launcher; set O(approver) there.
seealso:
  - module: mlops.ack.gate_decision
  - module: mlops.ack.gate_info
"""

EXAMPLES = r"""
- name: Only what people have approved goes to production
  mlops.ack.gate:
    name: evaluate-model
    environment: prod
    subject:
      model_digest: "{{ run.model.digest }}"
      evaluation_digest: "{{ run.evaluation.digest }}"
    evidence:
      accuracy: "{{ run.evaluation.metrics.accuracy }}"
      report: build/evaluation.html
    policy: {approvers: [alice, bob], forbid_self_approval: true, expires_in: 7d}
    submitted_by: "{{ run.created_by }}"
    store: {bucket: ml-example}
    region: cn-hangzhou
  run_once: true

- name: In dev a number decides
  mlops.ack.gate:
    name: evaluate-model
    environment: dev
    subject: {model_digest: "{{ run.model.digest }}"}
    evidence: "{{ run.evaluation.metrics }}"
    policy: {rule: accuracy >= 0.95}
    store: {path: build/store}
"""

RETURN = r"""
gate_status:
  description: What the decisions come to. Only C(approved) is a success.
  returned: always
  type: str
  sample: approved
gate:
  description:
    - The gate after the run.
    - C(source) is how the deciding decision came in; C(option), C(record), C(awx), C(rule) or C(terminal).
    - C(decisions) are those that count, C(ignored) says why others do not.
    - In check mode C(decided) of a new decision, and C(created) in C(decisions), are the time of the check.
  returned: always
  type: dict
  sample:
    name: evaluate-model
    environment: prod
    status: approved
    subject: {model_digest: "sha256:0a..."}
    subject_digest: "sha256:1f..."
    source: terminal
    approvers: [alice]
    reason: 0.97 on holdout
    decided: "2026-11-22T18:40:00Z"
    expires: "2026-11-29T18:40:00Z"
    n: 1
    record_key: gates/prod/evaluate-model/1f.../1.json
    approvals: 1
    min_approvals: 1
    decisions: []
    ignored: []
failure:
  description:
    - Why it failed, for programs. C(code) is C(GatePending), C(GateRejected), C(GateExpired), C(GateTimedOut) or
      C(GateAltered) where the gate is not passed; C(details.decide_command) records a decision.
  returned: failure
  type: dict
  sample: {code: GatePending, message: "...", resource: gate/prod/evaluate-model, hint: "...", retryable: false}
"""

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import OSS
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome
from ansible_collections.mlops.ack.plugins.module_utils._gate.passing import pass_gate
from ansible_collections.mlops.ack.plugins.module_utils._gate.policy import POLICY
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import STORE, open_store


def run(params: Params, context: Context) -> Outcome:
    store = open_store(params, context)
    return pass_gate(params, context, store, store.now)


MODULE = Module(
    {
        **OSS,
        **STORE,
        **POLICY,
        "name": {"type": "str", "required": True},
        "environment": {"type": "str", "required": True},
        "subject": {"type": "dict", "required": True},
        "evidence": {"type": "dict", "default": {}},
        "decision": {"type": "str", "choices": ["approve", "reject"]},
        "reason": {"type": "str"},
        "approver": {"type": "str"},
        "subject_digest": {"type": "str"},
        "submitted_by": {"type": "str"},
        "awx_approved_by": {"type": "str"},
        "awx_approved_subject": {"type": "str"},
        "timeout": {"type": "str", "default": "10m"},
        "resume_command": {"type": "str"},
    },
    run,
    {"required_by": {"decision": ["reason"]}},
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
