# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One file to an object and back: in one request when small, in parts that survive an interruption when large."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from .._core.failure import Failure
from .._core.files import DRAFT
from .._core.wait import Deadline
from . import client, listing
from .client import Oss
from .digest import BLOCK, Content, content, of_file
from .keys import below

SHA256 = "x-oss-meta-sha256"
LARGE = 64 << 20
PART = 16 << 20
MOST_PARTS = 10_000
PARTS_AT_ONCE = 4
TRIES_S = 10  # a transfer may spend this many request timeouts, broken connections included

Moved = Callable[[int], None]


class Limits(NamedTuple):
    """From `large` bytes on a file goes in parts of `part` bytes (more, where there would be too many)."""

    large: int = LARGE
    part: int = PART


def _nothing(size: int) -> None:
    """Nobody counts the bytes."""


def send(
    oss: Oss,
    bucket: Any,
    key: str,
    path: Path,
    name: str,
    *,
    known: Content | None = None,
    moved: Moved = _nothing,
    limits: Limits = Limits(),  # noqa: B008 -- immutable
) -> None:
    """A file over an object. The SHA-256 of its bytes is kept in the object's metadata.

    `moved` is told of each span of bytes that needs no further transfer.
    """
    known = known or content(path)
    told, size = known.sha256, known.size
    if size < limits.large:
        headers = {SHA256: told, "Content-MD5": b64encode(bytes.fromhex(known.md5)).decode()}

        def whole() -> None:
            with path.open("rb") as stream:
                bucket.put_object(key, stream, headers=headers)

        oss.call(f"upload {name}", whole, deadline=_patience(oss))
        moved(size)
        return
    _send_parts(oss, bucket, key, path, name, told, moved, limits)
    kept = oss.call(f"check {name}", lambda: bucket.head_object(key)).headers.get(SHA256)
    if kept != told:  # the file was altered since the interrupted upload that this one continued
        _send_parts(oss, bucket, key, path, name, told, _nothing, limits)


def _send_parts(
    oss: Oss, bucket: Any, key: str, path: Path, name: str, sha256: str, moved: Moved, limits: Limits
) -> None:
    """Continue the newest unfinished upload of this key, else begin one. A part is kept when its MD5 is the file's."""
    size = path.stat().st_size
    step = max(limits.part, -(-size // MOST_PARTS))
    upload, there = _unfinished(oss, bucket, key, name)
    if not upload:
        upload = oss.call(
            f"begin the upload of {name}", lambda: bucket.init_multipart_upload(key, headers={SHA256: sha256})
        ).upload_id

    def part(number: int) -> Any:
        start = (number - 1) * step
        length = min(step, size - start)
        md5 = _md5(path, start, length)
        if there.get(number) != (length, md5):

            def once() -> None:
                with path.open("rb") as stream:
                    stream.seek(start)
                    bucket.upload_part(key, upload, number, client.SizedFile(stream, length))

            oss.call(f"upload part {number} of {name}", once, deadline=_patience(oss))
        moved(length)
        return client.models.PartInfo(number, md5)

    pool = ThreadPoolExecutor(PARTS_AT_ONCE)
    try:
        parts = list(pool.map(part, range(1, -(-size // step) + 1)))
    finally:
        pool.shutdown(cancel_futures=True)  # a failure ends the rest
    try:
        oss.call(f"finish the upload of {name}", lambda: bucket.complete_multipart_upload(key, upload, parts))
    except Failure as failure:
        if failure.code != "NoSuchUpload":  # finished before, the answer was lost: the check that follows tells
            raise


def _unfinished(oss: Oss, bucket: Any, key: str, name: str) -> tuple[str, dict[int, tuple[int, str]]]:
    """(upload id, {part number: (size, MD5 as upper-case hex)}) of the newest unfinished upload; others are aborted."""
    found = (each for each in listing.uploads(oss, bucket, key) if each.key == key)
    uploads = sorted(found, key=lambda each: each.initiation_date)
    for stale in uploads[:-1]:
        oss.call(
            f"abort an old upload of {name}",
            partial(bucket.abort_multipart_upload, key, stale.upload_id),
        )
    if not uploads:
        return "", {}
    upload = uploads[-1].upload_id
    there: dict[int, tuple[int, str]] = {}
    marker = ""
    while True:
        parts = oss.call(
            f"list the parts of {name}",
            partial(bucket.list_parts, key, upload, marker=marker),
        )
        there |= {each.part_number: (each.size, each.etag.strip('"').upper()) for each in parts.parts}
        if not parts.is_truncated:
            return upload, there
        marker = parts.next_marker


def _md5(path: Path, start: int, length: int) -> str:
    told = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as stream:
        stream.seek(start)
        while length and (block := stream.read(min(BLOCK, length))):
            told.update(block)
            length -= len(block)
    return told.hexdigest().upper()


class _Told(NamedTuple):
    """What the service says of an object, in the answer to HEAD and to GET alike."""

    etag: str
    size: int
    sha256: str | None


def fetch(
    oss: Oss, bucket: Any, key: str, path: Path, name: str, *, listed: tuple[int, str] | None = None,
    moved: Moved = _nothing,
) -> str:  # fmt: skip
    """An object into a file, whole or not at all; returns its SHA-256 as hex.

    `listed`: size and ETag, where a list has told them; that saves a request. What arrived before an interruption lies
    beside the file, under a name that holds the object's ETag, and is not fetched again. Raises Failure `NoSuchKey`,
    `PreconditionFailed` where the object is another than the listed one, `DigestMismatch` where the bytes are not those
    that were uploaded.
    """
    told = _Told(listed[1].strip('"'), listed[0], None) if listed else _head(oss, bucket, key, name)
    draft = below(path.parent, f"{DRAFT}{told.etag}-{path.name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    there = draft.stat().st_size if draft.exists() else 0
    if there > told.size:
        draft.unlink()
        there = 0
    moved(there)
    noted: list[str | None] = []

    def rest() -> None:
        start = draft.stat().st_size if draft.exists() else 0
        if start == told.size and draft.exists():
            return
        span = (start, None) if start else None
        answer = bucket.get_object(key, byte_range=span, headers={"If-Match": f'"{told.etag}"'})
        noted.append(answer.headers.get(SHA256))
        with draft.open("ab") as stream:
            while block := answer.read(BLOCK):
                stream.write(block)
                moved(len(block))

    oss.call(f"download {name}", rest, deadline=_patience(oss))
    found = of_file(draft)
    wanted = noted[-1] if noted else (told.sha256 or _head(oss, bucket, key, name).sha256)
    if (wanted and found != wanted) or draft.stat().st_size != told.size:
        draft.unlink()
        raise Failure(
            "DigestMismatch",
            f"{name} arrived as sha256 {found}, but sha256 {wanted} was uploaded ({told.size} bytes).",
            resource=f"object/{key}",
            hint="Run again; if it stays so, the object was altered in the bucket: upload it again.",
        )
    draft.chmod(0o644)
    draft.replace(path)
    return found


def _head(oss: Oss, bucket: Any, key: str, name: str) -> _Told:
    head = oss.call(f"read {name}", lambda: bucket.head_object(key))
    return _Told(head.etag.strip('"'), head.content_length, head.headers.get(SHA256))


def _patience(oss: Oss) -> Deadline:
    return Deadline(TRIES_S * oss.timeout_s, oss.context.clock)
