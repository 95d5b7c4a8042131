from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._ack.cluster import Cluster
from ansible_collections.mlops.ack.plugins.module_utils._ack.waits import Waiter
from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.modules.ack_cluster import MODULE, desired

from .fake import RUNNING, FakeAck


def run(fake: FakeAck, *, check: bool = False, **options: Any) -> tuple[Outcome, Cluster]:
    params = {name: spec.get("default") for name, spec in MODULE.spec.items()}
    params |= {"name": "prod", "region": "cn-hangzhou", **options}
    context = Context(check=check, sleep=lambda seconds: None)
    wish = desired(params)
    cluster = Cluster(fake, params, wish, Waiter(fake, Deadline(5), context))
    return reconcile(cluster, wish, context), cluster


@pytest.mark.parametrize(
    ("live", "options", "writes"),
    [
        pytest.param([], {"version": "1.34", "vswitch_ids": ["vsw-1"]}, ["CreateCluster"], id="create"),
        pytest.param([RUNNING], {}, [], id="adopt"),
        pytest.param([{**RUNNING, "name": "prod-old"}], {}, ["CreateCluster"], id="a longer name is another cluster"),
        pytest.param([RUNNING], {"tags": {"team": "b"}}, ["ModifyClusterTags"], id="tags"),
        pytest.param([RUNNING], {"tags": {}}, ["ModifyClusterTags"], id="no tags is a value"),
        pytest.param([RUNNING], {"version": "1.34"}, [], id="a minor is content with its patches"),
        pytest.param([RUNNING], {"version": "1.35"}, ["UpgradeCluster"], id="upgrade"),
        pytest.param(
            [RUNNING],
            {"deletion_protection": True, "enable_rrsa": True, "version": "1.35"},
            ["ModifyCluster", "ModifyCluster", "UpgradeCluster"],
            id="one concern a call, the upgrade last",
        ),
        pytest.param(
            [],
            {"control_plane_log": {"components": ["kcm"], "project": "logs", "ttl_days": 7}},
            ["CreateCluster"],
            id="create with logs of the control plane",
        ),
        pytest.param(
            [RUNNING],
            {"control_plane_log": {"components": ["scheduler", "kcm"], "project": None, "ttl_days": None}},
            ["UpdateControlPlaneLog"],
            id="logs of the control plane",
        ),
        pytest.param(
            [RUNNING],
            {"control_plane_log": {"components": [], "project": None, "ttl_days": 30}},
            [],
            id="no logs of the control plane are a value, and days a number",
        ),
        pytest.param([RUNNING], {"cluster_spec": "ack.pro.xlarge"}, ["ModifyCluster"], id="a larger control plane"),
        pytest.param([], {"profile": "Edge", "vswitch_ids": ["vsw-1"]}, ["CreateCluster"], id="edge"),
        pytest.param([], {"state": "absent"}, [], id="already gone"),
        pytest.param([RUNNING], {"state": "absent"}, ["DeleteCluster"], id="delete"),
        pytest.param(
            [{**RUNNING, "state": "failed"}], {"state": "absent"}, ["DeleteCluster"], id="delete a failed one"
        ),
        pytest.param(
            [{**RUNNING, "deletion_protection": True}],
            {"state": "absent", "deletion_protection": False},
            ["ModifyCluster", "DeleteCluster"],
            id="delete a protected one when told to",
        ),
    ],
)
def test_check_mode_writes_nothing_and_a_third_run_is_free(
    live: list[dict[str, Any]], options: dict[str, Any], writes: list[str]
) -> None:
    fake = FakeAck(*live)
    predicted, _cluster = run(fake, check=True, **options)
    assert fake.writes == []
    done, _cluster = run(fake, **options)
    assert [action for action, _body in fake.writes] == writes
    assert (predicted.changed, predicted.diff) == (done.changed, done.diff)
    assert set(predicted.values["cluster"] or {}) == set(done.values["cluster"] or {})
    fake.writes.clear()
    again, _cluster = run(fake, **options)
    assert (again.changed, fake.writes) == (False, [])


