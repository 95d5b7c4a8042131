# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: a DaemonSet that keeps images on the nodes of an edge site."""

from __future__ import annotations

DOCUMENTATION = r"""
name: pull_ahead
short_description: A DaemonSet that keeps images on the nodes of an edge site
version_added: 1.1.0
author: mlops.ack contributors (@mlops-ack)
description:
  - Makes of a list of images the DaemonSet that the role P(mlops.ack.edge#role) applies.
  - Each image is run with C(sleep), so the kubelet does not remove it; it needs to have that command.
options:
  _input:
    description: Images, by tag or digest.
    type: list
    elements: str
    required: true
  site:
    description: The value of the nodes' label C(mlops.ack/site).
    type: str
    required: true
  namespace:
    description: Where the DaemonSet is.
    type: str
    required: true
  model_versions:
    description: Model versions, for example V(digits-v1), whose images are added.
    type: list
    elements: str
    default: []
  versions:
    description: Their records, as RV(mlops.ack.model_version_info#module:versions).
    type: list
    elements: dict
    default: []
  pull_secret:
    description: Name of a Secret with the registry's credentials.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Keep an image in the plant
  mlops.ack.k8s_manifest:
    definition: "{{ ['tensorflow/serving:2.19.1'] | mlops.ack.pull_ahead(site='plant-7', namespace='serving') }}"
    wait: true
"""

RETURN = r"""
_value:
  description: The manifest.
  type: dict
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._kube.ahead import model_images
from ansible_collections.mlops.ack.plugins.module_utils._kube.ahead import pull_ahead as manifest


def pull_ahead(
    images: Sequence[str],
    site: str,
    namespace: str,
    model_versions: Sequence[str] = (),
    versions: Sequence[Mapping[str, Any]] = (),
    pull_secret: str = "",
) -> dict[str, Any]:
    try:
        return manifest(site, [*images, *model_images(model_versions, versions)], namespace, pull_secret)
    except Failure as failure:
        raise AnsibleFilterError(str(failure)) from failure


class FilterModule:
    """Ansible's entry."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"pull_ahead": pull_ahead}
