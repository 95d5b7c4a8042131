# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong in a file, where, and the edit that ends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple


class Place(NamedTuple):
    """Lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Edit(NamedTuple):
    """Characters `start` to `end` of a file become `text`."""

    file: str
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Finding:
    """`edits` are given only where one correction is possible, and change nothing else."""

    rule: str
    level: Literal["error", "warning"]
    place: Place
    message: str
    hint: str = ""
    edits: tuple[Edit, ...] = ()

    def __str__(self) -> str:
        return f"{self.place}: {self.level} [{self.rule}] {self.message} {self.hint}".rstrip()

    def as_dict(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "level": self.level,
            **self.place._asdict(),
            "message": self.message,
            "hint": self.hint,
            "fixable": bool(self.edits),
        }


def edited(file: str, text: str, edits: Iterable[Edit]) -> str:
    """The text with the edits of this file. Of two that overlap the later one waits for the next round."""
    free = len(text) + 1
    for edit in sorted({each for each in edits if each.file == file}, key=lambda each: each.start, reverse=True):
        if edit.end <= free:
            text = text[: edit.start] + edit.text + text[edit.end :]
            free = edit.start
    return text
