# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every OSS operation is given, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import StreamReader
from multidict import CIMultiDictProxy

from ..errors import ServiceError
from ..store import Document
from .storage import Storage

LARGEST_XML = 4 << 20


@dataclass
class Call:
    """One request, taken apart. `bucket` and `key` are empty at the levels above."""

    method: str
    bucket: str
    key: str
    query: dict[str, str]
    headers: CIMultiDictProxy[str]
    content: StreamReader
    signed: bool

    def record(self, storage: Storage) -> Document:
        """The bucket's document. Raises NoSuchBucket, and AccessDenied for somebody else's."""
        found = storage.buckets.get(self.bucket)
        if found is None and self.bucket.startswith(FOREIGN):
            raise ServiceError(403, "AccessDenied", "The bucket you access does not belong to you.")
        if found is None:
            raise ServiceError(404, "NoSuchBucket", f"The specified bucket does not exist: {self.bucket}")
        return found

    async def body(self) -> bytes:
        """A small body as a whole."""
        data = bytearray()
        async for chunk in self.content.iter_any():
            data += chunk
            if len(data) > LARGEST_XML:
                raise ServiceError(400, "MalformedXML", f"The body is larger than {LARGEST_XML} bytes.")
        return bytes(data)

    def number(self, name: str, default: int, largest: int) -> int:
        text = self.query.get(name) or str(default)
        if not text.isdigit() or int(text) > largest:
            raise ServiceError(400, "InvalidArgument", f"{name} {text!r} is not a number up to {largest}.")
        return int(text)


# Buckets of this name belong to somebody else: the namespace is global.
FOREIGN = "taken-"


@dataclass
class Answer:
    """An answer: XML or nothing in `body`, or a part of a stored content."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    blob: str | None = None
    start: int = 0
    length: int = 0  # of the blob's part; also Content-Length of the answer to HEAD
