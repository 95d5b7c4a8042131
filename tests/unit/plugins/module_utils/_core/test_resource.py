from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import (
    Plan,
    Resource,
    State,
    compare,
    reconcile,
)

LIVE = {"acl": "private", "region": "cn-hangzhou", "versioning": False, "tags": {"team": "a", "env": "dev"}}


@pytest.mark.parametrize(
    ("observed", "desired", "action", "writes"),
    [
        pytest.param(None, None, "none", {}, id="already gone"),
        pytest.param(LIVE, {"acl": None}, "none", {}, id="an unset option is left alone"),
        pytest.param(LIVE, {**LIVE, "versioning": True}, "update", {"versioning": True}, id="only the drifted field"),
        pytest.param(LIVE, {"tags": {"env": "prod"}}, "update", {"tags.env": "prod"}, id="mappings by key"),
        pytest.param(None, LIVE, "create", LIVE, id="create writes every field"),
        pytest.param(None, {"acl": None, "region": "r"}, "create", {"region": "r"}, id="create leaves out the unset"),
        pytest.param(LIVE, None, "delete", {}, id="delete"),
        pytest.param({"list": [1]}, {"list": []}, "update", {"list": []}, id="empty is a value"),
    ],
)
def test_the_plan_is_what_gets_written(observed: State, desired: State, action: str, writes: dict[str, Any]) -> None:
    plan = compare(observed, desired)
    assert (plan.action, plan.writes) == (action, writes)


def test_an_immutable_field_is_refused_before_any_write() -> None:
    with pytest.raises(Failure, match="region") as refused:
        compare(LIVE, {"region": "cn-beijing"}, frozenset({"region"}))
    assert refused.value.code == "ImmutableField"
    assert refused.value.details["changes"] == [{"field": "region", "before": "cn-hangzhou", "after": "cn-beijing"}]


class Thing(Resource):
    """Over a dict; `deaf` accepts every write and changes nothing."""

    kind = "thing"

    def __init__(self, state: State, *, deaf: bool = False) -> None:
        self.state, self.deaf, self.writes = state, deaf, 0

    def observe(self) -> State:
        return self.state

    def apply(self, plan: Plan) -> None:
        self.writes += 1
        if not self.deaf:
            self.state = plan.after


@pytest.mark.parametrize("before", [None, LIVE], ids=["absent", "present"])
@pytest.mark.parametrize("desired", [None, {**LIVE, "acl": "public-read"}], ids=["to absent", "to other acl"])
def test_check_mode_predicts_the_run_and_a_third_run_is_free(before: State, desired: State) -> None:
    thing = Thing(before)
    predicted = reconcile(thing, desired, Context(check=True))
    assert thing.writes == 0
    assert reconcile(thing, desired, Context()) == predicted
    done = thing.writes
    assert not reconcile(thing, desired, Context()).changed
    assert thing.writes == done


@pytest.mark.parametrize("desired", [None, {**LIVE, "versioning": True}], ids=["delete", "update"])
def test_a_service_that_says_success_and_changed_nothing_is_a_failure(desired: State) -> None:
    with pytest.raises(Failure) as told:
        reconcile(Thing(LIVE, deaf=True), desired, Context())
    assert told.value.code == "NotApplied"
    assert told.value.details["differs"]
