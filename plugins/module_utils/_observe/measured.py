# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What traits tell of a serving now, by predictor. What nobody measured is None and named, never zero."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .._core import prometheus
from .._core.failure import Failure
from . import queries
from .arrival import Prometheus, told
from .queries import PREDICTOR_LABEL
from .render import job_label
from .shape import LOGGING, METRICS, Logging, Wish
from .sls import Sls

RECENT_S = 3600  # older lines do not tell that logs arrive now

Ask = Callable[[str, str], Any]
"""(PromQL, what it asks for) -> `data` of Prometheus's answer."""


def measured(wish: Wish, server: Prometheus | None, sls: Sls | None, timeout_s: float) -> dict[str, Any]:
    """{name, namespace, predictors: {name: NUMBERS}, logs, absent}.

    predictors is None where Prometheus could not be asked. logs: {arrive, project, logstore, newest: {time, pod,
    text}}, None where nobody could be asked. absent: why, {metrics or logs: text}.
    """
    absent: dict[str, str] = {}
    found: dict[str, Any] = {"name": wish.target.name, "namespace": wish.target.namespace, "predictors": None}
    if not wish.metrics:
        absent["metrics"] = f"it has no trait {METRICS}"
    elif not server:
        absent["metrics"] = "no Prometheus is named (mlops_prometheus)"
    else:
        found["predictors"] = _told(absent, "metrics", lambda: _predictors(wish, _asker(server, timeout_s)))
        if found["predictors"] == {}:
            absent["metrics"] = f"{server.url} has no sample of it"
    found["logs"] = None
    if not wish.logging:
        absent["logs"] = f"it has no trait {LOGGING}"
    elif not sls:
        absent["logs"] = "no Simple Log Service is named (mlops_sls_endpoint, or region)"
    else:
        logging, service = wish.logging, sls
        found["logs"] = _told(absent, "logs", lambda: _logs(logging, service))
    return {**found, "absent": absent}


def _told(absent: dict[str, str], part: str, ask: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    """One part that cannot be asked does not hide the other."""
    try:
        return ask()
    except Failure as failure:
        absent[part] = f"{failure.code}: {failure.message}"
        return None


def _asker(server: Prometheus, timeout_s: float) -> Ask:
    return lambda text, what: prometheus.query(server.url, server.headers, text, timeout_s, what=what)


def _predictors(wish: Wish, ask: Ask) -> dict[str, dict[str, float | None]]:
    job = job_label(wish.target)
    asked = {
        "up": queries.up(job, PREDICTOR_LABEL),
        "requests_per_second": queries.requests(job),
        "error_rate": queries.error_rate(job),
        "p50_ms": queries.latency_ms(job, 0.5),
        "p99_ms": queries.latency_ms(job, 0.99),
        "queue_ms": queries.queue_ms(job),
        "observed_percentage": queries.observed_percentage(job),
        "declared_percentage": queries.declared_percentage(wish.target.name),
    }
    return by_predictor({name: ask(text, name) for name, text in asked.items()})


NUMBERS = (
    "up",
    "requests_per_second",
    "error_rate",
    "p50_ms",
    "p99_ms",
    "queue_ms",
    "observed_percentage",
    "declared_percentage",
)
"""error_rate from 0 to 1; the percentages from 0 to 100; up: pods that give metrics."""


def by_predictor(answers: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float | None]]:
    """Instant vectors by the number's name -> numbers by predictor. A number that is none (NaN) is None. Pure."""
    found: dict[str, dict[str, float | None]] = {}
    for number, data in answers.items():
        for name, value in _series(data.get("result") or ()):
            found.setdefault(name, dict.fromkeys(NUMBERS))[number] = value
    _tell_no_failures(found)
    return dict(sorted(found.items()))


def _series(result: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, float | None]]:
    for each in result:
        name, value = each["metric"].get(PREDICTOR_LABEL), float(each["value"][1])
        if name:
            yield name, round(value, 4) if math.isfinite(value) else None


def _tell_no_failures(found: Mapping[str, dict[str, float | None]]) -> None:
    """A server that never failed has no series of failures: where requests are counted, none of them failed."""
    for numbers in found.values():
        if numbers["error_rate"] is None and numbers["requests_per_second"]:
            numbers["error_rate"] = 0.0


def _logs(logging: Logging, sls: Sls) -> dict[str, Any]:
    now = int(time.time())
    lines = sls.logs(logging.project, logging.logstore, now - RECENT_S, now + 60, 1)
    place = {"project": logging.project, "logstore": logging.logstore}
    return {"arrive": bool(lines), **place, "newest": told(lines[0]) if lines else None}
