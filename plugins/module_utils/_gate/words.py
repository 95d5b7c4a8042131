# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person reads: the page of a gate as text of bounded width, and the commands that decide."""

from __future__ import annotations

import json
import shlex
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from .._core.context import Context
from .._core.rule import flat
from .subject import Binding

WIDTH = 100
LONGEST = 3 * WIDTH
MOST_ROWS = 30
CUT = "..."


def page(
    binding: Binding, subject: Mapping[str, Any], evidence: Mapping[str, Any], submitted_by: str | None = None
) -> str:
    """All that a person sees before the decision: what it would release, then the evidence in the order given.

    Plain values make one block; a mapping makes a block of its own, a list of mappings a table, another list its lines,
    each under its name. No line is wider than `WIDTH`, and no control character reaches the terminal.
    """
    plain = {name: value for name, value in evidence.items() if not _is_block(value)}
    parts = [_block("Subject", {**subject, "digest": binding.subject_digest})]
    if submitted_by:
        plain = {"submitted_by": submitted_by, **plain}
    parts.append(_block("Evidence", plain) if plain or not evidence else "")
    parts += [_titled(name, value) for name, value in evidence.items() if _is_block(value)]
    return "\n\n".join(part for part in parts if part)


def _is_block(value: Any) -> bool:
    return isinstance(value, (Mapping, list, tuple)) and bool(value)


def _titled(name: str, value: Any) -> str:
    title = _title(name)
    if isinstance(value, Mapping):
        return _block(title, value)
    if all(isinstance(each, Mapping) for each in value):
        return f"{title}\n{_table(value)}"
    lines = [*map(printable, value[:MOST_ROWS]), *([f"and {len(value) - MOST_ROWS} more"] * (len(value) > MOST_ROWS))]
    return "\n".join([title, *(_wrapped(line, "  ", "    ") for line in lines)])


def _title(name: str) -> str:
    text = printable(name).replace("_", " ")
    return text[:1].upper() + text[1:]


def _block(title: str, values: Mapping[str, Any]) -> str:
    """Names and values in two columns; a long value goes on below itself."""
    rows = [(printable(name).replace("_", " "), printable(value)) for name, value in flat(values)]
    wide = min(max((len(name) for name, _value in rows), default=0), WIDTH // 3)
    lines = [_wrapped(value, f"  {_cut(name, wide):<{wide}}  ", " " * (wide + 4)) for name, value in rows]
    return "\n".join([title, *(lines or ["  none was given"])])


def _wrapped(text: str, first: str, rest: str) -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=True, break_on_hyphens=False
    ).rstrip()


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Columns as wide as they need; where that is too wide, the widest ones are cut."""
    names = list(dict.fromkeys(str(name) for row in rows for name in row))
    cells = [[printable(name).replace("_", " ") for name in names]]
    cells += [[printable(row[name]) if name in row else "-" for name in names] for row in rows[:MOST_ROWS]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(names))]
    while sum(widths) + 2 * len(widths) > WIDTH and max(widths) > len(CUT):
        widths[widths.index(max(widths))] -= 1
    lines = [_row(row, widths) for row in cells]
    lines.insert(1, _row(["-" * width for width in widths], widths))
    if len(rows) > MOST_ROWS:
        lines.append(f"  and {len(rows) - MOST_ROWS} more")
    return "\n".join(line[:WIDTH] for line in lines)


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(f"  {_cut(cell, width):<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - len(CUT))] + CUT[: min(width, len(CUT))]


def printable(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    shown = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
    return _cut(shown, LONGEST)


def decide_command(binding: Binding, context: Context) -> str:
    """The command line that records a decision; the reason is for the person to fill in."""
    inventories = [
        word for source in context.variables.get("ansible_inventory_sources") or [] for word in ("-i", str(source))
    ]
    words = ["ansible-playbook", *inventories, "mlops.ack.decide"]
    for extra in (
        f"gate={binding.gate}",
        f"environment_name={binding.environment}",  # `environment` is a reserved name of Ansible
        f"subject_digest={binding.subject_digest}",
        "decision=approve",
        'reason="..."',  # with quotes of its own: ansible splits what stands behind -e at spaces
    ):
        words += ["-e", extra]
    return shlex.join(words)
