# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Objects: put, get, head, delete, copy, append, link, tag; and their versions."""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
from email.utils import formatdate, parsedate_to_datetime
from urllib.parse import parse_qsl, quote, unquote

from ..errors import ServiceError
from ..store import Document
from . import xml
from .buckets import OWNER, blocks_public, iso, versioning, xml_answer
from .call import Answer, Call
from .checksum import CRC64, Checksum
from .storage import Storage, no_such_key

OBJECT_ACLS = ("default", "private", "public-read", "public-read-write")
MOST_IN_ONE_DELETE = 1000
LONGEST_KEY = 1023
KEPT_HEADERS = ("cache-control", "content-disposition", "content-encoding", "content-language", "expires")
# Parameters of a (signed) GET that replace headers of the answer.
OVERRIDES = (
    "response-content-type", "response-content-language", "response-expires", "response-cache-control",
    "response-content-disposition", "response-content-encoding",
)  # fmt: skip


async def put(storage: Storage, call: Call) -> Answer:
    bucket = call.record(storage)
    if "x-oss-copy-source" in call.headers:
        return await _copy(storage, call, bucket)
    check_overwrite(storage, call, bucket)
    blob, checksum = await storage.receive(call.content)
    try:
        _check_md5(call, checksum)
        # Somebody else may have written this key while the body arrived.
        check_overwrite(storage, call, bucket)
    except ServiceError:
        storage.drop([blob])
        raise
    version = add(storage, call, bucket, {**new_version(call, "Normal"), **_sums(blob, checksum)})
    return Answer(headers=_written(version, bucket))


async def get(storage: Storage, call: Call) -> Answer:
    version = _followed(storage, call)
    headers = _described(version, call.record(storage))
    headers.update({name.removeprefix("response-"): call.query[name] for name in OVERRIDES if name in call.query})
    if (refused := _condition(call, version)) is not None:
        return Answer(refused, headers if refused == 304 else {})
    start, length, partial = _range(call, version["size"])
    if partial:
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{version['size']}"
    return Answer(206 if partial else 200, headers, blob=version["blob"], start=start, length=length)


async def get_meta(storage: Storage, call: Call) -> Answer:
    """The short form of HEAD."""
    version = _followed(storage, call)
    names = ("ETag", "Last-Modified", "x-oss-hash-crc64ecma", "x-oss-version-id")
    headers = {name: value for name, value in _described(version, call.record(storage)).items() if name in names}
    return Answer(headers=headers, length=version["size"])


async def delete(storage: Storage, call: Call) -> Answer:
    return Answer(204, _delete(storage, call, call.record(storage), call.key, call.query.get("versionId")))


async def delete_many(storage: Storage, call: Call) -> Answer:
    bucket, body = call.record(storage), await call.body()
    if call.headers.get("content-md5") != base64.b64encode(_md5(body)).decode():
        raise ServiceError(400, "InvalidDigest", "The Content-MD5 you specified is missing or does not match.")
    root = xml.parse(body, "Delete")
    asked = [(node.findtext("Key") or "", node.findtext("VersionId")) for node in root.findall("Object")]
    if not 0 < len(asked) <= MOST_IN_ONE_DELETE:
        raise ServiceError(400, "MalformedXML", f"{len(asked)} objects; 1 to {MOST_IN_ONE_DELETE} are allowed.")
    encode = quote if call.query.get("encoding-type") == "url" else str
    deleted = []
    for key, version_id in asked:
        headers = _delete(storage, call, bucket, key, version_id)
        marker = headers.get("x-oss-delete-marker") == "true"
        deleted.append(
            {
                "Key": encode(key),
                "VersionId": version_id,
                "DeleteMarker": True if marker else None,
                "DeleteMarkerVersionId": headers.get("x-oss-version-id") if marker else None,
            }
        )
    if root.findtext("Quiet", "").lower() == "true":
        return Answer()
    kind = "url" if encode is quote else None
    return xml_answer("DeleteResult", {"EncodingType": kind, "Deleted": deleted})


