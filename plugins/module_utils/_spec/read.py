# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From trees to documents: every word is checked, and a word that is misspelt is read as what it means, so that one
slip is one finding.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .._core.spelling import nearest
from . import words
from .finding import Edit, Finding, Place
from .load import Node, Source
from .words import Field, Shape

Words = Mapping[str, "Value"]


@dataclass(frozen=True, eq=False)
class Value:
    """A value that was held to its field. `fields`: of a mapping, by their proper words; `items`: of a list.

    `is_text`: the scalar is taken as it is written, so that version 1.30 keeps its zero.
    """

    node: Node
    fields: Words
    items: tuple[Value, ...] = ()
    is_text: bool = False

    @property
    def text(self) -> str:
        return self.node.text

    def find(self, *path: str) -> Value | None:
        here: Value | None = self
        for word in path:
            here = here.fields.get(word) if here else None
        return here

    def say(self, *path: str) -> str:
        """The text at a path, or nothing."""
        found = self.find(*path)
        return found.text.strip() if found and found.node.kind == "scalar" else ""

    def plain(self) -> Any:
        """As data, every word spelt properly."""
        if self.node.kind == "map":
            return {word: value.plain() for word, value in self.fields.items()}
        return [each.plain() for each in self.items] if self.node.kind == "list" else self._scalar()

    def _scalar(self) -> Any:
        return self.node.text if self.is_text else self.node.value


@dataclass(frozen=True, eq=False)
class Component:
    name: str
    type: str
    value: Value
    properties: Value
    traits: tuple[Mapping[str, Any], ...]  # type, and what its properties say


@dataclass(frozen=True, eq=False)
class Step:
    name: str
    type: str
    value: Value
    properties: Value

    @property
    def reference(self) -> Value | None:
        """The name of the component that it applies."""
        return self.properties.find("component")


@dataclass(frozen=True, eq=False)
class Document:
    kind: str
    value: Value
    components: tuple[Component, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, eq=False)
class Design:
    """All documents of all files, in their order."""

    sources: tuple[Source, ...]
    documents: tuple[Document, ...]

    @property
    def components(self) -> tuple[Component, ...]:
        return tuple(each for document in self.documents for each in document.components)

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(each for document in self.documents for each in document.steps)

    def of(self, kind: str) -> tuple[Component, ...]:
        return tuple(each for each in self.components if each.type == kind)

    def component(self, step: Step) -> Component | None:
        """The one that a step applies."""
        name = step.reference.text if step.reference else None
        return next((each for each in self.components if each.name == name), None)


def design(sources: Iterable[Source]) -> tuple[Design, list[Finding]]:
    """The documents, and what is wrong with their words."""
    sources = tuple(sources)
    found = [finding for source in sources for finding in source.findings]
    documents = []
    for source in sources:
        for root in source.documents:
            reader = _Reader(source.text)
            documents.append(reader.document(root))
            found += reader.findings
        if not source.documents and not source.findings:
            found.append(Finding("empty", "error", Place(source.path, 1, 1), "The file holds no document."))
    return Design(sources, tuple(documents)), found


def fold(word: str) -> str:
    return word.replace("-", "").replace("_", "").lower()


def surely(found: str, allowed: Iterable[str]) -> str | None:
    """The one word that was meant, where no second one comes into question."""
    by_fold = {fold(word): word for word in allowed}
    close = difflib.get_close_matches(fold(found), by_fold, n=2, cutoff=0.8)
    return by_fold[close[0]] if len(close) == 1 else None


