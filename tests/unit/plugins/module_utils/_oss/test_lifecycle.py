from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from oss2 import models
from oss2.xml_utils import parse_get_bucket_lifecycle, to_put_bucket_lifecycle

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._oss.lifecycle import from_sdk, to_sdk, wished

FULL = {
    "id": "all",
    "prefix": "runs/",
    "enabled": False,
    "tags": {"team": "ml", "n": 1},
    "expire_days": 180,
    "noncurrent_expire_days": 7,
    "abort_multipart_days": 3,
    "transitions": [{"days": 90, "storage_class": "Archive"}, {"days": 30, "storage_class": "IA"}],
    "noncurrent_transitions": [{"days": 2, "storage_class": "IA"}],
}


def sent_and_read(rules: Any) -> Any:
    """What the SDK reads of what it writes."""
    return parse_get_bucket_lifecycle(models.BucketLifecycle(), to_put_bucket_lifecycle(rules)).rules


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(FULL, id="everything"),
        pytest.param({"id": "a", "expire_days": 1}, id="the least"),
        pytest.param({"id": "a", "expire_delete_marker": True}, id="delete markers"),
        pytest.param({"id": "a", "abort_multipart_days": 3, "expire_days": None, "tags": None}, id="unset options"),
    ],
)
def test_what_is_wished_is_what_is_read_back(rule: dict[str, Any]) -> None:
    rules = wished([rule])
    assert from_sdk(sent_and_read(to_sdk(rules))) == rules


def test_the_order_of_rules_and_moves_is_no_difference() -> None:
    a, b = {"id": "a", "expire_days": 1}, FULL
    turned = {**b, "transitions": b["transitions"][::-1]}  # type: ignore[index]
    assert wished([a, b]) == wished([turned, a])


@pytest.mark.parametrize(
    ("rule", "unmanaged"),
    [
        pytest.param({"filter": models.LifecycleFilter(object_size_greater_than=1)}, ["filter"], id="by size"),
        pytest.param({"expiration": models.LifecycleExpiration(date=date(2026, 1, 1))}, ["date"], id="by date"),
        pytest.param(
            {"storage_transitions": [models.StorageTransition(days=1, storage_class="IA", is_access_time=True)]},
            ["access_time"],
            id="by access",
        ),
    ],
)
def test_what_we_do_not_manage_is_named(rule: dict[str, Any], unmanaged: list[str]) -> None:
    live = models.BucketLifecycle([models.LifecycleRule("a", "", **rule)])
    assert from_sdk(sent_and_read(live))[0]["other"] == unmanaged


@pytest.mark.parametrize(
    ("rules", "names"),
    [
        pytest.param([{"id": "a", "expire_days": 1}] * 2, "id", id="an id twice"),
        pytest.param([{"id": "a"}], "expire_days", id="no action"),
        pytest.param([{"id": "a", "expire_days": 0}], "expire_days", id="no day"),
        pytest.param([{"id": "a", "abort_multipart_days": -1}], "abort_multipart_days", id="a day in the past"),
        pytest.param(
            [{"id": "a", "transitions": [{"days": 0, "storage_class": "IA"}]}], "transitions.days", id="a move at once"
        ),
        pytest.param([{"id": "a", "expire_days": 1, "expire_delete_marker": True}], "expire_delete_marker", id="both"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_by_field(rules: list[dict[str, Any]], names: str) -> None:
    with pytest.raises(Failure, match="'a'") as told:
        wished(rules)
    assert (told.value.code, told.value.details["field"]) == ("InvalidOption", f"lifecycle.{names}")
