"""Traits as objects: what is watched, what is collected, and that both find the pods there are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.options import validator
from ansible_collections.mlops.ack.plugins.module_utils._observe import render as observe
from ansible_collections.mlops.ack.plugins.module_utils._observe.shape import SERVING_PATH, Wish, wish
from ansible_collections.mlops.ack.plugins.module_utils._serving import batching, predictor
from ansible_collections.mlops.ack.plugins.module_utils._training import state
from ansible_collections.mlops.ack.plugins.modules.observability import OPTIONS

METRICS, LOGGING = {"type": "arms-metrics"}, {"type": "arms-logging", "project": "ml-logs"}


def given(*traits: dict[str, Any], **more: Any) -> Wish:
    options = {"name": "digits", "namespace": "serving", "traits": list(traits), **more}
    checked = validator(OPTIONS).validate(options)
    assert not checked.error_messages
    return wish(checked.validated_parameters)


def objects(*traits: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {each["kind"]: each for each in observe.render(given(*traits, **more))}


def test_labels_and_path_are_those_that_the_makers_of_the_pods_use() -> None:
    assert (observe.PREDICTOR, observe.MODEL_VERSION) == (predictor.PREDICTOR, predictor.MODEL_VERSION)
    assert observe.selector(given().target).items() <= predictor.ownership("digits").items()
    assert SERVING_PATH == batching.METRICS_PATH
    job = given(kind="tfjob").target
    assert state.selector("kubeflow.org/v1", "digits") == "=".join(next(iter(observe.selector(job).items())))


def test_metrics_bring_a_monitor_that_arms_discovers_rules_and_a_dashboard() -> None:
    found = objects(METRICS, declared={"stable": 90, "canary": 10})
    assert sorted(found) == ["ConfigMap", "PodMonitor", "PrometheusRule"]
    monitor = found["PodMonitor"]
    assert monitor["metadata"]["annotations"] == {"arms.prometheus.io/discovery": "true"}
    assert monitor["spec"]["selector"] == {"matchLabels": {"app.kubernetes.io/instance": "digits"}}
    assert monitor["spec"]["podMetricsEndpoints"] == [
        {"port": "http", "path": "/monitoring/prometheus/metrics", "interval": "15s"}
    ]
    rules = found["PrometheusRule"]["spec"]["groups"][0]["rules"]
    declared = {rule["labels"]["mlops_ack_predictor"]: rule["expr"] for rule in rules if "record" in rule}
    assert declared == {"stable": "vector(90)", "canary": "vector(10)"}
    alerts = [rule["alert"] for rule in rules if "alert" in rule]
    assert alerts == ["ModelDown", "ModelErrors", "ModelSlow", "ModelQueueing"]


def test_limits_reach_the_alerts() -> None:
    rules = objects(METRICS, limits={"error_rate": 0.01, "p99_ms": 50})["PrometheusRule"]["spec"]["groups"][0]["rules"]
    by_name = {rule["alert"]: rule["expr"] for rule in rules}
    assert by_name["ModelErrors"].endswith("> 0.01")
    assert by_name["ModelSlow"].endswith("> 50")
    assert by_name["ModelQueueing"].endswith("> 100")


def test_the_dashboard_shows_what_an_operator_asks_for() -> None:
    content = json.loads(objects(METRICS)["ConfigMap"]["data"]["tfserving-digits.json"])
    assert [panel["title"] for panel in content["panels"]] == [
        "Requests",
        "Failed requests",
        "Latency",
        "Waiting for a batch",
        "Replicas that answer",
        "Share of the traffic",
        "GPU in use",
        "GPU memory",
    ]
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in content["panels"]}
    assert len(places) == len(content["panels"])


def test_logging_collects_these_pods_and_no_others() -> None:
    (found,) = objects(LOGGING).values()
    assert found["kind"] == "ClusterAliyunPipelineConfig"
    assert "namespace" not in found["metadata"]
    config = found["spec"]["config"]
    assert config["inputs"][0]["ContainerFilters"] == {
        "K8sNamespaceRegex": "^serving$",
        "IncludeK8sLabel": {"app.kubernetes.io/instance": "^digits$"},
    }
    assert config["flushers"] == [{"Type": "flusher_sls", "Logstore": "serving-digits"}]
    assert found["spec"]["logstores"] == [{"name": "serving-digits", "ttl": 30}]


def test_without_the_collection_resource_containers_ask_for_the_same() -> None:
    logging = given(LOGGING).logging
    assert logging
    assert observe.environment(logging) == [
        {"name": "aliyun_logs_serving-digits", "value": "stdout"},
        {"name": "aliyun_logs_serving-digits_project", "value": "ml-logs"},
        {"name": "aliyun_logs_serving-digits_ttl", "value": "30"},
    ]


def test_a_job_is_found_by_the_operators_label() -> None:
    monitor = objects({**METRICS, "port": "metrics"}, kind="tfjob")["PodMonitor"]
    assert monitor["spec"]["selector"] == {"matchLabels": {"training.kubeflow.org/job-name": "digits"}}
    assert monitor["spec"]["podMetricsEndpoints"][0]["path"] == "/metrics"


def test_what_only_some_predictors_have_selects_these() -> None:
    found = objects({**METRICS, "predictors": ["a", "b"]}, {**LOGGING, "predictors": ["a", "b"]})
    chosen = {"key": "mlops.ack/predictor", "operator": "In", "values": ["a", "b"]}
    assert found["PodMonitor"]["spec"]["selector"]["matchExpressions"] == [chosen]
    (source,) = found["ClusterAliyunPipelineConfig"]["spec"]["config"]["inputs"]
    assert source["ContainerFilters"]["IncludeK8sLabel"]["mlops.ack/predictor"] == "^(a|b)$"


def test_a_trait_without_a_project_takes_the_usual_one() -> None:
    logging = given({"type": "arms-logging"}, project="k8s-log-c1").logging
    assert logging
    assert logging.project == "k8s-log-c1"


def test_everything_that_is_rendered_can_be_taken_away() -> None:
    wanted = given(METRICS, LOGGING)
    refs = {(ref.kind.kind, ref.name) for ref in observe.possible(wanted.target)}
    assert refs == {(each["kind"], each["metadata"]["name"]) for each in observe.render(wanted)}


@pytest.mark.parametrize(
    ("traits", "more", "code", "words"),
    [
        pytest.param([{"type": "arms-metric"}], {}, "InvalidOption", "Did you mean 'arms-metrics'?", id="misspelt"),
        pytest.param([METRICS, METRICS], {}, "InvalidOption", "twice", id="twice"),
        pytest.param([{"type": "arms-logging"}], {}, "MissingOption", "needs project", id="no project"),
        pytest.param([{**LOGGING, "logstore": "a_b"}], {}, "InvalidOption", "logstore is 'a_b'", id="bad logstore"),
        pytest.param([{**LOGGING, "ttl": 0}], {}, "InvalidOption", "ttl is 0", id="no days"),
        pytest.param([METRICS], {"kind": "tfjob"}, "MissingOption", "needs port", id="a job without a port"),
        pytest.param(
            [{**METRICS, "port": "p", "predictors": ["a"]}],
            {"kind": "tfjob"},
            "InvalidOption",
            "traits[0].predictors",
            id="a job with predictors",
        ),
        pytest.param([METRICS], {"limits": {"p99_ms": 0}}, "InvalidOption", "limits.p99_ms is 0", id="no time"),
    ],
)
def test_what_cannot_be_is_refused_by_field(traits: list[Any], more: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(Failure) as refused:
        given(*traits, **more)
    assert refused.value.code == code
    assert words in str(refused.value)
