"""Development is scaled down and comes back, on the sandbox's real clusters, in a cloud that is this test's own."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.site import Site, trained_model

pytestmark = pytest.mark.sandbox

POOLS = [
    {
        "name": "fixed",
        "instance_types": ["ecs.g7.xlarge"],
        "vswitch_ids": ["vsw-sandbox-b"],
        "desired_size": 2,
    },
    {
        "name": "elastic",
        "instance_types": ["ecs.g7.xlarge"],
        "vswitch_ids": ["vsw-sandbox-b"],
        "auto_scaling": {"enable": True, "min_instances": 1, "max_instances": 3},
    },
]


@pytest.fixture(scope="module")
def site(sandbox: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    name = f"t-down-{uuid.uuid4().hex[:4]}"
    model = trained_model(tmp_path_factory.mktemp("model"), sandbox)
    site = Site(name, tmp_path_factory.mktemp(name), model, sandbox, time_factor=0.1)
    overlay = site.inventory / "group_vars/dev/zz_pools.yml"
    overlay.write_text(json.dumps({"cluster_init_node_pools": POOLS}))
    yield site
    site.close()


def changed(site: Site) -> list[str]:
    return [event["task"] for event in site.take_events() if event["changed"]]


def pools(site: Site) -> dict[str, tuple[int, int]]:
    """name -> (nodes wanted, nodes there)"""
    found = {}
    for path in (site.folder / "simulator/cs/nodepools").glob("*.json"):
        kept = json.loads(path.read_text())
        group, auto = kept["pool"]["scaling_group"], kept["pool"]["auto_scaling"]
        wanted = auto["min_instances"] if auto.get("enable") else group["desired_size"]
        found[kept["pool"]["nodepool_info"]["name"]] = (wanted, len(kept["nodes"]))
    return found


def test_it_is_refused_before_production_serves_what_it_rehearses(site: Site) -> None:
    site.run("init")
    site.run("train")
    site.run("save")
    site.run("serve", "--limit", "dev")
    site.take_events()
    text = site.fails("scale_down")
    assert "ack-prod does not serve yet what its inventory wants" in text
    assert changed(site) == []


def test_it_is_refused_while_a_gate_waits(site: Site) -> None:
    site.fails("serve", "--limit", "prod", "-e", json.dumps({"mlops_gates": {}}))
    site.take_events()
    text = site.fails("scale_down")
    assert "evaluate-serving waits for a decision" in text
    assert changed(site) == []


def test_it_goes_when_production_serves_and_a_second_run_writes_nothing(site: Site) -> None:
    site.run("serve")
    text = site.run("scale_down")
    for bill in ("the cluster itself, ack.pro.small", "SLB ", "SLS_Data "):
        assert bill in text
    assert site.kubectl("dev", "-n", site.name, "get", "deployments,httproutes", "-o", "name") == ""
    assert {name: kept for name, kept in pools(site).items() if name in ("fixed", "elastic")} == {
        "fixed": (0, 0),
        "elastic": (0, 1),  # the autoscaler takes its node when nothing runs there any more
    }
    site.take_events()
    since = site.cloud.last
    site.run("scale_down")
    assert changed(site) == []
    assert site.cloud.writes(since) == []


def test_the_next_serve_brings_it_back(site: Site) -> None:
    site.run("serve")
    assert f"deployment.apps/{site.name}-only" in site.kubectl(
        "dev", "-n", site.name, "get", "deployments", "-o", "name"
    )
    assert pools(site)["fixed"] == (2, 2)
    assert pools(site)["elastic"][0] == 1


def test_a_deleted_cluster_comes_back_too(site: Site) -> None:
    text = site.run("scale_down", "-e", "scale_down_cluster=delete")
    assert "the cluster itself" not in text
    assert [name for name in site.state()["cloud"] if "ml-dev" in name] == []
    assert not (site.folder / "kubeconfigs/ask-dev").exists()
    site.take_events()
    since = site.cloud.last
    site.run("scale_down", "-e", "scale_down_cluster=delete")
    assert (changed(site), site.cloud.writes(since)) == ([], [])
    site.run("serve")
    assert [name for name in site.state()["cloud"] if "ml-dev" in name] == ["clusters ml-dev"]
    assert f"deployment.apps/{site.name}-only" in site.kubectl(
        "dev", "-n", site.name, "get", "deployments", "-o", "name"
    )


def test_site_can_end_so_and_then_leaves_development_alone(site: Site) -> None:
    down = ("-e", json.dumps({"mlops_scale_down_dev": True, "scale_down_cluster": "delete"}))
    site.run("site", *down)
    assert [name for name in site.state()["cloud"] if "ml-dev" in name] == []
    site.take_events()
    since = site.cloud.last
    site.run("site", *down)
    assert (changed(site), site.cloud.writes(since)) == ([], [])
