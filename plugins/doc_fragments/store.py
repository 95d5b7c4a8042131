# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The option of every module that keeps records and files in a store."""

from __future__ import annotations


class ModuleDocFragment:
    """Extended as C(mlops.ack.store), together with C(mlops.ack.alibaba) and C(mlops.ack.alibaba.oss)."""

    DOCUMENTATION = r"""
options:
  store:
    description: Where records and files are kept. Set either O(store.bucket) or O(store.path).
    type: dict
    required: true
    suboptions:
      bucket:
        description: Name of an OSS bucket. It must be there; M(mlops.ack.oss_bucket) makes one.
        type: str
      prefix:
        description: What every key in the bucket begins with. Not used with O(store.path).
        type: str
        default: mlops
      path:
        description: A folder on the machine where the task runs, where there is no bucket.
        type: path
"""
