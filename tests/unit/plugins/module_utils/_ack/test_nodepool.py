from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._ack.nodepool import NodePool, desired
from ansible_collections.mlops.ack.plugins.module_utils._ack.shape import SHARING
from ansible_collections.mlops.ack.plugins.module_utils._ack.waits import Waiter
from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.modules.ack_node_pool import MODULE

from .fake import RUNNING, FakeAck

NEW = {"instance_types": ["ecs.g7.xlarge"], "vswitch_ids": ["vsw-1"]}
AUTO = {"enable": True, "min_instances": 0, "max_instances": 3, "type": None}


def run(fake: FakeAck, *, check: bool = False, **options: Any) -> Outcome:
    params = {name: spec.get("default") for name, spec in MODULE.spec.items()}
    params |= {"name": "a", "cluster_name": "prod", **options}
    context = Context(check=check, sleep=lambda seconds: None)
    pool = NodePool(fake, "c1", params, Waiter(fake, Deadline(5), context))
    return reconcile(pool, desired(params), context)


def made(**options: Any) -> FakeAck:
    fake = FakeAck(RUNNING)
    run(fake, **{**NEW, **options})
    fake.writes.clear()
    return fake


@pytest.mark.parametrize(
    ("before", "options", "bodies"),
    [
        pytest.param(
            None,
            {**NEW, "desired_size": 2},
            [
                {
                    "nodepool_info": {"name": "a", "type": "ess"},
                    "scaling_group": {**NEW, "desired_size": 2},
                }
            ],
            id="create sends what is set and nothing else",
        ),
        pytest.param(
            None,
            {"type": "edge", "labels": {"mlops.ack/site": "plant-7"}},
            [
                {
                    "nodepool_info": {"name": "a", "type": "edge"},
                    "interconnect_mode": "basic",
                    "kubernetes_config": {"labels": [{"key": "mlops.ack/site", "value": "plant-7"}]},
                }
            ],
            id="an edge pool has neither size nor instance types",
        ),
        pytest.param({"desired_size": 2}, {"desired_size": 4}, [{"scaling_group": {"desired_size": 4}}], id="out"),
        pytest.param(
            {"desired_size": 2}, {"desired_size": 0}, [{"scaling_group": {"desired_size": 0}}], id="in, to zero"
        ),
        pytest.param(
            {"labels": {"a": "1"}},
            {"labels": {}},
            [{"kubernetes_config": {"labels": []}, "update_nodes": True}],
            id="labels are replaced, on present nodes too",
        ),
        pytest.param({"labels": {"a": "1"}, "desired_size": 1}, {}, [], id="unset is left alone"),
        pytest.param(
            {"desired_size": 2},
            {"auto_scaling": AUTO, "type": "gpu"},
            [{"auto_scaling": {"enable": True, "min_instances": 0, "max_instances": 3, "type": "gpu"}}],
            id="autoscaling on, and no size is sent",
        ),
        pytest.param(
            {"auto_scaling": AUTO},
            {"auto_scaling": {"enable": False}, "desired_size": 2},
            [{"auto_scaling": {"enable": False}}, {"scaling_group": {"desired_size": 2}}],
            id="autoscaling off first, then the size",
        ),
        pytest.param(
            {"auto_scaling": AUTO, "type": "gpu"}, {"auto_scaling": AUTO}, [], id="the kind of autoscaling stays"
        ),
        pytest.param(
            None,
            {**NEW, "type": "spot", "desired_size": 1},
            [
                {
                    "nodepool_info": {"name": "a", "type": "ess"},
                    "scaling_group": {**NEW, "desired_size": 1, "spot_strategy": "SpotAsPriceGo"},
                }
            ],
            id="spot, at any price",
        ),
        pytest.param(
            {},
            {"type": "spot", "spot_price_limits": {"ecs.g7.xlarge": 1.50}},
            [
                {
                    "scaling_group": {
                        "spot_strategy": "SpotWithPriceLimit",
                        "spot_price_limit": [{"instance_type": "ecs.g7.xlarge", "price_limit": "1.5"}],
                    }
                }
            ],
            id="spot, up to a price",
        ),
        pytest.param(
            {"spot_price_limits": {"ecs.g7.xlarge": "1.50"}},
            {"spot_price_limits": {"ecs.g7.xlarge": 1.5}},
            [],
            id="a price is a number",
        ),
        pytest.param(
            {"management": {"enable": True, "auto_repair": True, "auto_upgrade": None}},
            {"management": {"enable": True, "auto_repair_policy": {"restart_node": False}, "auto_vul_fix": None}},
            [{"management": {"auto_repair_policy": {"restart_node": False}}}],
            id="of management only what differs",
        ),
        pytest.param({}, {"state": "absent"}, [None], id="delete"),
        pytest.param(None, {"state": "absent"}, [], id="already gone"),
    ],
)
def test_check_mode_writes_nothing_and_a_third_run_is_free(
    before: dict[str, Any] | None, options: dict[str, Any], bodies: list[Any]
) -> None:
    fake = FakeAck(RUNNING) if before is None else made(**before)
    predicted = run(fake, check=True, **options)
    assert fake.writes == []
    done = run(fake, **options)
    assert [body for _action, body in fake.writes] == bodies
    assert (predicted.changed, predicted.diff) == (done.changed, done.diff)
    assert set(predicted.values["node_pool"] or {}) == set(done.values["node_pool"] or {})
    fake.writes.clear()
    assert not run(fake, **options).changed
    assert fake.writes == []


