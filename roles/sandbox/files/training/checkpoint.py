# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How far a training has come, in one file that is whole whenever somebody reads it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

NAME, DRAFT = "state.npz", ".state.npz"  # hidden files are not kept by those who copy checkpoints

Array = np.ndarray[Any, Any]


def save(folder: Path, epoch: int, settings: object, arrays: Sequence[Array]) -> None:
    """`epoch` epochs are done, with these weights."""
    folder.mkdir(parents=True, exist_ok=True)
    about = np.array(json.dumps({"epoch": epoch, "settings": settings}))
    with (folder / DRAFT).open("wb") as stream:
        np.savez(stream, about=about, **{f"a{number}": array for number, array in enumerate(arrays)})  # type: ignore[arg-type]
    (folder / DRAFT).replace(folder / NAME)


def load(folder: Path, settings: object) -> tuple[int, list[Array]] | None:
    """(epochs done, arrays), or None where there is no checkpoint. Raises ValueError where it is of other settings."""
    if not (folder / NAME).is_file():
        return None
    with np.load(folder / NAME) as found:
        about = json.loads(str(found["about"]))
        if about["settings"] != settings:
            raise ValueError(f"the checkpoint in {folder} is of {about['settings']}; this training has {settings}")
        return int(about["epoch"]), [found[f"a{number}"] for number in range(len(found.files) - 1)]
