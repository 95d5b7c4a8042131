from __future__ import annotations

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._serving.metrics import (
    Counts,
    numbers,
    parse,
    percentile_ms,
    together,
)

TEXT = """# TYPE :tensorflow:serving:request_count counter
:tensorflow:serving:request_count{model_name="digits",status="OK"} 97
:tensorflow:serving:request_count{model_name="digits",status="INVALID_ARGUMENT"} 3
:tensorflow:serving:request_count{model_name="other",status="OK"} 1000
# TYPE :tensorflow:serving:request_latency histogram
:tensorflow:serving:request_latency_bucket{model_name="digits",API="predict",entrypoint="REST",le="1000"} 50
:tensorflow:serving:request_latency_bucket{model_name="digits",API="predict",entrypoint="REST",le="2000"} 90
:tensorflow:serving:request_latency_bucket{model_name="digits",API="predict",entrypoint="REST",le="+Inf"} 100
:tensorflow:serving:request_latency_sum{model_name="digits",API="predict",entrypoint="REST"} 120000
:tensorflow:serving:request_latency_count{model_name="digits",API="predict",entrypoint="REST"} 100
"""


def test_one_model_is_read_and_others_are_not() -> None:
    assert numbers(parse(TEXT, "digits")) == {
        "requests": 100,
        "errors": 3,
        "error_rate": 0.03,
        "mean_ms": 1.2,
        "p50_ms": 1.0,
        "p90_ms": 2.0,
        "p99_ms": 2.0,  # above the last bound: at least that
        "restarts": 0,
    }


def test_without_requests_rates_are_unknown_not_zero() -> None:
    found = numbers(parse("", "digits"))
    assert found["requests"] == 0
    assert found["error_rate"] is found["mean_ms"] is found["p99_ms"] is None


def test_garbage_is_no_number() -> None:
    text = ':tensorflow:serving:request_count{model_name="digits",status="OK"} NaN\nnonsense\n'
    assert parse(text, "digits") == Counts()


def test_a_window_is_the_difference_and_a_restart_begins_anew() -> None:
    before = Counts(requests=10, errors=1, answered=10, time_us=100, buckets={1.0: 10})
    after = Counts(requests=15, errors=1, answered=15, time_us=160, buckets={1.0: 15})
    assert after.since(before) == Counts(requests=5, answered=5, time_us=60, buckets={1.0: 5})
    restarted = Counts(requests=3, errors=2, answered=3, time_us=9, buckets={1.0: 3})
    assert restarted.since(before) == restarted


def test_pods_are_summed() -> None:
    one = Counts(requests=1, buckets={1.0: 1})
    assert together([one, one, Counts(errors=2)]) == Counts(requests=2, errors=2, buckets={1.0: 2})


@pytest.mark.parametrize(
    ("rank", "ms"),
    [(0.25, 0.5), (0.5, 1.0), (0.75, 1.625), (0.9, 2.0)],
)
def test_a_percentile_lies_in_its_bucket(rank: float, ms: float) -> None:
    assert percentile_ms({1000.0: 50, 2000.0: 90, float("inf"): 100}, rank) == ms
