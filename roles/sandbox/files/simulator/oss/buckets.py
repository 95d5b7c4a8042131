# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Buckets and their settings."""

from __future__ import annotations

import json
import re
import secrets
import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from ..errors import ServiceError
from ..store import Document
from . import xml
from .call import FOREIGN, Answer, Call
from .storage import Storage

ACLS = ("private", "public-read", "public-read-write")
MOST_BUCKETS = 100
OWNER: Document = {"ID": "1000000000000000", "DisplayName": "1000000000000000"}


@dataclass(frozen=True)
class Setting:
    """A setting that is one XML document: what an unset one answers, either an error or a document."""

    root: str
    missing: str = ""  # the error code of an unset one
    unset: bytes = b""  # or the answer for an unset one
    required: str = ""  # a path in the document that must be there


SETTINGS: dict[str, Setting] = {
    "encryption": Setting(
        "ServerSideEncryptionRule",
        missing="NoSuchServerSideEncryptionRule",
        required="ApplyServerSideEncryptionByDefault/SSEAlgorithm",
    ),
    "lifecycle": Setting("LifecycleConfiguration", missing="NoSuchLifecycle", required="Rule"),
    # New buckets made through the API block public access since 2025-10-13.
    "publicAccessBlock": Setting(
        "PublicAccessBlockConfiguration",
        unset=xml.document("PublicAccessBlockConfiguration", {"BlockPublicAccess": True}),
        required="BlockPublicAccess",
    ),
    "tagging": Setting("Tagging", unset=xml.document("Tagging", {"TagSet": {}}), required="TagSet"),
    "versioning": Setting(
        "VersioningConfiguration", unset=xml.document("VersioningConfiguration", ""), required="Status"
    ),
}


def _check_versioning(root: ET.Element) -> None:
    if root.findtext("Status") not in ("Enabled", "Suspended"):
        raise ServiceError(400, "MalformedXML", "Status must be Enabled or Suspended.")


def _check_block(root: ET.Element) -> None:
    """Any spelling of a boolean is taken (the official SDK sends Python's), and given back as XML writes it."""
    value = root.find("BlockPublicAccess")
    text = (value.text or "").strip().lower() if value is not None else ""
    if value is None or text not in ("true", "false"):
        raise ServiceError(400, "MalformedXML", "BlockPublicAccess must be true or false.")
    value.text = text


def _check_encryption(root: ET.Element) -> None:
    algorithm = root.findtext("ApplyServerSideEncryptionByDefault/SSEAlgorithm")
    if algorithm not in ("AES256", "KMS", "SM4"):
        raise ServiceError(400, "InvalidEncryptionAlgorithmError", f"SSEAlgorithm {algorithm!r} is not supported.")
    if algorithm != "KMS" and root.findtext("ApplyServerSideEncryptionByDefault/KMSMasterKeyID"):
        raise ServiceError(400, "InvalidArgument", "KMSMasterKeyID is for SSEAlgorithm KMS only.")


LIFECYCLE_ACTIONS = (
    "Expiration", "AbortMultipartUpload", "Transition", "NoncurrentVersionExpiration", "NoncurrentVersionTransition",
)  # fmt: skip
MOST_RULES = 1000


def _check_lifecycle(root: ET.Element) -> None:
    """Rules are kept and given back; nothing expires here."""
    rules = root.findall("Rule")
    names = [rule.findtext("ID") for rule in rules]
    if len(rules) > MOST_RULES or len(set(names)) < len(names):
        raise ServiceError(400, "InvalidArgument", f"At most {MOST_RULES} rules, each with an ID of its own.")
    for rule in rules:
        if rule.findtext("Status") not in ("Enabled", "Disabled") or rule.find("Prefix") is None:
            raise ServiceError(400, "MalformedXML", "A rule needs a Prefix, and Status Enabled or Disabled.")
        if not any(rule.find(action) is not None for action in LIFECYCLE_ACTIONS):
            raise ServiceError(400, "InvalidArgument", "A rule needs an action.")
        days = [node.text or "" for node in rule.iter() if node.tag in ("Days", "NoncurrentDays")]
        if any(not text.isdigit() or int(text) < 1 for text in days):
            raise ServiceError(400, "InvalidArgument", "Days must be a positive number.")


CHECKS: dict[str, Callable[[ET.Element], None]] = {
    "encryption": _check_encryption,
    "lifecycle": _check_lifecycle,
    "publicAccessBlock": _check_block,
    "versioning": _check_versioning,
}


