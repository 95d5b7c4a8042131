# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: who uses which cluster, for what, since when, and how much of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from ansible_collections.mlops.ack.plugins.module_utils._kube.shape import quantity

DOCUMENTATION = r"""
name: usage_document
short_description: Who uses the clusters, as one document
version_added: 1.1.0
author: mlops.ack contributors (@mlops-ack)
description:
  - Joins what the playbook C(mlops.ack.usage) registered on each host.
options:
  _input:
    description:
      - Variables of each host; C(mlops_environment), C(usage_cluster) of M(mlops.ack.cluster_usage_info), and
        C(usage_pods), C(usage_namespaces) and C(usage_measured) of M(mlops.ack.k8s_info).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Put the hosts' findings together
  ansible.builtin.debug:
    msg: "{{ ansible_play_hosts | map('extract', hostvars) | mlops.ack.usage_document }}"
"""

RETURN = r"""
_value:
  description:
    - C(clusters) with what is allocatable, requested and free in all and by node pool.
    - C(workloads), each with C(environment), C(team) (the workspace, else the namespace), C(purpose), C(since), what it
      requests, and what it uses (null where nothing measures it).
    - C(unmeasured), why nothing measures it, by environment.
  type: dict
"""

Labels = Mapping[str, str]
PURPOSES = (
    ("serves", "mlops.ack/model-version"),
    ("trains", "training.kubeflow.org/job-name"),
    ("trains", "mlops.ack/run-id"),
    ("runs", "app.kubernetes.io/name"),
    ("runs", "app"),
)
"""What a pod is for, by the first of these labels that it has."""


def usage_document(hosts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    clusters, workloads, unmeasured = [], [], {}
    for host in hosts:
        environment, found = host["mlops_environment"], host["usage_cluster"]
        clusters.append({"environment": environment, "total": found["total"], "node_pools": found["node_pools"]})
        measured = host.get("usage_measured") or {}
        if "resources" not in measured:
            unmeasured[environment] = str(measured.get("msg") or "not asked")
        teams = {
            each["metadata"]["name"]: (each["metadata"].get("labels") or {}).get("mlops.ack/workspace")
            for each in host["usage_namespaces"]["resources"]
        }
        pods = {
            (each["metadata"]["namespace"], each["metadata"]["name"]): each for each in host["usage_pods"]["resources"]
        }
        used = {
            (each["metadata"]["namespace"], each["metadata"]["name"]): each for each in measured.get("resources") or []
        }
        for workload in found["workloads"]:
            places = _pods_of(workload, found["pods"])
            own = [pods[place] for place in places if place in pods]
            workloads.append(
                {
                    "environment": environment,
                    "team": teams.get(workload["namespace"]) or workload["namespace"],
                    **workload,
                    "purpose": _purpose(own),
                    "since": _since(own),
                    "used": _used([used[place] for place in places if place in used]),
                }
            )
    return {"clusters": clusters, "workloads": workloads, "unmeasured": unmeasured}


def _pods_of(workload: Mapping[str, Any], pods: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    owner = {"kind": workload["kind"], "name": workload["name"]}
    return [
        (pod["namespace"], pod["name"])
        for pod in pods
        if pod["namespace"] == workload["namespace"] and pod["owner"] == owner
    ]


def _purpose(pods: Iterable[Mapping[str, Any]]) -> str | None:
    labels: list[Labels] = [pod["metadata"].get("labels") or {} for pod in pods]
    for word, label in PURPOSES:
        if values := sorted({each[label] for each in labels if label in each}):
            return f"{word} {', '.join(values)}"
    return None


def _since(pods: Iterable[Mapping[str, Any]]) -> str | None:
    """When the oldest of its pods started; one that waits counts from when it was made."""
    return min(
        ((pod.get("status") or {}).get("startTime") or pod["metadata"]["creationTimestamp"] for pod in pods),
        default=None,
    )


def _used(measured: Iterable[Mapping[str, Any]]) -> dict[str, float] | None:
    """Cores and bytes of all containers together; None where nothing was measured."""
    usages = [container["usage"] for pod in measured for container in pod["containers"]]
    if not usages:
        return None
    sums = {
        name: sum((quantity(each[name]) or Decimal(0) for each in usages), Decimal(0)) for name in ("cpu", "memory")
    }
    return {"cpu": round(float(sums["cpu"]), 3), "memory": int(sums["memory"])}


class FilterModule:
    """Ansible's entry."""

    def filters(self) -> dict[str, Any]:
        return {"usage_document": usage_document}