@pytest.mark.parametrize(
    ("live", "options", "code"),
    [
        pytest.param([RUNNING], {"vpc_id": "vpc-2"}, "ImmutableField", id="immutable"),
        pytest.param([RUNNING, {**RUNNING, "cluster_id": "c2"}], {}, "AmbiguousName", id="two of one name"),
        pytest.param([{**RUNNING, "state": "failed"}], {}, "ClusterFailed", id="failed"),
        pytest.param([{**RUNNING, "state": "deleting"}], {}, "ClusterDeleting", id="deleting"),
        pytest.param(
            [{**RUNNING, "deletion_protection": True}], {"state": "absent"}, "DeletionProtected", id="protected"
        ),
        pytest.param([RUNNING], {"version": "1.33"}, "CannotDowngrade", id="older"),
        pytest.param([], {"version": "1.20"}, "VersionNotOffered", id="not on offer"),
        pytest.param([], {"cluster_id": "c9"}, "ClusterNotFound", id="unknown id"),
        pytest.param([RUNNING], {"cluster_spec": "ack.standard"}, "ImmutableField", id="no way back from Pro"),
        pytest.param(
            [{**RUNNING, "rrsa_config": {"enabled": True}}], {"enable_rrsa": False}, "ImmutableField", id="rrsa stays"
        ),
    ],
)
def test_what_cannot_be_is_refused_before_any_write(
    live: list[dict[str, Any]], options: dict[str, Any], code: str
) -> None:
    fake = FakeAck(*live)
    with pytest.raises(Failure) as told:
        run(fake, **options)
    assert told.value.code == code
    assert fake.writes == []


def test_an_answer_that_was_lost_makes_no_second_cluster() -> None:
    fake = FakeAck(lost=True)
    outcome, _cluster = run(fake, vswitch_ids=["vsw-1"])
    assert outcome.values["cluster"]["cluster_id"] == "c1"
    assert [action for action, _body in fake.writes] == ["CreateCluster"]


def test_a_service_that_says_success_and_changed_nothing_is_a_failure() -> None:
    with pytest.raises(Failure, match="deletion_protection") as told:
        run(FakeAck(RUNNING, deaf=True), deletion_protection=True)
    assert told.value.code == "NotApplied"


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        pytest.param(None, ["SLS_Data"], id="by the service's defaults"),
        pytest.param([{"resource_type": "SLS_Data", "delete_mode": "delete"}], [], id="deleted when asked"),
        pytest.param([{"resource_type": "SLB", "delete_mode": "retain"}], ["SLB", "SLS_Data"], id="kept when asked"),
    ],
)
def test_what_stays_after_a_deletion_is_told_in_check_mode_too(options: Any, kinds: list[str]) -> None:
    fake = FakeAck(RUNNING)
    for check in (True, False):
        _outcome, cluster = run(fake, check=check, state="absent", delete_options=options)
        assert [each["type"] for each in cluster.remaining] == kinds


def test_a_cluster_that_is_still_being_made_is_waited_for_and_not_changed() -> None:
    class Finishing(FakeAck):
        looks = 0

        def call(self, action: str, what: str, **options: Any) -> Any:
            Finishing.looks += action == "DescribeClusterDetail"
            if Finishing.looks > 2:
                self.clusters["c1"]["state"] = "running"
                self.clusters["c1"]["master_url"] = '{"api_server_endpoint":"https://1.2.3.4:6443"}'
            return super().call(action, what, **options)

    fake = Finishing({**RUNNING, "state": "initial", "master_url": ""})
    outcome, _cluster = run(fake, endpoint_public_access=True)
    assert (outcome.changed, fake.writes) == (False, [])
    assert outcome.values["cluster"]["api_server_endpoint"] == "https://1.2.3.4:6443"


@pytest.mark.parametrize("state", ["failed", "delete_failed", "inactive"])
def test_a_protected_cluster_that_will_never_run_can_be_deleted(state: str) -> None:
    fake = FakeAck({**RUNNING, "state": state, "deletion_protection": True})
    outcome, _cluster = run(fake, state="absent", deletion_protection=False)
    assert outcome.values["cluster"] is None
    assert [action for action, _body in fake.writes] == ["ModifyCluster", "DeleteCluster"]


@pytest.mark.parametrize("code", ["ErrorClusterState", "DependencyViolation.Resource"])
def test_a_deletion_that_is_refused_for_now_is_asked_for_again(code: str) -> None:
    fake = FakeAck(RUNNING)
    fake.refuse["DeleteCluster"] = Failure(code, "not now")
    run(fake, state="absent")
    assert [action for action, _body in fake.writes] == ["DeleteCluster", "DeleteCluster"]


def test_a_deletion_that_fails_tells_what_is_there_and_bills() -> None:
    fake = FakeAck(RUNNING)
    fake.refuse["DeleteCluster"] = Failure("Forbidden.RAM", "no")
    with pytest.raises(Failure) as told:
        run(fake, state="absent")
    assert [each["type"] for each in told.value.details["remaining_resources"]] == ["SLB", "SLS_Data"]


def test_what_a_cluster_has_is_listed_before_its_deletion() -> None:
    _outcome, cluster = run(FakeAck(RUNNING), check=True, state="absent")
    assert [(each["type"], each["stays"]) for each in cluster.resources] == [("SLB", False), ("SLS_Data", True)]
