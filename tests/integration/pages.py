"""Tables of the documentation that tests draw: what they saw is what a page says."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from tests.conftest import REPO


def agrees(page: str, heading: str, head: Sequence[str], rows: Mapping[str, Sequence[str]], steady: int) -> list[str]:
    """Rows that the table below `heading` of docs/<page> lacks; with WRITE_DOCS=1 it is written first, from these rows.

    `rows`: by their first cell. `steady`: how many cells, from the left, are the same each time they are seen.
    """
    path = REPO / "docs" / page
    before, found, rest = path.read_text().partition(f"\n## {heading}\n")
    assert found, f"{page} has no heading {heading}"
    lines = rest.splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if line.startswith("|"))
    last = next(number for number, line in enumerate(lines[first:], first) if not line.startswith("|"))
    drawn = [_line(head), _line(["---"] * len(head)), *(_line([name, *cells]) for name, cells in rows.items())]
    if os.environ.get("WRITE_DOCS"):
        path.write_text("".join([before, found, *lines[:first], *drawn, *lines[last:]]))
        return []
    said = {_cells(line)[:steady] for line in lines[first:last]}
    return [line.strip() for line in drawn[2:] if _cells(line)[:steady] not in said]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip().strip("|").split(" | "))
