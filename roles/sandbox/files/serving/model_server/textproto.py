# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads the text form of protocol buffers, as far as the server's configuration files use it.

Source: protobuf.dev, "Text Format Language Specification", read 2026-11.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .errors import StartError

Message = dict[str, list[Any]]  # every field repeated: strings, numbers, booleans or messages

TOKEN = re.compile(
    r"""\s+ | \#[^\n]*
    | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    | (?P<number>-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)
    | (?P<word>[A-Za-z_]\w*)
    | (?P<mark>[{}<>:;,])""",
    re.VERBOSE,
)


def parse(text: str, source: str) -> Message:
    """Raises StartError with source and line."""
    tokens = list(_tokens(text, source))
    message, rest = _fields(tokens, 0, "", source)
    assert rest == len(tokens)
    return message


def _tokens(text: str, source: str) -> Iterator[tuple[str, str, int]]:
    place = 0
    while place < len(text):
        line = text.count("\n", 0, place) + 1
        if not (found := TOKEN.match(text, place)):
            raise StartError(f"{source}:{line}: cannot read {text[place : place + 20]!r}")
        if found.lastgroup:
            yield found.lastgroup, found[0], line
        place = found.end()


def _fields(tokens: list[tuple[str, str, int]], place: int, closing: str, source: str) -> tuple[Message, int]:
    message: Message = {}
    while place < len(tokens):
        kind, name, line = tokens[place]
        if kind == "mark" and name in ",;":
            place += 1
            continue
        if name == closing:
            return message, place + 1
        if kind != "word":
            raise StartError(f"{source}:{line}: found {name!r} where a field's name is expected")
        value, place = _value(tokens, place + 1, name, source)
        message.setdefault(name, []).append(value)
    if closing:
        raise StartError(f"{source}: the end of the file where {closing!r} is expected")
    return message, place


def _value(tokens: list[tuple[str, str, int]], place: int, field: str, source: str) -> tuple[Any, int]:
    has_colon = place < len(tokens) and tokens[place][1] == ":"
    place += has_colon
    if place >= len(tokens):
        raise StartError(f"{source}: {field} has no value")
    kind, text, line = tokens[place]
    if text in ("{", "<"):
        return _fields(tokens, place + 1, {"{": "}", "<": ">"}[text], source)
    if not has_colon or kind == "mark":
        raise StartError(f"{source}:{line}: found {text!r} after {field}; expected a colon and a value, or a brace")
    if kind == "string":
        return text[1:-1], place + 1
    if kind == "number":
        return (int(text) if re.fullmatch(r"-?\d+", text) else float(text)), place + 1
    return {"true": True, "false": False}.get(text, text), place + 1
