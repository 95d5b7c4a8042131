#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: oss_sync
short_description: Copy a folder to a prefix of an OSS bucket, or back
version_added: 1.0.0
description:
  - Moves only what differs. Files are compared by size, by the SHA-256 that is kept in each object's metadata
    (C(x-oss-meta-sha256)), and by MD5 where the object's ETag is one.
  - Files of 64 MiB and more are uploaded in parts, and every download is continued where it broke off, also by a
    later run.
  - The digest of the whole set is in the result; the same files have the same digest at both ends.
  - Links inside the folder are followed as files; a link that leads out of it is refused, and so is an object whose
    name would lead out of the folder.
  - A source without any file is refused, because it is nearly always a misspelt one.
author: mlops.ack contributors (@mlops-ack)
options:
  path:
    description:
      - The folder, on the machine where the task runs. It is made when it is downloaded to.
    type: path
    required: true
  bucket:
    description: Name of the bucket. It must be there.
    type: str
    required: true
  prefix:
    description: What the keys of the objects begin with; a C(/) is put between it and the files' relative paths.
    type: str
    default: ""
  direction:
    description: V(upload) makes the prefix like the folder, V(download) the folder like the prefix.
    type: str
    choices: [upload, download]
    default: upload
  delete_extra:
    description:
      - Delete at the destination what the source does not have. Without it such files stay, with a warning.
    type: bool
    default: false
extends_documentation_fragment:
  - mlops.ack.alibaba
  - mlops.ack.alibaba.oss
  - mlops.ack.attributes
"""

EXAMPLES = r"""
- name: Put the dataset where training finds it
  mlops.ack.oss_sync:
    path: files/digits
    bucket: ml-example
    prefix: datasets/digits
    region: cn-hangzhou

- name: Fetch the evaluation, and nothing but it
  mlops.ack.oss_sync:
    path: build/evaluation
    bucket: ml-example
    prefix: mlops/runs/2026-11-22-a/output/evaluation
    direction: download
    delete_extra: true
    region: cn-hangzhou
"""

RETURN = r"""
sync:
  description:
    - What the source holds, and what was moved (in check mode, what would be).
    - C(digest), C(count) and C(size) are null in check mode when an object that is yet to be downloaded has no
      SHA-256 in its metadata.
  returned: success
  type: dict
  contains:
    direction: {description: Which way., type: str, sample: upload}
    path: {description: The folder., type: str, sample: files/digits}
    prefix: {description: The bucket and the prefix., type: str, sample: "oss://ml-example/datasets/digits"}
    digest:
      description: Over the sorted paths, sizes and SHA-256 of all files of the source.
      type: str
      sample: "sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"
    count: {description: How many files the source has., type: int, sample: 3}
    size: {description: Their bytes., type: int, sample: 1048576}
    transferred: {description: Paths that were moved., type: list, elements: str, sample: [train.npz]}
    transferred_size: {description: Their bytes., type: int, sample: 524288}
    deleted: {description: Paths that were deleted at the destination., type: list, elements: str, sample: []}
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample: {code: EmptySource, message: "...", resource: "", request_id: "", hint: "...", retryable: false, details: {}}
"""

from pathlib import Path

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import OSS
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._oss.client import connect
from ansible_collections.mlops.ack.plugins.module_utils._oss.prefix import PrefixObjects
from ansible_collections.mlops.ack.plugins.module_utils._oss.sync import Sync


def run(params: Params, context: Context) -> Outcome:
    objects = PrefixObjects(connect(params, context), params["bucket"], params["prefix"])
    sync = Sync(
        Path(params["path"]),
        objects,
        context,
        direction=params["direction"],
        delete_extra=params["delete_extra"],
    )
    return reconcile(sync, {}, context)


MODULE = Module(
    {
        **OSS,
        "path": {"type": "path", "required": True},
        "bucket": {"type": "str", "required": True},
        "prefix": {"type": "str", "default": ""},
        "direction": {"type": "str", "choices": ["upload", "download"], "default": "upload"},
        "delete_extra": {"type": "bool", "default": False},
    },
    run,
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
