# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Evidence: JSON objects that are written once, read back, and never edited.

Keys (design: what was loaded, run, made, served, decided):
datasets/<name>/<hex>/manifest.json, runs/<run_id>/run.json, models/<name>/versions/<n>/version.json,
models/<name>/environments/<env>/releases/<n>.json, gates/<env>/<gate>/<hex>/<n>.json.
Every record has `schema`: `mlops.ack/<kind>/v1`. Times are RFC 3339 in UTC.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._core.failure import Failure
from .._core.resource import differences
from .store import Store

Record = dict[str, Any]

TRIES = 100


def read(store: Store, key: str) -> Record | None:
    """The record, or None. Raises Failure `BrokenRecord` where the object is not one."""
    data = store.get(key)
    if data is None:
        return None
    try:
        record = json.loads(data)
    except ValueError as error:
        raise _broken(store, key, f"it is not JSON ({error})") from error
    if not isinstance(record, dict):
        raise _broken(store, key, f"it is a {type(record).__name__}, not a mapping")
    return record


def write_once(store: Store, key: str, record: Mapping[str, Any]) -> bool:
    """Write a record and read it back. False: the same one was there already.

    Raises Failure `RecordConflict` where another one is there.
    """
    wrote = store.put(key, _bytes(record))
    found = read(store, key)
    if found != _plain(record):
        differs = [change.field for change in differences(found or {}, _plain(record))] or ["fields that are no longer"]
        raise Failure(
            "RecordConflict",
            f"{store.name}/{key} holds another record; it differs in {', '.join(differs)}.",
            resource=f"record/{key}",
            hint="Records are never edited: choose another name, run id or version.",
            details={"found": found, "wanted": _plain(record)},
        )
    return wrote


def append(
    store: Store,
    prefix: str,
    record: Mapping[str, Any],
    finish: Callable[[Mapping[str, Any], Sequence[Record]], Mapping[str, Any]] = lambda numbered, before: numbered,
) -> int:
    """Write a record as `<prefix>/<n>.json`, n the next free number from 1; returns n. Two writers get two numbers.

    `finish` makes what is written of the numbered record and those before it.
    """
    for _try in range(TRIES):
        before = history(store, prefix)
        n = before[-1]["n"] + 1 if before else 1
        numbered = finish({**record, "n": n}, before)
        key = f"{prefix.rstrip('/')}/{n}.json"
        if store.put(key, _bytes(numbered)) or read(store, key) == _plain(numbered):
            return n  # the second: our own write, whose answer was lost
    raise Failure(
        "RecordConflict",
        f"{store.name}/{prefix} got {TRIES} records by others at the same time.",
        resource=f"record/{prefix}",
        retryable=True,
        hint="Run again.",
    )


def history(store: Store, prefix: str) -> list[Record]:
    """The records below a prefix by rising number; each has its `n`."""
    start = prefix.rstrip("/") + "/"
    numbers = sorted(
        int(name)
        for item in store.list(start)
        if item.key.endswith(".json") and (name := item.key[len(start) : -len(".json")]).isdigit()
    )
    found = [(n, read(store, f"{start}{n}.json")) for n in numbers]
    return [{**record, "n": n} for n, record in found if record is not None]


def _plain(record: Mapping[str, Any]) -> Record:
    """As JSON gives it back: tuples are lists, keys are strings."""
    plain: Record = json.loads(_bytes(record))
    return plain


def _bytes(record: Mapping[str, Any]) -> bytes:
    """In the order given, which is the one that people see evidence in."""
    return (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode()


def _broken(store: Store, key: str, why: str) -> Failure:
    return Failure(
        "BrokenRecord",
        f"{store.name}/{key} is not a record: {why}.",
        resource=f"record/{key}",
        hint="Something else wrote there; look at the object, and move it away.",
    )