def _trait(value: Value) -> dict[str, Any]:
    properties = value.find("properties")
    return {"type": value.say("type"), **(properties.plain() if properties else {})}


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self.findings: list[Finding] = []

    def document(self, root: Node) -> Document:
        value = self.read(root, Field("map", inside=words.DOCUMENT), "document")
        kind, spec = value.say("kind"), value.find("spec")
        if kind not in words.SPECS:
            kind = surely(kind, words.SPECS) or (
                "Initializer" if spec and _has(spec.node, "appTemplate") else "Application"
            )
        body = self.read(spec.node, Field("map", inside=words.SPECS[kind]), f"{kind}.spec") if spec else _nothing(root)
        if kind == "Initializer":
            body = body.find("appTemplate", "spec") or _nothing(root)
        components = tuple(self._component(each) for each in _items(body.find("components")))
        steps = tuple(self._step(each) for each in _items(body.find("workflow", "steps")))
        return Document(kind, value, components, steps)

    def _component(self, value: Value) -> Component:
        kind = self._type(value, words.PROPERTIES)
        properties = self._properties(value, words.PROPERTIES.get(kind), kind)
        traits = tuple(_trait(each) for each in _items(value.find("traits")))
        return Component(value.say("name"), kind, value, properties, traits)

    def _step(self, value: Value) -> Step:
        kind = self._type(value, words.STEP_PROPERTIES)
        return Step(value.say("name"), kind, value, self._properties(value, words.STEP_PROPERTIES.get(kind), kind))

    def _type(self, value: Value, known: Iterable[str]) -> str:
        return surely(value.say("type"), known) or value.say("type")

    def _properties(self, value: Value, shape: Shape | None, whose: str) -> Value:
        given = value.find("properties")
        if shape is None:
            return given or _nothing(value.node)
        if given is not None:
            return self.read(given.node, Field("map", inside=shape), f"{whose}.properties")
        if any(field.required for field in shape.fields.values()):
            self._missing(value.node, "properties", f"{whose}", shape)
        return _nothing(value.node)

    def _missing(self, node: Node, word: str, whose: str, shape: Shape | None = None) -> None:
        needed = [name for name, field in shape.fields.items() if field.required] if shape else []
        hint = f"It needs {', '.join(needed)}." if needed else ""
        edits = (node.preceded(word, words.API_VERSION),) if word == "apiVersion" and node.entries else ()
        self.findings.append(Finding("missing", "error", node.place, f"'{word}' is missing in {whose}.", hint, edits))

    # -- values --------------------------------------------------------------------------------------------------------

    def read(self, node: Node, field: Field, whose: str) -> Value:
        self._check_type(node, field, whose)
        if node.kind == "map" and field.type in ("map", "any"):
            shape = field.inside
            if shape is None:
                return Value(node, {entry.key.text: self.read(entry.value, words.ANY, whose) for entry in node.entries})
            return Value(node, dict(self._fields(node, shape, whose)))
        if node.kind == "list":
            inner = Field("map", inside=field.inside) if field.inside else words.ANY
            return Value(node, {}, tuple(self.read(each, inner, f"{whose}[]") for each in node.items))
        return Value(node, {}, is_text=field.type == "text")

    def _fields(self, node: Node, shape: Shape, whose: str) -> Iterator[tuple[str, Value]]:
        by_fold = {fold(word): word for word in shape.fields}
        exact = {by_fold[fold(entry.key.text)] for entry in node.entries if fold(entry.key.text) in by_fold}
        done: set[str] = set()
        for entry in node.entries:
            word = by_fold.get(fold(entry.key.text))
            if "workflow" in shape.fields and entry.value.kind == "list" and surely(entry.key.text, ["workflow"]):
                done.add("workflow")
                steps = self._unwrapped(entry.key, entry.value)
                yield "workflow", Value(entry.value, {"steps": steps})
                continue
            if word is None:
                if shape.unknown:
                    yield entry.key.text, self.read(entry.value, words.ANY, whose)
                    continue
                word = self._unknown(entry.key, shape, exact | done, whose)
            if word is None:
                continue
            if word in done:
                said = f"'{entry.key.text}' says '{word}' a second time in {whose}."
                self.findings.append(Finding("duplicate-key", "error", entry.key.place, said, "Keep one."))
                continue
            done.add(word)
            child = shape.fields[word]
            below = word if whose == "document" else f"{whose}.{word}"
            yield word, self.read(entry.value, child, below)
        for word, child in shape.fields.items():
            if child.required and word not in done:
                self._missing(node, word, whose)

    def _unwrapped(self, key: Node, value: Node) -> Value:
        """The steps of a workflow that is written as a list."""
        first = 0 if value.is_flow else key.place.line
        indents = [
            Edit(key.place.file, start, start, "  ")
            for start, line in _lines(self._text)[first : value.last_line + 1]
            if line.strip()
        ]
        below = " " * (key.place.column + 1)
        edits = () if value.is_flow else (key.replaced(f"workflow:\n{below}steps"), *indents)
        said = f"'{key.text}' is a list; a workflow is a mapping, and its list is 'steps'."
        self.findings.append(Finding("workflow-list", "error", key.place, said, "", edits))
        return self.read(value, words.WORKFLOW.fields["steps"], "workflow.steps")

    def _unknown(self, key: Node, shape: Shape, taken: set[str], whose: str) -> str | None:
        """What an unknown word surely means, if that is not said anyway; tells it in any case."""
        free = [word for word in shape.fields if word not in taken]
        if key.text in words.WITHOUT_MEANING:
            said = f"'{key.text}' has no meaning here."
            self.findings.append(Finding("unsupported", "error", key.place, said, words.WITHOUT_MEANING[key.text]))
            return None
        sure = surely(key.text, free)
        near = sure or nearest(key.text, free)
        hint = f"Did you mean '{near}'?" if near else f"Known are {', '.join(sorted(shape.fields))}."
        edits: tuple[Edit, ...] = (key.replaced(sure),) if sure else ()
        said = f"'{key.text}' is no word of {whose}."
        self.findings.append(Finding("unknown-key", "error", key.place, said, hint, edits))
        return sure

    def _check_type(self, node: Node, field: Field, whose: str) -> None:
        found = node.value
        if field.type in ("list", "map"):
            right = node.kind == field.type
        elif field.type == "any":
            right = True
        else:
            right = (
                node.kind == "scalar"
                and {
                    "text": found is not None and found != "",
                    "whole": isinstance(found, int) and not isinstance(found, bool),
                    "flag": isinstance(found, bool),
                }[field.type]
            )
        if not right:
            percent = node.text.strip().removesuffix("%").strip() if node.kind == "scalar" else ""
            sure = field.type == "whole" and percent.isdecimal()
            hint = f"Write {percent}." if sure else ""
            kinds = {
                "text": "a text",
                "whole": "a whole number",
                "flag": "true or false",
                "list": "a list",
                "map": "a mapping",
            }
            shown = json.dumps(node.plain(), default=str)
            said = f"{whose} is {shown[:80]}; it needs {kinds[field.type]}."
            edits = (node.replaced(percent),) if sure else ()
            self.findings.append(Finding("wrong-type", "error", node.place, said, hint, edits))
        elif field.choices and node.text not in field.choices:
            self._check_choice(node, field.choices, whose)

    def _check_choice(self, node: Node, choices: tuple[str, ...], whose: str) -> None:
        same = next((choice for choice in choices if fold(choice) == fold(node.text)), None)
        sure = same or surely(node.text, choices)
        near = sure or nearest(node.text, choices)
        hint = f"Did you mean '{near}'?" if near else ""
        said = f"{whose} is '{node.text}'; allowed are {', '.join(sorted(choices))}."
        edits = (node.replaced(sure),) if sure else ()
        self.findings.append(Finding("unknown-value", "error", node.place, said, hint, edits))


def _nothing(node: Node) -> Value:
    return Value(node, {})


def _items(value: Value | None) -> tuple[Value, ...]:
    return tuple(each for each in value.items if each.node.kind == "map") if value else ()


def _has(node: Node, word: str) -> bool:
    return any(entry.key.text == word for entry in node.entries)


def _lines(text: str) -> list[tuple[int, str]]:
    """Each line with the place of its first character."""
    found, start = [], 0
    for line in text.splitlines(keepends=True):
        found.append((start, line))
        start += len(line)
    return found
