#!/usr/bin/python
# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)

from __future__ import annotations

DOCUMENTATION = r"""
---
module: oss_object_info
short_description: List the objects of an OSS bucket
version_added: 1.1.0
description:
  - Lists objects by the beginning and the end of their keys, in the order of their keys.
  - Reads page by page, and no further than O(limit) asks for.
author: mlops.ack contributors (@mlops-ack)
options:
  bucket:
    description: Name of the bucket. It must be there.
    type: str
    required: true
  prefix:
    description: Only objects whose keys begin so.
    type: str
    default: ""
  suffix:
    description: Only objects whose keys end so. The service knows no such filter; all of O(prefix) is read.
    type: str
    default: ""
  after:
    description: Only objects whose keys come behind this one; RV(next) of the last result goes on where that ended.
    type: str
    default: ""
  limit:
    description: At most this many objects.
    type: int
    default: 1000
extends_documentation_fragment:
  - mlops.ack.alibaba
  - mlops.ack.alibaba.oss
  - mlops.ack.attributes
  - mlops.ack.attributes.info
"""

EXAMPLES = r"""
- name: Which datasets are there
  mlops.ack.oss_object_info:
    bucket: ml-example
    prefix: mlops/datasets/
    suffix: /manifest.json
    region: cn-hangzhou
  register: datasets

- name: The next ones
  mlops.ack.oss_object_info:
    bucket: ml-example
    prefix: mlops/datasets/
    suffix: /manifest.json
    after: "{{ datasets.next }}"
    region: cn-hangzhou
  when: datasets.next is not none
"""

RETURN = r"""
objects:
  description: The objects, sorted by key. C(size) is in bytes.
  returned: success
  type: list
  elements: dict
  sample:
    - key: mlops/datasets/digits/4f53cda18c2b/manifest.json
      size: 312
      etag: 5D41402ABC4B2A76B9719D911017C592
      storage_class: Standard
      last_modified: "2026-11-22T10:00:00Z"
size:
  description: The bytes of these objects together.
  returned: success
  type: int
  sample: 312
next:
  description: Where O(limit) cut the list, what O(after) needs to go on; else null.
  returned: success
  type: str
  sample: mlops/datasets/digits/4f53cda18c2b/manifest.json
failure:
  description: Why it failed, for programs.
  returned: failure
  type: dict
  sample: {code: NoSuchBucket, message: "...", resource: "", request_id: "...", hint: "...", retryable: false}
"""

from datetime import UTC, datetime
from itertools import islice
from typing import Any

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.options import OSS
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome
from ansible_collections.mlops.ack.plugins.module_utils._oss import listing
from ansible_collections.mlops.ack.plugins.module_utils._oss.client import connect


def run(params: Params, context: Context) -> Outcome:
    limit = params["limit"]
    if limit < 1:
        raise Failure("InvalidOption", f"limit is {limit}.", hint="Use 1 or more.", details={"field": "limit"})
    oss = connect(params, context)
    every = listing.objects(oss, oss.bucket(params["bucket"]), params["prefix"], after=params["after"])
    matching = (each for each in every if each.key.endswith(params["suffix"]))
    found = list(islice(matching, limit + 1))
    objects = [_shown(each) for each in found[:limit]]
    following = objects[-1]["key"] if len(found) > limit else None
    return Outcome(False, {"objects": objects, "size": sum(each["size"] for each in objects), "next": following})


def _shown(info: Any) -> dict[str, Any]:
    return {
        "key": info.key,
        "size": info.size,
        "etag": info.etag,
        "storage_class": info.storage_class,
        "last_modified": datetime.fromtimestamp(info.last_modified, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


MODULE = Module(
    {
        **OSS,
        "bucket": {"type": "str", "required": True},
        "prefix": {"type": "str", "default": ""},
        "suffix": {"type": "str", "default": ""},
        "after": {"type": "str", "default": ""},
        "limit": {"type": "int", "default": 1000},
    },
    run,
)


def main() -> None:
    MODULE.main()


if __name__ == "__main__":
    main()
