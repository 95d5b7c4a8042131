# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A bucket: what of it we manage, and how each field is read and written."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, NamedTuple, Protocol

from .._core.failure import Failure
from .._core.resource import Change, Plan, Resource, State
from . import client, lifecycle, listing
from .client import Oss


class Contents(NamedTuple):
    """How much a bucket holds: objects (each version and each delete marker counts), unfinished uploads. `is_all`:
    the count went to the end.
    """

    objects: int = 0
    uploads: int = 0
    is_all: bool = True

    def __str__(self) -> str:
        most = "" if self.is_all else "at least "
        return f"{most}{self.objects} objects (versions counted) and {self.uploads} unfinished uploads"


class BucketApi(Protocol):
    """What a bucket needs of OSS; a test holds a dict."""

    def get(self) -> State: ...
    def create(self, storage_class: str) -> None: ...
    def put(self, field: str, value: Any) -> None: ...
    def delete(self) -> None: ...

    def contents(self, most: int | None) -> Contents:
        """What it holds; a count ends behind `most` objects."""

    def empty(self, contents: Contents) -> None:
        """Delete every object, version and unfinished upload; `contents` is what progress is measured by."""


UNENCRYPTED = {"algorithm": "none", "kms_key_id": ""}

NEW: dict[str, Any] = {
    "acl": "private",
    "block_public_access": True,
    "encryption": UNENCRYPTED,
    "lifecycle": [],
    "storage_class": "Standard",
    "tags": {},
    "versioning": False,
}
"""What the service gives a new bucket. Source: OSS PutBucket and PutPublicAccessBlock, read 2026-11-22."""

ORDER = ("block_public_access", "acl", "versioning", "encryption", "lifecycle", "tags")
"""The order of writes: a public ACL is refused while public access is blocked."""

MOST_COUNTED = 10_000  # where the count is only told


class Bucket(Resource):
    """Fields: name, region, storage_class, acl, block_public_access, versioning (bool), encryption {algorithm,
    kms_key_id}, lifecycle (rules, see `lifecycle`), tags (map). `held`: what is deleted with the bucket.
    """

    kind = "bucket"
    immutable = frozenset({"region", "storage_class"})
    whole = frozenset({"tags"})

    def __init__(self, api: BucketApi, *, delete_objects: bool = False) -> None:
        self._api, self._delete_objects = api, delete_objects
        self.held = Contents()

    def observe(self) -> State:
        return self._api.get()

    def plan(self, observed: State, desired: State) -> Plan:
        if observed is None and desired is not None:
            desired = {**NEW, **{name: value for name, value in desired.items() if value is not None}}
        plan = super().plan(observed, desired)
        return self._with_contents(plan) if plan.action == "delete" else plan

    def _with_contents(self, plan: Plan) -> Plan:
        """The plan of a deletion, which says what goes with the bucket. Raises Failure `BucketNotEmpty`."""
        self.held = held = self._api.contents(None if self._delete_objects else MOST_COUNTED)
        lost = {"objects": held.objects, "unfinished_uploads": held.uploads}
        if not any(lost.values()):
            return plan
        if not self._delete_objects:
            raise Failure(
                "BucketNotEmpty",
                f"The bucket holds {held}.",
                hint="To delete them with it, for ever, set delete_objects to true.",
                details=lost,
            )
        changes = (Change(name, count, None) for name, count in lost.items() if count)
        return replace(plan, changes=tuple(sorted((*plan.changes, *changes))))

    def apply(self, plan: Plan) -> None:
        after = plan.after or {}
        if plan.action == "delete":
            if self.held != Contents():
                self._api.empty(self.held)
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
        """All settings, read side by side: one answer's time, not six."""
        reads = (self._info, self._block, self._tags, self._lifecycle, self._encryption)
        with ThreadPoolExecutor(len(reads)) as pool:
            futures = [pool.submit(read) for read in reads]
        try:
            info, block, tags, rules, encryption = (future.result() for future in futures)
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
            "encryption": encryption,
            "lifecycle": rules,
            "tags": dict(tags.tag_set.tagging_rule),
        }

    def _info(self) -> Any:
        return self._call("read", self._bucket.get_bucket_info)

    def _block(self) -> Any:
        return self._call("read public access block of", self._bucket.get_bucket_public_access_block)

    def _tags(self) -> Any:
        return self._call("read tags of", self._bucket.get_bucket_tagging)

    def _lifecycle(self) -> list[lifecycle.Rule]:
        found = self._unless("NoSuchLifecycle", "read lifecycle of", self._bucket.get_bucket_lifecycle)
        return lifecycle.from_sdk(found.rules) if found else []

    def _encryption(self) -> dict[str, Any]:
        found = self._unless("NoSuchServerSideEncryptionRule", "read encryption of", self._bucket.get_bucket_encryption)
        return {"algorithm": found.sse_algorithm, "kms_key_id": found.kms_master_keyid or ""} if found else UNENCRYPTED

    def _unless(self, missing: str, verb: str, attempt: Callable[[], Any]) -> Any:
        """What was read, or None where the service says by `missing` that it was never set."""
        try:
            return self._call(verb, attempt)
        except Failure as failure:
            if failure.code == missing:
                return None
            raise

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
            case "encryption" if value["algorithm"] != "none":
                found = client.models.ServerSideEncryptionRule(value["algorithm"], value["kms_key_id"] or None)
                attempt = partial(self._bucket.put_bucket_encryption, found)
            case "encryption":
                attempt = self._bucket.delete_bucket_encryption
            case "lifecycle" if value:
                attempt = partial(self._bucket.put_bucket_lifecycle, lifecycle.to_sdk(value))
            case "lifecycle":
                attempt = self._bucket.delete_bucket_lifecycle
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

    def contents(self, most: int | None) -> Contents:
        counted = 0
        for page in listing.versions(self._oss, self._bucket):
            counted += len(page)
            if most is not None and counted >= most:
                return Contents(counted, is_all=False)
        return Contents(counted, sum(1 for _upload in listing.uploads(self._oss, self._bucket)))

    def empty(self, contents: Contents) -> None:
        gone = 0
        for page in listing.versions(self._oss, self._bucket):
            self._delete_page(page)
            gone += len(page)
            self._oss.context.progress(f"bucket {self._name}: {gone} of {contents.objects} objects deleted")
        for upload in listing.uploads(self._oss, self._bucket):
            self._call("abort an upload to", partial(self._bucket.abort_multipart_upload, upload.key, upload.upload_id))

    def _delete_page(self, page: list[Any]) -> None:
        found = iter(page)
        while some := list(islice(found, listing.PAGE)):  # a page may hold more: all versions of its last key
            keys = client.models.BatchDeleteObjectVersionList(
                [client.models.BatchDeleteObjectVersion(each.key, each.versionid) for each in some]
            )
            done = self._call("delete objects of", partial(self._bucket.delete_object_versions, keys))
            kept = {each.key for each in some} - set(done.deleted_keys)
            if kept:
                raise Failure(
                    "NotApplied",
                    f"{len(kept)} objects were not deleted, for example {min(kept)}.",
                    resource=f"bucket/{self._name}",
                    hint="Does a retention rule of the bucket hold them?",
                )

    def _call(self, verb: str, attempt: Callable[[], Any]) -> Any:
        return self._oss.call(f"{verb} bucket {self._name}", attempt, f"bucket/{self._name}")
