# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything in a bucket, page by page: objects, versions, unfinished uploads."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from .client import Oss

PAGE = 1000  # the service's largest page, and its largest multi-delete


def objects(oss: Oss, bucket: Any, prefix: str = "", *, after: str = "") -> Iterator[Any]:
    """The SDK's object infos whose key begins with `prefix` and comes behind `after`, in the order of their keys."""
    what, token = f"list oss://{bucket.bucket_name}/{prefix}", ""
    while True:
        page = oss.call(
            what,
            partial(bucket.list_objects_v2, prefix=prefix, start_after=after, continuation_token=token, max_keys=PAGE),
        )
        yield from page.object_list
        if not page.is_truncated:
            return
        token = page.next_continuation_token


def versions(oss: Oss, bucket: Any) -> Iterator[list[Any]]:
    """Every version and delete marker of every object, a page at a time; each has `key` and `versionid`."""
    marker = version = ""
    while True:
        page = oss.call(
            f"list the versions in bucket {bucket.bucket_name}",
            partial(bucket.list_object_versions, key_marker=marker, versionid_marker=version, max_keys=PAGE),
        )
        yield [*page.versions, *page.delete_marker]
        if not page.is_truncated:
            return
        marker, version = page.next_key_marker, page.next_versionid_marker


def uploads(oss: Oss, bucket: Any, prefix: str = "") -> Iterator[Any]:
    """Every unfinished multipart upload; each has `key` and `upload_id`."""
    marker = upload = ""
    while True:
        page = oss.call(
            f"list the unfinished uploads in bucket {bucket.bucket_name}",
            partial(
                bucket.list_multipart_uploads,
                prefix=prefix,
                key_marker=marker,
                upload_id_marker=upload,
                max_uploads=PAGE,
            ),
        )
        yield from page.upload_list
        if not page.is_truncated:
            return
        marker, upload = page.next_key_marker, page.next_upload_id_marker
