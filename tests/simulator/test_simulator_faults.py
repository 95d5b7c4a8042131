"""Faults on request, and the log of requests."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any

import oss2
import pytest
import requests
from alibabacloud_cs20151215 import models
from alibabacloud_cs20151215.client import Client
from alibabacloud_tea_openapi.exceptions import ServerException, ThrottlingException
from darabonba.exceptions import UnretryableException
from darabonba.runtime import RuntimeOptions

from tests.simulator.simulated import Simulator, new_name

QUOTA = {"action": "DescribeUserQuota"}


def test_throttling_tells_when_to_come_back_and_ends(simulator: Simulator, cs: Client) -> None:
    simulator.faults({"kind": "throttle", "match": QUOTA, "times": 2, "retry_after_ms": 1500})
    for _try in range(2):
        with pytest.raises(ThrottlingException) as error:
            cs.describe_user_quota()
        assert (error.value.code, error.value.retry_after) == ("Throttling.User", 1500)
    assert cs.describe_user_quota().body.cluster_quota


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        pytest.param("http500", 500, "InternalError", id="500"),
        pytest.param("http503", 503, "ServiceUnavailable", id="503"),
    ],
)
def test_server_errors(
    simulator: Simulator, cs: Client, bucket: oss2.Bucket, kind: str, status: int, code: str
) -> None:
    simulator.faults({"kind": kind})
    with pytest.raises(ServerException) as cs_error:
        cs.describe_user_quota()
    with pytest.raises(oss2.exceptions.ServerError) as oss_error:
        bucket.get_bucket_info()
    assert (cs_error.value.status_code, cs_error.value.code) == (status, code)
    assert (oss_error.value.status, oss_error.value.code) == (status, code)


def test_oss_throttles_with_503(simulator: Simulator, bucket: oss2.Bucket) -> None:
    simulator.faults({"kind": "throttle", "match": {"api": "oss"}})
    with pytest.raises(oss2.exceptions.ServerError) as error:
        bucket.put_object("a", b"")
    assert (error.value.status, error.value.code) == (503, "QpsLimitExceeded")


@pytest.mark.parametrize(("code", "told"), [(None, "Forbidden"), ("QuotaExceeded", "QuotaExceeded")])
def test_oss_refuses_with_403(simulator: Simulator, bucket: oss2.Bucket, code: str | None, told: str) -> None:
    simulator.faults({"kind": "refuse", "match": {"method": "PUT"}, "code": code})
    with pytest.raises(oss2.exceptions.ServerError) as error:
        bucket.put_object("a", b"")
    assert (error.value.status, error.value.code) == (403, told)
    assert not bucket.object_exists("a")


def test_a_reset_connection_did_nothing(simulator: Simulator, bucket: oss2.Bucket) -> None:
    simulator.faults({"kind": "reset", "match": {"action": "PutObject"}, "times": 1})
    with pytest.raises(oss2.exceptions.RequestError):
        bucket.put_object("a", b"1")
    assert not bucket.object_exists("a")


def test_a_hanging_request_ends_when_the_client_gives_up(simulator: Simulator, cs: Client) -> None:
    simulator.faults({"kind": "hang", "match": QUOTA, "times": 1})
    began = time.monotonic()
    with pytest.raises(UnretryableException):
        runtime = RuntimeOptions(read_timeout=300, connect_timeout=300)
        cs.describe_user_quota_with_options({}, runtime)
    assert time.monotonic() - began < 3


def test_half_an_answer_means_that_the_work_was_done(simulator: Simulator, cs: Client, bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"x" * 100_000)
    simulator.faults({"kind": "half", "times": 1, "match": {"action": "GetObject"}})
    with pytest.raises(requests.exceptions.ChunkedEncodingError):  # oss2 lets this one through as it is
        bucket.get_object("a").read()
    simulator.faults({"kind": "half", "times": 1, "match": {"action": "CreateCluster"}})
    name = new_name()
    wanted = {"name": name, "cluster_type": "ManagedKubernetes", "region_id": "cn-hangzhou", "zone_ids": ["a"]}
    with pytest.raises(UnretryableException):
        cs.create_cluster(models.CreateClusterRequest().from_map(wanted))
    assert len(cs.describe_clusters_v1(models.DescribeClustersV1Request(name=name)).body.clusters) == 1


def test_a_rule_fits_by_method_and_path(simulator: Simulator, bucket: oss2.Bucket) -> None:
    path = f"^/{bucket.bucket_name}/models"
    simulator.faults({"kind": "http500", "match": {"api": "oss", "method": "PUT", "path": path}})
    bucket.put_object("data/a", b"")
    with pytest.raises(oss2.exceptions.ServerError):
        bucket.put_object("models/a", b"")


@pytest.mark.parametrize(
    ("rule", "hint"),
    [
        pytest.param({"kind": "throtle"}, "Did you mean throttle?", id="kind"),
        pytest.param({"kind": "reset", "time": 1}, "Did you mean times?", id="field"),
        pytest.param({"kind": "reset", "match": {"actoin": "X"}}, "Did you mean action?", id="match"),
    ],
)
def test_a_misspelt_rule_is_refused(simulator: Simulator, rule: dict[str, Any], hint: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        simulator.faults(rule)
    assert hint in json.load(error.value)["message"]


def test_every_request_is_logged_and_writes_are_marked(simulator: Simulator, cs: Client, bucket: oss2.Bucket) -> None:
    since = simulator.last
    bucket.put_object("a", b"1")
    bucket.get_object("a").read()
    cs.describe_user_quota()
    with pytest.raises(oss2.exceptions.NoSuchKey):
        bucket.get_object("b")
    seen = [(one["api"], one["action"], one["write"], one["status"], one["code"]) for one in simulator.requests(since)]
    assert seen == [
        ("oss", "PutObject", True, 200, ""),
        ("oss", "GetObject", False, 200, ""),
        ("cs", "DescribeUserQuota", False, 200, ""),
        ("oss", "GetObject", False, 404, "NoSuchKey"),
    ]
    assert simulator.control("GET", f"requests?since={since}")["writes"] == 1


def test_the_log_holds_no_secret(simulator: Simulator, bucket: oss2.Bucket) -> None:
    url = bucket.sign_url("GET", "a", 60)
    signature = url.rpartition("x-oss-signature=")[2]
    since = simulator.last
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(url, timeout=10)
    (entry,) = simulator.requests(since)
    assert "x-oss-signature=" in entry["path"] and signature not in entry["path"]
    assert signature not in (simulator.state / "requests.jsonl").read_text()
