# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Multipart uploads: parts in any order, joined when complete."""

from __future__ import annotations

import asyncio
import hashlib
import secrets

from ..errors import ServiceError
from ..store import Document
from . import xml
from .buckets import iso, xml_answer
from .call import Answer, Call
from .objects import add, check_overwrite, new_version, source_of
from .storage import Storage

LAST_PART = 10000
SMALLEST_PART = 100 << 10


async def start(storage: Storage, call: Call) -> Answer:
    bucket = call.record(storage)
    check_overwrite(storage, call, bucket)
    upload_id = secrets.token_hex(16).upper()
    upload = {
        "upload_id": upload_id,
        "key": call.key,
        "started": storage.clock.now(),
        "version": new_version(call, "Multipart"),
        "parts": {},
    }
    storage.uploads(call.bucket).put(upload_id, upload)
    return xml_answer("InitiateMultipartUploadResult", {"Bucket": call.bucket, "Key": call.key, "UploadId": upload_id})


async def put_part(storage: Storage, call: Call) -> Answer:
    """A part from the body, or from another object (x-oss-copy-source with an optional range)."""
    upload = _upload(storage, call)
    number = call.number("partNumber", 0, LAST_PART)
    if number < 1:
        raise ServiceError(400, "InvalidArgument", f"partNumber must be between 1 and {LAST_PART}.")
    copied = "x-oss-copy-source" in call.headers
    if copied:
        source = source_of(storage, call)
        first, _dash, last = (
            call.headers.get("x-oss-copy-source-range", "bytes=0-").removeprefix("bytes=").partition("-")
        )
        size = (int(last) + 1 if last else source["size"]) - int(first)
        blob, checksum = await asyncio.to_thread(storage.join, [source["blob"]], int(first), size)
    else:
        blob, checksum = await storage.receive(call.content)
    upload = _upload(storage, call)  # it may have been aborted meanwhile
    storage.drop([upload["parts"].get(str(number), {}).get("blob")])
    modified = storage.clock.now()
    part = {"blob": blob, "etag": checksum.etag, "size": checksum.size, "modified": modified}
    upload["parts"][str(number)] = part
    storage.uploads(call.bucket).put(upload["upload_id"], upload)
    headers = {"ETag": f'"{checksum.etag}"'}
    if checksum.crc64 is not None:
        headers["x-oss-hash-crc64ecma"] = checksum.crc64
    if not copied:
        return Answer(headers=headers)
    answer = xml_answer("CopyPartResult", {"ETag": headers["ETag"], "LastModified": iso(modified)})
    answer.headers = {**answer.headers, **headers}
    return answer


async def parts(storage: Storage, call: Call) -> Answer:
    upload = _upload(storage, call)
    marker, most = call.number("part-number-marker", 0, LAST_PART), call.number("max-parts", 1000, 1000)
    numbers = sorted(number for number in map(int, upload["parts"]) if number > marker)
    page = numbers[:most]
    shown = [
        {
            "PartNumber": number,
            "LastModified": iso(upload["parts"][str(number)]["modified"]),
            "ETag": f'"{upload["parts"][str(number)]["etag"]}"',
            "Size": upload["parts"][str(number)]["size"],
        }
        for number in page
    ]
    return xml_answer(
        "ListPartsResult",
        {
            "Bucket": call.bucket,
            "Key": call.key,
            "UploadId": upload["upload_id"],
            "NextPartNumberMarker": page[-1] if page else marker,  # the client library insists on it
            "MaxParts": most,
            "IsTruncated": len(numbers) > most,
            "Part": shown,
        },
    )


