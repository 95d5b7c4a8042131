# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: replica specs with what logging asks of their containers."""

from __future__ import annotations

DOCUMENTATION = r"""
name: observed_replicas
short_description: Replica specs with what logging asks of their containers
version_added: 1.1.0
author: mlops.ack contributors (@mlops-ack)
description:
  - Gives every container that trains the variables that a cluster without collection resource needs.
options:
  _input:
    description: Replica specs of a TFJob.
    type: dict
    required: true
  environment:
    description: RV(mlops.ack.observability#module:observability), its C(environment).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: What is trained
  ansible.builtin.debug:
    msg: "{{ training_job.tfReplicaSpecs | mlops.ack.observed_replicas(variables) }}"
  vars:
    variables: [{name: aliyun_logs_digits, value: stdout}]
"""

RETURN = r"""
_value:
  description: The replica specs.
  type: dict
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.mlops.ack.plugins.module_utils._observe.traits import observed_replicas


class FilterModule:
    """Ansible's entry."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"observed_replicas": observed_replicas}
