# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writing files so that a reader meets all of one or nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DRAFT = ".mlops-draft-"


@contextmanager
def draft(place: Path) -> Iterator[Path]:
    """A new file beside `place` (mode 0600) to fill and move there; what is still a draft at the end is removed."""
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=DRAFT, dir=place.parent)
    os.close(handle)
    path = Path(name)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def copy(source: Path, place: Path) -> None:
    """The bytes of one file as another, whole or not at all."""
    with draft(place) as path:
        shutil.copyfile(source, path)
        path.chmod(0o644)
        path.replace(place)
