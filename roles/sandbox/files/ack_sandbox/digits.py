# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The dataset: 1,797 handwritten digits as CSV files, split once into training and holdout.

The images are those of scikit-learn (from the UCI repository, Alpaydin and Kaynak 1998). They are read out of its
wheel, which is neither installed nor imported. A row is 64 pixels of 0 to 16, row by row, and the digit.
"""

from __future__ import annotations

import csv
import gzip
import io
import random
import shutil
import sys
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from .process import SandboxError, locked, run, write_file
from .progress import Report

SCIKIT_LEARN = "scikit-learn==1.7.2"
MEMBER = "sklearn/datasets/data/digits.csv.gz"
IMAGES = 1797
HOLDOUT = 297
SPLIT_SEED = 2026
ROWS_PER_FILE = 500

Row = tuple[int, ...]  # 64 pixels, then the label


def write_digits(destination: Path, cache: Path, report: Report) -> bool:
    """Write `train/part-*.csv` and `holdout/part-*.csv` under `destination`; returns whether anything was written."""
    train, holdout = split(read_wheel(fetch_wheel(cache, report)), HOLDOUT)
    written = [
        write_file(destination / folder / f"part-{number:02}.csv", as_csv(rows[start : start + ROWS_PER_FILE]))
        for folder, rows in (("train", train), ("holdout", holdout))
        for number, start in enumerate(range(0, len(rows), ROWS_PER_FILE))
    ]
    report(f"digits: {len(train)} to train on and {len(holdout)} held out, in {destination}")
    return any(written)


def fetch_wheel(cache: Path, report: Report) -> Path:
    """The wheel in the cache, downloaded on first use. Any interpreter's wheel holds the same data."""
    folder = cache / "datasets"
    with locked(folder / ".lock", lambda: report("digits: another process downloads them")):
        if found := sorted(folder.glob("scikit_learn-*.whl")):
            return found[0]
        report(f"digits: download of {SCIKIT_LEARN}")
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]
            for_one = ["--python-version", "3.11", "--implementation", "cp"]
            run(
                [sys.executable, "-m", "pip", "download", *options, *for_one, "--dest", temporary, SCIKIT_LEARN],
                timeout_s=600,
            )
            (wheel,) = Path(temporary).glob("scikit_learn-*.whl")
            return Path(shutil.move(wheel, folder / wheel.name))


def read_wheel(wheel: Path) -> list[Row]:
    """The rows as scikit-learn ships them. Raises SandboxError if they are not the 1,797 images we know."""
    with zipfile.ZipFile(wheel) as archive:
        text = gzip.decompress(archive.read(MEMBER)).decode()
    rows = [tuple(int(float(value)) for value in line) for line in csv.reader(io.StringIO(text))]
    if len(rows) != IMAGES or any(len(row) != 65 for row in rows):
        raise SandboxError(
            f"{wheel.name} holds {len(rows)} digits; expected {IMAGES} rows of 65 values.",
            f"Remove {wheel} and run this again.",
        )
    return rows


def split(rows: Sequence[Row], holdout_size: int) -> tuple[list[Row], list[Row]]:
    """Training and holdout rows. Each digit has the same share of both, to a row; the same rows on every machine."""
    by_digit: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_digit[row[-1]].append(row)
    generator = random.Random(SPLIT_SEED)
    for digit in sorted(by_digit):
        generator.shuffle(by_digit[digit])
    # Largest remainder: whole shares first, then one more for those that were rounded down most.
    exact = {digit: holdout_size * len(found) / len(rows) for digit, found in by_digit.items()}
    counts = {digit: int(share) for digit, share in exact.items()}
    missing = holdout_size - sum(counts.values())
    for digit in sorted(exact, key=lambda digit: (counts[digit] - exact[digit], digit))[:missing]:
        counts[digit] += 1
    holdout = [row for digit in sorted(by_digit) for row in by_digit[digit][: counts[digit]]]
    train = [row for digit in sorted(by_digit) for row in by_digit[digit][counts[digit] :]]
    generator.shuffle(train)
    generator.shuffle(holdout)
    return train, holdout


def as_csv(rows: Sequence[Row]) -> str:
    return "".join(",".join(map(str, row)) + "\n" for row in rows)
