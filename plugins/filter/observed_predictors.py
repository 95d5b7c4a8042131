# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: predictors without their traits, ready to be served."""

from __future__ import annotations

DOCUMENTATION = r"""
name: observed_predictors
short_description: Predictors with what their traits ask of their containers
version_added: 1.1.0
author: mlops.ack contributors (@mlops-ack)
description:
  - Takes the C(traits) away, which M(mlops.ack.tfserving) does not know.
  - Gives the containers of predictors that are logged the variables that a cluster without collection resource needs.
options:
  _input:
    description: Predictors, some of them with C(traits).
    type: list
    elements: dict
    required: true
  traits:
    description: What P(mlops.ack.gathered_traits#filter) makes of them.
    type: list
    elements: dict
    default: []
  environment:
    description: RV(mlops.ack.observability#module:observability), its C(environment).
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: What is served
  ansible.builtin.debug:
    msg: "{{ serving_predictors | mlops.ack.observed_predictors }}"
"""

RETURN = r"""
_value:
  description: Predictors as M(mlops.ack.tfserving) takes them.
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.mlops.ack.plugins.module_utils._observe.traits import observed_predictors


class FilterModule:
    """Ansible's entry."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"observed_predictors": observed_predictors}