async def create(storage: Storage, call: Call) -> Answer:
    """Creating one's own bucket again succeeds and sets the ACL; somebody else's name is refused."""
    name, acl = call.bucket, call.headers.get("x-oss-acl")
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", name):
        raise ServiceError(400, "InvalidBucketName", f"The specified bucket is not valid: {name}")
    if name.startswith(FOREIGN):
        raise ServiceError(
            409, "BucketAlreadyExists", "The requested bucket name is not available. Please select a different name."
        )
    body = await call.body()
    wanted = xml.parse(body, "CreateBucketConfiguration") if body else ET.Element("CreateBucketConfiguration")
    bucket = storage.buckets.get(name)
    if bucket is None and sum(1 for _bucket in storage.buckets) >= MOST_BUCKETS:
        raise ServiceError(400, "TooManyBuckets", f"You have attempted to create more than {MOST_BUCKETS} buckets.")
    _check_acl(bucket or {"settings": {}}, acl)
    if bucket is None:
        storage.create_bucket(
            {
                "name": name,
                "created": storage.clock.now(),
                "acl": acl or "private",
                "storage_class": wanted.findtext("StorageClass") or "Standard",
                "redundancy": wanted.findtext("DataRedundancyType") or "LRS",
                "settings": {},
            }
        )
    elif acl:
        storage.buckets.put(name, {**bucket, "acl": acl})
    return Answer()


async def delete(storage: Storage, call: Call) -> Answer:
    call.record(storage)
    if storage.objects(call.bucket) or list(storage.uploads(call.bucket)):
        raise ServiceError(409, "BucketNotEmpty", "The bucket you tried to delete is not empty.")
    storage.delete_bucket(call.bucket)
    return Answer(204)


async def info(storage: Storage, call: Call) -> Answer:
    bucket = call.record(storage)
    return xml_answer(
        "BucketInfo",
        {
            "Bucket": {
                **described(storage, bucket),
                "DataRedundancyType": bucket["redundancy"],
                "AccessMonitor": "Disabled",
                "Owner": OWNER,
                "AccessControlList": {"Grant": bucket["acl"]},
                "Comment": "",
                "Versioning": versioning(bucket) or None,
                "BlockPublicAccess": blocks_public(bucket),
            }
        },
    )


async def location(storage: Storage, call: Call) -> Answer:
    call.record(storage)
    return xml_answer("LocationConstraint", f"oss-{storage.region}")


async def listing(storage: Storage, call: Call) -> Answer:
    prefix, marker = call.query.get("prefix", ""), call.query.get("marker", "")
    most = call.number("max-keys", 100, 1000)
    found = sorted(
        (bucket for bucket in storage.buckets if bucket["name"].startswith(prefix) and bucket["name"] > marker),
        key=lambda bucket: str(bucket["name"]),
    )
    page, more = found[:most], len(found) > most
    return xml_answer(
        "ListAllMyBucketsResult",
        {
            "Prefix": prefix,
            "Marker": marker,
            "MaxKeys": most,
            "IsTruncated": more,
            "NextMarker": page[-1]["name"] if more else None,
            "Owner": OWNER,
            "Buckets": {"Bucket": [described(storage, bucket) for bucket in page]},
        },
    )


async def get_acl(storage: Storage, call: Call) -> Answer:
    grant = {"Grant": call.record(storage)["acl"]}
    return xml_answer("AccessControlPolicy", {"Owner": OWNER, "AccessControlList": grant})


async def put_acl(storage: Storage, call: Call) -> Answer:
    bucket, acl = call.record(storage), call.headers.get("x-oss-acl")
    if acl is None:
        raise ServiceError(400, "MissingArgument", "The header x-oss-acl is missing.")
    _check_acl(bucket, acl)
    storage.buckets.put(call.bucket, {**bucket, "acl": acl})
    return Answer()


def getter(name: str) -> Callable[[Storage, Call], Awaitable[Answer]]:
    async def get(storage: Storage, call: Call) -> Answer:
        setting, stored = SETTINGS[name], call.record(storage)["settings"].get(name)
        if stored is None and setting.missing:
            raise ServiceError(404, setting.missing, f"The bucket {call.bucket} has no {name} configuration.")
        return Answer(body=setting.unset if stored is None else stored.encode(), headers=XML)

    return get