async def append(storage: Storage, call: Call) -> Answer:
    bucket = call.record(storage)
    position = call.number("position", 0, 1 << 62)
    old = current(storage, call.bucket, call.key)
    if old is not None and old["type"] != "Appendable":
        raise ServiceError(409, "ObjectNotAppendable", "The object is not appendable.")
    size = old["size"] if old else 0
    if position != size:
        headers = {"x-oss-next-append-position": str(size)}
        raise ServiceError(409, "PositionNotEqualToLength", "Position is not equal to file length.", headers)
    added, _md5 = await storage.receive(call.content)
    joined, total = await asyncio.to_thread(storage.join, [*([old["blob"]] if old else []), added])
    storage.drop([added])
    kept = old or new_version(call, "Appendable")
    version = {**kept, **_sums(joined, total), "modified": storage.clock.now()}
    storage.put_versions(call.bucket, call.key, [version])
    headers = _written(version, bucket)
    return Answer(headers={**headers, "x-oss-next-append-position": str(total.size)})


async def put_symlink(storage: Storage, call: Call) -> Answer:
    bucket, target = call.record(storage), unquote(call.headers.get("x-oss-symlink-target", ""))
    if not target or target == call.key:
        raise ServiceError(400, "InvalidArgument", f"x-oss-symlink-target {target!r} is not another object.")
    check_overwrite(storage, call, bucket)
    blob, checksum = await storage.receive(call.content)
    version = {**new_version(call, "Symlink"), **_sums(blob, checksum), "target": target}
    return Answer(headers=_written(add(storage, call, bucket, version), bucket))


async def get_symlink(storage: Storage, call: Call) -> Answer:
    version = version_of(storage, call)
    if version["type"] != "Symlink":
        raise ServiceError(400, "NotSymlink", "The object is not a symlink.")
    headers = _described(version, call.record(storage))
    return Answer(headers={**headers, "x-oss-symlink-target": quote(version["target"], safe="")})


async def get_tags(storage: Storage, call: Call) -> Answer:
    tags = [{"Key": key, "Value": value} for key, value in version_of(storage, call)["tags"].items()]
    return xml_answer("Tagging", {"TagSet": {"Tag": tags}})


async def put_tags(storage: Storage, call: Call) -> Answer:
    root = xml.parse(await call.body(), "Tagging")
    tags = {node.findtext("Key") or "": node.findtext("Value") or "" for node in root.findall("TagSet/Tag")}
    return _amend(storage, call, {"tags": _checked_tags(tags)})


async def delete_tags(storage: Storage, call: Call) -> Answer:
    _amend(storage, call, {"tags": {}})
    return Answer(204)


async def get_acl(storage: Storage, call: Call) -> Answer:
    grant = {"Grant": version_of(storage, call)["acl"]}
    return xml_answer("AccessControlPolicy", {"Owner": OWNER, "AccessControlList": grant})


async def put_acl(storage: Storage, call: Call) -> Answer:
    return _amend(storage, call, {"acl": _acl(call, call.headers.get("x-oss-object-acl", ""))})


def is_public(storage: Storage, call: Call) -> bool:
    """Whether somebody without a key may read this object."""
    bucket = storage.buckets.get(call.bucket)
    if bucket is None or blocks_public(bucket):
        return False
    version = current(storage, call.bucket, call.key)
    acl = version["acl"] if version else "default"
    return str(bucket["acl"] if acl == "default" else acl).startswith("public-read")


def current(storage: Storage, bucket: str, key: str) -> Document | None:
    """The newest version, None when there is none or it is a delete marker."""
    versions = storage.versions(bucket, key)
    return versions[-1] if versions and not versions[-1]["delete_marker"] else None


def version_of(storage: Storage, call: Call) -> Document:
    """The version asked for, the current one by default. Raises NoSuchKey, NoSuchVersion."""
    call.record(storage)
    versions, wanted = storage.versions(call.bucket, call.key), call.query.get("versionId")
    if wanted is not None:
        found = next((version for version in versions if version["version_id"] == wanted), None)
        if found is None:
            raise ServiceError(404, "NoSuchVersion", f"The specified version does not exist: {wanted}")
        if found["delete_marker"]:
            raise ServiceError(
                405, "MethodNotAllowed", "The version is a delete marker.", {"x-oss-delete-marker": "true"}
            )
        return found
    if versions and versions[-1]["delete_marker"]:
        refused = no_such_key(call.key)
        marker = {"x-oss-delete-marker": "true", "x-oss-version-id": versions[-1]["version_id"]}
        raise ServiceError(refused.status, refused.code, refused.message, marker)
    if not versions:
        raise no_such_key(call.key)
    return versions[-1]


