# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where records and files lie: below a prefix of a bucket, or in a folder. Both keep the same promises."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from .._core.context import Context
from .._core.failure import Failure
from .._core.files import DRAFT, copy, draft
from .._core.options import Spec
from . import listing
from .client import ABSENT, Oss, connect
from .keys import below, checked, joined
from .transfer import fetch, send

STORE: Spec = {
    "store": {
        "type": "dict",
        "required": True,
        "options": {
            "bucket": {"type": "str"},
            "prefix": {"type": "str", "default": "mlops"},
            "path": {"type": "path"},
        },
        "mutually_exclusive": [["bucket", "path"]],
        "required_one_of": [["bucket", "path"]],
    }
}
"""The option `store`; its documentation is the fragment mlops.ack.store."""


SKEW = timedelta(minutes=5)
"""How far this machine's clock may be from the bucket's before no time of a record could be believed."""


class Item(NamedTuple):
    """One object. key: relative to the store. size: bytes. etag: changes when the content does; opaque."""

    key: str
    size: int
    etag: str


class Store(Protocol):
    """Keys are relative, separated by `/`. Every call raises Failure `PathEscape` for a key that is not.

    name: `oss://bucket/prefix` or the folder, for messages.
    """

    name: str

    def get(self, key: str) -> bytes | None:
        """The content, or None where there is none. For records: the whole of it is held in memory."""

    def put(self, key: str, data: bytes, *, overwrite: bool = False) -> bool:
        """Write. False, and nothing written: something is there already and `overwrite` is not set."""

    def list(self, prefix: str) -> list[Item]:
        """Everything whose key begins with `prefix`, sorted by key."""

    def download(self, key: str, path: Path) -> None:
        """Into a file, all of it or none; goes on where an earlier try broke off. Raises Failure `NoSuchKey`."""

    def upload(self, key: str, path: Path) -> None:
        """From a file, over whatever is there; goes on where an earlier try broke off."""

    def delete(self, key: str) -> None:
        """Deleting what is not there is success."""

    def now(self) -> datetime:
        """The time that records get, the same for every machine that writes here. Raises Failure `ClockSkew`."""

    def url(self, key: str, method: str, expires_s: int, endpoint: str | None = None) -> str:
        """A URL that permits one method on one key for a while (at most 7 days). It is a secret.

        Raises Failure `NoSignedUrl` where the store is a folder.
        """


def open_store(params: Mapping[str, Any], context: Context) -> Store:
    """The store that the option `store` names."""
    wanted = params["store"]
    if wanted.get("path"):
        return FolderStore(Path(wanted["path"]))
    return OssStore(connect(params, context), wanted["bucket"], wanted.get("prefix") or "")


