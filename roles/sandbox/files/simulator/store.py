# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documents on disk that survive kill -9: one JSON file each, replaced atomically."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Document = dict[str, Any]


def write_json(path: Path, document: Document) -> None:
    """Replace `path` as a whole: a reader sees the old or the new text, never a part."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False), encoding="utf-8")
    temporary.replace(path)


class Records:
    """The documents of one kind, kept in memory and written through. Change a document, then `put` it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._documents: dict[str, Document] = {
            path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))
        }

    def get(self, name: str) -> Document | None:
        return self._documents.get(name)

    def put(self, name: str, document: Document) -> None:
        self._documents[name] = document
        write_json(self._folder / f"{name}.json", document)

    def delete(self, name: str) -> None:
        if self._documents.pop(name, None) is not None:
            (self._folder / f"{name}.json").unlink(missing_ok=True)

    def __iter__(self) -> Iterator[Document]:
        return iter(list(self._documents.values()))