def test_sharing_a_gpu_is_a_label_beside_the_others() -> None:
    fake = made(labels={"a": "1"})
    assert run(fake, type="gpushare").values["node_pool"]["labels"] == {"a": "1", SHARING: "cgpu"}
    pool = run(fake, type="gpushare", gpu_share_mode="core_mem", labels={}).values["node_pool"]
    assert pool["labels"] == {SHARING: "core_mem"}


@pytest.mark.parametrize(
    ("before", "options", "code"),
    [
        pytest.param({}, {"auto_scaling": AUTO, "desired_size": 1}, "InvalidOption", id="size with autoscaling"),
        pytest.param({"auto_scaling": AUTO}, {"desired_size": 1}, "InvalidOption", id="size of one that scales itself"),
        pytest.param({}, {"auto_scaling": {**AUTO, "min_instances": 9}}, "InvalidOption", id="min above max"),
        pytest.param({}, {"labels": {"acs:x": "1"}}, "InvalidOption", id="reserved label"),
        pytest.param({}, {"labels": {str(n): "" for n in range(21)}}, "InvalidOption", id="too many labels"),
        pytest.param(
            {"auto_scaling": AUTO}, {"auto_scaling": {**AUTO, "type": "gpu"}}, "ImmutableField", id="other autoscaling"
        ),
        pytest.param({}, {"gpu_share_mode": "mps"}, "InvalidOption", id="a mode of sharing where nothing is shared"),
        pytest.param({}, {"type": "gpushare", "labels": {SHARING: "mps"}}, "InvalidOption", id="two modes of sharing"),
        pytest.param(
            {},
            {"spot_strategy": "SpotAsPriceGo", "spot_price_limits": {"ecs.g7.xlarge": 1}},
            "InvalidOption",
            id="a limit of a price that has none",
        ),
        pytest.param({}, {"type": "spot", "spot_strategy": "NoSpot"}, "InvalidOption", id="spot and no spot"),
        pytest.param(
            {}, {**NEW, "spot_price_limits": {"ecs.g6.large": 1}}, "InvalidOption", id="the price of another type"
        ),
        pytest.param({}, {"spot_price_limits": {"ecs.g7.xlarge": "cheap"}}, "InvalidOption", id="no price"),
        pytest.param(None, {"desired_size": 1}, "MissingOption", id="a new one without instance types"),
    ],
)
def test_what_cannot_be_is_refused_before_any_write(
    before: dict[str, Any] | None, options: dict[str, Any], code: str
) -> None:
    fake = FakeAck(RUNNING) if before is None else made(**before)
    with pytest.raises(Failure) as told:
        run(fake, **options)
    assert told.value.code == code
    assert fake.writes == []


def test_too_few_healthy_nodes_are_a_failure_with_the_reason() -> None:
    class OutOfStock(FakeAck):
        def call(self, action: str, what: str, **options: Any) -> Any:
            answer = super().call(action, what, **options)
            if action == "DescribeClusterNodePools" and answer["nodepools"]:
                answer["nodepools"][0]["status"] |= {"healthy_nodes": 1, "failed_nodes": 2}
            return answer

    fake = OutOfStock(RUNNING)
    fake.nodes = [{"error_message": "no stock in zone h"}, {"error_message": "no stock in zone h"}, {}]
    with pytest.raises(Failure, match="1 of 3 nodes healthy: no stock in zone h") as told:
        run(fake, **NEW, desired_size=3)
    assert told.value.code == "TooFewNodes"


def test_taking_the_label_of_sharing_away_warns_that_it_ends_nothing() -> None:
    fake = made(type="gpushare")
    [warning] = run(fake, labels={}).warnings
    assert "stay shared as 'cgpu'" in warning
    assert made(type="gpushare", gpu_share_mode="default").pools[0]["kubernetes_config"]["labels"]
    assert run(made(), labels={}).warnings == ()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"type": "edge", "desired_size": 1}, "desired_size is set", id="a size"),
        pytest.param({"type": "edge", "auto_scaling": AUTO}, "auto_scaling is set", id="autoscaling"),
        pytest.param({**NEW, "interconnect_mode": "private"}, "Set type to edge", id="a line of a pool in the cloud"),
    ],
)
def test_what_an_edge_pool_cannot_have_is_refused(options: dict[str, Any], words: str) -> None:
    fake = FakeAck(RUNNING)
    with pytest.raises(Failure, match=words) as refused:
        run(fake, **options)
    assert refused.value.code == "InvalidOption" and not fake.writes


def test_a_pool_of_the_cloud_does_not_become_one_of_a_site() -> None:
    with pytest.raises(Failure, match="cannot change from ess to edge") as refused:
        run(made(), type="edge")
    assert refused.value.code == "ImmutableField"


def test_an_edge_pool_is_ready_with_whatever_machines_have_joined() -> None:
    fake = FakeAck(RUNNING)
    run(fake, type="edge")
    fake.pools[0]["status"] = {"state": "active", "total_nodes": 2, "healthy_nodes": 1}
    assert not run(fake, type="edge").changed
