# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The objects below a prefix of a bucket, for `sync`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import islice
from pathlib import Path

from .._core.failure import Failure
from .client import Oss
from .digest import Content
from .keys import checked, joined
from .store import OssStore
from .sync import Moved, Remote
from .transfer import SHA256, fetch, send

MOST_DELETES = 1000  # of one request


class PrefixObjects:
    """`Objects` over the SDK."""

    def __init__(self, oss: Oss, bucket: str, prefix: str) -> None:
        self._oss, self._prefix = oss, prefix.strip("/")
        self._bucket = oss.bucket(bucket)
        self._store = OssStore(oss, bucket, prefix)
        self.name = self._store.name

    def list(self) -> dict[str, Remote]:
        """Keys that end in `/` are a console's folders and no files."""
        return {
            checked(item.key): Remote(item.size, item.etag)
            for item in self._store.list("")
            if not item.key.endswith("/")
        }

    def sha256(self, path: str) -> str | None:
        head = self._oss.call(f"read {self.name}/{path}", partial(self._bucket.head_object, self._key(path)))
        noted: str | None = head.headers.get(SHA256)
        return noted

    def send(self, path: str, source: Path, known: Content, moved: Moved) -> None:
        send(self._oss, self._bucket, self._key(path), source, f"{self.name}/{path}", known=known, moved=moved)

    def fetch(self, path: str, place: Path, listed: Remote, moved: Moved) -> str:
        name = f"{self.name}/{path}"
        return fetch(self._oss, self._bucket, self._key(path), place, name, listed=listed, moved=moved)

    def delete(self, paths: Iterable[str]) -> None:
        rest = iter(paths)
        while some := list(islice(rest, MOST_DELETES)):
            keys = [self._key(path) for path in some]
            done = self._oss.call(f"delete from {self.name}", partial(self._bucket.batch_delete_objects, keys))
            if kept := sorted(set(keys) - set(done.deleted_keys)):
                raise Failure(
                    "NotApplied",
                    f"{len(kept)} objects were not deleted, for example {kept[0]}.",
                    resource=f"object/{kept[0]}",
                    hint="Does a retention rule of the bucket hold them?",
                )

    def _key(self, path: str) -> str:
        return joined(self._prefix, checked(path))
