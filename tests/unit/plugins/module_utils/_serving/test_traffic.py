"""Percentages: what is refused, and in which words."""

from __future__ import annotations

import re

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._serving.traffic import shares


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"a": None}, {"a": 100}, id="one predictor gets all"),
        pytest.param({"a": 90, "b": 10}, {"a": 90, "b": 10}, id="what sums to 100 stays"),
        pytest.param({"a": 90, "b": None}, {"a": 90, "b": 10}, id="the one left out gets the remainder"),
        pytest.param({"a": 100, "b": None}, {"a": 100, "b": 0}, id="the remainder may be nothing"),
        pytest.param({"a": 33, "b": 33, "c": 34}, {"a": 33, "b": 33, "c": 34}, id="three predictors"),
    ],
)
def test_shares_sum_to_100(given: dict[str, int | None], expected: dict[str, int]) -> None:
    assert shares(given) == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({"a": 90, "b": 9}, r"sum to 99, not 100: a 90, b 9\. Add 1", id="99"),
        pytest.param({"a": 90, "b": 11}, r"sum to 101, not 100: a 90, b 11\. Take away 1", id="101"),
        pytest.param({"a": 99}, r"sum to 99", id="one predictor with less than all"),
        pytest.param(
            {"a": 60, "b": 50, "c": None}, r"sum to 110, not 100: a 60, b 50, c unset", id="no remainder left"
        ),
        pytest.param({"a": None, "b": None}, r"unset for 2 predictors", id="two left out"),
        pytest.param({"a": -1, "b": 101}, r"of a is -1; allowed are whole numbers from 0 to 100", id="below 0"),
        pytest.param({"b": 101}, r"of b is 101", id="above 100"),
    ],
)
def test_what_cannot_be_split_is_refused(given: dict[str, int | None], words: str) -> None:
    with pytest.raises(Failure) as refused:
        shares(given)
    assert refused.value.code == "InvalidTraffic"
    assert re.search(words, str(refused.value))
