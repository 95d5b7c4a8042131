# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A YAML file as a tree that knows where each of its words stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

try:
    import yaml

    MISSING = ""
except ImportError as error:  # said when a file is read
    MISSING = str(error)

from .._core.preflight import need
from .finding import Edit, Finding, Place


class Entry(NamedTuple):
    key: Node
    value: Node


@dataclass(frozen=True, eq=False)
class Node:
    """One value. `text`: a scalar as it is written, without quotes. `start`, `end`: characters of the file.

    `last_line` counts from 0 and is the last one that holds something of the value.
    """

    kind: Literal["scalar", "list", "map"]
    place: Place
    start: int
    end: int
    last_line: int
    is_flow: bool = False
    value: Any = None
    text: str = ""
    items: tuple[Node, ...] = ()
    entries: tuple[Entry, ...] = ()

    def replaced(self, text: str) -> Edit:
        return Edit(self.place.file, self.start, self.end, text)

    def preceded(self, key: str, value: str) -> Edit:
        """One more entry, before the first of this mapping."""
        first = self.entries[0].key
        gap = ", " if self.is_flow else "\n" + " " * (first.place.column - 1)
        return Edit(self.place.file, first.start, first.start, f"{key}: {value}{gap}")

    def plain(self) -> Any:
        """The value without its places."""
        if self.kind == "map":
            return {entry.key.text: entry.value.plain() for entry in self.entries}
        return [item.plain() for item in self.items] if self.kind == "list" else self.value

    def scalars(self) -> Iterator[Node]:
        """Every scalar value in it, keys left out."""
        if self.kind == "scalar":
            yield self
        for below in (*self.items, *(entry.value for entry in self.entries)):
            yield from below.scalars()


@dataclass(frozen=True, eq=False)
class Source:
    """One file. `newline` is how its lines end."""

    path: str
    text: str
    documents: tuple[Node, ...]
    findings: tuple[Finding, ...]


def load(path: str) -> Source:
    """Raises OSError where the file cannot be read; what is no YAML is a finding."""
    return parse(path, Path(path).read_bytes().decode("utf-8", errors="replace"))


def parse(path: str, text: str) -> Source:
    need("PyYAML", MISSING)
    builder = _Builder(path)
    try:
        found = [builder.node(each) for each in yaml.compose_all(text, Loader=yaml.SafeLoader) if each is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(path, mark.line + 1, mark.column + 1) if mark else Place(path, 1, 1)
        said = ", ".join(part for part in (error.problem, error.context) if part)
        return Source(path, text, (), (Finding("syntax", "error", place, f"This is no YAML: {said}."),))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        broken = Finding("syntax", "error", Place(path, line, 1), f"This is no YAML: {error.reason}.")
        return Source(path, text, (), (broken,))
    return Source(path, text, tuple(found), tuple(builder.findings))


class _Builder:
    def __init__(self, path: str) -> None:
        self._path, self.findings = path, list[Finding]()
        self._constructor = yaml.constructor.SafeConstructor()

    def node(self, composed: Any) -> Node:
        start, end = composed.start_mark, composed.end_mark
        place = Place(self._path, start.line + 1, start.column + 1)
        if isinstance(composed, yaml.ScalarNode):
            last = end.line - 1 if end.column == 0 and end.line > start.line else end.line
            value = self._constructor.construct_object(composed)
            return Node("scalar", place, start.index, end.index, last, value=value, text=composed.value)
        is_flow = bool(composed.flow_style)
        if isinstance(composed, yaml.SequenceNode):
            items = tuple(self.node(each) for each in composed.value)
            last = end.line if is_flow or not items else items[-1].last_line
            return Node("list", place, start.index, end.index, last, is_flow, items=items)
        entries = tuple(self._entries(composed))
        last = end.line if is_flow or not entries else entries[-1].value.last_line
        return Node("map", place, start.index, end.index, last, is_flow, entries=entries)

    def _entries(self, composed: Any) -> Iterator[Entry]:
        """The mapping's own entries, then what it merges in (`<<`) and has not itself."""
        seen: dict[str, Node] = {}
        merged: list[Node] = []
        for key_node, value_node in composed.value:
            value = self.node(value_node)
            if key_node.tag == "tag:yaml.org,2002:merge":
                merged += value.items if value.kind == "list" else (value,)
                continue
            key = self.node(key_node)
            if key.text in seen:
                first = seen[key.text].place
                said = f"'{key.text}' is given twice; the first is in line {first.line}, and YAML would drop it."
                self.findings.append(Finding("duplicate-key", "error", key.place, said, "Keep one."))
                continue
            seen[key.text] = key
            yield Entry(key, value)
        for mapping in merged:
            for entry in mapping.entries:
                if entry.key.text not in seen:
                    seen[entry.key.text] = entry.key
                    yield entry
