"""What a newcomer will meet first: each mistake is told by field, value and remedy, before anything is changed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.conftest import RunTasks

pytestmark = pytest.mark.sandbox

PREDICTORS = [
    {"name": "a", "modelVersion": "digits-v1", "trafficPercentage": 90},
    {"name": "b", "modelVersion": "digits-v2", "trafficPercentage": 9},
]


@pytest.mark.parametrize("in_process", [True, False], ids=["in process", "forked"])
def test_the_mistakes_of_a_first_day(run_tasks: RunTasks, sandbox: dict[str, Any], in_process: bool) -> None:
    oss, kube = sandbox["oss"], {"kubeconfig": sandbox["kubeconfigs"]["prod"]}
    serving = {
        **oss,
        **kube,
        "name": "digits",
        "namespace": "serving",
        "environment": "prod",
        "image": "x:1",
        "route": {"gateway": {"name": "contour", "namespace": "projectcontour"}},
        "store": {"bucket": "ml-sandbox"},
    }
    cases: list[tuple[dict[str, Any], str, str]] = [
        (
            {"mlops.ack.oss_bucket": {**oss, "name": "ml-x", "access_key_secret": "wrong-secret"}},
            "SignatureDoesNotMatch",
            "access_key_secret",
        ),
        (
            {"mlops.ack.oss_bucket": {**oss, "name": "ml-x", "access_key_id": "LTAI-nobody"}},
            "InvalidAccessKeyId",
            "access_key_id",
        ),
        (
            {"mlops.ack.ack_cluster": {**sandbox["cs"], "name": "c", "access_key_secret": "wrong-secret"}},
            "SignatureDoesNotMatch",
            "access_key_secret",
        ),
        ({"mlops.ack.oss_bucket": {**oss, "name": "taken-by-another"}}, "AccessDenied", "another"),
        (
            {
                "mlops.ack.helm_release": {
                    **kube,
                    "name": "x",
                    "namespace": "default",
                    "chart": f"oci://{sandbox['registry']}/charts/no-such",
                    "plain_http": True,
                    "helm_binary": f"{sandbox['bin']}/helm",
                }
            },
            "ChartNotFound",
            "no-such",
        ),
        ({"mlops.ack.tfserving": {**serving, "predictors": PREDICTORS}}, "InvalidTraffic", "sum to 99, not 100"),
        (
            {
                "mlops.ack.tfserving": {
                    **serving,
                    "predictors": [{**PREDICTORS[0], "modelVersion": "digits-v9", "trafficPercentage": 100}],
                }
            },
            "UnknownModelVersion",
            "digits has v1, v2",
        ),
        (
            {
                "mlops.ack.tfserving": {
                    **serving,
                    "predictors": [{"name": "a", "modelVersion": "digits-v1", "trafficPercent": 100}],
                }
            },
            "InvalidOption",
            "trafficPercentage",
        ),
        ({"mlops.ack.oss_bucket": {**oss, "name": "Ml_X"}}, "InvalidOption", "Ml_X"),
    ]
    results = run_tasks([task for task, _code, _word in cases], in_process=in_process)
    for (_task, code, word), result in zip(cases, results, strict=True):
        assert result.get("failed"), result
        assert result["failure"]["code"] == code, result["msg"]
        assert word in result["msg"]
        assert "wrong-secret" not in str({key: value for key, value in result.items() if key != "invocation"})
