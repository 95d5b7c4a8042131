from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import State, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._oss.bucket import NEW, Bucket, Contents
from ansible_collections.mlops.ack.plugins.module_utils._oss.lifecycle import wished

LIVE = {**NEW, "name": "b", "region": "cn-hangzhou", "tags": {"team": "a", "env": "dev"}}

RULE = wished([{"id": "old", "expire_days": 30}])[0]


class Fake:
    """A bucket in a dict, and what was written to it."""

    def __init__(self, state: State, *contents: int) -> None:
        self.state: dict[str, Any] | None = None if state is None else dict(state)
        self.held = Contents(*contents)
        self.writes: list[str] = []

    def get(self) -> State:
        return None if self.state is None else dict(self.state)

    def create(self, storage_class: str) -> None:
        self.writes.append("create")
        self.state = {**NEW, "name": "b", "region": "cn-hangzhou", "storage_class": storage_class}

    def put(self, field: str, value: Any) -> None:
        self.writes.append(field)
        assert self.state is not None
        self.state[field] = value

    def delete(self) -> None:
        self.writes.append("delete")
        self.state = None

    def contents(self, most: int | None) -> Contents:
        return self.held

    def empty(self, contents: Contents) -> None:
        self.writes.append("empty")
        self.held = Contents()


@pytest.mark.parametrize(
    ("before", "desired", "writes"),
    [
        pytest.param(None, {"name": "b", "region": "cn-hangzhou"}, ["create"], id="create with the service's defaults"),
        pytest.param(
            None,
            {**LIVE, "acl": "public-read", "block_public_access": False, "versioning": True},
            ["create", "block_public_access", "acl", "versioning", "tags"],
            id="create in the order the service needs",
        ),
        pytest.param(LIVE, {"name": "b", "acl": None, "tags": None}, [], id="unset is left alone"),
        pytest.param(LIVE, {"tags": {"team": "a"}}, ["tags"], id="tags are replaced as a whole"),
        pytest.param(LIVE, {"tags": {}}, ["tags"], id="no tags is a value"),
        pytest.param(LIVE, {"lifecycle": [RULE]}, ["lifecycle"], id="a rule"),
        pytest.param({**LIVE, "lifecycle": [RULE]}, {"lifecycle": []}, ["lifecycle"], id="no rules is a value"),
        pytest.param(
            {**LIVE, "lifecycle": [{**RULE, "other": ["filter"]}]},
            {"lifecycle": [RULE]},
            ["lifecycle"],
            id="a rule with more than we know is another rule",
        ),
        pytest.param(
            LIVE, {"encryption": {"algorithm": "KMS", "kms_key_id": "k"}}, ["encryption"], id="encryption by a key"
        ),
        pytest.param(LIVE, None, ["delete"], id="delete"),
        pytest.param(None, None, [], id="already gone"),
    ],
)
def test_check_mode_predicts_the_run_and_a_third_run_is_free(before: State, desired: State, writes: list[str]) -> None:
    fake = Fake(before)
    predicted = reconcile(Bucket(fake), desired, Context(check=True))
    assert fake.writes == []
    assert reconcile(Bucket(fake), desired, Context()) == predicted
    assert fake.writes == writes
    assert not reconcile(Bucket(fake), desired, Context()).changed


@pytest.mark.parametrize("field", ["region", "storage_class"])
def test_what_cannot_change_is_refused(field: str) -> None:
    with pytest.raises(Failure, match=field) as told:
        reconcile(Bucket(Fake(LIVE)), {field: "other"}, Context())
    assert told.value.code == "ImmutableField"


def test_a_bucket_that_holds_something_is_refused_with_the_count_also_in_check_mode() -> None:
    for check in (True, False):
        fake = Fake(LIVE, 12, 1)
        with pytest.raises(Failure, match=r"12 objects .* and 1 unfinished uploads") as told:
            reconcile(Bucket(fake), None, Context(check=check))
        assert (told.value.code, fake.writes) == ("BucketNotEmpty", [])
        assert told.value.details == {"objects": 12, "unfinished_uploads": 1}


def test_with_delete_objects_all_goes_and_the_diff_says_how_much() -> None:
    fake = Fake(LIVE, 12, 1)
    predicted = reconcile(Bucket(fake, delete_objects=True), None, Context(check=True))
    assert fake.writes == []
    assert reconcile(Bucket(fake, delete_objects=True), None, Context()) == predicted
    assert fake.writes == ["empty", "delete"]
    assert predicted.diff is not None
    assert (predicted.diff["before"]["objects"], predicted.diff["before"]["unfinished_uploads"]) == (12, 1)
