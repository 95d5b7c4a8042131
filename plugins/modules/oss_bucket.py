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
    description: Whether the bucket should be there. One that holds objects is deleted with O(delete_objects) only.
    type: str
    choices: [present, absent]
    default: present
  delete_objects:
    description:
      - With O(state=absent), delete everything that the bucket holds first, for ever; all versions of all objects and
        all unfinished uploads. Without it such a bucket is refused, and the message counts what it holds.
    type: bool
    default: false
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
  encryption:
    description: How the service encrypts new objects that do not say it themselves.
    type: dict
    suboptions:
      algorithm:
        description: V(none) removes the setting.
        type: str
        choices: [none, AES256, KMS, SM4]
        required: true
      kms_key_id:
        description: Id of the key in KMS. Empty is the service's own key. Only with O(encryption.algorithm=KMS).
        type: str
        default: ""
  lifecycle:
    description:
      - Rules by which the service deletes objects, or moves them to a cheaper class. Replaces all rules; an empty list
        removes them.
      - A rule of the bucket that uses more than these options know is shown with C(other), and replaced like any.
    type: list
    elements: dict
    suboptions:
      id:
        description: Name of the rule.
        type: str
        required: true
      prefix:
        description: For objects whose keys begin so; all, when empty.
        type: str
        default: ""
      tags:
        description: For objects with all these tags.
        type: dict
      enabled:
        description: Whether the rule is in force.
        type: bool
        default: true
      expire_days:
        description: Delete objects this many days after their last change.
        type: int
      expire_delete_marker:
        description: Remove delete markers that have no version left. Not beside O(lifecycle[].expire_days).
        type: bool
        default: false
      noncurrent_expire_days:
        description: Delete versions this many days after they were replaced.
        type: int
      abort_multipart_days:
        description: Drop uploads that were not finished in this many days.
        type: int
      transitions:
        description: Move objects to another class.
        type: list
        elements: dict
        suboptions: &move
          days:
            description: This many days after the last change (of a noncurrent version, after it was replaced).
            type: int
            required: true
          storage_class:
            description: The class.
            type: str
            choices: [IA, Archive, ColdArchive, DeepColdArchive]
            required: true
      noncurrent_transitions:
        description: Move versions that were replaced to another class.
        type: list
        elements: dict
        suboptions: *move
  tags:
    description: Tags of the bucket; replaces all of them.
    type: dict
extends_documentation_fragment:
  - mlops.ack.alibaba
  - mlops.ack.alibaba.oss
  - mlops.ack.attributes
notes:
  - The key needs C(oss:GetBucket*) for what is read (info, public access block, tags, lifecycle, encryption), and
    C(oss:PutBucket*) for what is changed.
"""

EXAMPLES = r"""
- name: A private, versioned bucket for raw data
  mlops.ack.oss_bucket:
    name: ml-example
    region: cn-hangzhou
    acl: private
    versioning: true
    encryption: {algorithm: AES256}

- name: A bucket for runs that cleans itself
  mlops.ack.oss_bucket:
    name: ml-runs
    region: cn-hangzhou
    lifecycle:
      - id: old-runs
        prefix: runs/
        transitions:
          - {days: 30, storage_class: IA}
        expire_days: 180
      - id: broken-uploads
        abort_multipart_days: 3

- name: Gone, with everything in it
  mlops.ack.oss_bucket:
    name: ml-scratch
    region: cn-hangzhou
    state: absent
    delete_objects: true
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
    encryption: {algorithm: AES256, kms_key_id: ""}
    lifecycle: []
    tags: {team: ml}
deleted_objects:
  description: How many objects (versions and delete markers counted) went with the bucket; in check mode, would go.
  returned: state=absent
  type: int
  sample: 12
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample: {code: BucketAlreadyExists, message: "...", resource: "", request_id: "...", hint: "...", retryable: false}
"""

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import OSS
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, State, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._oss import lifecycle
from ansible_collections.mlops.ack.plugins.module_utils._oss.bucket import Bucket, OssBucketApi
from ansible_collections.mlops.ack.plugins.module_utils._oss.client import connect

FIELDS = ("name", "region", "acl", "block_public_access", "storage_class", "versioning", "encryption")


def desired(params: Params) -> State:
    if params["state"] == "absent":
        return None
    tags, rules, encryption = params["tags"], params["lifecycle"], params["encryption"]
    if encryption and encryption["kms_key_id"] and encryption["algorithm"] != "KMS":
        raise Failure(
            "InvalidOption",
            f"encryption.kms_key_id is set, and encryption.algorithm is {encryption['algorithm']}.",
            hint="Set encryption.algorithm to KMS, or drop kms_key_id.",
        )
    return {
        **{field: params[field] for field in FIELDS},
        "lifecycle": None if rules is None else lifecycle.wished(rules),
        "tags": None if tags is None else {str(key): str(value) for key, value in tags.items()},
    }


def run(params: Params, context: Context) -> Outcome:
    wanted = desired(params)
    api = OssBucketApi(connect(params, context), params["name"])
    bucket = Bucket(api, delete_objects=params["delete_objects"])
    outcome = reconcile(bucket, wanted, context)
    if wanted is None:
        outcome.values["deleted_objects"] = bucket.held.objects
    return outcome


MOVES = {
    "type": "list",
    "elements": "dict",
    "options": {
        "days": {"type": "int", "required": True},
        "storage_class": {
            "type": "str",
            "choices": ["IA", "Archive", "ColdArchive", "DeepColdArchive"],
            "required": True,
        },
    },
}

MODULE = Module(
    {
        **OSS,
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "delete_objects": {"type": "bool", "default": False},
        "acl": {"type": "str", "choices": ["private", "public-read", "public-read-write"]},
        "block_public_access": {"type": "bool"},
        "storage_class": {"type": "str", "choices": ["Standard", "IA", "Archive", "ColdArchive"]},
        "versioning": {"type": "bool"},
        "encryption": {
            "type": "dict",
            "options": {
                "algorithm": {"type": "str", "choices": ["none", "AES256", "KMS", "SM4"], "required": True},
                "kms_key_id": {"type": "str", "default": "", "no_log": False},
            },
        },
        "lifecycle": {
            "type": "list",
            "elements": "dict",
            "options": {
                "id": {"type": "str", "required": True},
                "prefix": {"type": "str", "default": ""},
                "tags": {"type": "dict"},
                "enabled": {"type": "bool", "default": True},
                "expire_days": {"type": "int"},
                "expire_delete_marker": {"type": "bool", "default": False},
                "noncurrent_expire_days": {"type": "int"},
                "abort_multipart_days": {"type": "int"},
                "transitions": MOVES,
                "noncurrent_transitions": MOVES,
            },
        },
        "tags": {"type": "dict"},
    },
    run,
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
