#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: training_run
short_description: Collect what a training job left, and put the run on record
version_added: 1.0.0
description:
  - Copies the output folder of a training job from its volume into the store, checks every file there,
    and writes the record of the run, once. A run that is on record costs one read.
  - The output must hold C(metrics.json) and a SavedModel below C(model/).
    C(evaluation.html) and C(golden.json) belong to the evaluation where they are there.
author: mlops.ack contributors (@mlops-ack)
options:
  run_id:
    description: Name of the run; up to 63 letters, digits, C(-), C(_) and C(.).
    type: str
    required: true
  model_name:
    description: Name of the model that was trained.
    type: str
    required: true
    aliases: [modelName]
  job:
    description:
      - The job that trained, RV(mlops.ack.tfjob#module:job).
      - Its C(name), C(image), C(image_id), C(replicas), C(parameters), C(log_keys), C(conditions), C(created) and
        C(finished) go into the record.
    type: dict
    required: true
  dataset:
    description: The dataset it was trained on, RV(mlops.ack.dataset#module:dataset).
    type: dict
    required: true
    suboptions:
      name:
        description: Name of the dataset.
        type: str
        required: true
      digest:
        description: Its digest.
        type: str
        required: true
      count:
        description: Number of its files, for the record.
        type: int
      size:
        description: Bytes of all its files, for the record.
        type: int
  attempts:
    description: The environments that were tried, RV(mlops.ack.training_attempt#module:attempts), for the record.
    type: list
    elements: dict
    default: []
  created_by:
    description: Who trained it, for the record. In AWX the launcher, elsewhere the login name, when unset.
    type: str
  output_path:
    description: Folder of the volume into which the job wrote.
    type: str
    required: true
  image:
    description: Image of the jobs that collect, any with C(python3) (3.7 or later). That of O(job) when unset.
    type: str
  wait_timeout:
    description: Seconds the whole may take. What was copied by then is not copied again by the next run.
    type: int
    default: 1800
extends_documentation_fragment:
  - mlops.ack.alibaba
  - mlops.ack.alibaba.oss
  - mlops.ack.kubernetes
  - mlops.ack.store
  - mlops.ack.transfer
  - mlops.ack.lock
  - mlops.ack.attributes
notes:
  - O(store) must be a bucket; pods cannot write into a folder of the controller.
  - In check mode nobody looks into the volume; what is missing there is told by the run alone.
"""

EXAMPLES = r"""
- name: Keep the model and its evaluation
  mlops.ack.training_run:
    run_id: "{{ training.job.run_id }}"
    model_name: digits
    job: "{{ training.job }}"
    dataset: {name: digits, digest: "{{ digits.dataset.digest }}"}
    volume: {persistentVolumeClaim: {claimName: training}}
    output_path: "runs/{{ training.job.run_id }}/output"
    namespace: training
    store: {bucket: ml-example}
"""

RETURN = r"""
run:
  description:
    - The record, C(runs/<run_id>/run.json) in the store.
    - In check mode C(output), C(model) and C(evaluation) of a run that is not on record are null.
  returned: success
  type: dict
  contains:
    schema: {description: Kind and version of the record., type: str, returned: always, sample: mlops.ack/run/v1}
    run_id: {description: Name of the run., type: str, returned: always, sample: digits-3f9a0c11d2e4}
    model_name: {description: Name of the model., type: str, returned: always, sample: digits}
    created: {description: When the job was made., type: str, returned: always, sample: "2026-11-22T10:00:00Z"}
    created_by: {description: Who trained it., type: str, returned: always, sample: carol}
    launcher:
      description: What AWX said about the job that recorded it, C(user_name), C(job_id), C(workflow_job_id).
      type: dict
      returned: in AWX
      sample: {user_name: carol, job_id: 12}
    finished: {description: When it ended., type: str, returned: always, sample: "2026-11-22T10:00:23Z"}
    namespace: {description: Where it ran., type: str, returned: always, sample: training}
    job:
      description: The job.
      type: dict
      returned: always
      sample: {name: digits-3f9a0c11d2e4, image: "example.com/training:2.20", parameters: {EPOCHS: "8"}}
    dataset:
      description: What it was trained on.
      type: dict
      returned: always
      sample: {name: digits, digest: "sha256:5d1a6f", count: 2, size: 263211}
    attempts:
      description: The environments that were tried, in order, and why each was left; empty where there was no choice.
      type: list
      elements: dict
      returned: always
      sample: []
    conditions: {description: What the operator says., type: list, elements: dict, returned: always, sample: []}
    output:
      description: All files, with digest, count, size and for each its path, size and sha256.
      type: dict
      returned: always
      sample: {digest: "sha256:77aa01", count: 6, size: 91234, files: []}
    model:
      description: Those below C(model/), with that prefix removed.
      type: dict
      returned: always
      sample: {digest: "sha256:1b2c3d", count: 3, size: 60123, files: []}
    evaluation:
      description: Digest and files of the evaluation, and the content of C(metrics.json).
      type: dict
      returned: always
      sample: {digest: "sha256:9f8e7d", metrics: {accuracy: 0.97}, files: []}
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample: {code: InvalidOutput, message: "...", resource: "", hint: "...", retryable: false, details: {missing: []}}
"""

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.launcher import launcher, user
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import KUBE, OSS
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._kube.client import connect
from ansible_collections.mlops.ack.plugins.module_utils._oss.lock import LOCK, use_lock
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import STORE, open_store
from ansible_collections.mlops.ack.plugins.module_utils._training.run import Inputs, TrainingRun
from ansible_collections.mlops.ack.plugins.module_utils._training.volume import TRANSFER, place


def run(params: Params, context: Context) -> Outcome:
    use_lock(params, context)
    image = params["image"] or params["job"].get("image")
    if not image:
        raise Failure("MissingOption", "image is not set, and job names none.", hint="Set image to one with python3.")
    if params["store"].get("path"):
        raise Failure(
            "InvalidOption",
            f"store.path is {params['store']['path']}; pods cannot write into a folder of this machine.",
            hint="Set store.bucket.",
        )
    deadline = Deadline(params["wait_timeout"], context.clock)
    collected = TrainingRun(
        connect(params, context).within(deadline),
        open_store(params, context),
        place(params, image),
        Inputs(
            params["run_id"],
            params["model_name"],
            params["job"],
            params["dataset"],
            params["created_by"] or user(context),
            launcher(context),
            params["attempts"],
        ),
        params["output_path"],
        deadline,
        context,
        pod_endpoint=params["pod_oss_endpoint"],
    )
    return reconcile(collected, collected.desired(), context)


MODULE = Module(
    {
        **KUBE,
        **OSS,
        **STORE,
        **TRANSFER,
        **LOCK,
        "image": {"type": "str"},
        "run_id": {"type": "str", "required": True},
        "model_name": {"type": "str", "required": True, "aliases": ["modelName"]},
        "job": {"type": "dict", "required": True},
        "dataset": {
            "type": "dict",
            "required": True,
            "options": {
                "name": {"type": "str", "required": True},
                "digest": {"type": "str", "required": True},
                "count": {"type": "int"},
                "size": {"type": "int"},
            },
        },
        "attempts": {"type": "list", "elements": "dict", "default": []},
        "created_by": {"type": "str"},
        "output_path": {"type": "str", "required": True},
        "wait_timeout": {"type": "int", "default": 1800},
    },
    run,
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
