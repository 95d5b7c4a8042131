from __future__ import annotations

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._ack.versions import for_new, for_present, means, number
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure

OFFERED = [
    {"version": "1.36.1-aliyun.1", "creatable": True, "upgradable_versions": []},
    {"version": "1.35.3-aliyun.1", "creatable": True, "upgradable_versions": ["1.36.1-aliyun.1"]},
    {"version": "1.34.10-aliyun.1", "creatable": True, "upgradable_versions": ["1.35.3-aliyun.1"]},
    {"version": "1.34.4-aliyun.1", "creatable": True, "upgradable_versions": ["1.34.10-aliyun.1", "1.35.3-aliyun.1"]},
    {"version": "1.33.6-aliyun.1", "creatable": False, "upgradable_versions": ["1.34.4-aliyun.1"]},
]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param("1.34", "1.34.10-aliyun.1", id="newest patch, by number and not by letter"),
        pytest.param("v1.35", "1.35.3-aliyun.1", id="with a v"),
        pytest.param("1.34.4", "1.34.4-aliyun.1", id="a patch"),
        pytest.param("1.34.4-aliyun.1", "1.34.4-aliyun.1", id="whole"),
    ],
)
def test_a_new_cluster_gets_what_is_meant(asked: str, found: str) -> None:
    assert for_new(asked, OFFERED) == found


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [
        pytest.param("v1.20", "1.34.4-aliyun.1", id="too old"),
        pytest.param("1.33", "1.34.4-aliyun.1", id="no longer creatable"),
        pytest.param("1.40", "1.36.1-aliyun.1", id="not yet"),
    ],
)
def test_a_version_that_is_not_on_offer_is_met_with_the_nearest(asked: str, nearest: str) -> None:
    with pytest.raises(Failure, match=f"The nearest is {nearest}") as told:
        for_new(asked, OFFERED)
    assert told.value.code == "VersionNotOffered"


@pytest.mark.parametrize(
    ("asked", "current", "found"),
    [
        pytest.param("1.34", "1.34.4-aliyun.1", "1.34.4-aliyun.1", id="any patch will do"),
        pytest.param("1.34.10", "1.34.4-aliyun.1", "1.34.10-aliyun.1", id="a newer patch"),
        pytest.param("1.35", "1.34.4-aliyun.1", "1.35.3-aliyun.1", id="the next minor"),
    ],
)
def test_an_existing_cluster_goes_up_only_when_asked(asked: str, current: str, found: str) -> None:
    assert for_present(asked, current, OFFERED) == found


@pytest.mark.parametrize(
    ("asked", "current", "code"),
    [
        pytest.param("1.33", "1.34.4-aliyun.1", "CannotDowngrade", id="an older minor"),
        pytest.param("1.34.4", "1.34.10-aliyun.1", "CannotDowngrade", id="an older patch"),
        pytest.param("1.36", "1.34.4-aliyun.1", "VersionNotOffered", id="two minors at once"),
    ],
)
def test_what_the_service_cannot_do_is_refused(asked: str, current: str, code: str) -> None:
    with pytest.raises(Failure) as told:
        for_present(asked, current, OFFERED)
    assert told.value.code == code


@pytest.mark.parametrize("text", ["latest", "1", "1.34.x", "", "1.34 or so"])
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(Failure) as told:
        number(text)
    assert told.value.code == "InvalidOption"


def test_a_minor_is_no_prefix_of_letters() -> None:
    assert not means("1.3", "1.34.4-aliyun.1")