def putter(name: str) -> Callable[[Storage, Call], Awaitable[Answer]]:
    async def put(storage: Storage, call: Call) -> Answer:
        bucket, setting = call.record(storage), SETTINGS[name]
        root = xml.parse(await call.body(), setting.root)
        if root.find(setting.required) is None:
            raise ServiceError(400, "MalformedXML", f"{setting.required} is missing in {setting.root}.")
        check = CHECKS.get(name)
        if check is not None:
            check(root)
        if name == "publicAccessBlock" and root.findtext("BlockPublicAccess") == "true":
            bucket = {**bucket, "acl": "private"}
        text = ET.tostring(root, encoding="unicode")
        storage.buckets.put(call.bucket, {**bucket, "settings": {**bucket["settings"], name: text}})
        return Answer()

    return put


def remover(name: str) -> Callable[[Storage, Call], Awaitable[Answer]]:
    async def remove(storage: Storage, call: Call) -> Answer:
        bucket = call.record(storage)
        kept = {other: text for other, text in bucket["settings"].items() if other != name}
        storage.buckets.put(call.bucket, {**bucket, "settings": kept})
        return Answer(204)

    return remove


async def get_policy(storage: Storage, call: Call) -> Answer:
    stored = call.record(storage)["settings"].get("policy")
    if stored is None:
        raise ServiceError(404, "NoSuchBucketPolicy", "The bucket policy does not exist.")
    return Answer(body=stored.encode(), headers={"Content-Type": "application/json"})


async def put_policy(storage: Storage, call: Call) -> Answer:
    """Kept and given back; it grants and denies nothing here."""
    bucket, body = call.record(storage), await call.body()
    try:
        text = json.dumps(json.loads(body))
    except ValueError as wrong:
        raise ServiceError(400, "InvalidPolicyDocument", f"The policy is not JSON: {wrong}.") from None
    storage.buckets.put(call.bucket, {**bucket, "settings": {**bucket["settings"], "policy": text}})
    return Answer()


async def get_worm(storage: Storage, call: Call) -> Answer:
    stored = call.record(storage)["settings"].get("worm")
    if stored is None:
        raise ServiceError(404, "NoSuchWORMConfiguration", "The WORM configuration does not exist.")
    return Answer(body=stored.encode(), headers=XML)


async def start_worm(storage: Storage, call: Call) -> Answer:
    """A retention policy begins in progress; it is not enforced here."""
    bucket = call.record(storage)
    days = xml.parse(await call.body(), "InitiateWormConfiguration").findtext("RetentionPeriodInDays") or "1"
    worm_id = secrets.token_hex(16).upper()
    text = xml.document(
        "WormConfiguration",
        {
            "WormId": worm_id,
            "State": "InProgress",
            "RetentionPeriodInDays": days,
            "CreationDate": iso(storage.clock.now()),
        },
    ).decode()
    storage.buckets.put(call.bucket, {**bucket, "settings": {**bucket["settings"], "worm": text}})
    return Answer(headers={"x-oss-worm-id": worm_id})


def described(storage: Storage, bucket: Document) -> Document:
    """How a bucket appears in lists and in its info."""
    return {
        "Name": bucket["name"],
        "CreationDate": iso(bucket["created"]),
        "Location": f"oss-{storage.region}",
        "Region": storage.region,
        "ExtranetEndpoint": f"oss-{storage.region}.aliyuncs.com",
        "IntranetEndpoint": f"oss-{storage.region}-internal.aliyuncs.com",
        "StorageClass": bucket["storage_class"],
    }


def versioning(bucket: Document) -> str:
    """Enabled, Suspended, or empty when it was never set."""
    text = bucket["settings"].get("versioning")
    return (ET.fromstring(text).findtext("Status") or "") if text else ""


def blocks_public(bucket: Document) -> bool:
    text = bucket["settings"].get("publicAccessBlock")
    return text is None or (ET.fromstring(text).findtext("BlockPublicAccess") or "").lower() == "true"


def _check_acl(bucket: Document, acl: str | None) -> None:
    if acl is not None and acl not in ACLS:
        raise ServiceError(400, "InvalidArgument", f"x-oss-acl {acl!r} is none of {', '.join(ACLS)}.")
    if acl not in (None, "private") and blocks_public(bucket):
        raise ServiceError(403, "AccessDenied", "Put public bucket acl is not allowed: public access is blocked.")


XML = {"Content-Type": "application/xml"}


def xml_answer(root: str, content: xml.Content) -> Answer:
    return Answer(body=xml.document(root, content), headers=XML)


def iso(seconds: float) -> str:
    """ISO 8601 in UTC with milliseconds, as OSS writes times in XML."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
