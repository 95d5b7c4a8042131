# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A folder and a prefix of a bucket: what differs, and bringing one to the state of the other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path, PurePosixPath
from threading import Event, Lock
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

from .._core.context import Context
from .._core.failure import Failure
from .._core.resource import Change, Plan, Resource, State
from .._core.wait import SAY_EACH_S
from .digest import Content, File, content, digest, walk
from .keys import below

FILES_AT_ONCE = 8
Moved = Callable[[int], None]
T = TypeVar("T")


class Remote(NamedTuple):
    """An object below the prefix. etag: its content's MD5 where it was uploaded in one request, else opaque."""

    size: int
    etag: str


class Objects(Protocol):
    """What lies below one prefix; paths are relative to it. `prefix.py` speaks HTTP, a test holds a dict."""

    name: str

    def list(self) -> dict[str, Remote]: ...

    def sha256(self, path: str) -> str | None:
        """The SHA-256 that was noted when the object was uploaded; None where nobody did."""

    def send(self, path: str, source: Path, known: Content, moved: Moved) -> None: ...

    def fetch(self, path: str, place: Path, listed: Remote, moved: Moved) -> str:
        """Returns the SHA-256 of the bytes; compares it with what was noted. Fails where the object is no longer the
        listed one.
        """

    def delete(self, paths: Iterable[str]) -> None: ...


class Work(NamedTuple):
    """Which paths to move, with what the plan knew of them, and which to delete at the other end."""

    move: Mapping[str, Content | Remote]
    delete: tuple[str, ...]


class Sync(Resource):
    """Upload: the prefix becomes like the folder. Download: the folder becomes like the prefix."""

    kind = "sync"

    def __init__(
        self,
        folder: Path,
        objects: Objects,
        context: Context,
        *,
        direction: Literal["upload", "download"],
        delete_extra: bool,
    ) -> None:
        self._folder, self._objects, self._context = folder, objects, context
        self._direction, self._delete_extra = direction, delete_extra

    def observe(self) -> State:
        there = self._folder.is_dir() or self._direction == "upload"
        return {"local": scan(self._folder) if there else {}, "remote": self._objects.list()}

    def plan(self, observed: State, desired: State) -> Plan:
        local: dict[str, Content] = (observed or {})["local"]
        remote: dict[str, Remote] = (observed or {})["remote"]
        up = self._direction == "upload"
        source: Mapping[str, Content | Remote] = local if up else remote
        other: Mapping[str, Content | Remote] = remote if up else local
        place, away = (str(self._folder), self._objects.name)[:: 1 if up else -1]
        refuse_source(source, place, self._folder)
        differs = differing(local, remote, self._objects.sha256)
        move = {path: source[path] for path in sorted(source) if path not in other or path in differs}
        extra = tuple(sorted(set(other) - set(source)))
        work = Work(move, extra if self._delete_extra else ())
        changes = [Change(path, other[path].size if path in other else None, item.size) for path, item in move.items()]
        changes += [Change(path, other[path].size, None) for path in work.delete]
        warnings = (
            (f"{away} holds {len(extra)} files that {place} does not, for example {extra[0]}; they stay.",)
            if extra and not self._delete_extra
            else ()
        )
        return Plan(
            "update" if changes else "none",
            self._summary(self._known(local, remote, move), work),
            tuple(sorted(changes)),
            warnings,
            work,
        )

    def apply(self, plan: Plan) -> None:
        work: Work = plan.work
        meter = Meter(self._direction, [item.size for item in work.move.values()], self._context)

        def one(path: str) -> None:
            place, known = below(self._folder, path), work.move[path]
            if isinstance(known, Content):
                self._objects.send(path, place, known, meter.moved)
            else:
                self._objects.fetch(path, place, known, meter.moved)
            meter.done()

        run_all(one, work.move, meter)
        if work.delete and self._direction == "upload":
            self._objects.delete(work.delete)
        elif work.delete:
            remove(self._folder, work.delete)

    def verify(self, plan: Plan, desired: State) -> State:
        if plan.action == "none":
            return plan.after
        observed = self.observe() or {}
        again = self.plan(observed, desired)
        if again.action != "none":
            paths = [change.field for change in again.changes]
            raise Failure(
                "NotApplied",
                f"After the {self._direction}, {len(paths)} files still differ, for example {paths[0]}.",
                resource=f"folder/{self._folder}",
                hint="Does something else write there at the same time? Run again when it has ended.",
                retryable=True,
                details={"differs": paths[:100]},
            )
        return self._summary(self._known(observed["local"], observed["remote"], ()), plan.work)

    def _known(
        self, local: Mapping[str, Content], remote: Mapping[str, Remote], move: Collection[str]
    ) -> list[File] | None:
        """The files of the source; None where they are not known before the run: an object that is not here yet has
        no noted SHA-256, or nobody asked for a prediction.
        """
        if self._direction == "upload":
            return [File(path, file.size, file.sha256) for path, file in local.items()]
        if move and not self._context.check:
            return None  # the run reads them from what it fetched
        noted = together(self._objects.sha256, (path for path in remote if path in move))
        sha256s = {path: noted[path] if path in noted else local[path].sha256 for path in remote}
        if None in sha256s.values():
            return None
        return [File(path, item.size, str(sha256s[path])) for path, item in remote.items()]

    def _summary(self, files: list[File] | None, work: Work) -> dict[str, Any]:
        return {
            "direction": self._direction,
            "path": str(self._folder),
            "prefix": self._objects.name,
            "digest": None if files is None else digest(files),
            "count": None if files is None else len(files),
            "size": None if files is None else sum(file.size for file in files),
            "transferred": list(work.move),
            "transferred_size": sum(item.size for item in work.move.values()),
            "deleted": list(work.delete),
        }


