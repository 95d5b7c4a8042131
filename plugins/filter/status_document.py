# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: what several hosts' info modules found, as one document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

DOCUMENTATION = r"""
name: status_document
short_description: What the info modules found on each host, as one document
version_added: 1.0.0
author: mlops.ack contributors (@mlops-ack)
description:
  - Joins what the playbook C(mlops.ack.status) registered on each host.
options:
  _input:
    description:
      - Variables of each host; C(mlops_environment) and C(mlops_reports), and C(status_cluster), C(status_node_pools),
        C(status_serving), C(status_observed), C(status_models), C(status_gates) where they were registered.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Put the hosts' findings together
  ansible.builtin.debug:
    msg: "{{ ansible_play_hosts | map('extract', hostvars) | mlops.ack.status_document }}"
"""

RETURN = r"""
_value:
  description:
    - C(clusters) with their node pools, C(models), C(serving).
    - C(observed) of a serving is what M(mlops.ack.observability_info) tells; null where it has no traits.
    - C(releases) is what serves on record, C(gates) what waits for a decision and what was decided.
  type: dict
"""


def status_document(hosts: Iterable[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    clusters, serving, models, releases, gates = [], [], {}, {}, {}
    for host in hosts:
        environment = host["mlops_environment"]
        pools = [pool["name"] for pool in _found(host, "status_node_pools", "node_pools")]
        for cluster in _found(host, "status_cluster", "clusters"):
            clusters.append({"environment": environment, **cluster, "node_pools": pools})
        observed = (host.get("status_observed") or {}).get("observed")
        for served in _found(host, "status_serving", "servings"):
            facts = {"environment": environment, "reports": host.get("mlops_reports", "."), "observed": observed}
            serving.append({**facts, **served})
        for looked in _found(host, "status_models", "results"):
            for environment, found in (looked.get("environments") or {}).items():
                releases.update(
                    {(environment, each["serving"]): {"environment": environment, **each} for each in found}
                )
            for version in looked.get("versions", []):
                page = Path(host.get("mlops_reports", "")) / version["run_id"] / "evaluation.html"
                models[version["reference"]] = {**version, "report": str(page) if page.is_file() else None}
        for gate in _found(host, "status_gates", "gates"):
            gates[gate["environment"], gate["name"], gate["subject_digest"]] = gate
    for served in serving:
        first = models.get(served["predictors"][0]["model_version"], {}) if served["predictors"] else {}
        request = (first.get("golden") or {}).get("request")
        served["request"] = request
        folder = served.pop("reports")
        served["request_file"] = f"{folder}/{served['name']}-request.json" if request else None
    return {
        "clusters": clusters,
        "models": [models[name] for name in sorted(models)],
        "serving": serving,
        "releases": [releases[key] for key in sorted(releases)],
        "gates": [gates[key] for key in sorted(gates)],
    }


def _found(host: Mapping[str, Any], registered: str, key: str) -> list[Any]:
    """A skipped task registers a result without the key."""
    return list((host.get(registered) or {}).get(key) or [])


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"status_document": status_document}
