from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._ack import info, locate, shape

from .fake import RUNNING, FakeAck

SERVERLESS = {**RUNNING, "cluster_id": "c2", "name": "dev", "profile": "Serverless", "state": "failed", "tags": []}
STANDARD = {
    **RUNNING,
    "cluster_id": "c3",
    "name": "dev-2",
    "profile": None,
    "cluster_spec": "",
    "region_id": "elsewhere",
}


def clusters(**options: Any) -> list[dict[str, Any]]:
    unset = dict.fromkeys(("name", "cluster_id", "profile", "cluster_spec", "states", "tags", "resources"))
    params = {**unset, "region": "cn-hangzhou", **options}
    return info.clusters(FakeAck(RUNNING, SERVERLESS, STANDARD), params)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        pytest.param({}, ["dev", "prod"], id="the region's, sorted"),
        pytest.param({"name": "dev"}, ["dev"], id="the exact name"),
        pytest.param({"name": "de"}, [], id="not a part of it"),
        pytest.param({"cluster_id": "c1"}, ["prod"], id="an id"),
        pytest.param({"cluster_id": "c9"}, [], id="an unknown id"),
        pytest.param({"profile": "Serverless"}, ["dev"], id="profile"),
        pytest.param({"region": "elsewhere", "profile": "Default"}, ["dev-2"], id="the default profile is not told"),
        pytest.param({"region": "elsewhere", "cluster_spec": "ack.standard"}, ["dev-2"], id="nor the default spec"),
        pytest.param({"states": ["failed", "deleting"]}, ["dev"], id="states"),
        pytest.param({"tags": {"team": "ml"}}, ["prod"], id="tags"),
        pytest.param({"tags": {"team": "other"}}, [], id="another value of a tag"),
        pytest.param({"name": "prod", "states": ["failed"]}, [], id="all of them"),
    ],
)
def test_clusters_that_fit(options: dict[str, Any], names: list[str]) -> None:
    assert [each["name"] for each in clusters(**options)] == names


def test_what_a_cluster_bills_is_listed_when_asked_for() -> None:
    [plain], [told] = clusters(name="prod"), clusters(name="prod", resources=True)
    assert "resources" not in plain
    assert [(each["type"], each["stays"]) for each in told["resources"]] == [("SLB", False), ("SLS_Data", True)]


POOL: dict[str, Any] = {
    "instance_types": ["ecs.g7.xlarge"],
    "labels": {},
    "auto_scaling": {"enable": False},
    "spot_strategy": "NoSpot",
}


@pytest.mark.parametrize(
    ("fields", "types"),
    [
        pytest.param({}, ["cpu"], id="cpu"),
        pytest.param({"instance_types": ["ecs.gn7i-c8g1.2xlarge"]}, ["gpu"], id="by its instances"),
        pytest.param({"instance_types": ["ecs.ebmgn8v.48xlarge"]}, ["gpu"], id="bare metal"),
        pytest.param({"instance_types": ["ecs.sgn7i-vws-m2.xlarge"]}, ["gpu"], id="a part of a GPU"),
        pytest.param({"instance_types": ["ecs.gn.none"]}, ["cpu"], id="no such family"),
        pytest.param({"auto_scaling": {"enable": True, "type": "gpu"}}, ["gpu"], id="by its scaling"),
        pytest.param({"labels": {shape.SHARING: "cgpu"}}, ["gpu", "gpushare"], id="shared"),
        pytest.param({"labels": {shape.SHARING: "default"}}, ["cpu"], id="exclusive again"),
        pytest.param({"spot_strategy": "SpotAsPriceGo"}, ["cpu", "spot"], id="spot"),
    ],
)
def test_what_a_pools_nodes_are_for(fields: dict[str, Any], types: list[str]) -> None:
    assert shape.purposes({**POOL, **fields}) == types


def pool(name: str, **config: Any) -> dict[str, Any]:
    return {
        "nodepool_info": {"nodepool_id": f"np-{name}", "name": name},
        "status": {"state": config.pop("state", "active")},
        "scaling_group": {"instance_types": [config.pop("type", "ecs.g7.xlarge")]},
        "kubernetes_config": {"labels": [{"key": key, "value": value} for key, value in config.items()]},
    }


@pytest.mark.parametrize(
    ("options", "names"),
    [
        pytest.param({}, ["a", "b", "c"], id="all, sorted"),
        pytest.param({"name": "b"}, ["b"], id="name"),
        pytest.param({"type": "gpu"}, ["a"], id="type"),
        pytest.param({"states": ["scaling"]}, ["c"], id="state"),
        pytest.param({"labels": {"n": 1}}, ["b"], id="labels, numbers as text"),
    ],
)
def test_node_pools_that_fit(options: dict[str, Any], names: list[str]) -> None:
    fake = FakeAck(RUNNING)
    fake.pools = [pool("c", state="scaling"), pool("a", type="ecs.gn6i.large"), pool("b", n="1")]
    params = {**dict.fromkeys(("name", "type", "states", "labels")), "cluster_id": "c1", **options}
    assert [each["name"] for each in info.node_pools(fake, params)] == names


@pytest.mark.parametrize("told", [True, False], ids=["total told", "total not told"])
@pytest.mark.parametrize("size", [0, 1, locate.PAGE, 2 * locate.PAGE + 1])
def test_every_page_is_read(size: int, told: bool) -> None:
    items = [{"n": number} for number in range(size)]
    step = 7 if told else locate.PAGE  # a service that gives less than was asked for
    assert locate.paged(lambda n: (items[(n - 1) * step : n * step], size if told else None)) == items
