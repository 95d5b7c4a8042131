# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a run is trained next, and when an environment is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._oss import records
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import FolderStore
from ansible_collections.mlops.ack.plugins.module_utils._training import checkpoint
from ansible_collections.mlops.ack.plugins.module_utils._training.attempts import (
    Step,
    choose,
    first_step,
    next_step,
    prefix,
    why_left,
)

ABC = ["a", "b", "c"]


def started(environment: str) -> dict[str, Any]:
    return {"event": "started", "environment": environment, "time": "t", "checkpoint": None}


def left(environment: str) -> dict[str, Any]:
    why = {"reason": "unreachable", "code": "Unreachable", "message": ""}
    return {"event": "left", "environment": environment, "time": "t", **why}


ALL_LEFT = [each for name in ABC for each in (started(name), left(name))]


@pytest.mark.parametrize(
    ("history", "after", "begins"),
    [
        pytest.param([], Step("a", 1, True), Step("a", 1, True), id="the first one first"),
        pytest.param([started("a")], Step("a", 1, False), Step("a", 1, False), id="what nobody ended is continued"),
        pytest.param([started("a"), left("a")], Step("b", 2, True), Step("b", 2, True), id="the next one"),
        pytest.param(
            [started("a"), left("a"), started("b")], Step("b", 2, False), Step("b", 2, False), id="it is not left for a"
        ),
        pytest.param(ALL_LEFT, None, Step("a", 4, True), id="all were left; the next run begins again"),
        pytest.param([started("z")], Step("a", 2, True), Step("a", 2, True), id="one that is no longer in the list"),
    ],
)
def test_the_next_environment(history: list[Any], after: Step | None, begins: Step) -> None:
    assert next_step(ABC, history) == after
    assert first_step(ABC, history) == begins


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        pytest.param({"code": "Unreachable"}, "unreachable", id="no answer"),
        pytest.param({"code": "Unschedulable"}, "unschedulable", id="no node has room"),
        pytest.param({"code": "DoesNotFit"}, "unschedulable", id="no node can ever have room"),
        pytest.param(
            {"code": "Unschedulable", "details": {"events": ["OperationDenied.NoStock"]}}, "out of stock", id="sold out"
        ),
        pytest.param({"code": "WaitTimeout", "message": "Zone.NotOnSale"}, "out of stock", id="whatever the code"),
        pytest.param({"code": "ContainerFailed", "message": "exited with 1"}, None, id="the program's own error"),
        pytest.param({"code": "Forbidden"}, None, id="a wrong kubeconfig is no reason"),
        pytest.param({"code": "WaitTimeout"}, None, id="a long training is no reason"),
        pytest.param({}, None, id="nobody knows why"),
    ],
)
def test_why_an_environment_is_left(failure: dict[str, Any], reason: str | None) -> None:
    assert why_left(failure) == reason


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


def options(left_one: str = "", **failure: Any) -> dict[str, Any]:
    left_here = {"environment": left_one, "failure": failure} if left_one else None
    return {"run_id": "run-1", "environments": ["a", "b"], "left": left_here}


def test_attempts_are_on_record_with_what_they_began_from(store: FolderStore) -> None:
    assert choose(store, options(), check=False)[0] == Step("a", 1, True)
    assert choose(store, options(), check=False)[0] == Step("a", 1, False), "asked again, nothing is written"
    records.append(store, checkpoint.prefix("run-1"), {"files": []})
    step, attempts = choose(store, options("a", code="Unreachable", message="No answer."), check=False)
    assert step == Step("b", 2, True)
    assert [(each["environment"], each["reason"], each["checkpoint"]) for each in attempts] == [
        ("a", "unreachable", None),
        ("b", None, 1),
    ]


def test_an_environment_is_left_once(store: FolderStore) -> None:
    choose(store, options(), check=False)
    for is_new in (True, False):
        step, attempts = choose(store, options("a", code="Unreachable", message="No answer."), check=False)
        assert (step, len(attempts)) == (Step("b", 2, is_new), 2)


def test_check_mode_writes_nothing(store: FolderStore, tmp_path: Path) -> None:
    step, attempts = choose(store, options(), check=True)
    assert step == Step("a", 1, True) and len(attempts) == 1
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_check_mode_comes_to_an_end_whatever_is_on_record(store: FolderStore) -> None:
    """It puts nothing on record, so that each answer has to lead further than the one before."""
    choose(store, options(), check=False)
    records.append(store, prefix("run-1"), {**left("a"), "time": "t"})
    assert choose(store, options(), check=True)[0].environment == "b"
    with pytest.raises(Failure, match="trained nowhere"):
        choose(store, options("b", code="Unreachable", message="No answer."), check=True)


def test_a_failure_that_is_no_reason_is_told_again(store: FolderStore) -> None:
    choose(store, options(), check=False)
    with pytest.raises(Failure) as refused:
        choose(store, options("a", code="ContainerFailed", message="exited with 1", hint="Look."), check=False)
    assert (refused.value.code, str(refused.value)) == ("ContainerFailed", "exited with 1 Look.")
    assert choose(store, options(), check=False)[0] == Step("a", 1, False)


def test_when_all_are_left_each_is_told_with_its_reason(store: FolderStore) -> None:
    choose(store, options(), check=False)
    choose(store, options("a", code="Unreachable", message="No answer."), check=False)
    with pytest.raises(Failure) as refused:
        choose(store, options("b", code="Unschedulable", message="No node."), check=False)
    assert refused.value.code == "NoEnvironmentLeft"
    assert "a (unreachable: No answer.); b (unschedulable: No node.)" in str(refused.value)
    assert choose(store, options(), check=False)[0] == Step("a", 3, True)


@pytest.mark.parametrize("environments", [[], ["a", "a"]], ids=["none", "one twice"])
def test_a_list_that_cannot_be_followed_is_refused(store: FolderStore, environments: list[str]) -> None:
    with pytest.raises(Failure, match="environments"):
        choose(store, {**options(), "environments": environments}, check=False)
