"""Pages of documentation that the runs of this folder write: one table for each part, between marks of their own."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.conftest import REPO


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def put(page: str, part: str, text: str) -> None:
    """With WRITE_DOCS=1, replace one part of docs/<page>.md by this table; what a person wrote around it stays."""
    if not os.environ.get("WRITE_DOCS"):
        return
    path: Path = REPO / f"docs/{page}.md"
    begin, end = f"<!-- {part}: written by the tests -->", f"<!-- {part}: end -->"
    written = f"{begin}\n\nAs of {datetime.now(UTC):%Y-%m-%d}:\n\n{text}\n\n{end}"
    with path.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # the other part may be written meanwhile
        whole, place = file.read(), re.escape(begin) + ".*?" + re.escape(end)
        found, count = re.subn(place, lambda _match: written, whole, flags=re.DOTALL)
        assert count == 1, f"{path.name} has no place for {part}"
        file.seek(0)
        file.write(found)
        file.truncate()
