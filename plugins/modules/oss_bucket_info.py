#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: oss_bucket_info
short_description: Read OSS buckets
version_added: 1.0.0
description:
  - Reads one bucket by its name, or all buckets of the account in a region.
author: mlops.ack contributors (@mlops-ack)
options:
  name:
    description: Name of one bucket. An absent one gives an empty list.
    type: str
  prefix:
    description: Only buckets whose names begin so. Not used with O(name).
    type: str
    default: ""
extends_documentation_fragment:
  - mlops.ack.alibaba
  - mlops.ack.alibaba.oss
  - mlops.ack.attributes
  - mlops.ack.attributes.info
"""

EXAMPLES = r"""
- name: Is the bucket there
  mlops.ack.oss_bucket_info:
    name: ml-example
    region: cn-hangzhou
  register: found

- name: All buckets of the team
  mlops.ack.oss_bucket_info:
    prefix: ml-
    region: cn-hangzhou
"""

RETURN = r"""
buckets:
  description: The buckets, sorted by name.
  returned: success
  type: list
  elements: dict
  sample:
    - name: ml-example
      region: cn-hangzhou
      storage_class: Standard
      acl: private
      block_public_access: true
      versioning: true
      encryption: {algorithm: AES256, kms_key_id: ""}
      lifecycle: []
      tags: {team: ml}
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample: {code: AccessDenied, message: "...", resource: "", request_id: "...", hint: "...", retryable: false}
"""

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import OSS
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome
from ansible_collections.mlops.ack.plugins.module_utils._oss.bucket import OssBucketApi
from ansible_collections.mlops.ack.plugins.module_utils._oss.client import connect


def run(params: Params, context: Context) -> Outcome:
    oss = connect(params, context)
    if params["name"]:
        names = [params["name"]]
    else:
        place = f"oss-{oss.region}"
        names = sorted(bucket.name for bucket in oss.buckets(params["prefix"]) if bucket.location == place)
    found = [OssBucketApi(oss, name).get() for name in names]
    return Outcome(False, {"buckets": [bucket for bucket in found if bucket is not None]})


MODULE = Module(
    {**OSS, "name": {"type": "str"}, "prefix": {"type": "str", "default": ""}},
    run,
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
