# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A Grafana dashboard as data: a row of panels, each one of `queries`."""

from __future__ import annotations

from typing import Any

from . import queries
from .queries import PREDICTOR_LABEL
from .shape import Target

Object = dict[str, Any]

_WIDTH, _HEIGHT, _COLUMNS = 8, 8, 3
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def dashboard(target: Target, job: str) -> Object:
    """Requests, errors, latencies, batch queue, replicas, declared and observed share, GPU; of a job what it gives."""
    panels = _serving(target, job) if target.kind == "tfserving" else _job(job)
    for number, panel in enumerate(panels):
        row, column = divmod(number, _COLUMNS)
        panel["id"] = number + 1
        panel["gridPos"] = {"x": column * _WIDTH, "y": row * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
    return {
        "title": f"{target.kind} {target.namespace}/{target.name}",
        "uid": f"mlops-{target.namespace}-{target.kind}-{target.name}"[:40],
        "tags": ["mlops.ack"],
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]},
        "panels": panels,
    }


def _serving(target: Target, job: str) -> list[Object]:
    predictor = f"{{{{{PREDICTOR_LABEL}}}}}"
    latencies = [(queries.latency_ms(job, q), f"{predictor} p{q * 100:g}") for q in (0.5, 0.9, 0.99)]
    shares = [
        (queries.observed_percentage(job), f"{predictor} observed"),
        (queries.declared_percentage(target.name), f"{predictor} declared"),
    ]
    pods = f'namespace="{target.namespace}",pod=~"{target.name}-.*"'
    return [
        _panel("Requests", "reqps", [(queries.requests(job), predictor)]),
        _panel("Failed requests", "percentunit", [(queries.error_rate(job), predictor)]),
        _panel("Latency", "ms", latencies),
        _panel("Waiting for a batch", "ms", [(queries.queue_ms(job), predictor)]),
        _panel("Replicas that answer", "short", [(queries.up(job, PREDICTOR_LABEL), predictor)]),
        _panel("Share of the traffic", "percent", shares),
        _panel("GPU in use", "percent", [(f"avg by (pod) (DCGM_FI_DEV_GPU_UTIL{{{pods}}})", "{{pod}}")]),
        _panel("GPU memory", "decmbytes", [(f"sum by (pod) (DCGM_FI_DEV_FB_USED{{{pods}}})", "{{pod}}")]),
    ]


def _job(job: str) -> list[Object]:
    by = queries.TYPE_LABEL
    return [
        _panel("Pods that give metrics", "short", [(queries.up(job, by), f"{{{{{by}}}}}")]),
        _panel("GPU in use", "percent", [(f'avg by (pod) (DCGM_FI_DEV_GPU_UTIL{{job="{job}"}})', "{{pod}}")]),
    ]


def _panel(title: str, unit: str, asked: list[tuple[str, str]]) -> Object:
    return {
        "type": "timeseries",
        "title": title,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + number), "expr": expression, "legendFormat": legend, "datasource": _SOURCE}
            for number, (expression, legend) in enumerate(asked)
        ],
    }
