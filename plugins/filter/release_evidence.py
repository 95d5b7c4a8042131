# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: what a person should know of the versions in a release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.mlops.ack.plugins.filter.compared_metrics import compared_metrics
from ansible_collections.mlops.ack.plugins.module_utils._serving.subject import reference

DOCUMENTATION = r"""
name: release_evidence
short_description: Metrics and origin of the versions in a release
version_added: 1.0.0
author: mlops.ack contributors (@mlops-ack)
description:
  - For a person at a gate. What each predictor would serve, beside what serves now, and who trained it on what.
options:
  _input:
    description: Predictors as M(mlops.ack.tfserving) takes them.
    type: list
    elements: dict
    required: true
  versions:
    description: The model's versions, as M(mlops.ack.model_version_info) returns them.
    type: list
    elements: dict
    required: true
  serving:
    description: What serves in the environment now, RV(mlops.ack.model_version_info#module:environments) of it.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: What the gate shows
  ansible.builtin.debug:
    msg: "{{ serving_predictors | mlops.ack.release_evidence(found.versions, found.environments.prod | default([])) }}"
"""

RETURN = r"""
_value:
  description: C(lowest_accuracy) where versions have one, C(metrics) and C(versions) as rows.
  type: dict
"""


def release_evidence(
    predictors: Sequence[Mapping[str, Any]],
    versions: Sequence[Mapping[str, Any]],
    serving: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    known = {version["reference"]: version for version in versions}
    wanted = {f"{each['name']} {reference(each)}": known.get(reference(each), {}) for each in predictors}
    scores: list[Any] = [(each.get("metrics") or {}).get("accuracy") for each in wanted.values()]
    origins = {each["reference"]: _origin(each) for each in wanted.values() if each}
    return {
        **({"lowest_accuracy": min(scores)} if scores and None not in scores else {}),
        "metrics": compared_metrics({label: each.get("metrics") or {} for label, each in wanted.items()}, serving),
        "versions": list(origins.values()),
    }


def _origin(version: Mapping[str, Any]) -> dict[str, Any]:
    dataset = version.get("dataset") or {}
    return {
        "version": version["reference"],
        "trained_by": version.get("trained_by") or "-",
        "run": version.get("run_id"),
        "dataset": f"{dataset.get('name')} {str(dataset.get('digest'))[:19]}",
        "files": dataset.get("count", "-"),
        "saved_by": version.get("created_by"),
    }


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"release_evidence": release_evidence}
