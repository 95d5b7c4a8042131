# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The name of a training run, made from what goes into it."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: run_id
short_description: Name a training run by its inputs
version_added: 1.0.0
author: mlops.ack contributors (@mlops-ack)
description:
  - Makes a name from the model's name and twelve hex digits of everything that goes into the training.
  - The same inputs give the same name, so that a second run finds what the first has done; other inputs give another.
  - The name is valid as name of a job and as run id.
positional: dataset_digest, tf_replica_specs, parameters
options:
  _input:
    description: Name of the model or of the job. Capitals, C(_) and C(.) are replaced, what is too long is cut.
    type: str
    required: true
  dataset_digest:
    description: Digest of the dataset, RV(mlops.ack.dataset#module:dataset.digest).
    type: str
    required: true
  tf_replica_specs:
    description: Replica types with image, command and resources, O(mlops.ack.tfjob#module:tf_replica_specs).
    type: dict
    required: true
  parameters:
    description:
      - Parameters of the training, O(mlops.ack.tfjob#module:parameters).
      - V(8) and V('8') are the same, as they are for the program that reads them.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Name the run
  ansible.builtin.set_fact:
    run_id: "{{ 'digits' | mlops.ack.run_id(digits.dataset.digest, tf_replica_specs, {'EPOCHS': 8}) }}"
"""

RETURN = r"""
_value:
  description: The name.
  type: str
  sample: digits-3f9a0c11d2e4
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._training.render import variables

LONGEST = 36  # of the model's part: pods' names must fit 63


def run_id(
    model_name: str,
    dataset_digest: str,
    tf_replica_specs: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", str(model_name).lower()).strip("-")[:LONGEST].rstrip("-")
    if not re.match(r"[a-z]", name):
        raise AnsibleFilterError(f"run_id: the name '{model_name}' needs a letter first.")
    try:
        inputs = [str(dataset_digest), tf_replica_specs, variables(parameters)]
    except Failure as failure:
        raise AnsibleFilterError(f"run_id: {failure}") from failure
    text = json.dumps([str(model_name), *inputs], sort_keys=True, default=str)
    return f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


class FilterModule:
    """Ansible's entry."""

    def filters(self) -> dict[str, Callable[..., str]]:
        return {"run_id": run_id}
