"""What is measured, and that what is not is said to be absent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core import prometheus
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._observe.arrival import Prometheus
from ansible_collections.mlops.ack.plugins.module_utils._observe.measured import NUMBERS, by_predictor, measured
from ansible_collections.mlops.ack.plugins.module_utils._observe.shape import Wish, wish

METRICS, LOGGING = {"type": "arms-metrics"}, {"type": "arms-logging", "project": "ml-logs"}
SERVER = Prometheus("http://prometheus", {})


def given(*traits: dict[str, Any]) -> Wish:
    options = {"kind": "tfserving", "declared": {}, "limits": {}}
    return wish({"name": "digits", "namespace": "serving", "traits": list(traits), **options})


def vector(**numbers: str) -> dict[str, Any]:
    return {"result": [{"metric": {"mlops_ack_predictor": name}, "value": [1, text]} for name, text in numbers.items()]}


class Lines:
    def __init__(self, *lines: dict[str, Any]) -> None:
        self._lines = list(lines)

    def logs(self, *asked: Any) -> list[dict[str, Any]]:
        return self._lines


class Refuses:
    def logs(self, *asked: Any) -> list[dict[str, Any]]:
        raise Failure("Unauthorized", "The key may not.")


@pytest.mark.parametrize(
    ("answers", "number", "found"),
    [
        pytest.param({"p99_ms": vector(a="12.34567")}, "p99_ms", 12.3457, id="a number"),
        pytest.param({"p99_ms": vector(a="NaN")}, "p99_ms", None, id="nobody asked, so there is no latency"),
        pytest.param({"up": vector(a="1")}, "requests_per_second", None, id="what has no series is no zero"),
        pytest.param({"requests_per_second": vector(a="2")}, "error_rate", 0.0, id="requests and no failure counted"),
        pytest.param({"requests_per_second": vector(a="0")}, "error_rate", None, id="no requests, no rate"),
    ],
)
def test_a_number_or_none(answers: dict[str, Any], number: str, found: float | None) -> None:
    numbers = by_predictor(answers)["a"]
    assert tuple(numbers) == NUMBERS
    assert numbers[number] == found


@pytest.mark.parametrize(
    ("traits", "server", "sls", "absent"),
    [
        pytest.param([], None, None, {"metrics": "it has no trait arms-metrics", "logs": "it has no trait"}, id="none"),
        pytest.param([METRICS, LOGGING], None, None, {"metrics": "no Prometheus", "logs": "no Simple"}, id="nowhere"),
        pytest.param([LOGGING], None, Refuses(), {"metrics": "it has", "logs": "Unauthorized: The key"}, id="refused"),
        pytest.param([LOGGING], None, Lines({"content": "hello"}), {"metrics": "it has no trait"}, id="only logs"),
    ],
)
def test_why_something_is_absent(traits: list[Any], server: Any, sls: Any, absent: dict[str, str]) -> None:
    found = measured(given(*traits), server, sls, 1)
    assert found["predictors"] is None
    assert found["absent"].keys() == absent.keys()
    assert all(found["absent"][part].startswith(text) for part, text in absent.items()), found["absent"]


def test_no_line_is_told_as_such() -> None:
    logs = measured(given(LOGGING), None, Lines(), 1)["logs"]  # type: ignore[arg-type]
    assert logs == {"arrive": False, "project": "ml-logs", "logstore": "serving-digits", "newest": None}


def test_a_prometheus_that_does_not_answer_is_absence_and_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def query(*asked: Any, **more: Any) -> Any:
        raise Failure("PrometheusFailed", "It did not answer.")

    monkeypatch.setattr(prometheus, "query", query)
    found = measured(given(METRICS), SERVER, None, 1)
    assert found["predictors"] is None
    assert found["absent"]["metrics"] == "PrometheusFailed: It did not answer."
    assert json.dumps(found)


def test_a_prometheus_without_samples_of_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "query", lambda *asked, **more: {"result": []})
    found = measured(given(METRICS), SERVER, None, 1)
    assert found["predictors"] == {}
    assert found["absent"]["metrics"] == "http://prometheus has no sample of it"
