# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lists of objects: V1, V2, and of versions."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote

from ..errors import ServiceError
from ..store import Document
from . import xml
from .buckets import OWNER, iso, xml_answer
from .call import Answer, Call
from .storage import Storage

MOST = 1000


class Page(NamedTuple):
    """What one answer holds. `last`: the key or common prefix to go on behind."""

    found: list[Document]
    prefixes: list[str]
    truncated: bool
    last: str


async def list_v1(storage: Storage, call: Call) -> Answer:
    call.record(storage)
    marker, most = call.query.get("marker", ""), call.number("max-keys", 100, MOST)
    page, encode = _page(_current(storage, call), call, marker, most), _encoder(call)
    return xml_answer(
        "ListBucketResult",
        {
            **_head(call, most, page, encode),
            "Marker": encode(marker),
            "NextMarker": encode(page.last) if page.truncated else None,
            **_body(page, encode, owner=True),
        },
    )


async def list_v2(storage: Storage, call: Call) -> Answer:
    call.record(storage)
    token, most = call.query.get("continuation-token", ""), call.number("max-keys", 100, MOST)
    behind = _from_token(token) if token else call.query.get("start-after", "")
    page, encode = _page(_current(storage, call), call, behind, most), _encoder(call)
    owner = call.query.get("fetch-owner", "").lower() == "true"
    return xml_answer(
        "ListBucketResult",
        {
            **_head(call, most, page, encode),
            "StartAfter": encode(call.query.get("start-after", "")),
            "KeyCount": len(page.found) + len(page.prefixes),
            "ContinuationToken": token or None,
            "NextContinuationToken": _to_token(page.last) if page.truncated else None,
            **_body(page, encode, owner=owner),
        },
    )


async def list_versions(storage: Storage, call: Call) -> Answer:
    """Newest version first within a key. A page ends between keys, so the version marker is never needed."""
    call.record(storage)
    marker, most = call.query.get("key-marker", ""), call.number("max-keys", 100, MOST)
    page, encode = _page(storage.objects(call.bucket), call, marker, most), _encoder(call)
    versions: list[Document] = []
    markers: list[Document] = []
    for found in page.found:
        newest = found["versions"][-1]
        for version in reversed(found["versions"]):
            shown = {
                "Key": encode(found["key"]),
                "VersionId": version["version_id"],
                "IsLatest": version is newest,
                "LastModified": iso(version["modified"]),
                "Owner": OWNER,
            }
            (markers if version["delete_marker"] else versions).append(
                shown if version["delete_marker"] else {**shown, **_content(version)}
            )
    return xml_answer(
        "ListVersionsResult",
        {
            **_head(call, most, page, encode),
            "KeyMarker": encode(marker),
            "VersionIdMarker": "",
            "NextKeyMarker": encode(page.last) if page.truncated else None,
            "NextVersionIdMarker": "" if page.truncated else None,
            "Version": versions,
            "DeleteMarker": markers,
            "CommonPrefixes": [{"Prefix": encode(prefix)} for prefix in page.prefixes],
        },
    )


def _current(storage: Storage, call: Call) -> list[Document]:
    return [found for found in storage.objects(call.bucket) if not found["versions"][-1]["delete_marker"]]


def _page(found: list[Document], call: Call, behind: str, most: int) -> Page:
    """Keys after `behind` with the prefix; those that go on after a delimiter are folded into one prefix."""
    prefix, delimiter = call.query.get("prefix", ""), call.query.get("delimiter", "")
    page: list[Document] = []
    prefixes: list[str] = []
    last = ""
    for candidate in found:
        key = candidate["key"]
        if not key.startswith(prefix):
            continue
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        name = key[: cut + len(delimiter)] if cut >= 0 else key
        # A prefix that was given as the marker is done with, and so is all below it.
        if name.encode() <= behind.encode() or (cut >= 0 and prefixes and prefixes[-1] == name):
            continue
        if len(page) + len(prefixes) == most:
            return Page(page, prefixes, True, last)
        last = name
        if cut >= 0:
            prefixes.append(name)
        else:
            page.append(candidate)
    return Page(page, prefixes, False, last)


def _head(call: Call, most: int, page: Page, encode: Callable[[str], str]) -> Document:
    return {
        "Name": call.bucket,
        "Prefix": encode(call.query.get("prefix", "")),
        "MaxKeys": most,
        "Delimiter": encode(call.query.get("delimiter", "")),
        "EncodingType": "url" if encode is _url else None,
        "IsTruncated": page.truncated,
    }


def _body(page: Page, encode: Callable[[str], str], *, owner: bool) -> dict[str, xml.Content]:
    contents = [
        {
            "Key": encode(found["key"]),
            "LastModified": iso(found["versions"][-1]["modified"]),
            **_content(found["versions"][-1]),
            "Owner": OWNER if owner else None,
        }
        for found in page.found
    ]
    return {"Contents": contents, "CommonPrefixes": [{"Prefix": encode(prefix)} for prefix in page.prefixes]}


def _content(version: Document) -> Document:
    return {
        "ETag": f'"{version["etag"]}"',
        "Type": version["type"],
        "Size": version["size"],
        "StorageClass": version["storage_class"],
    }


def _encoder(call: Call) -> Callable[[str], str]:
    return _url if call.query.get("encoding-type") == "url" else str


def _url(text: str) -> str:
    return quote(text, safe="/")


def _to_token(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _from_token(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise ServiceError(400, "InvalidArgument", "The specified continuation token is invalid.") from None
