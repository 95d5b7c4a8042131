# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Counters and distributions in Prometheus' text form, under the names and labels of TensorFlow Serving.

A name's slashes become colons, so `/tensorflow/serving/request_count` is `:tensorflow:serving:request_count`.
"""

from __future__ import annotations

import math
import threading
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

from . import textproto
from .errors import StartError

DEFAULT_PATH = "/monitoring/prometheus/metrics"


class Counter:
    def __init__(self, name: str, *labels: str) -> None:
        self.name, self.labels = name, labels
        self._values: dict[tuple[str, ...], int] = {}
        self._lock = threading.Lock()

    def add(self, *labels: str) -> None:
        with self._lock:
            self._values[labels] = self._values.get(labels, 0) + 1

    def lines(self) -> Iterator[str]:
        yield f"# TYPE {self.name} counter"
        for labels, value in sorted(self._values.items()):
            yield f"{self.name}{_labels(self.labels, labels)} {value}"


class Distribution:
    """A histogram with `count` bounds: `scale`, `scale * growth`, and so on, and one bucket for all above."""

    def __init__(self, name: str, bounds: tuple[float, float, int], *labels: str) -> None:
        self.name, self.labels = name, labels
        scale, growth, count = bounds
        self.bounds = [scale * growth**power for power in range(count)]
        self._buckets: dict[tuple[str, ...], list[int]] = {}
        self._sums: dict[tuple[str, ...], float] = {}
        self._lock = threading.Lock()

    def add(self, value: float, *labels: str) -> None:
        with self._lock:
            buckets = self._buckets.setdefault(labels, [0] * (len(self.bounds) + 1))
            buckets[bisect_left(self.bounds, value)] += 1
            self._sums[labels] = self._sums.get(labels, 0.0) + value

    def lines(self) -> Iterator[str]:
        yield f"# TYPE {self.name} histogram"
        for labels, buckets in sorted(self._buckets.items()):
            for bound, total in zip([*self.bounds, math.inf], accumulate(buckets), strict=True):
                le = "+Inf" if bound == math.inf else f"{bound:.6g}"
                yield f"{self.name}_bucket{_labels((*self.labels, 'le'), (*labels, le))} {total}"
            yield f"{self.name}_sum{_labels(self.labels, labels)} {self._sums[labels]:.6g}"
            yield f"{self.name}_count{_labels(self.labels, labels)} {sum(buckets)}"


class Metrics:
    """All that this server measures. Latencies are in microseconds, sizes in rows."""

    def __init__(self) -> None:
        name, latency, rows, pool = ":tensorflow:serving:", (10.0, 1.8, 33), (1.0, 2.0, 14), "thread_pool_name"
        session = f"{name}batching_session:"
        self.requests = Counter(f"{name}request_count", "model_name", "status")
        self.request_latency = Distribution(f"{name}request_latency", latency, "model_name", "API", "entrypoint")
        self.runtime_latency = Distribution(f"{name}runtime_latency", latency, "model_name", "API", "runtime")
        self.queuing_latency = Distribution(f"{session}queuing_latency", (100.0, 1.2, 52), pool)
        self.input_batch_size = Distribution(f"{session}input_batch_size", rows, pool)  # rows of one request
        self.processed_batch_size = Distribution(f"{session}processed_batch_size", rows, pool)  # padding included
        self.padding_size = Distribution(f"{session}padding_size", rows, pool)
        self.wrapped_run_count = Counter(f"{session}wrapped_run_count")

    def text(self) -> str:
        return "".join(f"{line}\n" for family in vars(self).values() for line in family.lines())


def monitoring_path(config_file: str) -> str:
    """Where the metrics are to be served; empty if they are not to be. Raises StartError."""
    if not config_file:
        return ""
    message = textproto.parse(Path(config_file).read_text(), config_file)
    if unknown := sorted(set(message) - {"prometheus_config"}):
        raise StartError(f"{config_file}: unknown field {unknown[0]}; expected prometheus_config")
    settings = message.get("prometheus_config", [{}])[-1]
    if unknown := sorted(set(settings) - {"enable", "path"}):
        raise StartError(f"{config_file}: unknown field {unknown[0]} of prometheus_config; expected enable and path")
    path = str(settings.get("path", [DEFAULT_PATH])[-1])
    return path if settings.get("enable", [False])[-1] is True else ""


def _labels(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True))
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
