# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What predictors measure themselves: TensorFlow Serving's Prometheus text, as numbers over a window. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

REQUESTS = ":tensorflow:serving:request_count"
LATENCY = ":tensorflow:serving:request_latency"

_LINE = re.compile(r"^(?P<name>[^\s{#]+)(?:\{(?P<labels>.*)\})?\s+(?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

NUMBERS = ("requests", "errors", "error_rate", "mean_ms", "p50_ms", "p90_ms", "p99_ms", "restarts")
"""What is known of a group of pods over a window. Rates and latencies are None where nobody asked."""


@dataclass
class Counts:
    """Counters since a server started. Latencies in microseconds; `buckets` are cumulative, by upper bound."""

    requests: float = 0
    errors: float = 0
    answered: float = 0
    time_us: float = 0
    buckets: dict[float, float] = field(default_factory=dict)
    restarts: float = 0

    def since(self, before: Counts) -> Counts:
        """What came in the window. Counters that fell began anew: all of it came in the window."""
        if self.requests < before.requests or self.answered < before.answered:
            return replace(self, restarts=max(0, self.restarts - before.restarts))
        buckets = {bound: now - before.buckets.get(bound, 0) for bound, now in self.buckets.items()}
        return Counts(
            self.requests - before.requests,
            self.errors - before.errors,
            self.answered - before.answered,
            self.time_us - before.time_us,
            buckets,
            self.restarts - before.restarts,
        )

    def add(self, other: Counts) -> None:
        self.requests += other.requests
        self.errors += other.errors
        self.answered += other.answered
        self.time_us += other.time_us
        for bound, number in other.buckets.items():
            self.buckets[bound] = self.buckets.get(bound, 0) + number
        self.restarts += other.restarts


def parse(text: str, model: str) -> Counts:
    """One server's counters for one model, over every API and entry point."""
    counts = Counts()
    for line in text.splitlines():
        found = _LINE.match(line)
        if found is None or not found["name"].startswith((REQUESTS, LATENCY)):
            continue
        labels = dict(_LABEL.findall(found["labels"] or ""))
        value = _number(found["value"])
        if labels.get("model_name") != model or not math.isfinite(value):
            continue
        match found["name"]:
            case name if name == REQUESTS:
                counts.requests += value
                counts.errors += value if labels.get("status") != "OK" else 0
            case name if name == f"{LATENCY}_sum":
                counts.time_us += value
            case name if name == f"{LATENCY}_count":
                counts.answered += value
            case name if name == f"{LATENCY}_bucket":
                bound = _number(labels.get("le", "nan"))
                counts.buckets[bound] = counts.buckets.get(bound, 0) + value
    return counts


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def together(counts: Iterable[Counts]) -> Counts:
    found = Counts()
    for each in counts:
        found.add(each)
    return found


def numbers(window: Counts) -> dict[str, Any]:
    """The window of a group in the words of conditions."""
    requests = max(window.requests, window.answered)
    rate = None if not requests else round(window.errors / requests, 6)
    mean = None if not window.answered else round(window.time_us / window.answered / 1000, 3)
    ranks = {f"p{rank}_ms": percentile_ms(window.buckets, rank / 100) for rank in (50, 90, 99)}
    return {
        "requests": int(requests),
        "errors": int(window.errors),
        "error_rate": rate,
        "mean_ms": mean,
        **ranks,
        "restarts": int(window.restarts),
    }


def percentile_ms(buckets: Mapping[float, float], rank: float) -> float | None:
    """Linear within a bucket; what lies above the last bound counts as that bound. None where there is nothing."""
    bounds = sorted(buckets)
    if not bounds or not buckets[bounds[-1]]:
        return None
    wanted, low, below = rank * buckets[bounds[-1]], 0.0, 0.0
    for bound in bounds:
        if buckets[bound] >= wanted and buckets[bound] > below:
            if math.isinf(bound):
                return round(low / 1000, 3)
            return round((low + (bound - low) * (wanted - below) / (buckets[bound] - below)) / 1000, 3)
        low, below = (low if math.isinf(bound) else bound), buckets[bound]
    return round(low / 1000, 3)
