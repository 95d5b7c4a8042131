from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import Store
from ansible_collections.mlops.ack.plugins.module_utils._registry.client import registries
from ansible_collections.mlops.ack.plugins.module_utils._registry.reference import parse
from ansible_collections.mlops.ack.plugins.module_utils._registry.version import ModelVersion, Wanted, wanted

from .fakes import LAYER, FakeRegistry, finished_run, serving, sha


@pytest.fixture
def world(registry: FakeRegistry, store: Store, tmp_path: Path) -> Iterator[World]:
    registry.add_base()
    yield World(registry, store, tmp_path)


class World:
    def __init__(self, registry: FakeRegistry, store: Store, folder: Path) -> None:
        self.registry, self.store, self.folder, self.number = registry, store, folder, 0

    def register(self, run_id: str = "r1", *, check: bool = False, **changes: Any) -> Outcome:
        self.number += 1
        workspace = self.folder / str(self.number)
        workspace.mkdir()
        context = Context(check=check, sleep=lambda seconds: None)
        host = self.registry.host
        wish = Wanted(
            "digits", run_id, parse("i", f"{host}/models/digits"), parse("b", f"{host}/library/busybox:1"), "alice"
        )._replace(**changes)
        params = {"registry": {"insecure": True}, "wait_timeout": 30, "request_timeout": 5}
        images = registries(params, host, context)
        return reconcile(ModelVersion(self.store, images, wish, workspace, context), {}, context)

    def manifest(self, name: str) -> dict[str, Any]:
        return json.loads(self.registry.manifests["models/digits"][name])  # type: ignore[no-any-return]


def test_a_run_becomes_a_version_with_an_image(world: World) -> None:
    run = finished_run(world.store, "r1", golden={"request": {"a": 1}, "expected": {"b": 2}, "tolerance": 0.001})
    outcome = world.register()
    version = outcome.values["model_version"]
    assert outcome.changed
    assert (version["version"], version["reference"]) == (1, "digits-v1")
    assert version["model_digest"] == run["model"]["digest"]
    assert version["golden"]["tolerance"] == 0.001
    assert version["metrics"] == {"accuracy": 0.97}
    manifest = world.manifest("v1")
    assert version["image"].endswith(sha(world.registry.manifests["models/digits"]["v1"]))
    assert manifest["layers"][0]["digest"] == sha(LAYER)
    with tarfile.open(
        fileobj=io.BytesIO(world.registry.blobs["models/digits"][manifest["layers"][1]["digest"]])
    ) as tar:
        names = [entry.name for entry in tar.getmembers() if entry.isfile()]
        content = tar.extractfile("models/digits/1/saved_model.pb")
        assert content is not None
        assert content.read() == b"weights"
    assert names == ["models/digits/1/saved_model.pb", "models/digits/1/variables/variables.index"]
    record = json.loads(world.store.get("models/digits/versions/1/version.json") or b"")
    assert {**record, "reference": "digits-v1"} == version


def test_check_mode_says_the_same_and_writes_nothing(world: World) -> None:
    finished_run(world.store, "r1")
    before = world.store.list("")
    predicted = world.register(check=True)
    assert (world.registry.writes, world.store.list("")) == (0, before)
    real = world.register()
    for outcome in (predicted, real):
        outcome.values["model_version"].pop("created")
    assert (predicted.changed, predicted.values, predicted.diff) == (real.changed, real.values, real.diff)


def test_the_second_time_nothing_is_written_or_downloaded(world: World) -> None:
    finished_run(world.store, "r1")
    first = world.register()
    world.registry.requests.clear()
    second = world.register()
    assert not second.changed
    assert second.values == first.values
    assert [method for method, _path in world.registry.requests] == ["HEAD", "HEAD"]


def test_the_same_model_is_one_version_and_another_the_next(world: World) -> None:
    finished_run(world.store, "r1")
    finished_run(world.store, "r2")
    finished_run(world.store, "r3", b"other weights")
    assert world.register("r1").values["model_version"]["version"] == 1
    again = world.register("r2")
    assert (again.changed, again.values["model_version"]["run_id"]) == (False, "r1")
    assert world.register("r3").values["model_version"]["version"] == 2


def test_a_number_that_is_taken_by_another_model_is_refused_with_both_digests(world: World) -> None:
    one, two = finished_run(world.store, "r1"), finished_run(world.store, "r2", b"other")
    world.register("r1", version=4)
    with pytest.raises(Failure) as refused:
        world.register("r2", version=4)
    assert refused.value.code == "VersionExists"
    assert one["model"]["digest"] in str(refused.value)
    assert two["model"]["digest"] in str(refused.value)


@pytest.mark.parametrize("run_id", ["r1", "r2"], ids=["by its run", "by another run of the same model"])
def test_a_lost_image_is_pushed_again_under_the_same_digest(world: World, run_id: str) -> None:
    finished_run(world.store, "r1")
    finished_run(world.store, "r2")
    first = world.register("r1")
    del world.registry.manifests["models/digits"], world.registry.blobs["models/digits"]
    world.registry.add_base(layer=b"a newer base")  # the tag moved on; the record knows the digest
    again = world.register(run_id)
    assert again.changed
    assert again.values == first.values
    assert not world.register(run_id).changed