class OssStore:
    """A store below a prefix of a bucket."""

    def __init__(self, oss: Oss, bucket: str, prefix: str) -> None:
        self._oss, self._bucket_name, self._prefix = oss, bucket, prefix.strip("/")
        self._bucket = oss.bucket(bucket)
        self.name = f"oss://{joined(bucket, self._prefix)}"
        self._is_unversioned = False
        self._ahead: timedelta | None = None

    def get(self, key: str) -> bytes | None:
        name = self._key(key)
        try:
            data: bytes = self._oss.call(f"read {self.name}/{key}", lambda: self._bucket.get_object(name).read())
        except Failure as failure:
            if failure.code == "NoSuchKey":
                return None
            raise
        return data

    def put(self, key: str, data: bytes, *, overwrite: bool = False) -> bool:
        name = self._key(key)
        if not overwrite:
            self._require_unversioned()
        headers = {} if overwrite else {"x-oss-forbid-overwrite": "true"}
        try:
            self._oss.call(f"write {self.name}/{key}", lambda: self._bucket.put_object(name, data, headers=headers))
        except Failure as failure:
            if failure.code == "FileAlreadyExists":
                return False
            raise
        return True

    def _require_unversioned(self) -> None:
        """OSS ignores put-if-absent in a bucket that ever was versioned, so records there would not be immutable."""
        if self._is_unversioned:
            return
        told = self._oss.call(f"read the versioning of {self._bucket_name}", self._bucket.get_bucket_versioning)
        if told.status:
            raise Failure(
                "VersionedBucket",
                f"Versioning of bucket {self._bucket_name} is {told.status}; OSS then lets records be overwritten.",
                resource=f"bucket/{self._bucket_name}",
                hint="Keep records in a bucket that never was versioned.",
            )
        self._is_unversioned = True

    def list(self, prefix: str) -> list[Item]:
        cut = len(self._prefix) + 1 if self._prefix else 0
        found = listing.objects(self._oss, self._bucket, self._start(prefix))
        return sorted(Item(each.key[cut:], each.size, each.etag) for each in found if each.key[cut:])

    def now(self) -> datetime:
        ahead = self._clock_ahead()
        if abs(ahead) > SKEW:
            raise Failure(
                "ClockSkew",
                f"This machine's clock is {round(abs(ahead).total_seconds())} s "
                f"{'ahead of' if ahead > timedelta() else 'behind'} that of {self.name}; "
                f"{round(SKEW.total_seconds())} s are allowed.",
                resource=f"bucket/{self._bucket_name}",
                hint="Correct this machine's clock (for example with chrony), then run again.",
                details={"ahead_s": round(ahead.total_seconds())},
            )
        return datetime.now(UTC) - ahead

    def _clock_ahead(self) -> timedelta:
        """Of the bucket's clock, ours; asked once."""
        if self._ahead is None:
            told = self._oss.call(f"read the clock of {self.name}", lambda: self._bucket.list_objects_v2(max_keys=1))
            date = told.headers.get("Date")
            self._ahead = datetime.now(UTC) - parsedate_to_datetime(date) if date else timedelta()
        return self._ahead

    def download(self, key: str, path: Path) -> None:
        fetch(self._oss, self._bucket, self._key(key), path, f"{self.name}/{key}")

    def upload(self, key: str, path: Path) -> None:
        send(self._oss, self._bucket, self._key(key), path, f"{self.name}/{key}")

    def delete(self, key: str) -> None:
        name = self._key(key)
        try:
            self._oss.call(f"delete {self.name}/{key}", lambda: self._bucket.delete_object(name))
        except Failure as failure:
            if failure.code not in ABSENT:
                raise

    def url(self, key: str, method: str, expires_s: int, endpoint: str | None = None) -> str:
        bucket = self._oss.bucket(self._bucket_name, endpoint) if endpoint else self._bucket
        signed: str = bucket.sign_url(method, self._key(key), expires_s, slash_safe=True)
        self._oss.context.secrets.add(signed)
        return signed

    def _key(self, key: str) -> str:
        return joined(self._prefix, checked(key))

    def _start(self, prefix: str) -> str:
        return f"{self._prefix}/{prefix}" if self._prefix else prefix


class FolderStore:
    """A store in a folder: for one machine, and where there is no bucket. The folder is made when first written to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.name = str(folder)

    def get(self, key: str) -> bytes | None:
        try:
            return below(self._folder, key).read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return None

    def put(self, key: str, data: bytes, *, overwrite: bool = False) -> bool:
        place = below(self._folder, key)
        with draft(place) as path:
            path.write_bytes(data)
            if not overwrite:
                try:
                    os.link(path, place)  # unlike a rename, this fails where something is there: no two writers win
                except FileExistsError:
                    return False
            else:
                path.replace(place)
        return True

    def list(self, prefix: str) -> list[Item]:
        found: list[Item] = []
        for here, _folders, names in os.walk(self._folder):
            for name in names:
                place = Path(here) / name
                key = place.relative_to(self._folder).as_posix()
                if key.startswith(prefix) and not name.startswith(DRAFT):
                    with suppress(FileNotFoundError):  # deleted meanwhile
                        facts = place.stat()
                        found.append(Item(key, facts.st_size, f"{facts.st_mtime_ns}-{facts.st_size}"))
        return sorted(found)

    def download(self, key: str, path: Path) -> None:
        place = below(self._folder, key)
        if not place.is_file():
            raise Failure("NoSuchKey", f"{self.name}/{key} does not exist.", resource=f"object/{key}")
        copy(place, path)

    def upload(self, key: str, path: Path) -> None:
        copy(path, below(self._folder, key))

    def delete(self, key: str) -> None:
        below(self._folder, key).unlink(missing_ok=True)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def url(self, key: str, method: str, expires_s: int, endpoint: str | None = None) -> str:
        raise Failure(
            "NoSignedUrl",
            f"The store {self.name} is a folder; a job in a cluster cannot reach {key} in it.",
            resource=f"object/{key}",
            hint="Use a bucket: set store.bucket.",
        )
