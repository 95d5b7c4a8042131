# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: a module's diff as text."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import yaml

DOCUMENTATION = r"""
name: text_diff
short_description: The diff of a module as unified text
version_added: 1.0.0
author: mlops.ack contributors (@mlops-ack)
description:
  - Draws the C(diff) of a module of this collection as lines of YAML with C(+) and C(-).
options:
  _input:
    description: C(diff) of a result, with C(before) and C(after).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Keep the whole diff
  ansible.builtin.copy:
    dest: build/release.diff
    content: "{{ planned.diff | mlops.ack.text_diff }}"
    mode: "0644"
"""

RETURN = r"""
_value:
  description: The text; empty where nothing differs.
  type: str
"""


def text_diff(diff: Mapping[str, Any]) -> str:
    now, then = (_lines((diff or {}).get(side) or {}) for side in ("before", "after"))
    return "".join(difflib.unified_diff(now, then, "now", "then"))


def _lines(value: Any) -> list[str]:
    return yaml.safe_dump(_plain(value), sort_keys=True, width=120).splitlines(keepends=True)


def _plain(value: Any) -> Any:
    """Without Ansible's own kinds of text and mapping, which YAML would tag."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return None if value is None else str(value)


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"text_diff": text_diff}
