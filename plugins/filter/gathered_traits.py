# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: the traits of a serving and of its predictors, together."""

from __future__ import annotations

DOCUMENTATION = r"""
name: gathered_traits
short_description: The traits of a serving and of its predictors, together
version_added: 1.1.0
author: mlops.ack contributors (@mlops-ack)
description:
  - Makes of the C(traits) at predictors and of those of the whole serving what M(mlops.ack.observability) takes.
options:
  _input:
    description: Predictors, some of them with C(traits).
    type: list
    elements: dict
    required: true
  serving_traits:
    description: Traits of all predictors.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: What is observed
  ansible.builtin.debug:
    msg: "{{ serving_predictors | mlops.ack.gathered_traits([{'type': 'arms-metrics'}]) }}"
"""

RETURN = r"""
_value:
  description: Traits, each type once; C(predictors) in those that only some predictors have.
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._observe.traits import gathered


def gathered_traits(
    predictors: Sequence[Mapping[str, Any]], serving_traits: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    try:
        return gathered(serving_traits, predictors)
    except Failure as failure:
        raise AnsibleFilterError(f"{failure}") from failure


class FilterModule:
    """Ansible's entry."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"gathered_traits": gathered_traits}
