"""Traits where users write them, and what the makers of pods are given of them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._observe.traits import (
    gathered,
    observed_predictors,
    observed_replicas,
)

METRICS, LOGGING = {"type": "arms-metrics"}, {"type": "arms-logging", "project": "ml-logs"}
VARIABLES = [{"name": "aliyun_logs_digits", "value": "stdout"}]


def predictor(name: str, *traits: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "modelVersion": "digits-v1", **({"traits": list(traits)} if traits else {}), **more}


@pytest.mark.parametrize(
    ("serving", "predictors", "found"),
    [
        pytest.param([], [predictor("a")], [], id="none"),
        pytest.param([METRICS], [predictor("a")], [METRICS], id="of the whole serving"),
        pytest.param([], [predictor("a", METRICS)], [{**METRICS, "predictors": ["a"]}], id="of one predictor"),
        pytest.param(
            [LOGGING],
            [predictor("a", METRICS), predictor("b", METRICS), predictor("c")],
            [LOGGING, {**METRICS, "predictors": ["a", "b"]}],
            id="of some, beside the whole",
        ),
        pytest.param([METRICS], [predictor("a", METRICS)], [METRICS], id="said twice alike"),
    ],
)
def test_traits_are_gathered_by_type(serving: list[Any], predictors: list[Any], found: list[Any]) -> None:
    assert gathered(serving, predictors) == found


@pytest.mark.parametrize(
    ("serving", "predictors", "words"),
    [
        pytest.param(
            [],
            [predictor("a", LOGGING), predictor("b", {**LOGGING, "ttl": 3})],
            "serving_predictors[b].traits[0] wants arms-logging otherwise",
            id="two predictors differ",
        ),
        pytest.param([{**LOGGING, "ttl": 3}], [predictor("a", LOGGING)], "otherwise", id="one differs from all"),
        pytest.param(["arms-metrics"], [], "serving_traits[0] is 'arms-metrics'", id="no mapping"),
        pytest.param([], [predictor("a", {"kind": "x"})], "serving_predictors[a].traits[0] is", id="no type"),
    ],
)
def test_what_contradicts_is_refused_by_field(serving: list[Any], predictors: list[Any], words: str) -> None:
    with pytest.raises(Failure) as refused:
        gathered(serving, predictors)
    assert refused.value.code == "InvalidOption"
    assert words in str(refused.value)


def test_a_predictor_is_served_without_its_traits() -> None:
    assert observed_predictors([predictor("a", METRICS)], [METRICS]) == [predictor("a")]


def test_variables_reach_the_predictors_that_are_logged_and_what_a_user_says_wins() -> None:
    own = {"spec": {"containers": [{"name": "tensorflow", "env": [{"name": "aliyun_logs_digits", "value": "own"}]}]}}
    given = [predictor("a"), predictor("b", template=own), predictor("c")]
    first, second, third = observed_predictors(given, [{**LOGGING, "predictors": ["a", "b"]}], VARIABLES)
    assert first["template"] == {"spec": {"containers": [{"name": "tensorflow", "env": VARIABLES}]}}
    assert second["template"] == own
    assert third == predictor("c")


def test_variables_reach_every_container_that_trains() -> None:
    container = {"name": "tensorflow", "image": "train:1", "env": [{"name": "A", "value": "b"}]}
    replicas = {"Worker": {"replicas": 3, "template": {"spec": {"containers": [container]}}}}
    found = observed_replicas(replicas, VARIABLES)["Worker"]
    assert found["replicas"] == 3
    assert found["template"]["spec"]["containers"] == [{**container, "env": [*VARIABLES, *container["env"]]}]
    assert observed_replicas(replicas, []) == replicas
