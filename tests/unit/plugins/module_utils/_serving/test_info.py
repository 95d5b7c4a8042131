"""What tfserving_info tells of a namespace."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import FolderStore
from ansible_collections.mlops.ack.plugins.module_utils._serving.info import describe, servings

from .builders import one
from .test_resource import CANARY, STABLE, Lab

PROBE = {"requests": 100, "endpoint": None, "host": None, "timeout": 60}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(FolderStore(tmp_path))


def test_it_tells_what_the_release_told(lab: Lab) -> None:
    made = lab.run(STABLE, CANARY).values["serving"]
    (live,) = servings(lab.cluster, "serving", "digits")
    found = describe(lab.cluster, live, {}, Context())
    assert found.items() <= made.items()


def test_a_split_is_counted_on_request(lab: Lab) -> None:
    lab.run(STABLE, CANARY)
    (live,) = servings(lab.cluster, "serving", None)
    found = describe(lab.cluster, live, PROBE, Context(), lab.cluster.connect)
    assert found["split"]["observed"] == {"stable": 90.0, "canary": 10.0}
    assert [entry["observed_percentage"] for entry in found["predictors"]] == [90.0, 10.0]
    assert (lab.cluster.request.path, lab.cluster.request.host) == ("/v1/models/digits", "digits.test")


def test_a_release_that_broke_off_is_visible(lab: Lab) -> None:
    lab.run(one("stable", 1))
    lab.cluster.broken = {"canary"}
    with pytest.raises(Failure):
        lab.run(STABLE, CANARY)
    (live,) = servings(lab.cluster, "serving", "digits")
    stable, canary = describe(lab.cluster, live, {}, Context())["predictors"]
    assert (stable["name"], stable["state"], stable["traffic_percentage"]) == ("stable", "ready", 100)
    assert (canary["name"], canary["state"], canary["traffic_percentage"]) == ("canary", "starting", None)


def test_nothing_is_no_failure(lab: Lab) -> None:
    assert servings(lab.cluster, "serving", "digits") == []
    assert servings(lab.cluster, "serving", None) == []
