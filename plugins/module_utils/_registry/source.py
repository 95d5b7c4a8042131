# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is read of records before a version is made of a run: the model's files, its root, its golden request."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .._core.failure import Failure
from .._core.spelling import nearest
from .._oss.digest import File, digest, of_file
from .._oss.records import Record, read
from .._oss.store import Store

MODEL = "saved_model.pb"
GOLDEN = "golden.json"


class Model(NamedTuple):
    """files: as the run has them. root: the folder that holds `saved_model.pb`, with a `/`, or empty."""

    digest: str
    files: list[File]
    root: str

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def run_record(store: Store, run_id: str) -> Record:
    """Raises Failure `UnknownRun` with the runs that are there."""
    record = read(store, f"runs/{run_id}/run.json")
    if record is not None:
        return record
    known = sorted({key.split("/")[1] for key, _size, _etag in store.list("runs/") if key.endswith("/run.json")})
    meant = nearest(run_id, known)
    raise Failure(
        "UnknownRun",
        f"{store.name} has no finished run '{run_id}'; it has {', '.join(known[-10:]) or 'none'}.",
        resource=f"run/{run_id}",
        hint=f"Did you mean '{meant}'?" if meant else "Train first: mlops.ack.training_run records a run.",
        details={"known": known},
    )


def model_of(run: Mapping[str, Any]) -> Model:
    """Raises Failure `BrokenRecord` for a manifest whose digest is not its own, `InvalidModel` for no SavedModel."""
    run_id, manifest = run.get("run_id"), run.get("model") or {}
    try:
        files = [File(each["path"], each["size"], each["sha256"]) for each in manifest.get("files") or []]
    except (KeyError, TypeError) as error:
        raise _broken(run_id, f"its model manifest is incomplete ({error})") from error
    if digest(files) != manifest.get("digest"):
        raise _broken(run_id, f"its model digest is {manifest.get('digest')}, but its files make {digest(files)}")
    found = [file.path for file in files if file.path.rpartition("/")[2] == MODEL]
    if len(found) != 1:
        raise Failure(
            "InvalidModel",
            f"The run {run_id} must have one {MODEL} in its model; it has {', '.join(found) or 'none'} "
            f"among {len(files)} files.",
            resource=f"run/{run_id}",
            hint="Save one TensorFlow SavedModel below model/ of the job's output.",
        )
    root = found[0].removesuffix(MODEL)
    outside = [file.path for file in files if not file.path.startswith(root)]
    if outside:
        raise Failure(
            "InvalidModel",
            f"The run {run_id} has files outside of its SavedModel folder {root}: {', '.join(outside[:5])}.",
            resource=f"run/{run_id}",
            hint="A server would not find them: save them as assets of the SavedModel.",
        )
    return Model(manifest["digest"], files, root)


def golden_of(store: Store, run: Mapping[str, Any]) -> dict[str, Any] | None:
    """The golden request of the run's output: {request, expected, tolerance}; None where it has none.

    Raises Failure `InvalidGolden`, `DigestMismatch`.
    """
    run_id = run.get("run_id")
    listed = {each["path"]: each for each in (run.get("output") or {}).get("files") or []}
    if GOLDEN not in listed:
        return None
    data = store.get(f"runs/{run_id}/output/{GOLDEN}") or b""
    found = hashlib.sha256(data).hexdigest()
    if found != listed[GOLDEN]["sha256"]:
        raise _altered(f"runs/{run_id}/output/{GOLDEN}", listed[GOLDEN]["sha256"], found)
    try:
        golden = json.loads(data)
        return {
            "request": dict(golden["request"]),
            "expected": dict(golden["expected"]),
            "tolerance": float(golden["tolerance"]),
        }
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(
            "InvalidGolden",
            f"{GOLDEN} of the run {run_id} must have request, expected and tolerance: {type(error).__name__} {error}.",
            resource=f"run/{run_id}",
        ) from error


def download(store: Store, run_id: str, file: File, path: Path) -> None:
    """One file of the model. Raises Failure `DigestMismatch` where it is not what the run recorded."""
    key = f"runs/{run_id}/output/model/{file.path}"
    store.download(key, path)
    found = of_file(path)
    if found != file.sha256:
        raise _altered(key, file.sha256, found)


def _altered(key: str, wanted: str, found: str) -> Failure:
    return Failure(
        "DigestMismatch",
        f"{key} was changed after the run: its SHA-256 is {found}, the run recorded {wanted}.",
        resource=f"object/{key}",
        hint="Do not serve it; train again, or restore the object's earlier version.",
        details={"wanted": wanted, "found": found},
    )


def _broken(run_id: object, why: str) -> Failure:
    return Failure(
        "BrokenRecord", f"The record of run {run_id} is damaged: {why}.", resource=f"run/{run_id}", hint="Train again."
    )
