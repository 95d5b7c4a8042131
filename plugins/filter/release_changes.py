# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: what a release would change, in a few rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DOCUMENTATION = r"""
name: release_changes
short_description: What a run would change, a row for each change
version_added: 1.0.0
author: mlops.ack contributors (@mlops-ack)
description:
  - Summarises the C(diff) of a module of this collection for a person at a gate; whole objects are named, not shown.
options:
  _input:
    description: C(diff) of a result in check mode, with C(before) and C(after).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: What would change
  ansible.builtin.debug:
    msg: "{{ planned.diff | default({}) | mlops.ack.release_changes }}"
"""

RETURN = r"""
_value:
  description: Rows with C(what), C(now) and C(then); values first, then objects that come or go, a name in one row.
  type: list
  elements: dict
"""


def release_changes(diff: Mapping[str, Any]) -> list[dict[str, Any]]:
    before, after = (diff or {}).get("before") or {}, (diff or {}).get("after") or {}
    rows, objects = [], dict[tuple[str, str, str], list[str]]()
    for name in sorted({*before, *after}):
        now, then = _brief(before, name, "present"), _brief(after, name, "new", "removed")
        kind, _slash, place = name.partition("/")
        if place and " " not in place:
            objects.setdefault((place, now, then), []).append(kind)
        else:
            rows.append({"what": name, "now": now, "then": then})
    return [
        *sorted(rows, key=lambda row: ("/" in row["what"], row["what"])),
        *(
            {"what": f"{place} ({', '.join(kinds)})", "now": now, "then": then}
            for (place, now, then), kinds in objects.items()
        ),
    ]


def _brief(values: Mapping[str, Any], name: str, whole: str, absent: str = "-") -> Any:
    """A plain value as it is; of an object only that there is one."""
    if name not in values:
        return absent
    value = values[name]
    if isinstance(value, (Mapping, list)):
        return whole if " " not in name else "changed" if whole == "new" else "as it is"
    return value


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"release_changes": release_changes}
