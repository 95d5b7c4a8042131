#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: dataset
short_description: Load a dataset from OSS into the volume of a training job
version_added: 1.0.0
description:
  - Names the objects below a prefix of a bucket by their digest, records what the digest stands for,
    and loads them into a volume of the cluster, where every file's SHA-256 is checked.
  - A dataset that is recorded and was loaded into this volume costs a listing and a few reads, and no write.
  - Nothing is ever trained on by accident. An empty prefix, a missing or an altered object is a failure that names it.
author: mlops.ack contributors (@mlops-ack)
options:
  name:
    description: Name of the dataset in the records and in the volume; up to 40 of C(a-z), C(0-9) and C(-).
    type: str
    required: true
  s3:
    description: Where the objects are.
    type: dict
    required: true
    suboptions:
      bucket:
        description: Name of the bucket.
        type: str
        required: true
      prefix:
        description: Only objects below this prefix belong to the dataset; the whole bucket when empty.
        type: str
        default: ""
  digest:
    description:
      - Accept this dataset only, C(sha256:) and 64 hex digits.
      - Where the bucket holds something else, the failure says which objects are missing, altered or added.
    type: str
  mode:
    description:
      - How the dataset comes to the training job. V(load) copies it into the volume, and needs O(namespace), O(volume)
        and O(image).
      - V(name) only names and records it. No cluster is asked.
    type: str
    choices: [load, name]
    default: load
  namespace:
    description: Namespace of the volume, and of the job that loads.
    type: str
    required: false
  volume:
    description:
      - "A Kubernetes volume source, for example C({persistentVolumeClaim: {claimName: training}})."
    type: dict
    required: false
  image:
    description: Image of the job that loads. Any with C(python3) (3.7 or later); that of the training job will do.
    type: str
  wait_timeout:
    description: Seconds the whole may take. What was loaded by then is not loaded again by the next run.
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
"""

EXAMPLES = r"""
- name: The digits, in the volume of the training jobs
  mlops.ack.dataset:
    name: digits
    s3:
      bucket: ml-example
      prefix: data/digits
    store:
      bucket: ml-example
    volume: {persistentVolumeClaim: {claimName: training}}
    namespace: training
    image: registry.example.com/tensorflow/training:2.20
    pod_oss_endpoint: https://oss-cn-hangzhou-internal.aliyuncs.com
  register: digits

- name: Exactly the dataset that was used last time
  mlops.ack.dataset:
    name: digits
    s3: {bucket: ml-example, prefix: data/digits}
    digest: sha256:5d1a6f0b3a1e0e8a0f1f7b0e6d2b4c8f9a7e5d3c1b0a99887766554433221100
    store: {bucket: ml-example}
    volume: {persistentVolumeClaim: {claimName: training}}
    namespace: training
    image: registry.example.com/tensorflow/training:2.20
"""

RETURN = r"""
dataset:
  description: The dataset, which is in the volume unless O(mode=name).
  returned: success
  type: dict
  contains:
    name: {description: Its name., type: str, returned: always, sample: digits}
    digest:
      description: Over the sorted (path, size, sha256) of its files.
      type: str
      returned: always
      sample: sha256:5d1a6f0b3a1e0e8a0f1f7b0e6d2b4c8f9a7e5d3c1b0a99887766554433221100
    count: {description: Number of files., type: int, returned: always, sample: 2}
    size: {description: Bytes of all files., type: int, returned: always, sample: 263211}
    path: {description: Its folder in the volume., type: str, returned: always, sample: datasets/digits/5d1a6f0b3a1e}
    manifest_key:
      description: Its record in the store.
      type: str
      returned: always
      sample: datasets/digits/5d1a6f0b3a1e0e8a0f1f7b0e6d2b4c8f9a7e5d3c1b0a99887766554433221100/manifest.json
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample: {code: EmptyDataset, message: "...", resource: dataset/digits, hint: "...", retryable: false, details: {}}
"""

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import KUBE, OSS
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._kube.client import connect
from ansible_collections.mlops.ack.plugins.module_utils._oss.lock import LOCK, use_lock
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import STORE, open_store
from ansible_collections.mlops.ack.plugins.module_utils._training.dataset import Dataset
from ansible_collections.mlops.ack.plugins.module_utils._training.source import OssSource
from ansible_collections.mlops.ack.plugins.module_utils._training.volume import TRANSFER, place


def run(params: Params, context: Context) -> Outcome:
    use_lock(params, context)
    loads = params["mode"] == "load"
    deadline = Deadline(params["wait_timeout"], context.clock)
    dataset = Dataset(
        connect(params, context).within(deadline) if loads else None,
        OssSource(params, context, **params["s3"]),
        open_store(params, context),
        place(params) if loads else None,
        params["name"],
        deadline,
        context,
        pin=params["digest"],
    )
    return reconcile(dataset, dataset.desired(), context)


MODULE = Module(
    {
        **KUBE,
        **OSS,
        **STORE,
        **TRANSFER,
        **LOCK,
        "name": {"type": "str", "required": True},
        "s3": {
            "type": "dict",
            "required": True,
            "options": {"bucket": {"type": "str", "required": True}, "prefix": {"type": "str", "default": ""}},
        },
        "digest": {"type": "str"},
        "mode": {"type": "str", "choices": ["load", "name"], "default": "load"},
        **{name: {**TRANSFER[name], "required": False} for name in ("namespace", "volume", "image")},
        "wait_timeout": {"type": "int", "default": 1800},
    },
    run,
    {"required_if": [["mode", "load", ["namespace", "volume", "image"]]]},
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