def new_version(call: Call, kind: str) -> Document:
    """A version without content, with what the request's headers say about it. Raises for headers that are wrong."""
    if len(call.key.encode()) > LONGEST_KEY or call.key.startswith(("/", "\\")):
        raise ServiceError(400, "InvalidObjectName", "The specified object is not valid.")
    tags = dict(parse_qsl(call.headers.get("x-oss-tagging", ""), keep_blank_values=True))
    kept = {
        name.lower(): value
        for name, value in call.headers.items()
        if name.lower().startswith("x-oss-meta-") or name.lower() in KEPT_HEADERS
    }
    return {
        "type": kind,
        "content_type": call.headers.get("content-type") or "application/octet-stream",
        "headers": kept,
        "tags": _checked_tags(tags),
        "acl": _acl(call, call.headers.get("x-oss-object-acl", "default")),
        "storage_class": call.headers.get("x-oss-storage-class", "Standard"),
        "delete_marker": False,
        "version_id": "null",
    }


def add(storage: Storage, call: Call, bucket: Document, version: Document) -> Document:
    """Make this the key's current version; what it replaces depends on the bucket's versioning."""
    versions, state = storage.versions(call.bucket, call.key), versioning(bucket)
    version_id = _version_id() if state == "Enabled" else "null"
    version = {**version, "modified": storage.clock.now(), "version_id": version_id}
    kept = versions if state == "Enabled" else [old for old in versions if old["version_id"] != "null"]
    storage.put_versions(call.bucket, call.key, [*kept, version])
    return version


def check_overwrite(storage: Storage, call: Call, bucket: Document) -> None:
    """x-oss-forbid-overwrite, which has no effect in a bucket whose versioning was ever turned on."""
    forbidden = call.headers.get("x-oss-forbid-overwrite", "false").lower()
    if forbidden not in ("true", "false"):
        raise ServiceError(400, "InvalidArgument", f"x-oss-forbid-overwrite {forbidden!r} is neither true nor false.")
    if forbidden == "true" and not versioning(bucket) and current(storage, call.bucket, call.key) is not None:
        raise ServiceError(
            409, "FileAlreadyExists", "The object you specified already exists and can not be overwritten."
        )


def source_of(storage: Storage, call: Call) -> Document:
    """The version that x-oss-copy-source names."""
    path, _mark, query = call.headers["x-oss-copy-source"].partition("?")
    bucket, _slash, key = unquote(path).lstrip("/").partition("/")
    wanted = dict(parse_qsl(query)).get("versionId")
    inner = Call("GET", bucket, key, {"versionId": wanted} if wanted else {}, call.headers, call.content, call.signed)
    return version_of(storage, inner)


async def _copy(storage: Storage, call: Call, bucket: Document) -> Answer:
    source = source_of(storage, call)
    check_overwrite(storage, call, bucket)
    expected = call.headers.get("x-oss-copy-source-if-match")
    if expected is not None and expected.strip('"') != source["etag"]:
        raise ServiceError(412, "PreconditionFailed", "The source's ETag is another one.")
    fresh = new_version(call, "Normal")
    if call.headers.get("x-oss-metadata-directive", "COPY").upper() != "REPLACE":
        fresh.update(content_type=source["content_type"], headers=source["headers"])
    if call.headers.get("x-oss-tagging-directive", "Copy").lower() != "replace":
        fresh["tags"] = source["tags"]
    content = {name: source[name] for name in ("etag", "size", "crc")}
    version = add(storage, call, bucket, {**fresh, **content, "blob": storage.link(source["blob"])})
    answer = xml_answer("CopyObjectResult", {"ETag": f'"{version["etag"]}"', "LastModified": iso(version["modified"])})
    answer.headers = {**answer.headers, **_written(version, bucket)}
    return answer


def _delete(storage: Storage, call: Call, bucket: Document, key: str, version_id: str | None) -> dict[str, str]:
    """Delete one key or version; headers that tell what became of it. A missing one is no error."""
    versions, state = storage.versions(call.bucket, key), versioning(bucket)
    if version_id is not None:
        gone = [version for version in versions if version["version_id"] == version_id]
        storage.put_versions(call.bucket, key, [version for version in versions if version not in gone])
        marker = {"x-oss-delete-marker": "true"} if gone and gone[0]["delete_marker"] else {}
        return {"x-oss-version-id": version_id, **marker}
    if not state:
        storage.put_versions(call.bucket, key, [])
        return {}
    kept = versions if state == "Enabled" else [old for old in versions if old["version_id"] != "null"]
    marker_version = {
        "type": "", "content_type": "", "headers": {}, "tags": {}, "acl": "default", "storage_class": "Standard",
        "etag": "", "size": 0, "crc": None, "blob": None, "modified": storage.clock.now(), "delete_marker": True,
        "version_id": _version_id() if state == "Enabled" else "null",
    }  # fmt: skip
    storage.put_versions(call.bucket, key, [*kept, marker_version])
    return {"x-oss-delete-marker": "true", "x-oss-version-id": str(marker_version["version_id"])}


