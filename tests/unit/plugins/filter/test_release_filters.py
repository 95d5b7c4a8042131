from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.mlops.ack.plugins.filter.promoted import promoted
from ansible_collections.mlops.ack.plugins.filter.release_subject import release_subject

BASELINE = {"name": "baseline", "modelVersion": "digits-v1", "trafficPercentage": 90, "replicas": 2}
CANARY = {"name": "canary", "modelVersion": {"modelName": "digits", "version": 2}}
VERSIONS = [
    {"reference": f"digits-v{n}", "model_digest": f"sha256:{n}", "image": f"r.test/d@sha256:f{n}"} for n in (1, 2)
]


def test_a_subject_is_bound_to_bytes_and_shares() -> None:
    found = release_subject([BASELINE, CANARY], VERSIONS)
    assert found == {
        "baseline": "digits-v1 sha256:1 image sha256:f1 90 %",
        "canary": "digits-v2 sha256:2 image sha256:f2 the rest of 100 %",
    }
    with pytest.raises(AnsibleFilterError, match="digits-v2, which is no saved version; there are digits-v1"):
        release_subject([CANARY], VERSIONS[:1])


def test_only_the_version_of_one_predictor_changes() -> None:
    found = promoted([BASELINE, CANARY], "digits-v3", "baseline")
    assert found == [
        {"name": "baseline", "model_version": "digits-v3", "trafficPercentage": 90, "replicas": 2},
        CANARY,
    ]


def test_the_only_predictor_need_not_be_named_nor_the_only_version() -> None:
    serving = [
        {"model_version": "digits-v3", "traffic_percentage": 100},
        {"model_version": "digits-v2", "traffic_percentage": 0},
    ]
    assert promoted([CANARY], serving) == [{"name": "canary", "model_version": "digits-v3"}]


@pytest.mark.parametrize(
    ("version", "predictor", "text"),
    [
        ("digits-v3", None, "There are the predictors baseline, canary"),
        ("digits-v3", "canari", "There is no predictor 'canari'; there are baseline, canary"),
        ([], "canary", "serves nothing"),
        (
            [{"model_version": f"digits-v{n}", "traffic_percentage": 50} for n in (1, 2)],
            "canary",
            "serves digits-v1 and digits-v2. Name the version",
        ),
    ],
)
def test_what_is_not_clear_is_asked_for(version: Any, predictor: str | None, text: str) -> None:
    with pytest.raises(AnsibleFilterError) as refused:
        promoted([BASELINE, CANARY], version, predictor)
    assert text in str(refused.value)
