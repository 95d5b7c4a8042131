# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where corrected copies go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .._core.failure import Failure
from .._core.files import draft
from .load import Source


def places(paths: Sequence[str], fixed: str) -> list[Path]:
    """The copy of each file: `fixed` itself for one file, a file of the same name in that folder for several."""
    if len(paths) == 1 and not Path(fixed).is_dir():
        return [Path(fixed)]
    if Path(fixed).is_file():
        raise Failure(
            "InvalidOption",
            f"fixed is '{fixed}', a file; {len(paths)} corrected copies need a folder.",
            details={"field": "fixed", "found": fixed},
        )
    names = [Path(path).name for path in paths]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Failure(
            "InvalidOption",
            f"src has several files named {', '.join(twice)}; their copies would be one file in '{fixed}'.",
            details={"field": "src", "found": list(paths)},
        )
    return [Path(fixed) / name for name in names]


def is_written(source: Source, place: Path) -> bool:
    return place.is_file() and place.read_bytes() == source.text.encode()


def write(source: Source, place: Path) -> None:
    with draft(place) as path:
        path.write_bytes(source.text.encode())
        path.chmod(0o644)
        path.replace(place)
