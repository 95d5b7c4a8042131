# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The option group of every module that calls a Kubernetes API."""

from __future__ import annotations


class ModuleDocFragment:
    """Extended as C(mlops.ack.kubernetes)."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - Path of the kubeconfig file.
      - Falls back to E(K8S_AUTH_KUBECONFIG), E(KUBECONFIG), then C(~/.kube/config).
    type: path
  context:
    description:
      - Context of the kubeconfig; its current one when unset.
      - Falls back to E(K8S_AUTH_CONTEXT).
    type: str
  request_timeout:
    description: Seconds one request may take, connecting and reading together.
    type: int
    default: 60
requirements:
  - python >= 3.11
  - kubernetes >= 29.0
"""