def scan(folder: Path) -> dict[str, Content]:
    """Every file below a folder with its digests, by relative path; hashed side by side, a MiB of each in memory."""
    places = dict(walk(folder))
    return together(lambda path: content(places[path]), places)


def differing(
    local: Mapping[str, Content], remote: Mapping[str, Remote], sha256: Callable[[str], str | None]
) -> frozenset[str]:
    """Paths that are at both ends with different bytes.

    Sizes are compared first, then the ETag with the MD5. Only where those two differ is the object's noted SHA-256
    asked for (an object that was uploaded in parts has an ETag of another kind), since that costs a request.
    """

    both = local.keys() & remote.keys()
    same_size = {path for path in both if local[path].size == remote[path].size}
    unclear = [path for path in same_size if local[path].md5 != remote[path].etag.strip('"').upper()]
    noted = together(sha256, unclear)
    return frozenset(both - same_size) | {path for path in unclear if local[path].sha256 != noted[path]}


def together(ask: Callable[[str], T], paths: Iterable[str]) -> dict[str, T]:
    """The answer for each path, asked for side by side."""
    listed = list(paths)
    with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
        return dict(zip(listed, pool.map(ask, listed), strict=True))


def refuse_source(paths: Iterable[str], place: str, folder: Path) -> None:
    """Raises Failure for what cannot be: `EmptySource`, `PathEscape`, `PathConflict` (a name that is also a folder)."""
    known = set(paths)
    if not known:
        raise Failure(
            "EmptySource",
            f"There are no files in {place}.",
            hint="Correct path or prefix; an empty source is never copied, nor does it delete anything.",
        )
    for path in sorted(known):
        below(folder, path)
        for parent in PurePosixPath(path).parents:
            if str(parent) in known:
                raise Failure(
                    "PathConflict",
                    f"{place} holds both '{parent}' and '{path}'; on a disk one name cannot be a file and a folder.",
                    resource=f"object/{parent}",
                    hint="Rename one of them.",
                )


def remove(folder: Path, paths: Iterable[str]) -> None:
    """Delete files below a folder, and the folders that this leaves empty."""
    for path in paths:
        place = below(folder, path)
        place.unlink(missing_ok=True)
        for parent in place.parents:
            if parent == folder or any(parent.iterdir()):
                break
            parent.rmdir()


def run_all(one: Callable[[str], None], paths: Iterable[str], meter: Meter) -> None:
    """Do each, several at once; says how far it is while waiting. The first failure ends the rest."""
    pool, is_over = ThreadPoolExecutor(FILES_AT_ONCE), Event()

    def unless_over(path: str) -> None:
        if not is_over.is_set():
            try:
                one(path)
            except BaseException:
                is_over.set()  # by the worker itself: who waits may learn of it late
                raise

    try:
        waiting = {pool.submit(unless_over, path) for path in paths}
        while waiting:
            finished, waiting = wait(waiting, timeout=SAY_EACH_S, return_when=FIRST_EXCEPTION)
            for each in finished:
                each.result()
            meter.say()
    finally:
        pool.shutdown(cancel_futures=True)


class Meter:
    """Counts bytes and files over all threads, and says so from the one that waits."""

    def __init__(self, verb: str, sizes: Sequence[int], context: Context) -> None:
        self._verb, self._context, self._lock = verb, context, Lock()
        self._files, self._bytes = len(sizes), sum(sizes)
        self._files_done = self._bytes_done = 0
        self._started = context.clock()

    def moved(self, size: int) -> None:
        with self._lock:
            self._bytes_done += size

    def done(self) -> None:
        with self._lock:
            self._files_done += 1

    def say(self) -> None:
        seconds = max(0.001, self._context.clock() - self._started)
        self._context.progress(
            f"{self._verb}: {self._files_done} of {self._files} files, "
            f"{mib(self._bytes_done)} of {mib(self._bytes)} MiB ({mib(int(self._bytes_done / seconds))} MiB/s)"
        )


def mib(size: int) -> str:
    return f"{size / (1 << 20):.1f}"
