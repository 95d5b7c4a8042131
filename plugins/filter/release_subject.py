# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: what a decision about a release is bound to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.mlops.ack.plugins.module_utils._serving.subject import reference, subject

DOCUMENTATION = r"""
name: release_subject
short_description: What a decision about a release is bound to
version_added: 1.0.0
author: mlops.ack contributors (@mlops-ack)
description:
  - The digests of model and image that each predictor serves, and its share. Another one of them is another subject.
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
"""

EXAMPLES = r"""
- name: What a decision would release
  ansible.builtin.debug:
    msg: "{{ serving_predictors | mlops.ack.release_subject(found.versions) }}"
"""

RETURN = r"""
_value:
  description: One entry a predictor, C(<model>-v<n> sha256:... image sha256:... <share> %).
  type: dict
"""


def release_subject(predictors: Sequence[Mapping[str, Any]], versions: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    contents = {version["reference"]: version for version in versions}
    for predictor in predictors:
        wanted = reference(predictor)
        if wanted not in contents:
            raise AnsibleFilterError(
                f"Predictor {predictor['name']} serves {wanted}, which is no saved version; there are "
                f"{', '.join(sorted(contents)) or 'none'}. Save it first (mlops.ack.save)."
            )
    return subject(predictors, contents)


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"release_subject": release_subject}
