# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Filter: the metrics of what wants to serve, beside those of what serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

DOCUMENTATION = r"""
name: compared_metrics
short_description: Metrics of candidates beside those of what serves now
version_added: 1.0.0
author: mlops.ack contributors (@mlops-ack)
description:
  - One row for each metric, one column for each candidate and each version that serves, for a person at a gate.
  - Behind a candidate's number stands its difference to the version that has most of the traffic.
options:
  _input:
    description: Metrics by the candidate's name.
    type: dict
    required: true
  serving:
    description: What serves in one environment, RV(mlops.ack.model_version_info#module:environments) of it.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: The new run beside production
  ansible.builtin.debug:
    msg: "{{ {'this run': run.evaluation.metrics} | mlops.ack.compared_metrics(found.environments.prod) }}"
"""

RETURN = r"""
_value:
  description: The rows, by the name of the metric.
  type: list
  elements: dict
"""


def compared_metrics(
    candidates: Mapping[str, Mapping[str, Any]], serving: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, str]]:
    predictors = [each for found in serving for each in found["predictors"]]
    predictors.sort(key=lambda each: -(each.get("traffic_percentage") or 0))
    live: dict[str, Mapping[str, Any]] = {}
    for each in predictors:
        live.setdefault(f"now {_share(each)}{each['model_version']}", each.get("metrics") or {})
    base = next(iter(live.values()), {})
    names = sorted(
        {name for found in (*candidates.values(), *live.values()) for name in found if _is_plain(found[name])}
    )
    return [
        {
            "metric": name,
            **{
                label: _number(found.get(name)) + _delta(found.get(name), base.get(name))
                for label, found in candidates.items()
            },
            **{label: _number(found.get(name)) for label, found in live.items()},
        }
        for name in names
    ]


def _share(predictor: Mapping[str, Any]) -> str:
    share = predictor.get("traffic_percentage")
    return "" if share is None else f"{share} % "


def _is_plain(value: Any) -> bool:
    return isinstance(value, (bool, int, float, str))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _delta(value: Any, base: Any) -> str:
    return f" ({value - base:+.4g})" if _is_number(value) and _is_number(base) else ""


class FilterModule:
    def filters(self) -> dict[str, Any]:
        return {"compared_metrics": compared_metrics}
