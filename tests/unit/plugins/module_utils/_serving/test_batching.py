"""The batching file that TensorFlow Serving reads."""

from __future__ import annotations

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._serving.batching import (
    batching_file,
    monitoring_file,
)

from .builders import one, serving


def test_only_what_is_set_is_written() -> None:
    batching = serving(one("a", 1, batching={"batch_size": 32})).predictors[0].batching
    assert batching is not None
    assert batching_file(batching) == "max_batch_size { value: 32 }\nbatch_timeout_micros { value: 1000 }\n"


def test_every_field_has_its_place() -> None:
    given = {
        "batch_size": 64,
        "timeout_micros": 0,
        "num_batch_threads": 4,
        "max_enqueued_batches": 100,
        "allowed_batch_sizes": [16, 64],
    }
    batching = serving(one("a", 1, batching=given)).predictors[0].batching
    assert batching is not None
    assert batching_file(batching).splitlines() == [
        "max_batch_size { value: 64 }",
        "batch_timeout_micros { value: 0 }",
        "num_batch_threads { value: 4 }",
        "max_enqueued_batches { value: 100 }",
        "allowed_batch_sizes: 16",
        "allowed_batch_sizes: 64",
    ]


def test_metrics_are_always_on() -> None:
    assert monitoring_file() == 'prometheus_config { enable: true, path: "/monitoring/prometheus/metrics" }\n'


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({"batch_size": 0}, "batch_size is 0; allowed are 1", id="empty batches"),
        pytest.param({"batch_size": 8, "timeout_micros": -1}, "timeout_micros is -1", id="time backwards"),
        pytest.param({"batch_size": 8, "num_batch_threads": 0}, "num_batch_threads is 0", id="no thread"),
        pytest.param({"batch_size": 8, "max_enqueued_batches": 0}, "max_enqueued_batches is 0", id="no queue"),
        pytest.param({"batch_size": 8, "allowed_batch_sizes": [4, 2, 8]}, "sizes that increase", id="unsorted sizes"),
        pytest.param({"batch_size": 8, "allowed_batch_sizes": [8, 8]}, "sizes that increase", id="a size twice"),
        pytest.param({"batch_size": 8, "allowed_batch_sizes": [2, 4]}, r"For example \[2, 4, 8\]", id="last is not it"),
        pytest.param({"batch_size": 8, "allowed_batch_sizes": [0, 8]}, "begin at 1", id="a size of 0"),
    ],
)
def test_what_the_server_would_refuse_is_refused_before(given: dict[str, int], words: str) -> None:
    with pytest.raises(Failure, match=words):
        serving(one("a", 1, batching=given))
