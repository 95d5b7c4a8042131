"""Options become values: both spellings, and refusals before anything is read or written."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._serving import shape
from ansible_collections.mlops.ack.plugins.module_utils._serving.shape import ModelVersion, reference

from .builders import one, params, serving


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param("digits-v1", ModelVersion("digits", 1), id="the design's spelling"),
        pytest.param("hand-written-v2-v12", ModelVersion("hand-written-v2", 12), id="the last v counts"),
        pytest.param({"model_name": "digits", "version": 3}, ModelVersion("digits", 3), id="a mapping"),
        pytest.param({"modelName": "digits", "version": "3"}, ModelVersion("digits", 3), id="camelCase, text"),
    ],
)
def test_a_model_version_is_read_in_either_spelling(given: Any, expected: ModelVersion) -> None:
    assert reference(given) == expected


@pytest.mark.parametrize(
    "given", ["digits", "digits-v0", "digits-1", "-v1", 3, {"model_name": "digits"}, {"version": 1}]
)
def test_what_names_no_model_version_is_refused(given: Any) -> None:
    with pytest.raises(Failure, match="digits-v1, or"):
        reference(given)


def test_camel_case_means_the_same() -> None:
    snake = serving(
        {
            "name": "a",
            "model_version": {"model_name": "digits", "version": 1},
            "traffic_percentage": 100,
            "auto_scale": {"min_replicas": 2, "max_replicas": 10},
            "batching": {
                "batch_size": 32,
                "timeout_micros": 5000,
                "num_batch_threads": 4,
                "max_enqueued_batches": 100,
                "allowed_batch_sizes": [8, 32],
            },
        }
    )
    camel = serving(
        {
            "name": "a",
            "modelVersion": {"modelName": "digits", "version": 1},
            "trafficPercentage": 100,
            "autoScale": {"minReplicas": 2, "maxReplicas": 10},
            "batching": {
                "batchSize": 32,
                "timeoutMicros": 5000,
                "numBatchThreads": 4,
                "maxEnqueuedBatches": 100,
                "allowedBatchSizes": [8, 32],
            },
        }
    )
    assert snake == camel


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(params(one("a", 1), predictors=[]), "predictors is empty", id="no predictor"),
        pytest.param(params(one("a", 1, 50), one("a", 2, 50)), "names 'a' twice", id="a name twice"),
        pytest.param(params(one("A_b", 1)), r"predictors\[\]\.name is 'A_b'; allowed", id="no DNS label"),
        pytest.param(params(name="Digits"), "name is 'Digits'", id="the name is no DNS label"),
        pytest.param(params(one("a" * 50, 1)), "56 characters together; allowed are 53", id="names too long together"),
        pytest.param(
            params(one("a", 1, 50), {**one("b", 1, 50), "model_version": "letters-v1"}),
            "2 models: digits, letters",
            id="two models",
        ),
        pytest.param(params(one("a", 1, replicas=-1)), r"predictors\[a\].replicas is -1", id="replicas below 0"),
        pytest.param(params(one("a", 1, replicas=0)), "no replicas and 100 %", id="traffic for nobody"),
        pytest.param(
            params(one("a", 1, auto_scale={"min_replicas": 5, "max_replicas": 2})),
            "min_replicas 5 and max_replicas 2",
            id="minimum above maximum",
        ),
        pytest.param(
            params(one("a", 1, auto_scale={"min_replicas": 0, "max_replicas": 2})), "min_replicas 0", id="minimum of 0"
        ),
        pytest.param(params(one("a", 1, template={"specs": {}})), "Did you mean 'spec'", id="no pod template"),
        pytest.param(params(image=None), "image is not set", id="no image"),
        pytest.param(params(route={}), r"route\.gateway\.name is not set", id="no gateway"),
        pytest.param(
            params(route={"gateway": {"name": "g"}, "path": "v"}), "has to begin with '/'", id="path without slash"
        ),
        pytest.param(params(verify={"requests": -1}), "requests is -1", id="requests below 0"),
        pytest.param(
            params(route={"type": "alb"}, verify={"requests": 10}), "does not tell which predictor", id="ALB counted"
        ),
    ],
)
def test_a_wish_that_cannot_come_true_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(Failure) as refused:
        shape.serving(options)
    assert re.search(words, str(refused.value))


def test_defaults() -> None:
    wanted = serving(one("a", 1, auto_scale={"max_replicas": 4}))
    assert wanted.predictors[0].replicas == 1
    assert wanted.predictors[0].share == 100
    assert wanted.verify.requests == 0
    assert wanted.verify.tolerance == 3.0
    assert wanted.route.path == "/"
