# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person reads: the evidence as a table, and the commands that decide."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from .._core.context import Context
from .._core.rule import flat
from .subject import Binding

WIDEST = 200
MOST = 12


def table(values: Mapping[str, Any]) -> str:
    """One line per value, names aligned. Long values are cut; control characters cannot reach the terminal."""
    rows = [(printable(name), printable(value)) for name, value in flat(values)]
    width = max((len(name) for name, _value in rows), default=0)
    return "\n".join(f"  {name:<{width}}  {value}" for name, value in rows)


def brief(values: Mapping[str, Any]) -> str:
    """The first of them on one line."""
    rows = [f"{printable(name)} {printable(value)}" for name, value in flat(values)]
    more = [f"and {len(rows) - MOST} more"] if len(rows) > MOST else []
    return ", ".join(rows[:MOST] + more)


def printable(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    shown = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
    return shown if len(shown) <= WIDEST else f"{shown[: WIDEST - 3]}..."


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