def _amend(storage: Storage, call: Call, change: Document) -> Answer:
    version = version_of(storage, call)
    versions = storage.versions(call.bucket, call.key)
    changed = [{**old, **change} if old is version else old for old in versions]
    storage.put_versions(call.bucket, call.key, changed)
    return Answer()


def _followed(storage: Storage, call: Call) -> Document:
    """The version to read: a symlink's target, one link deep."""
    version = version_of(storage, call)
    if version["type"] != "Symlink":
        return version
    target = current(storage, call.bucket, version["target"])
    if target is None or target["type"] == "Symlink":
        raise ServiceError(404, "SymlinkTargetNotExist", f"The symlink's target does not exist: {version['target']}")
    return target


def _described(version: Document, bucket: Document) -> dict[str, str]:
    """The headers of GET and HEAD."""
    headers = {
        "Content-Type": version["content_type"],
        "Last-Modified": formatdate(version["modified"], usegmt=True),
        "x-oss-object-type": version["type"],
        "x-oss-storage-class": version["storage_class"],
        "Accept-Ranges": "bytes",
        **version["headers"],
        **_written(version, bucket),
    }
    if version["tags"]:
        headers["x-oss-tagging-count"] = str(len(version["tags"]))
    return headers


def _written(version: Document, bucket: Document) -> dict[str, str]:
    """What a write tells about the result."""
    headers = {"ETag": f'"{version["etag"]}"'}
    if version["crc"] is not None:
        headers["x-oss-hash-crc64ecma"] = version["crc"]
    if versioning(bucket):
        headers["x-oss-version-id"] = version["version_id"]
    return headers


def _sums(blob: str, checksum: Checksum) -> Document:
    return {"blob": blob, "etag": checksum.etag, "size": checksum.size, "crc": checksum.crc64}


def _range(call: Call, size: int) -> tuple[int, int, bool]:
    """(start, length, partial). A range that cannot be had gives the whole object, or an error where asked for."""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", call.headers.get("range", ""))
    if not found or found.group(0) == "bytes=-":
        return 0, size, False
    first, last = found.groups()
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last), size - 1) if first and last else size - 1
    if start <= end and (first or int(last) > 0):
        return start, end - start + 1, True
    if call.headers.get("x-oss-range-behavior") == "standard":
        raise ServiceError(416, "InvalidRange", "The requested range cannot be satisfied.")
    return 0, size, False


def _condition(call: Call, version: Document) -> int | None:
    """304 or PreconditionFailed where a condition of the request does not hold."""
    wanted, unwanted = call.headers.get("if-match"), call.headers.get("if-none-match")
    if wanted is not None and wanted.strip('"') != version["etag"]:
        raise ServiceError(412, "PreconditionFailed", "At least one of the preconditions did not hold.")
    if unwanted is not None:
        return 304 if unwanted.strip('"') == version["etag"] else None
    since = call.headers.get("if-modified-since")
    if since is not None and int(version["modified"]) <= parsedate_to_datetime(since).timestamp():
        return 304
    return None


def _check_md5(call: Call, checksum: Checksum) -> None:
    given = call.headers.get("content-md5")
    if given is not None and given != base64.b64encode(checksum.md5).decode():
        raise ServiceError(400, "InvalidDigest", "The Content-MD5 you specified did not match what we received.")
    crc = call.headers.get("x-oss-hash-crc64ecma")
    if crc is not None and CRC64 is not None and crc != checksum.crc64:
        raise ServiceError(400, "InvalidCRC", "The CRC-64 you specified did not match what we received.")


def _checked_tags(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > 10 or any(not 0 < len(key) <= 128 or len(value) > 256 for key, value in tags.items()):
        raise ServiceError(400, "InvalidTag", "At most 10 tags, keys up to 128 and values up to 256 characters.")
    return tags


def _acl(call: Call, acl: str) -> str:
    if acl not in OBJECT_ACLS:
        raise ServiceError(400, "InvalidArgument", f"x-oss-object-acl {acl!r} is none of {', '.join(OBJECT_ACLS)}.")
    return acl


def _version_id() -> str:
    return "CAEQ" + secrets.token_hex(24)


def _md5(data: bytes) -> bytes:
    checksum = Checksum()
    checksum.update(data)
    return checksum.md5
