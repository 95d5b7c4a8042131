# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run: collected completely, put on record once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._kube.kinds import Ref
from ansible_collections.mlops.ack.plugins.module_utils._training import evidence, jobs
from ansible_collections.mlops.ack.plugins.module_utils._training.run import Inputs, TrainingRun, read

from .fakes import PLACE, Bucket, BucketStore, TransferCluster

OUTPUT = {
    "model/1/saved_model.pb": b"graph",
    "model/1/variables/variables.index": b"index",
    "metrics.json": b'{"accuracy": 0.97}',
    "evaluation.html": b"<p>good</p>",
    "notes.txt": b"...",
}
JOB = {"name": "digits", "image": "t", "parameters": {"A": "1"}, "created": "2026-11-22T10:00:00Z", "conditions": []}
DATASET = {"name": "digits", "digest": "sha256:d1"}


class World:
    def __init__(self, bucket: Bucket, cluster: TransferCluster) -> None:
        self.bucket, self.cluster, self.store = bucket, cluster, BucketStore(bucket)
        self.folder = cluster.volume / "runs/run-1/output"
        for path, data in OUTPUT.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(data)

    def run(self, *, check: bool = False, **inputs: Any) -> Outcome:
        context = self.cluster.context
        context.check = check
        given = Inputs(**{"run_id": "run-1", "model_name": "digits", "job": JOB, "dataset": DATASET, **inputs})
        deadline = Deadline(60, context.clock)
        found = TrainingRun(self.cluster, self.store, PLACE, given, "runs/run-1/output", deadline, context)
        return reconcile(found, found.desired(), context)


@pytest.fixture
def world(bucket: Bucket, cluster: TransferCluster) -> World:
    return World(bucket, cluster)


def test_every_file_is_in_the_store_and_on_record(world: World) -> None:
    record: Any = world.run().values["run"]
    stored = {key.removeprefix("mlops/runs/run-1/output/"): data for key, data in world.bucket.objects.items()}
    assert {path: stored[path] for path in OUTPUT} == OUTPUT
    assert [file["path"] for file in record["output"]["files"]] == sorted(OUTPUT)
    assert [file["path"] for file in record["model"]["files"]] == ["1/saved_model.pb", "1/variables/variables.index"]
    assert [file["path"] for file in record["evaluation"]["files"]] == ["evaluation.html", "metrics.json"]
    assert record["evaluation"]["metrics"] == {"accuracy": 0.97}
    assert (record["dataset"], record["job"]["parameters"]) == (DATASET, {"A": "1"})
    assert world.cluster.left() == []


def test_the_record_says_who_trained_it_on_how_much(world: World) -> None:
    dataset = {**DATASET, "count": 2, "size": 263211}
    record: Any = world.run(created_by="carol", launched={"user_name": "carol", "job_id": 12}, dataset=dataset).values[
        "run"
    ]
    assert (record["created_by"], record["launcher"]) == ("carol", {"user_name": "carol", "job_id": 12})
    assert record["dataset"] == dataset
    assert not world.run(dataset={**DATASET, "count": None, "size": None}).changed  # the same run, seen by another


def test_check_mode_writes_nothing_and_has_the_keys_of_the_run(world: World) -> None:
    predicted = world.run(check=True)
    assert (world.cluster.writes, world.store.writes, world.bucket.requests) == ([], [], [])
    assert predicted.changed
    assert predicted.values["run"].keys() == world.run().values["run"].keys()


def test_the_second_run_writes_nothing(world: World) -> None:
    first = world.run()
    world.cluster.writes.clear()
    world.store.writes.clear()
    second = world.run()
    assert (second.changed, second.values) == (False, first.values)
    assert (world.cluster.writes, world.store.writes) == ([], [])


def test_an_interrupted_collection_goes_on(world: World) -> None:
    world.bucket.objects["mlops/runs/run-1/output/model/1/saved_model.pb"] = b"graph"
    world.bucket.objects["mlops/runs/run-1/output/notes.txt"] = b"older"
    world.run()
    sent = [each for each in world.bucket.requests if each.startswith("PUT")]
    assert "PUT mlops/runs/run-1/output/model/1/saved_model.pb" not in sent
    assert "PUT mlops/runs/run-1/output/notes.txt" in sent


def test_what_a_killed_run_left_goes_although_all_was_sent(world: World) -> None:
    for path, data in OUTPUT.items():
        world.bucket.objects[f"mlops/runs/run-1/output/{path}"] = data
    name = jobs.name("mlops-send-run-1", "runs/run-1/output")
    ref = Ref(jobs.JOB, PLACE.namespace, name)
    world.cluster.objects[ref] = {"metadata": {"name": name, "namespace": PLACE.namespace, "uid": "u"}, "status": {}}
    world.run()
    assert ref not in world.cluster.objects


@pytest.mark.parametrize(
    ("path", "told"),
    [("metrics.json", "no metrics.json"), ("model/1/saved_model.pb", "no model/<number>/saved_model.pb")],
)
def test_a_missing_file_is_named_with_what_was_found(world: World, path: str, told: str) -> None:
    (world.folder / path).unlink()
    with pytest.raises(Failure, match=told) as failed:
        world.run()
    assert failed.value.code == "InvalidOutput"
    assert "notes.txt" in failed.value.message
    assert world.store.writes == []


@pytest.mark.parametrize("metrics", [b"accuracy: 1", b"[1]"])
def test_metrics_that_are_no_mapping_are_refused(world: World, metrics: bytes) -> None:
    (world.folder / "metrics.json").write_bytes(metrics)
    with pytest.raises(Failure, match=r"metrics\.json of run run-1 is"):
        world.run()
    assert read(world.store, "run-1") is None


def test_a_folder_that_is_not_there_says_so(world: World) -> None:
    world.folder.rename(world.folder.with_name("elsewhere"))
    with pytest.raises(Failure) as failed:
        world.run()
    assert failed.value.code == "MissingFile"


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ({"model_name": "letters"}, "model_name"),
        ({"dataset": {"name": "digits", "digest": "sha256:d2"}}, r"dataset\.digest"),
    ],
)
def test_one_run_id_is_one_training(world: World, inputs: dict[str, Any], told: str) -> None:
    world.run()
    with pytest.raises(Failure, match=told) as failed:
        world.run(**inputs)
    assert failed.value.code == "RunConflict"


def test_the_evaluation_is_fetched_once(world: World, tmp_path: Path) -> None:
    record: Any = world.run().values["run"]
    folder = tmp_path / "seen"
    due = evidence.differing(record, folder)
    assert due == ["evaluation.html", "metrics.json"]
    evidence.fetch(world.store, record, folder, due)
    assert json.loads((folder / "metrics.json").read_text()) == {"accuracy": 0.97}
    assert evidence.differing(record, folder) == []


def test_an_evaluation_that_was_changed_is_not_shown_as_the_runs(world: World, tmp_path: Path) -> None:
    record: Any = world.run().values["run"]
    world.bucket.objects["mlops/runs/run-1/output/metrics.json"] = b'{"accuracy": 1.0}'
    with pytest.raises(Failure) as failed:
        evidence.fetch(world.store, record, tmp_path / "seen", ["metrics.json"])
    assert failed.value.code == "AlteredObject"


@pytest.mark.parametrize("run_id", ["", "../x", "a/b", "-a", "x" * 64])
def test_run_ids_that_make_no_key_are_refused(world: World, run_id: str) -> None:
    with pytest.raises(Failure, match="run_id is"):
        read(world.store, run_id)
