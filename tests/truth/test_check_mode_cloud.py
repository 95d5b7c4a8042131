"""Check mode predicts what the run does, for every kind of change that needs no cluster of Kubernetes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import REPO
from tests.integration.simulated import Simulator, no_fault_is_left, running, simulator

from .change import Change, Views, play
from .cloud_changes import CHANGES
from .held import draw, hold, hold_excuses, hold_forked
from .page import put

__all__ = ["no_fault_is_left", "simulator"]

pytestmark = pytest.mark.simulator

DESIGN = (REPO / "tests/unit/fixtures/design/initializer.yaml").read_text()


def played(cloud: Simulator, folder: Path, *, in_process: bool) -> Views:
    work = folder / "work"
    work.mkdir()
    return play(
        CHANGES,
        work,
        defaults={"cs": cloud.cs, "oss": cloud.oss},
        variables={"design": DESIGN},
        log=cloud.folder / "state/requests.jsonl",
        in_process=in_process,
    )


@pytest.fixture(scope="module")
def views(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Views:
    found = played(simulator, tmp_path_factory.mktemp("fast"), in_process=True)
    put("check-mode", "cloud", draw(CHANGES, found))
    return found


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_what_is_predicted_is_what_is_done(views: Views, change: Change) -> None:
    hold(change, views[change.name])


def test_what_is_excused_is_really_invented(views: Views) -> None:
    hold_excuses(CHANGES, views)


@pytest.mark.long
def test_forked_modules_come_to_the_same(views: Views, tmp_path: Path) -> None:
    (tmp_path / "simulator").mkdir()
    with running(tmp_path / "simulator") as another:
        forked = played(another, tmp_path, in_process=False)
    hold_forked(CHANGES, views, forked)
