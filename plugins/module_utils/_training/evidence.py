# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The evaluation of a run in a local folder, for a person to look at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._core.failure import Failure
from .._oss.digest import of_file
from .._oss.store import Store
from .run import output_key


def differing(record: Mapping[str, Any], folder: Path) -> list[str]:
    """Paths of the evaluation files that are not in `folder` as the record says."""
    found = []
    for file in record["evaluation"]["files"]:
        place = folder / file["path"]
        if not place.is_file() or of_file(place) != file["sha256"]:
            found.append(file["path"])
    return found


def fetch(store: Store, record: Mapping[str, Any], folder: Path, paths: list[str]) -> None:
    """Raises Failure `AlteredObject` where the store no longer has what the record says."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        store.download(output_key(record["run_id"], path), folder / path)
    if changed := differing(record, folder):
        raise Failure(
            "AlteredObject",
            f"{', '.join(changed)} of run {record['run_id']} is not what its record says.",
            resource=f"object/{output_key(record['run_id'], changed[0])}",
            hint="Somebody changed the object after the run; restore it, or train again.",
            details={"files": changed},
        )
