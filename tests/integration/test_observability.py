"""Traits of the serving that quickstart made: a real Prometheus scrapes it, and its real log is read."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from typing import Any

import pytest

from tests.integration.conftest import RunTasks
from tests.integration.test_tfserving import ok

pytestmark = pytest.mark.sandbox

TRAITS = [{"type": "arms-metrics"}, {"type": "arms-logging", "project": "ml-logs", "logstore": "digits"}]


def options(sandbox: dict[str, Any], cluster: str = "prod", **more: Any) -> dict[str, Any]:
    return {
        "name": "digits",
        "namespace": "serving",
        "kubeconfig": sandbox["kubeconfigs"][cluster],
        **{key: sandbox[key] for key in ("access_key_id", "access_key_secret", "region", "sls_endpoint")},
        **more,
    }


def ask(sandbox: dict[str, Any], query: str) -> list[Any]:
    url = f"{sandbox['prometheus']['prod']}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        return list(json.load(answer)["data"]["result"])


@pytest.fixture
def observed(sandbox: dict[str, Any], observing: None, run_tasks: RunTasks) -> Any:
    """Options of a module that observes, in a cluster that has the addons; what was made is taken away afterwards."""
    yield options(sandbox, traits=TRAITS, declared={"baseline": 90}, prometheus={"url": sandbox["prometheus"]["prod"]})
    (gone,) = run_tasks([{"mlops.ack.observability": options(sandbox, state="absent")}])
    ok(gone)


@pytest.mark.parametrize("in_process", [True, False], ids=["in process", "forked"])
def test_a_sample_and_a_line_really_arrive_and_a_second_run_changes_nothing(
    observed: dict[str, Any], sandbox: dict[str, Any], run_tasks: RunTasks, in_process: bool
) -> None:
    task = {"mlops.ack.observability": observed}
    predicted = ok(run_tasks([task], check=True, in_process=in_process)[0])
    made, again = map(ok, run_tasks([task, task], in_process=in_process))
    assert predicted["changed"] and made["changed"] and not again["changed"]
    assert predicted["diff"] == made["diff"]
    arrived = made["observability"]["arrived"]
    assert arrived["metrics"]["targets"] >= 1
    assert arrived["logs"]["pod"].startswith("digits-")
    assert arrived["logs"]["text"]
    assert made["observability"]["environment"] == []
    scraped = ask(sandbox, f'count by (mlops_ack_predictor) (up{{job="{arrived["metrics"]["job"]}"}} == 1)')
    assert {each["metric"]["mlops_ack_predictor"] for each in scraped} == {"baseline", "canary"}

    (fewer,) = run_tasks([{"mlops.ack.observability": {**observed, "traits": TRAITS[:1]}}], in_process=in_process)
    kinds = [name.partition("/")[0] for name in ok(fewer)["observability"]["objects"]]
    assert kinds == ["ConfigMap", "PodMonitor", "PrometheusRule"]


def test_what_does_not_arrive_is_told_by_the_deadline(
    observed: dict[str, Any], namespace: str, run_tasks: RunTasks
) -> None:
    alone = {**observed, "namespace": namespace, "wait_timeout": 4}
    no_sample, no_log, cleared = run_tasks(
        [
            {"mlops.ack.observability": {**alone, "traits": TRAITS[:1]}},
            {"mlops.ack.observability": {**alone, "traits": [{**TRAITS[1], "logstore": "empty"}]}},
            {"mlops.ack.observability": {**alone, "traits": None, "state": "absent"}},
        ]
    )
    assert no_sample["failure"]["code"] == "NoSample"
    assert no_log["failure"]["code"] == "NoLog"
    assert "ml-logs/empty" in no_log["msg"]
    assert ok(cleared)["changed"]


def test_wrong_keys_and_a_wrong_prometheus_are_told(observed: dict[str, Any], run_tasks: RunTasks) -> None:
    key, server = run_tasks(
        [
            {"mlops.ack.observability": {**observed, "access_key_secret": "wrong-secret", "traits": TRAITS[1:]}},
            {"mlops.ack.observability": {**observed, "prometheus": {"url": "http://198.18.0.11:1"}, "wait_timeout": 5}},
        ]
    )
    assert key["failure"]["code"] == "SignatureNotMatch"
    assert server["failure"]["code"] == "PrometheusFailed"


def test_a_cluster_without_the_addons_says_which_or_takes_the_other_way(
    sandbox: dict[str, Any], run_tasks: RunTasks
) -> None:
    metrics, logs = run_tasks(
        [
            {"mlops.ack.observability": options(sandbox, "dev", traits=TRAITS[:1])},
            {"mlops.ack.observability": options(sandbox, "dev", traits=TRAITS[1:], wait=False)},
        ]
    )
    assert metrics["failure"]["code"] == "MissingAddon"
    assert "arms-prometheus" in metrics["msg"]
    assert ok(logs)["observability"]["environment"][0] == {"name": "aliyun_logs_digits", "value": "stdout"}
    assert not logs["changed"]
