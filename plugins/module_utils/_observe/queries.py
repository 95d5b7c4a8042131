# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is asked of the metrics, once for alerts, dashboards and people. PromQL.

Names and units of the metrics are TensorFlow Serving's: latencies in microseconds.
Source: tensorflow/serving 2.19, monitoring over Prometheus; metrics' names with ':' for '/' (2026-11).
"""

from __future__ import annotations

from typing import Any

from .shape import Wish

# What a PodMonitor's podTargetLabels make of our labels.
PREDICTOR_LABEL, TYPE_LABEL = "mlops_ack_predictor", "training_kubeflow_org_replica_type"
DECLARED = "mlops:declared_percentage"
WINDOW = "5m"

_COUNT, _LATENCY = ":tensorflow:serving:request_count", ":tensorflow:serving:request_latency"
_QUEUE = ":tensorflow:serving:batching_session:queuing_latency"


def up(job: str, by: str) -> str:
    """Pods that give metrics."""
    return f'sum by ({by}) (up{{job="{job}"}})'


def requests(job: str, *, failed: bool = False) -> str:
    """Requests a second, by predictor."""
    status = ',status!="OK"' if failed else ""
    return f'sum by ({PREDICTOR_LABEL}) (rate({_COUNT}{{job="{job}"{status}}}[{WINDOW}]))'


def error_rate(job: str) -> str:
    """From 0 to 1, by predictor; nothing where nobody asks."""
    return f"{requests(job, failed=True)} / ({requests(job)} > 0)"


def latency_ms(job: str, quantile: float) -> str:
    rate = f'sum by ({PREDICTOR_LABEL}, le) (rate({_LATENCY}_bucket{{job="{job}"}}[{WINDOW}]))'
    return f"histogram_quantile({quantile:g}, {rate}) / 1000"


def queue_ms(job: str) -> str:
    """Mean time that requests wait for their batch, by predictor."""
    total, count = (
        f'sum by ({PREDICTOR_LABEL}) (rate({_QUEUE}_{part}{{job="{job}"}}[{WINDOW}]))' for part in ("sum", "count")
    )
    return f"{total} / ({count} > 0) / 1000"


def observed_percentage(job: str) -> str:
    total = f'sum(rate({_COUNT}{{job="{job}"}}[{WINDOW}]))'
    # The empty list of labels: without it the parenthesis after group_left would be read as one.
    return f"100 * {requests(job)} / ignoring({PREDICTOR_LABEL}) group_left () ({total} > 0)"


def declared_percentage(serving: str) -> str:
    return f'{DECLARED}{{serving="{serving}"}}'


def alerts(wish: Wish, job: str) -> list[dict[str, Any]]:
    """Alert rules; each fires by itself for every predictor (or replica type)."""
    limits, serving = wish.limits, wish.target.kind == "tfserving"
    by = PREDICTOR_LABEL if serving else TYPE_LABEL
    who = f"{wish.target.kind} {wish.target.namespace}/{wish.target.name}, {{{{ $labels.{by} }}}}"
    found = [_alert("Down", f"{up(job, by)} == 0", "2m", "critical", f"{who}: no pod gives metrics.")]
    if not serving:
        return found
    return [
        *found,
        _alert(
            "Errors",
            f"{error_rate(job)} > {limits.error_rate:g}",
            "5m",
            "critical",
            f"{who}: more than {limits.error_rate:.1%} of the requests fail.",
        ),
        _alert(
            "Slow",
            f"{latency_ms(job, 0.99)} > {limits.p99_ms:g}",
            "10m",
            "warning",
            f"{who}: one request of a hundred takes longer than {limits.p99_ms:g} ms.",
        ),
        _alert(
            "Queueing",
            f"{queue_ms(job)} > {limits.queue_ms:g}",
            "10m",
            "warning",
            f"{who}: requests wait longer than {limits.queue_ms:g} ms for their batch.",
        ),
    ]


def _alert(name: str, expression: str, lasting: str, severity: str, summary: str) -> dict[str, Any]:
    return {
        "alert": f"Model{name}",
        "expr": expression,
        "for": lasting,
        "labels": {"severity": severity},
        "annotations": {"summary": summary},
    }