async def complete(storage: Storage, call: Call) -> Answer:
    bucket, upload = call.record(storage), _upload(storage, call)
    chosen = await _chosen(call, upload)
    check_overwrite(storage, call, bucket)
    blob, checksum = await asyncio.to_thread(storage.join, [part["blob"] for part in chosen])
    digest = hashlib.md5(b"".join(bytes.fromhex(part["etag"]) for part in chosen), usedforsecurity=False)
    content = {"blob": blob, "size": checksum.size, "crc": checksum.crc64}
    etag = f"{digest.hexdigest().upper()}-{len(chosen)}"
    try:
        _upload(storage, call)
        check_overwrite(storage, call, bucket)
    except ServiceError:
        storage.drop([blob])
        raise
    version = add(storage, call, bucket, {**upload["version"], **content, "etag": etag})
    _forget(storage, call, upload)
    answer = xml_answer(
        "CompleteMultipartUploadResult",
        {"Location": f"/{call.bucket}/{call.key}", "Bucket": call.bucket, "Key": call.key, "ETag": f'"{etag}"'},
    )
    answer.headers = {**answer.headers, "ETag": f'"{etag}"'}
    if version["crc"] is not None:
        answer.headers["x-oss-hash-crc64ecma"] = version["crc"]
    if version["version_id"] != "null":
        answer.headers["x-oss-version-id"] = version["version_id"]
    return answer


async def abort(storage: Storage, call: Call) -> Answer:
    _forget(storage, call, _upload(storage, call))
    return Answer(204)


async def uploads(storage: Storage, call: Call) -> Answer:
    call.record(storage)
    prefix, most = call.query.get("prefix", ""), call.number("max-uploads", 1000, 1000)
    marker = (call.query.get("key-marker", ""), call.query.get("upload-id-marker", ""))
    found = sorted(
        (upload["key"], upload["upload_id"], upload["started"])
        for upload in storage.uploads(call.bucket)
        if upload["key"].startswith(prefix)
    )
    # Without an upload id the marker stands behind all uploads of its key.
    after = [one for one in found if (one[:2] > marker if marker[1] else one[0] > marker[0] or not marker[0])]
    page = after[:most]
    return xml_answer(
        "ListMultipartUploadsResult",
        {
            "Bucket": call.bucket,
            "Prefix": prefix,
            "MaxUploads": most,
            "IsTruncated": len(after) > most,
            "NextKeyMarker": page[-1][0] if page else "",
            "NextUploadIdMarker": page[-1][1] if page else "",
            "Upload": [{"Key": key, "UploadId": name, "Initiated": iso(started)} for key, name, started in page],
        },
    )


def _upload(storage: Storage, call: Call) -> Document:
    call.record(storage)
    upload = storage.uploads(call.bucket).get(call.query["uploadId"])
    if upload is None or upload["key"] != call.key:
        raise ServiceError(
            404, "NoSuchUpload", "The specified upload does not exist. It may have been completed or aborted."
        )
    return upload


async def _chosen(call: Call, upload: Document) -> list[Document]:
    """The parts that the body lists, checked; all of them with x-oss-complete-all."""
    if call.headers.get("x-oss-complete-all", "").lower() == "yes":
        return [upload["parts"][number] for number in sorted(upload["parts"], key=int)]
    root = xml.parse(await call.body(), "CompleteMultipartUpload")
    asked = [
        (node.findtext("PartNumber") or "", (node.findtext("ETag") or "").strip('"')) for node in root.findall("Part")
    ]
    numbers = [int(number) for number, _etag in asked]
    if numbers != sorted(set(numbers)):
        raise ServiceError(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
    chosen = [upload["parts"].get(number) for number, _etag in asked]
    if not asked or any(
        part is None or part["etag"] != etag.upper() for part, (_number, etag) in zip(chosen, asked, strict=True)
    ):
        raise ServiceError(400, "InvalidPart", "One or more of the specified parts could not be found or do not match.")
    found = [part for part in chosen if part is not None]
    if any(part["size"] < SMALLEST_PART for part in found[:-1]):
        raise ServiceError(400, "EntityTooSmall", f"A part before the last is smaller than {SMALLEST_PART} bytes.")
    return found


def _forget(storage: Storage, call: Call, upload: Document) -> None:
    storage.uploads(call.bucket).delete(upload["upload_id"])
    storage.drop(part["blob"] for part in upload["parts"].values())