def test_a_lost_tag_is_set_again(world: World) -> None:
    finished_run(world.store, "r1")
    world.register()
    del world.registry.manifests["models/digits"]["v1"]
    assert world.register().diff == {
        "before": {},
        "after": {"image_tag": f"{world.registry.host}/models/digits:v1"},
    }
    assert "v1" in world.registry.manifests["models/digits"]


def test_a_tag_that_was_moved_is_told_and_left_alone(world: World) -> None:
    finished_run(world.store, "r1")
    world.register()
    other = json.dumps({"x": 1}).encode()
    world.registry.manifests["models/digits"]["v1"] = other
    with pytest.raises(Failure) as refused:
        world.register()
    assert refused.value.code == "TagMoved"
    assert world.registry.manifests["models/digits"]["v1"] == other


def test_a_run_that_was_killed_between_push_and_record_is_finished(world: World) -> None:
    finished_run(world.store, "r1")
    first = world.register()
    world.store.delete("models/digits/versions/1/version.json")
    again = world.register()
    assert list(again.diff["after"] if again.diff else []) == ["record"]
    assert again.values["model_version"]["image"] == first.values["model_version"]["image"]


def test_an_altered_object_is_never_registered(world: World) -> None:
    finished_run(world.store, "r1")
    world.store.put("runs/r1/output/model/1/saved_model.pb", b"Weights", overwrite=True)
    with pytest.raises(Failure, match="changed after the run") as refused:
        world.register()
    assert refused.value.code == "DigestMismatch"
    assert world.registry.writes == 0


@pytest.mark.parametrize(
    ("files", "says"),
    [
        pytest.param({"1/weights": b"x"}, "it has none", id="no SavedModel"),
        pytest.param(
            {"1/saved_model.pb": b"x", "2/saved_model.pb": b"y"}, "1/saved_model.pb, 2/", id="two SavedModels"
        ),
        pytest.param({"1/saved_model.pb": b"x", "labels": b"y"}, "outside", id="a file that no server would find"),
    ],
)
def test_what_is_not_one_saved_model_is_refused(world: World, files: dict[str, bytes], says: str) -> None:
    finished_run(world.store, "r1", files=files)
    with pytest.raises(Failure, match=says) as refused:
        world.register()
    assert refused.value.code == "InvalidModel"


def test_a_model_at_the_root_of_the_output_is_taken_too(world: World) -> None:
    finished_run(world.store, "r1", files={"saved_model.pb": b"x"})
    assert world.register().changed


def test_a_record_whose_digest_is_not_its_own_is_refused(world: World) -> None:
    run = finished_run(world.store, "r0")
    finished_run(world.store, "r1", model={**run["model"], "digest": "sha256:" + "0" * 64})
    with pytest.raises(Failure, match="damaged"):
        world.register()


def test_an_unknown_run_lists_the_known_and_the_nearest(world: World) -> None:
    finished_run(world.store, "digits-3f2a")
    with pytest.raises(Failure, match="Did you mean 'digits-3f2a'"):
        world.register("digits-3f2b")


def test_an_unknown_base_image_is_told(world: World) -> None:
    finished_run(world.store, "r1")
    with pytest.raises(Failure, match="busybox:2") as refused:
        world.register(base_image=parse("b", f"{world.registry.host}/library/busybox:2"))
    assert refused.value.code == "UnknownImage"


def test_of_an_image_for_several_platforms_the_one_for_linux_amd64_is_taken(world: World) -> None:
    finished_run(world.store, "r1")
    digest = world.registry.manifests["library/busybox"]
    world.registry.add_index("library/busybox", "many", sha(digest["1"]))
    outcome = world.register(base_image=parse("b", f"{world.registry.host}/library/busybox:many"))
    assert outcome.values["model_version"]["base_image"].endswith(sha(digest["1"]))


def test_a_registry_that_cannot_mount_gets_the_base_sent(world: World) -> None:
    finished_run(world.store, "r1")
    world.registry.can_mount = False
    assert world.register().changed
    assert sha(LAYER) in world.registry.blobs["models/digits"]


def test_the_base_may_be_in_another_registry(world: World) -> None:
    finished_run(world.store, "r1")
    with serving() as other:
        other.add_base()
        # only the registry of image_repo is reached over plain HTTP
        with pytest.raises(Failure, match="TLS"):
            world.register(base_image=parse("b", f"{other.host}/library/busybox:1"))


@pytest.mark.parametrize(
    ("options", "field"),
    [
        pytest.param({"name": "Digits"}, "name", id="upper case"),
        pytest.param({"run_id": "../r1"}, "run_id", id="a path"),
        pytest.param({"version": 0}, "version", id="versions begin at 1"),
        pytest.param({"image_repo": "r.test/a:v1"}, "image_repo", id="the tag is the version"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], field: str) -> None:
    params = {
        "name": "digits",
        "version": None,
        "run_id": "r1",
        "image_repo": "r.test/a",
        "base_image": "r.test/b:1",
        "created_by": None,
        **options,
    }
    with pytest.raises(Failure, match=f"^.*{field} is") as refused:
        wanted(params, Context())
    assert refused.value.code == "InvalidOption"
