# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: the predictors of one environment with the version that another one has proven."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: promoted
short_description: Predictors with another model version
version_added: 1.0.0
author: mlops.ack contributors (@mlops-ack)
description:
  - Puts a version in the place of the one that a predictor serves; all else stays as the environment has it.
options:
  _input:
    description: Predictors as M(mlops.ack.tfserving) takes them.
    type: list
    elements: dict
    required: true
  version:
    description:
      - The version, as C(<model>-v<n>).
      - Or the predictors of another environment, as M(mlops.ack.tfserving_info) returns them, of which all that have
        traffic serve one version.
    type: raw
    required: true
  predictor:
    description: Name of the predictor that gets it. Needed where there are several.
    type: str
"""

EXAMPLES = r"""
- name: What production would serve
  ansible.builtin.debug:
    msg: "{{ serving_predictors | mlops.ack.promoted('digits-v3', predictor='canary') }}"
"""

RETURN = r"""
_value:
  description: The predictors.
  type: list
  elements: dict
"""


def version_of(version: Any) -> str:
    """The version meant by either way of saying it."""
    if isinstance(version, str):
        return version
    serving = sorted({str(each["model_version"]) for each in version or () if each.get("traffic_percentage")})
    if len(serving) != 1:
        raise AnsibleFilterError(
            f"The environment to promote from serves {' and '.join(serving) or 'nothing'}. "
            "Name the version to promote: -e promote_version=<model>-v<n>."
        )
    return serving[0]


def promoted(
    predictors: Sequence[Mapping[str, Any]], version: Any, predictor: str | None = None
) -> list[dict[str, Any]]:
    names = [str(each["name"]) for each in predictors]
    if not predictor and len(names) != 1:
        raise AnsibleFilterError(
            f"There are the predictors {', '.join(names) or '(none)'}. "
            "Name the one that gets the version: -e promote_predictor=<name>."
        )
    chosen = predictor or names[0]
    if chosen not in names:
        raise AnsibleFilterError(f"There is no predictor '{chosen}'; there are {', '.join(names)}.")
    wanted = version_of(version)
    return [
        {**{key: each[key] for key in each if key not in VERSION}, "model_version": wanted}
        if each["name"] == chosen
        else dict(each)
        for each in predictors
    ]


VERSION = ("model_version", "modelVersion")


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"promoted": promoted}
