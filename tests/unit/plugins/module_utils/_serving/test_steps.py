from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._serving.steps import Step, shift

from .builders import one, serving

STEPS = tuple(Step(weight) for weight in (10, 25, 50, 90))


@pytest.mark.parametrize(
    ("base", "target", "new"),
    [
        pytest.param({"a": 100}, {"b": 100}, {"b"}, id="a promotion"),
        pytest.param({"a": 100}, {"a": 90, "b": 10}, {"b"}, id="a canary"),
        pytest.param({"a": 90, "b": 10}, {"a": 50, "b": 50}, {"b"}, id="only shares: the one that grows"),
        pytest.param({"a": 80, "b": 20}, {"a": 90, "c": 10}, {"c"}, id="another canary: the new one, not the grown"),
        pytest.param({"a": 100}, {"a": 100, "b": 0}, set(), id="a dark predictor gains nothing"),
        pytest.param({}, {"a": 100}, {"a"}, id="the first release"),
        pytest.param({"a": 9, "b": 1}, {"a": 90, "b": 10}, set(), id="weights that sum otherwise are the same shares"),
    ],
)
def test_new_is_what_gains(base: dict[str, int], target: dict[str, int], new: set[str]) -> None:
    assert shift(base, target).new == new


@pytest.mark.parametrize(
    ("base", "target", "weight", "found"),
    [
        ({"a": 100}, {"b": 100}, 25, {"a": 75, "b": 25}),
        ({"a": 90, "b": 10}, {"a": 90, "c": 10}, 5, {"a": 86, "b": 9, "c": 5}),
        ({"a": 67, "b": 33}, {"c": 100}, 90, {"a": 7, "b": 3, "c": 90}),
        ({"a": 100}, {"b": 70, "c": 30}, 10, {"a": 90, "b": 7, "c": 3}),
        ({"a": 50, "b": 50}, {"a": 20, "b": 80}, 65, {"a": 35, "b": 65}),
        ({"a": 100}, {"a": 90, "b": 10, "dark": 0}, 5, {"a": 95, "b": 5, "dark": 0}),
    ],
)
def test_the_others_keep_their_proportions(
    base: dict[str, int], target: dict[str, int], weight: int, found: dict[str, int]
) -> None:
    weights = shift(base, target).at(weight)
    assert weights == found
    assert sum(weights.values()) == 100


@pytest.mark.parametrize(
    ("base", "target", "live", "left"),
    [
        pytest.param({"a": 100}, {"b": 100}, {"a": 100}, [10, 25, 50, 90], id="from the beginning"),
        pytest.param({"a": 100}, {"b": 100}, {"a": 75, "b": 25}, [25, 50, 90], id="the step it stands on is not over"),
        pytest.param({"a": 100}, {"b": 100}, {"a": 70, "b": 30}, [50, 90], id="between two steps"),
        pytest.param({"a": 100}, {"a": 75, "b": 25}, {"a": 100}, [10, 25], id="none beyond the declared share"),
        pytest.param({"a": 70, "b": 30}, {"b": 100}, {"a": 70, "b": 30}, [50, 90], id="none that it had before"),
        pytest.param({"a": 100}, {"c": 100}, {"a": 50, "b": 50}, [10, 25, 50, 90], id="another release begins anew"),
    ],
)
def test_the_steps_ahead_follow_from_what_lives(
    base: dict[str, int], target: dict[str, int], live: dict[str, int], left: list[int]
) -> None:
    assert [step.weight for step in shift(base, target).ahead(STEPS, live)] == left


GOOD = {"success_condition": "new.error_rate <= 0.01"}


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ([{"weight": 0}], "steps[0].weight is 0"),
        ([{"weight": 101}], "steps[0].weight is 101"),
        ([{"weight": 50}, {"weight": 50}], "steps[1].weight is 50; allowed are whole numbers from 51 to 100"),
        ([{"weight": 10, "pause": "soon"}], "steps[0].pause is 'soon'; allowed are 'person' and a length of time"),
        ([{"weight": 10, "analysis": {}}], "steps[0].analysis has neither success_condition nor failure_condition"),
        ([{"weight": 10, "analysis": {**GOOD, "count": 0}}], "steps[0].analysis.count is 0"),
        ([{"weight": 10, "analysis": {**GOOD, "count": 2, "failure_limit": 2}}], "it could never fail"),
        ([{"weight": 10, "analysis": {**GOOD, "interval": "never"}}], "steps[0].analysis.interval is 'never'"),
        ([{"weight": 10, "analysis": {"success_condition": "new.eror_rate < 1"}}], "Did you mean 'new.error_rate'?"),
        ([{"weight": 10, "analysis": {"success_condition": "new.requests"}}], "not true or false"),
        ([{"weight": 10, "analysis": {"success_condition": "prometheus.rate < 1"}}], "has no 'prometheus.rate'"),
        (
            [{"weight": 10, "analysis": {**GOOD, "prometheus": {"url": "prom:9090", "queries": {"a": "b"}}}}],
            "steps[0].analysis.prometheus.url is 'prom:9090'",
        ),
        (
            [{"weight": 10, "analysis": {**GOOD, "prometheus": {"url": "http://p", "queries": {"a-b": "c"}}}}],
            "steps[0].analysis.prometheus.queries has 'a-b'",
        ),
    ],
)
def test_steps_that_could_only_fail_under_way_are_refused(steps: list[dict[str, Any]], text: str) -> None:
    with pytest.raises(Failure) as refused:
        serving(one("stable", 1), steps=steps)
    assert text in str(refused.value)


def test_conditions_name_predictors_with_underscores() -> None:
    condition = "predictor.my_canary.p99_ms < 2 * predictor.stable.p99_ms and prometheus.errors < 1"
    prometheus = {"url": "http://p", "queries": {"errors": "up"}}
    analysis = {"success_condition": condition, "prometheus": prometheus}
    wanted = serving(one("stable", 1, 90), one("my-canary", 2), steps=[{"weight": 5, "analysis": analysis}])
    assert wanted.steps[0].analysis is not None
    assert wanted.steps[0].analysis.own
