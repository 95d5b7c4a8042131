from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._ack import serverless
from ansible_collections.mlops.ack.plugins.module_utils._ack.cluster import Cluster
from ansible_collections.mlops.ack.plugins.module_utils._ack.waits import Waiter
from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.modules.ack_cluster import MODULE, desired

from .fake import RUNNING, FakeAck

WISH = {"profile": "Serverless", "serverless_fallback": "eci", "pod_cidr": "172.24.0.0/16", "vswitch_ids": ["vsw-1"]}
REFUSAL = Failure("Forbidden.ServerlessNotSupported", "ASK is not for you.", details={"status": 403})


def run(fake: FakeAck, *, check: bool = False, **options: Any) -> Outcome:
    params = {name: spec.get("default") for name, spec in MODULE.spec.items()}
    params |= {"name": "prod", "region": "cn-hangzhou", **options}
    context = Context(check=check, sleep=lambda seconds: None)

    def attempt(some: serverless.Params) -> Outcome:
        wish = desired(some)
        return reconcile(Cluster(fake, some, wish, Waiter(fake, Deadline(5), context)), wish, context)

    return serverless.reconcile(attempt, params)


def test_an_account_that_gets_one_has_it_and_nothing_that_only_nodes_need() -> None:
    fake = FakeAck()
    made = run(fake, **WISH, addons=[{"name": "flannel", "version": None, "config": None}])
    [(_action, body)] = fake.writes
    assert made.values["serverless"] == {"taken": "profile", "pod_labels": {}}
    assert (body["profile"], "addons" in body, "container_cidr" in body) == ("Serverless", False, False)
    assert not run(fake, **WISH).changed


@pytest.mark.parametrize("mode", ["eci", "acs"])
def test_an_account_without_quota_gets_the_stand_in_and_check_mode_says_so(mode: str) -> None:
    fake = FakeAck()
    fake.quota = {"ask_cluster_quota": 0}
    wish = {**WISH, "serverless_fallback": mode}
    predicted = run(fake, check=True, **wish)
    assert fake.writes == []
    made = run(fake, **wish)
    [(_action, body)] = fake.writes
    assert (body["profile"], body["cluster_spec"]) == ("Default", "ack.pro.small")
    assert [each["name"] for each in body["addons"]] == ["ack-virtual-node", "flannel"]
    assert (predicted.diff, predicted.warnings) == (made.diff, made.warnings)
    assert made.values["serverless"] == {"taken": mode, "pod_labels": {f"alibabacloud.com/{mode}": "true"}}
    fake.writes.clear()
    again = run(fake, **wish)
    assert (again.changed, again.warnings, fake.writes) == (False, (), [])
    assert again.values["serverless"] == made.values["serverless"]


def test_a_refused_creation_is_followed_by_the_stand_in() -> None:
    fake = FakeAck()
    fake.refuse["CreateCluster"] = REFUSAL
    made = run(fake, **WISH, cluster_spec="ack.pro.xlarge")
    assert [body["profile"] for _action, body in fake.writes] == ["Serverless", "Default"]
    assert (made.values["serverless"]["taken"], made.values["cluster"]["cluster_spec"]) == ("eci", "ack.pro.xlarge")
    assert "alibabacloud.com/eci=true" in made.warnings[0]


def test_a_stand_in_of_another_size_is_left_as_it_is() -> None:
    fake = FakeAck({**RUNNING, "cluster_spec": "ack.pro.4xlarge", "container_cidr": WISH["pod_cidr"]})
    fake.addons = {name: {"name": name, "state": "active"} for name in ("terway-eniip", "ack-virtual-node")}
    assert not run(fake, **WISH).changed


def test_without_a_fallback_the_refusal_is_a_failure_that_names_the_way_out() -> None:
    for fake in (FakeAck(), FakeAck()):
        fake.refuse["CreateCluster"] = REFUSAL
        with pytest.raises(Failure, match="serverless_fallback") as told:
            run(fake, profile="Serverless", vswitch_ids=["vsw-1"])
        assert told.value.code == "ServerlessRefused"


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(Failure("InvalidParameter.Serverless", "vpc", details={"status": 400}), id="a wrong option"),
        pytest.param(Failure("Throttling.User", "serverless", retryable=True, details={"status": 429}), id="throttled"),
        pytest.param(Failure("InsufficientBalance", "top up", details={"status": 400}), id="no money"),
        pytest.param(Failure("Forbidden.RAM", "may not create", details={"status": 403}), id="no permission"),
    ],
)
def test_any_other_refusal_is_no_reason_to_make_something_else(refusal: Failure) -> None:
    fake = FakeAck()
    fake.refuse["CreateCluster"] = refusal
    with pytest.raises(Failure) as told:
        run(fake, **WISH)
    assert told.value is refusal
    assert len(fake.writes) == 1


@pytest.mark.parametrize(
    ("options", "code"),
    [
        pytest.param({**WISH, "profile": "Edge"}, "InvalidOption", id="another profile"),
        pytest.param({**WISH, "profile": None}, "InvalidOption", id="no profile"),
        pytest.param({**WISH, "cluster_spec": "ack.standard"}, "InvalidOption", id="not Pro"),
        pytest.param({**WISH, "pod_cidr": None}, "MissingOption", id="no network"),
    ],
)
def test_a_fallback_that_could_not_be_taken_is_refused_before_anything_is_read(
    options: dict[str, Any], code: str
) -> None:
    fake = FakeAck()
    fake.refuse["DescribeClustersV1"] = Failure("Read", "something was read")
    with pytest.raises(Failure) as told:
        run(fake, **options)
    assert told.value.code == code


def test_absence_needs_no_fallback() -> None:
    fake = FakeAck(RUNNING)
    assert run(fake, state="absent", **{**WISH, "pod_cidr": None}).values["cluster"] is None
