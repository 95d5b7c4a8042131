# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every operation in one table: method, level, subresource."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from ..errors import ServiceError
from . import buckets, listing, multipart, objects
from .call import Answer, Call
from .storage import Storage

Level = Literal["service", "bucket", "object"]

# Query names that choose an operation. One that is here and in no route is answered with NotImplemented.
SUBRESOURCES = (
    "accelerate", "accessmonitor", "acl", "append", "asyncFetch", "bucketInfo", "callback", "cors", "delete",
    "encryption", "inventory", "lifecycle", "location", "logging", "metaQuery", "objectMeta", "policy", "policyStatus",
    "publicAccessBlock", "qos", "qosInfo", "referer", "replication", "requestPayment", "resourceGroup", "restore",
    "select", "seal", "stat", "style", "symlink", "tagging", "transferAcceleration", "uploadId", "uploads",
    "versioning", "versions", "website", "worm", "wormExtend", "wormId", "x-oss-process",
)  # fmt: skip


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    level: Level
    subresource: str
    run: Callable[[Storage, Call], Awaitable[Answer]]

    @property
    def write(self) -> bool:
        return self.method not in ("GET", "HEAD")


# fmt: off
OPERATIONS: tuple[Operation, ...] = (
    Operation("ListBuckets", "GET", "service", "", buckets.listing),
    Operation("PutBucket", "PUT", "bucket", "", buckets.create),
    Operation("DeleteBucket", "DELETE", "bucket", "", buckets.delete),
    Operation("GetBucketInfo", "GET", "bucket", "bucketInfo", buckets.info),
    Operation("GetBucketLocation", "GET", "bucket", "location", buckets.location),
    Operation("GetBucketAcl", "GET", "bucket", "acl", buckets.get_acl),
    Operation("PutBucketAcl", "PUT", "bucket", "acl", buckets.put_acl),
    Operation("GetBucketPolicy", "GET", "bucket", "policy", buckets.get_policy),
    Operation("PutBucketPolicy", "PUT", "bucket", "policy", buckets.put_policy),
    Operation("DeleteBucketPolicy", "DELETE", "bucket", "policy", buckets.remover("policy")),
    Operation("GetBucketWorm", "GET", "bucket", "worm", buckets.get_worm),
    Operation("InitiateBucketWorm", "POST", "bucket", "worm", buckets.start_worm),
    Operation("GetBucketVersioning", "GET", "bucket", "versioning", buckets.getter("versioning")),
    Operation("PutBucketVersioning", "PUT", "bucket", "versioning", buckets.putter("versioning")),
    Operation("GetBucketLifecycle", "GET", "bucket", "lifecycle", buckets.getter("lifecycle")),
    Operation("PutBucketLifecycle", "PUT", "bucket", "lifecycle", buckets.putter("lifecycle")),
    Operation("DeleteBucketLifecycle", "DELETE", "bucket", "lifecycle", buckets.remover("lifecycle")),
    Operation("GetBucketEncryption", "GET", "bucket", "encryption", buckets.getter("encryption")),
    Operation("PutBucketEncryption", "PUT", "bucket", "encryption", buckets.putter("encryption")),
    Operation("DeleteBucketEncryption", "DELETE", "bucket", "encryption", buckets.remover("encryption")),
    Operation("GetBucketTags", "GET", "bucket", "tagging", buckets.getter("tagging")),
    Operation("PutBucketTags", "PUT", "bucket", "tagging", buckets.putter("tagging")),
    Operation("DeleteBucketTags", "DELETE", "bucket", "tagging", buckets.remover("tagging")),
    Operation("GetBucketPublicAccessBlock", "GET", "bucket", "publicAccessBlock", buckets.getter("publicAccessBlock")),
    Operation("PutBucketPublicAccessBlock", "PUT", "bucket", "publicAccessBlock", buckets.putter("publicAccessBlock")),
    Operation("DeleteBucketPublicAccessBlock", "DELETE", "bucket", "publicAccessBlock",
              buckets.remover("publicAccessBlock")),

    Operation("ListObjects", "GET", "bucket", "", listing.list_v1),
    Operation("ListObjectsV2", "GET", "bucket", "list-type=2", listing.list_v2),
    Operation("ListObjectVersions", "GET", "bucket", "versions", listing.list_versions),
    Operation("DeleteMultipleObjects", "POST", "bucket", "delete", objects.delete_many),
    Operation("ListMultipartUploads", "GET", "bucket", "uploads", multipart.uploads),

    Operation("PutObject", "PUT", "object", "", objects.put),
    Operation("GetObject", "GET", "object", "", objects.get),
    Operation("HeadObject", "HEAD", "object", "", objects.get),
    Operation("GetObjectMeta", "HEAD", "object", "objectMeta", objects.get_meta),
    Operation("DeleteObject", "DELETE", "object", "", objects.delete),
    Operation("AppendObject", "POST", "object", "append", objects.append),
    Operation("PutSymlink", "PUT", "object", "symlink", objects.put_symlink),
    Operation("GetSymlink", "GET", "object", "symlink", objects.get_symlink),
    Operation("GetObjectTagging", "GET", "object", "tagging", objects.get_tags),
    Operation("PutObjectTagging", "PUT", "object", "tagging", objects.put_tags),
    Operation("DeleteObjectTagging", "DELETE", "object", "tagging", objects.delete_tags),
    Operation("GetObjectACL", "GET", "object", "acl", objects.get_acl),
    Operation("PutObjectACL", "PUT", "object", "acl", objects.put_acl),

    Operation("InitiateMultipartUpload", "POST", "object", "uploads", multipart.start),
    Operation("UploadPart", "PUT", "object", "uploadId", multipart.put_part),
    Operation("ListParts", "GET", "object", "uploadId", multipart.parts),
    Operation("CompleteMultipartUpload", "POST", "object", "uploadId", multipart.complete),
    Operation("AbortMultipartUpload", "DELETE", "object", "uploadId", multipart.abort),
)
# fmt: on

_PLACES = {(op.method, op.level, op.subresource): op for op in OPERATIONS}


def match(method: str, bucket: str, key: str, query: dict[str, str]) -> Operation:
    """The operation that a request asks for. Raises NotImplemented for one that is not simulated."""
    level: Level = "object" if key else "bucket" if bucket else "service"
    subresource = next((name for name in SUBRESOURCES if name in query), "")
    if not subresource and level == "bucket" and query.get("list-type") == "2":
        subresource = "list-type=2"
    try:
        return _PLACES[method, level, subresource]
    except KeyError:
        raise ServiceError(501, "NotImplemented", f"{method} {subresource or level} is not simulated.") from None
