#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: model_version
short_description: Register a trained model as an immutable version with an image
version_added: 1.0.0
description:
  - Takes the model of a finished training run out of the store, compares every file with what the run recorded, puts
    the files into one layer over a base image, pushes that image, and writes the version's record once.
  - A version is never changed, and its tag (C(v<version>)) never moved. The same model is not registered twice.
  - The image is the same, byte for byte, whenever and wherever it is made. Where the registry has lost it, it is pushed
    again.
  - In the image the SavedModel lies at C(/models/<name>/<version>/).
author: mlops.ack contributors (@mlops-ack)
options:
  name:
    description: Name of the model; 1 to 53 of C(a-z), C(0-9) and C(-).
    type: str
    required: true
  version:
    description:
      - Number of the version. Fails when it is registered with another model.
      - When unset, the version that has this model already, else the next free number.
    type: int
  run_id:
    description: The training run whose model is registered; see M(mlops.ack.training_run).
    type: str
    required: true
  image_repo:
    description: Where the image is pushed, C(host[:port]/repository).
    type: str
    required: true
    aliases: [imageRepo]
  base_image:
    description:
      - The image below the model's layer, C(host[:port]/repository[:tag][@digest]). Needs C(sh) and C(cp).
      - Of an image for several platforms the one for linux/amd64 is taken.
    type: str
    required: true
  registry:
    description: How the registry of O(image_repo) is reached. Another registry of O(base_image) is read anonymously.
    type: dict
    default: {}
    suboptions:
      username:
        description: Name of the user.
        type: str
      password:
        description: Password or token of the user.
        type: str
      insecure:
        description: Whether the registry is reached over plain HTTP.
        type: bool
        default: false
  created_by:
    description: Who registers the version, for the record. In AWX the launcher, elsewhere the login name, when unset.
    type: str
  wait_timeout:
    description: Seconds that building and pushing may take together.
    type: int
    default: 1800
extends_documentation_fragment:
  - mlops.ack.alibaba
  - mlops.ack.alibaba.oss
  - mlops.ack.store
  - mlops.ack.lock
  - mlops.ack.attributes
notes:
  - In check mode the image is built, to know its digest, and not pushed.
seealso:
  - module: mlops.ack.model_version_info
  - module: mlops.ack.training_run
  - module: mlops.ack.tfserving
"""

EXAMPLES = r"""
- name: Register the model of a run
  mlops.ack.model_version:
    name: digits
    run_id: digits-3f2a9c11d0b4
    image_repo: registry.example.com/models/digits
    base_image: registry.example.com/library/busybox:1
    registry:
      username: ci
      password: "{{ registry_password }}"
    store: {bucket: ml-example}
    region: cn-hangzhou
  register: registered
"""

RETURN = r"""
model_version:
  description:
    - The version's record, and C(reference), the name it is served by.
    - C(image) is what everything refers to; C(image_tag) is a name for people.
    - In check mode C(created) of a new version is the time of the check.
  returned: success
  type: dict
  sample:
    name: digits
    version: 1
    reference: digits-v1
    run_id: digits-3f2a9c11d0b4
    model_digest: "sha256:0a..."
    evaluation_digest: "sha256:1b..."
    image: registry.example.com/models/digits@sha256:2c...
    image_tag: registry.example.com/models/digits:v1
    base_image: registry.example.com/library/busybox@sha256:3d...
    training_image: registry.example.com/tensorflow/training@sha256:4e...
    dataset: {name: digits, digest: "sha256:5f..."}
    metrics: {accuracy: 0.97}
    golden: {request: {}, expected: {}, tolerance: 0.001}
    files: [{path: 1/saved_model.pb, size: 81234, sha256: 60...}]
    size: 81234
    created: "2026-11-22T18:40:00Z"
    created_by: alice
    trained_by: carol
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample: {code: VersionExists, message: "...", resource: model_version/digits-v1, hint: "...", retryable: false}
"""

import tempfile
from pathlib import Path

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import OSS
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._oss.lock import LOCK, use_lock
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import STORE, open_store
from ansible_collections.mlops.ack.plugins.module_utils._registry.client import registries
from ansible_collections.mlops.ack.plugins.module_utils._registry.version import ModelVersion, wanted


def run(params: Params, context: Context) -> Outcome:
    use_lock(params, context)
    wish = wanted(params, context)
    with tempfile.TemporaryDirectory(prefix="mlops-ack-") as workspace:
        images = registries(params, wish.image_repo.host, context)
        version = ModelVersion(open_store(params, context), images, wish, Path(workspace), context)
        return reconcile(version, {}, context)


MODULE = Module(
    {
        **OSS,
        **STORE,
        **LOCK,
        "name": {"type": "str", "required": True},
        "version": {"type": "int"},
        "run_id": {"type": "str", "required": True},
        "image_repo": {"type": "str", "required": True, "aliases": ["imageRepo"]},
        "base_image": {"type": "str", "required": True},
        "registry": {
            "type": "dict",
            "default": {},
            "options": {
                "username": {"type": "str"},
                "password": {"type": "str", "no_log": True},
                "insecure": {"type": "bool", "default": False},
            },
            "required_together": [["username", "password"]],
        },
        "created_by": {"type": "str"},
        "wait_timeout": {"type": "int", "default": 1800},
    },
    run,
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
