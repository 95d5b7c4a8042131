# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: replica specs with what an environment says about every pod."""

from __future__ import annotations

DOCUMENTATION = r"""
name: placed_replicas
short_description: Replica specs with what an environment says about every pod
version_added: 1.1.0
author: mlops.ack contributors (@mlops-ack)
description:
  - Lays a partial pod template over the template of each replica type.
  - Containers, volumes and tolerations are merged by their names; another list takes the place of the one there was.
options:
  _input:
    description: Replica specs of a TFJob.
    type: dict
    required: true
  template:
    description: The partial pod template.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: What is trained on the spot pool
  ansible.builtin.debug:
    msg: "{{ training_job.tfReplicaSpecs | mlops.ack.placed_replicas({'spec': {'nodeSelector': {'pool': 'spot'}}}) }}"
"""

RETURN = r"""
_value:
  description: The replica specs.
  type: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.mlops.ack.plugins.module_utils._kube.overlay import overlay


def placed_replicas(replicas: Mapping[str, Any], template: Mapping[str, Any]) -> dict[str, Any]:
    if not template:
        return dict(replicas)
    return {kind: overlay(spec, {"template": template}) for kind, spec in replicas.items()}


class FilterModule:
    """Ansible's entry."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"placed_replicas": placed_replicas}
