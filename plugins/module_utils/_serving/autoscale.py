# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A predictor's HorizontalPodAutoscaler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .shape import AutoScale


def autoscaler(metadata: Mapping[str, Any], scale: AutoScale) -> dict[str, Any]:
    """`autoscaling/v2` for the Deployment of the same name."""
    spec: dict[str, Any] = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": metadata["name"]},
        "minReplicas": scale.min_replicas,
        "maxReplicas": scale.max_replicas,
    }
    if scale.metrics is not None:
        spec["metrics"] = [dict(metric) for metric in scale.metrics]
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": dict(metadata),
        "spec": spec,
    }
