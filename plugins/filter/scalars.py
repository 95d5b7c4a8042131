# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: the numbers and words of a mapping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleTypeError

DOCUMENTATION = r"""
name: scalars
short_description: The numbers and words of a mapping, without its lists and mappings
version_added: 1.0.0
author: mlops.ack contributors (@mlops-ack)
description:
  - Picks from metrics what a person reads at a glance and a rule can compare.
options:
  _input:
    description: The mapping.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: What a gate shows of the metrics
  ansible.builtin.debug:
    msg: "{{ {'accuracy': 0.97, 'confusion_matrix': [[1, 0], [0, 1]]} | mlops.ack.scalars }}"
"""

RETURN = r"""
_value:
  description: The mapping without its nested values.
  type: dict
"""


def scalars(metrics: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(metrics, Mapping):
        raise AnsibleTypeError(f"scalars takes a mapping, not {type(metrics).__name__}")
    return {name: value for name, value in metrics.items() if isinstance(value, (bool, int, float, str))}


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"scalars": scalars}
