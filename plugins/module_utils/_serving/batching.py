# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""TensorFlow Serving's own batching, and its metrics: the two files it reads at its start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .._core.failure import Failure

METRICS_PATH = "/monitoring/prometheus/metrics"


class Batching(NamedTuple):
    """Unset (None) leaves TF Serving's default. `batch_size` counts rows, not requests."""

    batch_size: int
    timeout_micros: int
    num_batch_threads: int | None
    max_enqueued_batches: int | None
    allowed_batch_sizes: tuple[int, ...]

    @classmethod
    def of(cls, given: Mapping[str, Any], where: str = "batching") -> Batching:
        """From the options. Raises Failure `InvalidOption` for what TF Serving would refuse at its start."""
        for field in ("batch_size", "timeout_micros", "num_batch_threads", "max_enqueued_batches"):
            least = 0 if field == "timeout_micros" else 1
            if given[field] is not None and given[field] < least:
                raise Failure("InvalidOption", f"{where}.{field} is {given[field]}; allowed are {least} and more.")
        sizes = tuple(given["allowed_batch_sizes"] or ())
        _check_sizes(sizes, given["batch_size"], where)
        return cls(
            given["batch_size"],
            given["timeout_micros"],
            given["num_batch_threads"],
            given["max_enqueued_batches"],
            sizes,
        )


def _check_sizes(sizes: Sequence[int], batch_size: int, where: str) -> None:
    """Source: TF Serving, batching parameters: increasing, and the last one is max_batch_size."""
    if not sizes:
        return
    if list(sizes) != sorted(set(sizes)) or sizes[0] < 1 or sizes[-1] != batch_size:
        raise Failure(
            "InvalidOption",
            f"{where}.allowed_batch_sizes is {list(sizes)} with batch_size {batch_size};"
            " allowed are sizes that increase, begin at 1 or more, and end with batch_size.",
            hint=f"For example {sorted({size for size in sizes if 0 < size < batch_size} | {batch_size})}.",
        )


def batching_file(batching: Batching) -> str:
    """BatchingParameters as protobuf text."""
    values = {
        "max_batch_size": batching.batch_size,
        "batch_timeout_micros": batching.timeout_micros,
        "num_batch_threads": batching.num_batch_threads,
        "max_enqueued_batches": batching.max_enqueued_batches,
    }
    lines = [f"{field} {{ value: {value} }}" for field, value in values.items() if value is not None]
    return "\n".join([*lines, *(f"allowed_batch_sizes: {size}" for size in batching.allowed_batch_sizes)]) + "\n"


def monitoring_file() -> str:
    """MonitoringConfig as protobuf text: Prometheus metrics on the REST port."""
    return f'prometheus_config {{ enable: true, path: "{METRICS_PATH}" }}\n'
