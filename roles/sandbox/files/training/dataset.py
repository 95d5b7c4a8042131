# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads the digits: CSV files without a header, a row is 64 pixels of 0 to 16 and the digit it shows."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

PIXELS = 64
BRIGHTEST = 16
CLASSES = 10


class DatasetError(Exception):
    """The dataset is not what the training needs; says which file and line."""


class Digits(NamedTuple):
    """`images` is float32 [rows, 64] of 0 to 16, `labels` is int64 [rows] of 0 to 9."""

    images: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]


def read(folder: Path) -> Digits:
    """Every row of `folder/*.csv`, in the order of the file names. Raises DatasetError."""
    files = sorted(folder.glob("*.csv"))
    if not files:
        raise DatasetError(f"no CSV file in {folder}" + ("" if folder.is_dir() else ": there is no such folder"))
    rows = [_row(line, f"{file}:{number}") for file in files for number, line in enumerate(_lines(file), start=1)]
    if not rows:
        raise DatasetError(f"the CSV files in {folder} have no rows")
    table = np.array(rows, dtype=np.float32)
    return Digits(table[:, :PIXELS], table[:, PIXELS].astype(np.int64))


def refuse_overlap(train: Digits, holdout: Digits) -> None:
    """An accuracy measured on rows that were trained on says nothing. Raises DatasetError."""
    seen = {image.tobytes() for image in train.images}
    if known := sum(image.tobytes() in seen for image in holdout.images):
        raise DatasetError(f"{known} of {len(holdout.images)} images of the holdout are in the training data too")


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines()


def _row(line: str, place: str) -> list[int]:
    values = line.split(",")
    if len(values) != PIXELS + 1:
        raise DatasetError(f"{place}: {len(values)} values; expected {PIXELS} pixels and a label")
    try:
        numbers = [int(value) for value in values]
    except ValueError:
        wrong = next(value for value in values if not value.strip().lstrip("-").isdigit())
        raise DatasetError(f"{place}: {wrong!r} is not a whole number") from None
    if not all(0 <= pixel <= BRIGHTEST for pixel in numbers[:PIXELS]):
        raise DatasetError(f"{place}: a pixel is outside of 0 to {BRIGHTEST}")
    if not 0 <= numbers[PIXELS] < CLASSES:
        raise DatasetError(f"{place}: the label is {numbers[PIXELS]}; expected 0 to {CLASSES - 1}")
    return numbers
