# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person sees before deciding: numbers beside those that serve, what would change, who trained it on what."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.filter.compared_metrics import compared_metrics
from ansible_collections.mlops.ack.plugins.filter.release_changes import release_changes
from ansible_collections.mlops.ack.plugins.filter.release_evidence import release_evidence
from ansible_collections.mlops.ack.plugins.filter.text_diff import text_diff


def serves(version: str, share: int, **metrics: Any) -> dict[str, Any]:
    return {"name": version, "model_version": version, "traffic_percentage": share, "metrics": metrics}


def version(number: int, accuracy: float) -> dict[str, Any]:
    return {
        "reference": f"digits-v{number}",
        "run_id": f"digits-{number}",
        "dataset": {"name": "digits", "digest": "sha256:5d1a6f0b3a1e0e8a", "count": 2},
        "trained_by": "carol",
        "created_by": "dave",
        "metrics": {"accuracy": accuracy, "confusion_matrix": [[1]]},
    }


def test_differences_are_to_the_version_with_most_of_the_traffic() -> None:
    serving = [{"predictors": [serves("digits-v2", 10, accuracy=0.98), serves("digits-v1", 90, accuracy=0.9)]}]
    assert compared_metrics({"run": {"accuracy": 0.95, "loss": 0.2}}, serving) == [
        {
            "metric": "accuracy",
            "run": "0.95 (+0.05)",
            "now 90 % digits-v1": "0.9",
            "now 10 % digits-v2": "0.98",
        },
        {"metric": "loss", "run": "0.2", "now 90 % digits-v1": "-", "now 10 % digits-v2": "-"},
    ]


@pytest.mark.parametrize(
    ("value", "base", "cell"),
    [
        pytest.param(0.9, 0.95, "0.9 (-0.05)", id="worse"),
        pytest.param(0.9, 0.9, "0.9 (+0)", id="the same"),
        pytest.param("good", "bad", "good", id="words have no difference"),
        pytest.param(True, 1, "True", id="nor have truth values"),
        pytest.param(None, 0.9, "-", id="not measured"),
    ],
)
def test_a_cell(value: Any, base: Any, cell: str) -> None:
    rows = compared_metrics({"run": {"m": value}}, [{"predictors": [serves("v1", 100, m=base)]}])
    assert rows[0]["run"] == cell


def test_a_release_shows_each_version_s_numbers_and_origin_once() -> None:
    predictors = [
        {"name": "baseline", "modelVersion": "digits-v1"},
        {"name": "canary", "modelVersion": {"modelName": "digits", "version": 2}},
        {"name": "shadow", "modelVersion": "digits-v2"},
    ]
    found = release_evidence(predictors, [version(1, 0.9), version(2, 0.95)])
    assert found["lowest_accuracy"] == 0.9
    assert found["metrics"] == [
        {"metric": "accuracy", "baseline digits-v1": "0.9", "canary digits-v2": "0.95", "shadow digits-v2": "0.95"}
    ]
    assert [each["version"] for each in found["versions"]] == ["digits-v1", "digits-v2"]
    assert found["versions"][0] == {
        "version": "digits-v1",
        "trained_by": "carol",
        "run": "digits-1",
        "dataset": "digits sha256:5d1a6f0b3a1e",
        "files": 2,
        "saved_by": "dave",
    }


def test_what_changes_is_values_first_then_objects() -> None:
    diff = {
        "before": {
            "Deployment/s/old": "present",
            "Service/s/old": "present",
            "predictors.canary.traffic_percentage": 10,
            "HTTPRoute/s/d spec.rules": [],
        },
        "after": {
            "Deployment/s/new": {"kind": "Deployment"},
            "predictors.canary.traffic_percentage": 20,
            "HTTPRoute/s/d spec.rules": [{}],
        },
    }
    assert release_changes(diff) == [
        {"what": "predictors.canary.traffic_percentage", "now": 10, "then": 20},
        {"what": "HTTPRoute/s/d spec.rules", "now": "as it is", "then": "changed"},
        {"what": "s/new (Deployment)", "now": "-", "then": "new"},
        {"what": "s/old (Deployment, Service)", "now": "present", "then": "removed"},
    ]
    assert release_changes({}) == []


def test_the_whole_diff_is_yaml_with_signs() -> None:
    text = text_diff({"before": {"a": 1, "b": [1]}, "after": {"a": 2, "b": [1]}})
    assert "-a: 1\n+a: 2\n" in text
    assert text_diff({"before": {"a": 1}, "after": {"a": 1}}) == text_diff({}) == ""
