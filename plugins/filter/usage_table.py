# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: who uses the clusters, as a page of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.mlops.ack.plugins.filter.status_table import table

DOCUMENTATION = r"""
name: usage_table
short_description: Who uses the clusters, as tables of text
version_added: 1.1.0
author: mlops.ack contributors (@mlops-ack)
description:
  - Draws the document that the playbook C(mlops.ack.usage) writes; memory in GiB.
options:
  _input:
    description: The document that P(mlops.ack.usage_document#filter) makes.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Print who uses the clusters
  ansible.builtin.debug:
    msg: "{{ lookup('ansible.builtin.file', 'build/usage.json') | from_json | mlops.ack.usage_table }}"
"""

RETURN = r"""
_value:
  description: The text; one table of node pools, one of workloads, those with most requested GPUs, then CPU, first.
  type: str
"""

GIB = 1024**3
POOLS = ("environment", "node pool", "nodes", "CPU", "free", "memory", "free", "GPU", "free", "GPU memory", "free")
WORKLOADS = (
    *("environment", "team", "workload", "for", "pods", "waiting", "node pools", "since"),
    *("CPU", "used", "memory", "used", "GPU", "GPU memory"),
)


def usage_table(usage: Mapping[str, Any]) -> str:
    pools = [
        (cluster["environment"], pool["name"], len(pool["nodes"]), *_shares(pool))
        for cluster in usage["clusters"]
        for pool in cluster["node_pools"]
    ]
    workloads = [_workload(each) for each in sorted(usage["workloads"], key=_weight)]
    parts = [table(POOLS, pools), table(WORKLOADS, workloads)]
    parts += [f"{environment}: use is not measured: {why}" for environment, why in sorted(usage["unmeasured"].items())]
    return "\n\n".join(parts)


def _shares(pool: Mapping[str, Any]) -> list[Any]:
    """What is there and what is free of it, for each resource."""
    found: list[Any] = []
    for name in ("cpu", "memory", "gpu", "gpu_memory"):
        found += [_amount(name, pool["allocatable"][name]), _amount(name, pool["free"][name])]
    return found


def _workload(each: Mapping[str, Any]) -> tuple[Any, ...]:
    asked, used = each["requested"], each["used"] or {}
    return (
        each["environment"],
        each["team"],
        f"{each['kind']} {each['namespace']}/{each['name']}",
        each["purpose"],
        each["pods"],
        each["pending"] or None,
        ", ".join(each["node_pools"]) or None,
        (each["since"] or "-").replace("T", " ").rstrip("Z"),
        _amount("cpu", asked["cpu"]),
        _amount("cpu", used.get("cpu")),
        _amount("memory", asked["memory"]),
        _amount("memory", used.get("memory")),
        asked["gpu"] or None,
        asked["gpu_memory"] or None,
    )


def _weight(each: Mapping[str, Any]) -> tuple[Any, ...]:
    asked = each["requested"]
    return (-asked["gpu"], -asked["gpu_memory"], -asked["cpu"], -asked["memory"], each["environment"], each["name"])


def _amount(name: str, value: float | None) -> str | None:
    if value is None:
        return None
    return f"{value / GIB:.2f}" if name == "memory" else f"{value:g}"


class FilterModule:
    """Ansible's entry."""

    def filters(self) -> dict[str, Any]:
        return {"usage_table": usage_table}
