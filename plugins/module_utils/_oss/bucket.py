# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A bucket: what of it we manage, and how each field is read and written."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from .._core.failure import Failure
from .._core.resource import Plan, Resource, State
from . import client
from .client import Oss


class BucketApi(Protocol):
    """What a bucket needs of OSS; a test holds a dict."""

    def get(self) -> State: ...
    def create(self, storage_class: str) -> None: ...
    def put(self, field: str, value: Any) -> None: ...
    def delete(self) -> None: ...


NEW = {"acl": "private", "block_public_access": True, "storage_class": "Standard", "tags": {}, "versioning": False}
"""What the service gives a new bucket. Source: OSS PutBucket and PutPublicAccessBlock, read 2026-11-22."""

ORDER = ("block_public_access", "acl", "versioning", "tags")
"""The order of writes: a public ACL is refused while public access is blocked."""


class Bucket(Resource):
    """Fields: name, region, storage_class, acl, block_public_access, versioning (bool), tags (map)."""

    kind = "bucket"
    immutable = frozenset({"region", "storage_class"})
    whole = frozenset({"tags"})

    def __init__(self, api: BucketApi) -> None:
        self._api = api

    def observe(self) -> State:
        return self._api.get()

    def plan(self, observed: State, desired: State) -> Plan:
        if observed is None and desired is not None:
            desired = {**NEW, **{name: value for name, value in desired.items() if value is not None}}
        return super().plan(observed, desired)

    def apply(self, plan: Plan) -> None:
        after = plan.after or {}
        if plan.action == "delete":
            self._api.delete()
            return
        changed = {change.field.split(".")[0] for change in plan.changes}
        if plan.action == "create":
            self._api.create(after["storage_class"])
            changed = {name for name in ORDER if after[name] != NEW[name]}
        for name in ORDER:
            if name in changed:
                self._api.put(name, after[name])


class OssBucketApi:
    """`BucketApi` over the SDK."""

    def __init__(self, oss: Oss, name: str) -> None:
        self._oss, self._bucket, self._name = oss, oss.bucket(name), name

    def get(self) -> State:
        try:
            info = self._call("read", self._bucket.get_bucket_info)
            block = self._call("read public access block of", self._bucket.get_bucket_public_access_block)
            tags = self._call("read tags of", self._bucket.get_bucket_tagging)
        except Failure as failure:
            if failure.code == "NoSuchBucket":
                return None
            if failure.code == "AccessDenied":
                failure.hint = (
                    "Bucket names are global: if another account has this one, choose another name. "
                    "If the bucket is yours, check the key's RAM policy and the bucket's policy."
                )
            raise
        return {
            "name": self._name,
            "region": info.location.removeprefix("oss-"),
            "storage_class": info.storage_class,
            "acl": info.acl.grant,
            "block_public_access": bool(block.block_public_access),
            "versioning": info.versioning_status == "Enabled",
            "tags": dict(tags.tag_set.tagging_rule),
        }

    def create(self, storage_class: str) -> None:
        """Sent again after a lost answer it is success too: an account may create its own bucket twice."""
        config = client.models.BucketCreateConfig(storage_class)
        self._call("create", partial(self._bucket.create_bucket, NEW["acl"], config))

    def put(self, field: str, value: Any) -> None:
        match field:
            case "acl":
                attempt = partial(self._bucket.put_bucket_acl, value)
            case "block_public_access":
                # The SDK would write Python's `True`; the service's spelling is `true`.
                attempt = partial(self._bucket.put_bucket_public_access_block, str(value).lower())
            case "versioning":
                config = client.models.BucketVersioningConfig("Enabled" if value else "Suspended")
                attempt = partial(self._bucket.put_bucket_versioning, config)
            case "tags" if value:
                rule = client.models.TaggingRule()
                for key, text in value.items():
                    rule.add(key, text)
                attempt = partial(self._bucket.put_bucket_tagging, client.models.Tagging(rule))
            case "tags":
                attempt = self._bucket.delete_bucket_tagging
            case _:
                raise ValueError(field)
        try:
            self._call(f"set {field} of", attempt)
        except Failure as failure:
            if field == "acl" and failure.code == "AccessDenied":
                failure.hint = "New buckets block public access; set block_public_access to false if you mean it."
            raise

    def delete(self) -> None:
        self._call("delete", self._bucket.delete_bucket)

    def _call(self, verb: str, attempt: Callable[[], Any]) -> Any:
        return self._oss.call(f"{verb} bucket {self._name}", attempt, f"bucket/{self._name}")
