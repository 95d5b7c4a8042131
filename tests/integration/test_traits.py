"""Traits in the inventory alone: the playbooks train and serve do all of it, and status shows what is measured."""

from __future__ import annotations

import json
import re
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.site import Site, trained_model

pytestmark = pytest.mark.sandbox

LOGGING = {"type": "arms-logging"}
MONITORS = "podmonitors,prometheusrules"
COLLECTIONS = "clusteraliyunpipelineconfigs"


@pytest.fixture
def site(sandbox: dict[str, Any], observing: None, tmp_path: Path) -> Iterator[Site]:
    """A path of its own: production is observed by resources, development has no addon and is logged by variables."""
    name = f"t-traits-{uuid.uuid4().hex[:4]}"
    site = Site(name, tmp_path / name, trained_model(tmp_path / "model", sandbox), sandbox, time_factor=0.1)
    own = {
        "training": {"training_jobs": _with_traits(site)},
        "prod": {"serving_traits": [LOGGING], "serving_predictors": _observed(site, "prod")},
        "dev": {"serving_traits": [LOGGING]},
    }
    for group, variables in own.items():
        (site.inventory / f"group_vars/{group}/zzz_traits.yml").write_text(json.dumps(variables))
    yield site
    site.close()


def _own(site: Site, group: str) -> dict[str, Any]:
    return dict(yaml.safe_load((site.inventory / f"group_vars/{group}/zz_own.yml").read_text()))


def _with_traits(site: Site) -> list[dict[str, Any]]:
    (job,) = _own(site, "training")["training_jobs"]
    (container,) = job["tfReplicaSpecs"]["Worker"]["template"]["spec"]["containers"]
    container["command"] = ["sh", "-c", "echo copying a model; sleep 2; cp -r $DATASET_DIR/output/. $OUTPUT_DIR/"]
    return [{**job, "traits": [LOGGING]}]


def _observed(site: Site, group: str) -> list[dict[str, Any]]:
    (predictor,) = _own(site, group)["serving_predictors"]
    return [{**predictor, "traits": [{"type": "arms-metrics"}]}]


def ask(site: Site, number: int) -> None:
    golden = json.loads((site.data / "output/golden.json").read_text())
    body = json.dumps(golden["request"]).encode()
    for _number in range(number):
        request = urllib.request.Request(
            f"http://198.18.0.11/v1/models/{site.name}:predict", body, {"Host": f"{site.name}.ack.test"}
        )
        urllib.request.urlopen(request, timeout=30).close()


def prometheus(sandbox: dict[str, Any], path: str) -> Any:
    """The `data` of an answer; a query that Prometheus cannot read is an HTTPError."""
    with urllib.request.urlopen(f"{sandbox['prometheus']['prod']}/api/v1/{path}", timeout=10) as answer:
        return json.load(answer)["data"]


def rules(sandbox: dict[str, Any], site: Site) -> dict[str, str]:
    """Health of the site's rules, once Prometheus has read and evaluated them."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        groups = [each for each in prometheus(sandbox, "rules")["groups"] if site.name in each["name"]]
        found = {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}
        if found and "unknown" not in found.values():
            return found
        time.sleep(1)
    raise AssertionError("Prometheus did not evaluate the rules")


def test_what_the_inventory_names_is_observed_from_training_to_the_status_page(
    site: Site, sandbox: dict[str, Any]
) -> None:
    site.run("site")
    named = site.kubectl("prod", "-n", site.name, "get", MONITORS, "-o", "name").split()
    assert named == [
        f"podmonitor.monitoring.coreos.com/tfserving-{site.name}",
        f"prometheusrule.monitoring.coreos.com/tfserving-{site.name}",
    ]
    collected = site.kubectl("prod", "get", COLLECTIONS, "-o", "name")
    assert f"{site.name}-tfserving-{site.name}" in collected
    assert f"{site.name}-tfjob-" not in collected, "of a job that has ended nothing is left"
    containers = "jsonpath={.items[*].spec.template.spec.containers[0].env[*].name}"
    variables = site.kubectl("dev", "-n", site.name, "get", "deployments", "-o", containers).split()
    assert f"aliyun_logs_{site.name}-{site.name}" in variables
    dashboard = json.loads((site.folder / f"reports/tfserving-{site.name}.json").read_text())
    for asked in [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]:
        prometheus(sandbox, f"query?{urllib.parse.urlencode({'query': asked})}")
    assert set(rules(sandbox, site).values()) == {"ok"}

    site.take_events()
    site.run("serve")
    assert [event["task"] for event in site.take_events() if event["changed"]] == []

    ask(site, 40)
    site.run("status")
    document = json.loads((site.folder / "reports/status.json").read_text())
    observed = {each["environment"]: each["observed"] for each in document["serving"]}
    prod, dev = observed["prod"], observed["dev"]
    assert prod["absent"] == {}
    assert prod["logs"]["newest"]["pod"].startswith(f"{site.name}-only-")
    assert prod["predictors"]["only"]["up"] == 1
    assert prod["predictors"]["only"]["declared_percentage"] == 100
    assert dev["predictors"] is None
    assert dev["absent"] == {"metrics": "it has no trait arms-metrics"}
    assert dev["logs"]["arrive"], "by the variables of its containers"
    table = (site.folder / "reports/status.txt").read_text()
    assert re.search(rf"^dev +{site.name}/only +absent +absent .* newest ", table, re.M), table
    page = (site.folder / "reports/status.html").read_text()
    assert "Logs arrive" in page and "absent" in page
    assert not re.search(r"""(src|href)=|url\(""", page), "a page that needs nothing else"

    (site.inventory / "group_vars/prod/zzz_traits.yml").write_text(json.dumps({"serving_traits": []}))
    site.run("serve", "--limit", "prod")
    assert site.kubectl("prod", "-n", site.name, "get", MONITORS, "-o", "name") == ""
    assert site.name not in site.kubectl("prod", "get", COLLECTIONS, "-o", "name")
