# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a user asks to be observed: traits in the design's words, as values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from .._core.failure import Failure
from .._core.spelling import refuse

METRICS, LOGGING = "arms-metrics", "arms-logging"
TRAITS = (METRICS, LOGGING)
_LOGSTORE = re.compile(r"[a-z0-9]([a-z0-9-]{1,61})[a-z0-9]")


class Metrics(NamedTuple):
    """Where pods give their metrics: a named port, a path; how often they are read. predictors: of these; () of all."""

    port: str
    path: str
    interval_s: int
    predictors: tuple[str, ...]


class Logging(NamedTuple):
    """Which logstore of which project takes the pods' standard output, for how many days. predictors: as in Metrics."""

    project: str
    logstore: str
    ttl_days: int
    predictors: tuple[str, ...]


class Limits(NamedTuple):
    """Beyond these an alert fires. error_rate from 0 to 1."""

    error_rate: float
    p99_ms: float
    queue_ms: float


class Target(NamedTuple):
    """Whose pods: a tfserving or a tfjob. declared: percentage of the traffic by predictor."""

    kind: str
    name: str
    namespace: str
    declared: Mapping[str, float]


class Wish(NamedTuple):
    target: Target
    metrics: Metrics | None
    logging: Logging | None
    limits: Limits


# TensorFlow Serving gives its metrics on the REST port. Source: tensorflow/serving, prometheus_exporter (2026-11).
SERVING_PORT, SERVING_PATH = "http", "/monitoring/prometheus/metrics"


def wish(params: Mapping[str, Any]) -> Wish:
    """The options as one value. Raises Failure `InvalidOption` or `MissingOption` that names the field."""
    target = Target(params["kind"], params["name"], params["namespace"], params["declared"] or {})
    found: dict[str, Mapping[str, Any]] = {}
    for number, given in enumerate(params["traits"] or ()):
        if given["type"] not in TRAITS:
            raise refuse(f"traits[{number}].type", given["type"], TRAITS)
        if given["type"] in found:
            raise Failure("InvalidOption", f"traits names {given['type']} twice.", hint="Keep one.")
        if given.get("predictors") is not None and target.kind == "tfjob":
            raise Failure("InvalidOption", f"traits[{number}].predictors is given; a tfjob has none.")
        found[given["type"]] = given
    limits = params["limits"] or {}
    return Wish(
        target,
        _metrics(found[METRICS], target) if METRICS in found else None,
        _logging(found[LOGGING], target, params.get("project")) if LOGGING in found else None,
        Limits(*(_positive(name, limits.get(name), usual) for name, usual in _USUAL.items())),
    )


_USUAL = {"error_rate": 0.05, "p99_ms": 500.0, "queue_ms": 100.0}


def _positive(name: str, value: float | None, usual: float) -> float:
    if value is None:
        return usual
    if value <= 0:
        raise Failure("InvalidOption", f"limits.{name} is {value}; it has to be above 0.")
    return float(value)


def _metrics(given: Mapping[str, Any], target: Target) -> Metrics:
    port, path = given.get("port"), given.get("path")
    if target.kind == "tfjob" and not port:
        raise Failure(
            "MissingOption",
            f"traits: {METRICS} on a tfjob needs port, the name of the port where its pods give metrics.",
            hint="Name the port in the template of the replica type, too.",
        )
    path = path or (SERVING_PATH if target.kind == "tfserving" else "/metrics")
    return Metrics(port or SERVING_PORT, path, 15, tuple(given.get("predictors") or ()))


def _logging(given: Mapping[str, Any], target: Target, usual: str | None) -> Logging:
    project = given.get("project") or usual
    if not project:
        raise Failure(
            "MissingOption",
            f"traits: {LOGGING} needs project, the project of Simple Log Service.",
            hint="A cluster's own is k8s-log-<cluster id>.",
        )
    logstore = given.get("logstore") or f"{target.namespace}-{target.name}"[:63].strip("-")
    if not _LOGSTORE.fullmatch(logstore):
        raise Failure(
            "InvalidOption",
            f"traits: logstore is '{logstore}'; allowed are 3 to 63 of a-z, 0-9 and '-', not '-' at an end.",
        )
    ttl = 30 if given.get("ttl") is None else given["ttl"]
    if not 1 <= ttl <= 3650:
        raise Failure("InvalidOption", f"traits: ttl is {ttl}; allowed are 1 to 3650 days.")
    return Logging(project, logstore, ttl, tuple(given.get("predictors") or ()))
