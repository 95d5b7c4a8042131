# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A dataset: named by its content, loaded once, and never something else than it says."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._kube.kinds import Ref
from ansible_collections.mlops.ack.plugins.module_utils._oss import records
from ansible_collections.mlops.ack.plugins.module_utils._training.dataset import Dataset
from ansible_collections.mlops.ack.plugins.module_utils._training.volume import CLAIM

from .fakes import PLACE, Bucket, BucketSource, BucketStore, TransferCluster

FILES = {"data/train/a.csv": b"1,2\n", "data/holdout/b.csv": b"3,4\n"}


class World:
    def __init__(self, bucket: Bucket, cluster: TransferCluster) -> None:
        self.bucket, self.cluster = bucket, cluster
        self.source, self.store = BucketSource(bucket), BucketStore(bucket)
        bucket.objects.update(FILES)

    def run(self, name: str = "digits", pin: str | None = None) -> Outcome:
        context = self.cluster.context
        deadline = Deadline(60, context.clock)
        dataset = Dataset(self.cluster, self.source, self.store, PLACE, name, deadline, context, pin=pin)
        return reconcile(dataset, dataset.desired(), context)

    def check(self) -> Outcome:
        self.cluster.context.check = True
        try:
            return self.run()
        finally:
            self.cluster.context.check = False


@pytest.fixture
def world(bucket: Bucket, cluster: TransferCluster) -> World:
    return World(bucket, cluster)


def test_check_mode_writes_nothing_and_foretells_the_run(world: World) -> None:
    predicted = world.check()
    assert (world.cluster.writes, world.store.writes) == ([], [])
    assert predicted == world.run()


def test_the_second_run_writes_nothing_and_reads_no_object(world: World) -> None:
    first = world.run()
    world.cluster.writes.clear()
    world.store.writes.clear()
    world.source.downloads.clear()
    world.bucket.requests.clear()
    second = world.run()
    assert (second.changed, second.values) == (False, first.values)
    assert (world.cluster.writes, world.store.writes, world.source.downloads, world.bucket.requests) == ([], [], [], [])


def test_the_record_says_what_the_digest_stands_for(world: World) -> None:
    found: Any = world.run().values["dataset"]
    record = records.read(world.store, found["manifest_key"])
    assert record and record["digest"] == found["digest"]
    assert [file["path"] for file in record["files"]] == ["holdout/b.csv", "train/a.csv"]
    assert record["files"][1]["sha256"] == hashlib.sha256(b"1,2\n").hexdigest()
    assert (world.cluster.volume / found["path"] / "train/a.csv").read_bytes() == b"1,2\n"


def test_a_noted_digest_saves_reading_the_object(world: World) -> None:
    world.source.noted = {"train/a.csv": hashlib.sha256(b"1,2\n").hexdigest()}
    world.run()
    assert world.source.downloads == ["holdout/b.csv"]


def test_a_wrongly_noted_digest_fails_and_is_not_recorded(world: World) -> None:
    world.source.noted = {"train/a.csv": "0" * 64}
    with pytest.raises(Failure) as failed:
        world.run()
    assert (failed.value.code, failed.value.details["key"]) == ("AlteredObject", "train/a.csv")
    assert failed.value.details["expected"]["sha256"] == "0" * 64
    assert (world.store.writes, world.cluster.left()) == ([], [])


def test_an_empty_prefix_is_a_failure(world: World) -> None:
    world.bucket.objects.clear()
    with pytest.raises(Failure, match="nothing to train on") as failed:
        world.run()
    assert failed.value.code == "EmptyDataset"


def test_new_content_is_a_new_dataset_beside_the_old_one(world: World) -> None:
    old: Any = world.run().values["dataset"]
    world.bucket.objects["data/train/a.csv"] = b"5,6\n"
    new = world.run()
    assert new.changed and new.values["dataset"]["path"] != old["path"]
    assert (world.cluster.volume / old["path"] / "train/a.csv").read_bytes() == b"1,2\n"


@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        pytest.param({"data/train/a.csv": None}, "MissingObject", "train/a.csv is missing", id="missing"),
        pytest.param({"data/train/a.csv": b"9"}, "AlteredObject", "train/a.csv has sha256", id="altered"),
        pytest.param({"data/new.csv": b"9"}, "DatasetChanged", "new.csv was added", id="added"),
    ],
)
def test_a_pinned_dataset_that_differs_says_how(
    world: World, change: dict[str, bytes | None], code: str, named: str
) -> None:
    found: Any = world.run().values["dataset"]
    for key, data in change.items():
        if data is None:
            del world.bucket.objects[key]
        else:
            world.bucket.objects[key] = data
    with pytest.raises(Failure, match=named) as failed:
        world.run(pin=found["digest"])
    assert failed.value.code == code


def test_the_pinned_dataset_itself_is_accepted(world: World) -> None:
    found: Any = world.run().values["dataset"]
    assert not world.run(pin=found["digest"]).changed


def test_a_claim_that_was_made_again_is_loaded_again(world: World) -> None:
    world.run()
    world.cluster.objects[Ref(CLAIM, "ml", "training")]["metadata"]["uid"] = "claim-2"
    assert world.run().changed


def test_a_claim_that_is_not_there_is_named(world: World) -> None:
    del world.cluster.objects[Ref(CLAIM, "ml", "training")]
    with pytest.raises(Failure, match="no PersistentVolumeClaim training") as failed:
        world.run()
    assert failed.value.code == "MissingVolume"


def test_a_lost_record_is_written_again_without_loading(world: World) -> None:
    first: Any = world.run().values["dataset"]
    world.store.delete(first["manifest_key"])
    world.cluster.writes.clear()
    assert world.run().changed
    assert world.cluster.writes == []


@pytest.mark.parametrize("name", ["Digits", "a/b", "-a", "", "x" * 41])
def test_names_that_make_no_key_are_refused(world: World, name: str) -> None:
    with pytest.raises(Failure, match="name is"):
        world.run(name)


def test_a_dataset_is_named_without_a_cluster_and_then_loaded_where_it_is_needed(world: World) -> None:
    context = world.cluster.context
    deadline = Deadline(60, context.clock)

    def named() -> Outcome:
        dataset = Dataset(None, world.source, world.store, None, "digits", deadline, context)
        return reconcile(dataset, dataset.desired(), context)

    first, again = named(), named()
    assert (first.changed, again.changed) == (True, False)
    assert world.cluster.writes == []
    loaded = world.run()
    assert loaded.changed
    assert loaded.values == first.values
