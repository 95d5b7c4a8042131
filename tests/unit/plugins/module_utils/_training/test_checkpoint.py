# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checkpoints: kept while a job runs, brought back where there are none, and never in the way of the training."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._training.checkpoint import Checkpoints, last

from .fakes import PLACE, Bucket, BucketStore, TransferCluster

FOLDER = "checkpoints/run-1"


class World:
    def __init__(self, bucket: Bucket, cluster: TransferCluster) -> None:
        self.bucket, self.cluster, self.store = bucket, cluster, BucketStore(bucket)
        self.folder = cluster.volume / FOLDER
        self.kept = Checkpoints(cluster, self.store, PLACE, "run-1", FOLDER, 300, cluster.context)

    def write(self, **files: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (self.folder / name).write_text(text)

    def restore(self, folder: str = FOLDER) -> int | None:
        brought = Checkpoints(self.cluster, self.store, PLACE, "run-1", folder, 300, self.cluster.context)
        return brought.restore(Deadline(60, self.cluster.context.clock))

    @property
    def contents(self) -> list[str]:
        found = [data for key, data in self.bucket.objects.items() if "/checkpoints/files/" in key]
        return sorted(data.decode() for data in found)


@pytest.fixture
def world(bucket: Bucket, cluster: TransferCluster) -> World:
    return World(bucket, cluster)


def test_what_is_kept_comes_back_in_another_folder(world: World) -> None:
    world.write(state="epoch 3", index="3")
    world.kept.keep()
    assert world.restore("checkpoints/run-1/2") == 1
    there = world.cluster.volume / "checkpoints/run-1/2"
    assert {path.name: path.read_text() for path in there.iterdir()} == {"state": "epoch 3", "index": "3"}
    assert world.cluster.left() == []


def test_the_same_checkpoint_is_kept_once(world: World) -> None:
    world.write(state="epoch 3")
    world.kept.keep()
    world.store.writes.clear()
    world.kept.keep()
    assert world.store.writes == []


def test_files_of_the_newest_two_are_kept_and_no_others(world: World) -> None:
    for epoch in (1, 2, 3):
        world.write(state=f"epoch {epoch}", vocabulary="same")
        world.kept.keep()
    assert world.contents == ["epoch 2", "epoch 3", "same"]
    record = last(world.store, "run-1")
    assert record and record["n"] == 3


def test_a_draft_is_not_kept(world: World) -> None:
    world.write(**{"state": "epoch 3", ".draft": "half"})
    world.kept.keep()
    assert world.contents == ["epoch 3"]


def test_a_file_that_is_replaced_while_it_is_kept_stays_as_it_was_listed(world: World) -> None:
    world.write(state="epoch 3")

    def replaced(method: str, key: str) -> None:
        if method == "PUT":
            (world.folder / ".next").write_text("epoch 4")
            (world.folder / ".next").replace(world.folder / "state")

    world.bucket.broken = replaced  # type: ignore[assignment]
    world.kept.keep()
    assert world.contents == ["epoch 3"]


def test_a_volume_that_has_a_checkpoint_of_its_own_keeps_it(world: World) -> None:
    world.write(state="epoch 3")
    world.kept.keep()
    world.write(state="epoch 5")
    assert world.restore() is None
    assert (world.folder / "state").read_text() == "epoch 5"


def test_without_a_checkpoint_nothing_is_brought(world: World) -> None:
    assert world.restore() is None
    assert world.cluster.writes == []
    world.kept.keep()
    assert last(world.store, "run-1") is None


def test_what_cannot_be_kept_is_told_and_stops_nothing(world: World) -> None:
    world.write(state="epoch 3")
    world.bucket.broken = lambda method, key: 403 if method == "PUT" else None
    told: list[str] = []
    world.cluster.context.progress = told.append  # type: ignore[method-assign]
    world.kept.keep()
    assert last(world.store, "run-1") is None
    assert any("no checkpoint was kept (Refused" in line for line in told)


def test_what_is_lost_in_the_bucket_is_told_where_it_is_needed(world: World) -> None:
    world.write(state="epoch 3")
    world.kept.keep()
    for key in [key for key in world.bucket.objects if "/files/" in key]:
        del world.bucket.objects[key]
    with pytest.raises(Failure) as missing:
        world.restore("checkpoints/run-1/2")
    assert missing.value.code == "MissingObject"


def test_it_is_kept_as_often_as_asked_and_first_when_the_job_has_run(world: World, tmp_path: Path) -> None:
    kept: list[float] = []
    clock = [0.0]
    world.cluster.context.clock = lambda: clock[0]
    world.kept.keep = lambda: kept.append(clock[0])  # type: ignore[method-assign]
    world.kept.keep_last()
    assert kept == [], "a job that never ran has none"
    for second in (0, 100, 299, 300, 400, 601):
        clock[0] = second
        world.kept.keep_when_due()
    assert kept == [300, 601]
    world.kept.keep_last()
    assert len(kept) == 3
