#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: design
short_description: Read, check and correct Initializer and Application documents
version_added: 1.1.0
description:
  - Reads documents in KubeVela's shape that say what a machine-learning platform consists of and how a model goes
    through it, and gives the variables that the roles of this collection take, for each environment.
  - Tells every defect at once, with file, line and column. Words may be in camelCase, snake_case or kebab-case.
  - Corrects only what can be meant in one way; what could be meant in several is told.
  - Needs neither a cluster nor an account, unless O(ask=true).
author: mlops.ack contributors (@mlops-ack)
options:
  src:
    description: Files of YAML documents. Together they are one design.
    type: list
    elements: path
    required: true
  fixed:
    description:
      - Where a corrected copy goes, a file for one file in O(src) and a folder for several. May be O(src) itself.
      - Comments, order and all that is not corrected stay as they are, byte for byte.
      - Errors that only a person can correct still fail the task, after the copy is written.
    type: path
  ask:
    description:
      - Ask ACK which Kubernetes versions it offers and which clusters there are.
      - Otherwise versions are held to those that were on offer when this version of the collection was made.
    type: bool
    default: false
  cluster_names:
    description: Names of the clusters by environment, for O(ask), where the documents do not give them.
    type: dict
extends_documentation_fragment:
  - mlops.ack.alibaba
  - mlops.ack.alibaba.cs
  - mlops.ack.attributes
requirements:
  - PyYAML
notes:
  - Beside the words of the documents, C(k8s-cluster) takes options of M(mlops.ack.ack_cluster), C(nodePools) of
    M(mlops.ack.ack_node_pool), C(s3-bucket) of M(mlops.ack.oss_bucket), C(helm-chart) of M(mlops.ack.helm_release), and
    a predictor those of M(mlops.ack.tfserving).
  - Documents are data. Templates in them are not rendered, and are told.
seealso:
  - module: mlops.ack.ack_cluster
  - module: mlops.ack.tfserving
"""

EXAMPLES = r"""
- name: Read a design
  mlops.ack.design:
    src: [design/initializer.yaml, design/application.yaml]
  register: design

- name: Write a corrected copy, and say what is left
  mlops.ack.design:
    src: design/application.yaml
    fixed: design/application.corrected.yaml
  diff: true
"""

RETURN = r"""
findings:
  description: What is wrong in the documents as they are given, in the order of the files.
  returned: always
  type: list
  elements: dict
  sample:
    - rule: step-name
      level: error
      file: design/initializer.yaml
      line: 41
      column: 22
      message: Step 'create-dev-cluster' applies 'prod-cluster', another component than its name says.
      hint: Did you mean 'dev-cluster'?
      fixable: true
remaining:
  description: What is wrong in the corrected copy; only a person can correct it.
  returned: always
  type: list
  elements: dict
  sample: []
correction:
  description: Every correction that is sure, as a unified diff; empty where there is none.
  returned: always
  type: str
  sample: ""
environments:
  description: Variables of the roles, by environment.
  returned: success
  type: dict
  sample:
    prod:
      cluster_init_cluster: {version: v1.35, profile: Default}
      training_jobs: [{name: digits, modelVersion: {modelName: digits}}]
      serving_name: digits-prod
      serving_gate: evaluate-serving
initialises:
  description: Whether the documents have infrastructure.
  returned: success
  type: bool
  sample: true
training_environment:
  description: Where jobs are trained; empty without a step that trains.
  returned: success
  type: str
  sample: prod
saved_jobs:
  description: The jobs whose model a step saves.
  returned: success
  type: list
  elements: str
  sample: [digits]
serving_environments:
  description: Where models are served, in the order of the steps.
  returned: success
  type: list
  elements: str
  sample: [dev, prod]
gates:
  description: The gates of the steps, with the message and the time limit that they ask with.
  returned: success
  type: dict
  sample: {evaluate-model: {message: "Is it better than the last one?"}, evaluate-serving: {}}
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample: {code: InvalidDesign, message: "...", resource: "", hint: "...", retryable: false, details: {}}
"""

from ansible_collections.mlops.ack.plugins.module_utils._ack.client import connect
from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import CS
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome
from ansible_collections.mlops.ack.plugins.module_utils._spec import check, files
from ansible_collections.mlops.ack.plugins.module_utils._spec.ask import ask


def run(params: Params, context: Context) -> Outcome:
    places = files.places(params["src"], params["fixed"]) if params["fixed"] else []
    given = check.read(params["src"])
    ack = ask(connect(params, context), params["region"], params["cluster_names"]) if params["ask"] else None
    corrected = check.correct(given, ack)
    first, last = check.judge(given, ack), check.judge(corrected, ack)
    copies = [str(place) for place in places] or params["src"]
    correction = "".join(check.diff(*pair) for pair in zip(given, corrected, copies, strict=True))
    due = [
        (source, place)
        for source, place in zip(corrected, places, strict=bool(places))
        if not files.is_written(source, place)
    ]
    for source, place in [] if context.check else due:
        files.write(source, place)
    values = {
        "findings": [each.as_dict() for each in first.findings],
        "remaining": [each.as_dict() for each in last.findings],
        "correction": correction,
    }
    decisive = last if places else first
    if decisive.variables is None:
        raise check.refusal(decisive.findings, {**values, "changed": bool(due)})
    return Outcome(bool(due), {**values, **decisive.variables}, {"prepared": correction if places else ""})


MODULE = Module(
    {
        **CS,
        "src": {"type": "list", "elements": "path", "required": True},
        "fixed": {"type": "path"},
        "ask": {"type": "bool", "default": False},
        "cluster_names": {"type": "dict"},
    },
    run,
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
