# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: a team's place in a cluster, as manifests."""

from __future__ import annotations

DOCUMENTATION = r"""
name: workspace_manifests
short_description: The objects of a team's place in a cluster
version_added: 1.1.0
author: mlops.ack contributors (@mlops-ack)
description:
  - Makes namespace, quota, limits, ServiceAccount, Role, RoleBinding and NetworkPolicy of what the role
    P(mlops.ack.workspace#role) is given.
options:
  _input:
    description:
      - C(name), C(namespace), C(quota), C(container_default), C(container_request), C(container_max), C(pod_security),
        C(isolated), C(ingress_namespaces), C(egress_cidrs) and C(members), each as the role's variable.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Look at what the role would apply
  ansible.builtin.debug:
    msg: "{{ workspace_settings | mlops.ack.workspace_manifests }}"
"""

RETURN = r"""
_value:
  description: The manifests.
  type: list
  elements: dict
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._kube.workspace import manifests


def workspace_manifests(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    try:
        return manifests(settings)
    except Failure as failure:
        raise AnsibleFilterError(f"workspace_{failure}") from failure


class FilterModule:
    """Ansible's entry."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"workspace_manifests": workspace_manifests}
