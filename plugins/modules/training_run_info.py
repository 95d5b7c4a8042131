#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: training_run_info
short_description: Read the record of a training run
version_added: 1.0.0
description:
  - Reads the record of a run, and on request brings its evaluation into a local folder.
author: mlops.ack contributors (@mlops-ack)
options:
  run_id:
    description: Name of the run.
    type: str
    required: true
  fetch:
    description:
      - A folder for C(metrics.json), C(evaluation.html) and C(golden.json), on the machine where the task runs.
      - Files that are there as recorded are left; the module reports a change only where it wrote one.
    type: path
extends_documentation_fragment:
  - mlops.ack.alibaba
  - mlops.ack.alibaba.oss
  - mlops.ack.store
  - mlops.ack.attributes
"""

EXAMPLES = r"""
- name: Is it trained already
  mlops.ack.training_run_info:
    run_id: digits-3f9a0c11d2e4
    store: {bucket: ml-example}
  register: recorded

- name: Something to look at
  mlops.ack.training_run_info:
    run_id: digits-3f9a0c11d2e4
    store: {bucket: ml-example}
    fetch: build/digits-3f9a0c11d2e4
"""

RETURN = r"""
run:
  description: The record, as RV(mlops.ack.training_run#module:run); null where there is none.
  returned: success
  type: dict
  sample:
    run_id: digits-3f9a0c11d2e4
    model_name: digits
    dataset: {name: digits, digest: "sha256:5d1a6f"}
    evaluation: {digest: "sha256:9f8e7d", metrics: {accuracy: 0.97}, files: []}
files:
  description: Paths of the evaluation files in O(fetch), by their names.
  returned: success
  type: dict
  sample: {evaluation.html: build/digits-3f9a0c11d2e4/evaluation.html}
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample: {code: NoSuchBucket, message: "...", resource: "", hint: "...", retryable: false, details: {}}
"""

from pathlib import Path

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import OSS
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import STORE, open_store
from ansible_collections.mlops.ack.plugins.module_utils._training.evidence import differing, fetch
from ansible_collections.mlops.ack.plugins.module_utils._training.run import read


def run(params: Params, context: Context) -> Outcome:
    store = open_store(params, context)
    record = read(store, params["run_id"])
    if record is None or not params["fetch"]:
        return Outcome(False, {"run": record, "files": {}}, {"before": {}, "after": {}})
    folder = Path(params["fetch"])
    due = differing(record, folder)
    if due and not context.check:
        fetch(store, record, folder, due)
    files = {file["path"]: str(folder / file["path"]) for file in record["evaluation"]["files"]}
    return Outcome(bool(due), {"run": record, "files": files}, {"before": {}, "after": {"files": due} if due else {}})


MODULE = Module(
    {**OSS, **STORE, "run_id": {"type": "str", "required": True}, "fetch": {"type": "path"}},
    run,
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
