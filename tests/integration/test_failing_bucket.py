"""The bucket refuses, is full, or goes away in the middle of a step: nothing is half done, and the message says so."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.site import Site, trained_model

pytestmark = pytest.mark.sandbox

WAYS = [
    pytest.param({"kind": "refuse", "code": "AccessDenied"}, "AccessDenied", id="read-only"),
    pytest.param({"kind": "refuse", "code": "QuotaExceeded"}, "QuotaExceeded", id="full"),
    pytest.param({"kind": "reset"}, "Unreachable", id="unreachable"),
]


def writing(what: str, way: dict[str, Any]) -> dict[str, Any]:
    """Writes of objects whose key matches go wrong, until the faults are replaced."""
    return {**way, "match": {"api": "oss", "method": "PUT", "path": what.replace("/", "(/|%2F)")}}


@pytest.fixture(scope="module")
def site(sandbox: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    name = f"t-oss-{uuid.uuid4().hex[:4]}"
    model = trained_model(tmp_path_factory.mktemp("model"), sandbox)
    site = Site(name, tmp_path_factory.mktemp(name), model, sandbox, time_factor=0.1)
    yield site
    site.close()


@pytest.fixture(autouse=True)
def the_bucket_is_well_again(site: Site) -> Iterator[None]:
    yield
    site.cloud.faults()


def keys(site: Site, prefix: str) -> list[str]:
    return [key for key in site.state()["bucket"] if key.startswith(prefix)]


def told(text: str, code: str) -> None:
    assert f'"code": "{code}"' in text or f"code: {code}" in text, text[-4000:]


@pytest.mark.parametrize(("way", "code"), WAYS)
def test_a_run_that_cannot_be_recorded_is_collected_by_the_next(site: Site, way: dict[str, Any], code: str) -> None:
    site.run("init") if not (site.folder / "kubeconfigs").exists() else None
    site.cloud.faults(writing(r"/run\.json", way))
    text = site.fails("train")
    told(text, code)
    assert keys(site, "mlops/runs/") and not [key for key in keys(site, "mlops/runs/") if key.endswith("run.json")]


def test_and_then_it_is_recorded_once(site: Site) -> None:
    site.run("train")
    assert len([key for key in keys(site, "mlops/runs/") if key.endswith("run.json")]) == 1


@pytest.mark.parametrize(("way", "code"), WAYS)
def test_a_gate_whose_decision_cannot_be_kept_lets_nothing_pass(site: Site, way: dict[str, Any], code: str) -> None:
    site.cloud.faults(writing("/mlops/gates/", way))
    text = site.fails("save")
    told(text, code)
    assert keys(site, "mlops/models/") == []
    assert site.state()["registry"] == []


@pytest.mark.parametrize(("way", "code"), WAYS)
def test_a_version_is_not_begun_where_nothing_can_be_written(site: Site, way: dict[str, Any], code: str) -> None:
    site.cloud.faults(writing("/mlops/(locks|models)/", way))
    text = site.fails("save")
    told(text, code)
    assert "Nothing was written" in text
    assert site.state()["registry"] == []


@pytest.mark.parametrize(("way", "code"), WAYS)
def test_an_image_without_a_record_is_no_version(site: Site, way: dict[str, Any], code: str) -> None:
    site.cloud.faults(writing(r"/version\.json", way))
    text = site.fails("save")
    told(text, code)
    assert f"models/{site.name}:v1 is pushed; {site.name}-v1 is not registered" in text
    assert keys(site, "mlops/models/") == []


def test_and_then_it_is_one(site: Site) -> None:
    site.run("save")
    assert keys(site, "mlops/models/") == ["mlops/models/NAME/versions/1/version.json"]
    assert site.state()["registry"] == ["v1"]


@pytest.mark.parametrize(("way", "code"), WAYS)
def test_a_release_that_cannot_be_recorded_is_taken_back(site: Site, way: dict[str, Any], code: str) -> None:
    site.run("serve", "--limit", "dev")
    before = weights(site)
    records = keys(site, "mlops/models/NAME/environments/dev/releases/")
    site.cloud.faults(writing("/releases/", way))
    text = site.fails("serve", "--limit", "dev", "-e", json.dumps(two(site)))
    told(text, code)
    assert "The previous weights are back" in text
    assert weights(site) == before
    assert keys(site, "mlops/models/NAME/environments/dev/releases/") == records


def test_and_then_it_serves_with_one_record_more(site: Site) -> None:
    records = keys(site, "mlops/models/NAME/environments/dev/releases/")
    site.run("serve", "--limit", "dev", "-e", json.dumps(two(site)))
    assert sorted(weights(site).values()) == [50, 50]
    assert len(keys(site, "mlops/models/NAME/environments/dev/releases/")) == len(records) + 1


def two(site: Site) -> dict[str, Any]:
    """Half of the traffic to a second predictor, not counted: that is not what is asked here."""
    one = {"modelVersion": f"{site.name}-v1", "replicas": 1, "trafficPercentage": 50}
    one["resources"] = {"requests": {"cpu": "20m", "memory": "200Mi"}}
    predictors = [{**one, "name": "only", "batching": {"batchSize": 8}}, {**one, "name": "other"}]
    return {"serving_predictors": predictors, "serving_verify_requests": 0}


def weights(site: Site) -> dict[str, int]:
    """Back end -> weight, of what gets traffic."""
    route = json.loads(site.kubectl("dev", "-n", site.name, "get", "httproute", site.name, "-o", "json"))
    found = {each["name"]: each["weight"] for rule in route["spec"]["rules"] for each in rule["backendRefs"]}
    return {name: weight for name, weight in found.items() if weight}
