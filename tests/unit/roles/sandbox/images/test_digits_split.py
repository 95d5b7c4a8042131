"""The dataset: split once, evenly and everywhere alike."""

from __future__ import annotations

import gzip
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from ack_sandbox import digits
from ack_sandbox.process import SandboxError

ROWS = [(*(0,) * 63, number % 17, number % 10) for number in range(1790)] + [(*(1,) * 64, 3)] * 7


def wheel(folder: Path, rows: list[digits.Row]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "scikit_learn-1.7.2-cp311.whl"
    text = "".join(",".join(f"{value:.18e}" for value in row) + "\n" for row in rows)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(digits.MEMBER, gzip.compress(text.encode()))
    return path


def test_each_digit_has_its_share_of_the_holdout() -> None:
    train, holdout = digits.split(ROWS, 297)
    assert (len(train), len(holdout)) == (1500, 297)
    assert sorted(train + holdout) == sorted(ROWS)
    assert set(Counter(row[-1] for row in holdout).values()) <= {29, 30, 31}


def test_the_split_is_the_same_on_every_machine() -> None:
    assert digits.split(ROWS, 297) == digits.split(list(ROWS), 297)


def test_files_are_written_once(tmp_path: Path) -> None:
    wheel(tmp_path / "cache/datasets", ROWS)
    lines: list[str] = []
    assert digits.write_digits(tmp_path / "data", tmp_path / "cache", lines.append)
    assert not digits.write_digits(tmp_path / "data", tmp_path / "cache", lines.append)
    names = sorted(str(path.relative_to(tmp_path / "data")) for path in (tmp_path / "data").rglob("*.csv"))
    assert names == ["holdout/part-00.csv", "train/part-00.csv", "train/part-01.csv", "train/part-02.csv"]
    assert "1500 to train on and 297 held out" in lines[-1]


def test_another_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="holds 3 digits; expected 1797 rows"):
        digits.read_wheel(wheel(tmp_path, ROWS[:3]))
