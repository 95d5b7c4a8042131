#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: oss_bucket
short_description: Manage an OSS bucket
version_added: 1.0.0
description:
  - Creates, changes and deletes a bucket of Alibaba Cloud's Object Storage Service.
  - What is not set is left as it is.
author: mlops.ack contributors (@mlops-ack)
options:
  name:
    description: Name of the bucket; 3 to 63 of C(a-z), C(0-9) and C(-). Names are global, over all accounts.
    type: str
    required: true
  state:
    description: Whether the bucket should be there. A bucket that holds objects is never deleted.
    type: str
    choices: [present, absent]
    default: present
  acl:
    description: Who may read it without credentials.
    type: str
    choices: [private, public-read, public-read-write]
  block_public_access:
    description:
      - Refuse public ACLs and policies. The service turns it on for a new bucket.
      - Must be false for an O(acl) other than V(private).
    type: bool
  storage_class:
    description: Default class of its objects. Cannot be changed later.
    type: str
    choices: [Standard, IA, Archive, ColdArchive]
  versioning:
    description:
      - Keep every version of an object. Can be suspended, not removed.
      - Not for a bucket that holds the collection's records; OSS ignores put-if-absent where versioning ever was on.
    type: bool
  tags:
    description: Tags of the bucket; replaces all of them.
    type: dict
extends_documentation_fragment:
  - mlops.ack.alibaba
  - mlops.ack.alibaba.oss
  - mlops.ack.attributes
"""

EXAMPLES = r"""
- name: A private, versioned bucket for raw data
  mlops.ack.oss_bucket:
    name: ml-example
    region: cn-hangzhou
    acl: private
    versioning: true
"""

RETURN = r"""
bucket:
  description: The bucket after the run; null when it is absent.
  returned: success
  type: dict
  sample:
    name: ml-example
    region: cn-hangzhou
    storage_class: Standard
    acl: private
    block_public_access: true
    versioning: true
    tags: {team: ml}
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample: {code: BucketAlreadyExists, message: "...", resource: "", request_id: "...", hint: "...", retryable: false}
"""

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import OSS
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, State, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._oss.bucket import Bucket, OssBucketApi
from ansible_collections.mlops.ack.plugins.module_utils._oss.client import connect

FIELDS = ("name", "region", "acl", "block_public_access", "storage_class", "versioning")


def desired(params: Params) -> State:
    if params["state"] == "absent":
        return None
    tags = params["tags"]
    return {
        **{field: params[field] for field in FIELDS},
        "tags": None if tags is None else {str(key): str(value) for key, value in tags.items()},
    }


def run(params: Params, context: Context) -> Outcome:
    bucket = Bucket(OssBucketApi(connect(params, context), params["name"]))
    return reconcile(bucket, desired(params), context)


MODULE = Module(
    {
        **OSS,
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "acl": {"type": "str", "choices": ["private", "public-read", "public-read-write"]},
        "block_public_access": {"type": "bool"},
        "storage_class": {"type": "str", "choices": ["Standard", "IA", "Archive", "ColdArchive"]},
        "versioning": {"type": "bool"},
        "tags": {"type": "dict"},
    },
    run,
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
