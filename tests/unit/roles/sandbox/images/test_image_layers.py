"""Layers and images: equal content gives equal digests, whatever the clock, the umask and the order on disk were."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from pathlib import Path

import pytest

from ack_sandbox.images.cache import LayerCache, files_digest
from ack_sandbox.images.layer import Image, Layer, image_config, unpack, write_layer


def tree(root: Path, *, names: tuple[str, ...] = ("b.txt", "a.txt"), mtime: int = 1) -> Path:
    (root / "opt/app").mkdir(parents=True)
    for name in names:
        (root / "opt/app" / name).write_text(name)
        os.utime(root / "opt/app" / name, (mtime, mtime))
    (root / "opt/app/link").symlink_to("a.txt")
    return root


def test_equal_files_give_equal_bytes(tmp_path: Path) -> None:
    one = write_layer(tree(tmp_path / "one"), tmp_path / "one.tar")
    two = write_layer(tree(tmp_path / "two", names=("a.txt", "b.txt"), mtime=99), tmp_path / "two.tar")
    assert one.digest == two.digest == "sha256:" + hashlib.sha256((tmp_path / "two.tar").read_bytes()).hexdigest()
    assert one.size == (tmp_path / "one.tar").stat().st_size


def test_a_subtree_comes_with_the_folders_above_it_and_nothing_else(tmp_path: Path) -> None:
    root = tree(tmp_path / "root")
    (root / "etc").mkdir()
    write_layer(root, tmp_path / "layer.tar", "opt/app")
    with tarfile.open(tmp_path / "layer.tar") as archive:
        assert archive.getnames() == ["opt", "opt/app", "opt/app/a.txt", "opt/app/b.txt", "opt/app/link"]


def test_what_was_written_can_be_unpacked(tmp_path: Path) -> None:
    write_layer(tree(tmp_path / "root"), tmp_path / "layer.tar")
    (tmp_path / "again").mkdir()
    unpack(tmp_path / "layer.tar", tmp_path / "again")
    assert files_digest(tmp_path / "again") == files_digest(tmp_path / "root")


def test_the_manifest_names_configuration_and_layers_by_digest(tmp_path: Path) -> None:
    layer = write_layer(tree(tmp_path / "root"), tmp_path / "layer.tar")
    image = Image("team/app", "1", (layer,), image_config(command=["app"]))
    manifest, config = json.loads(image.manifest_blob), json.loads(image.config_blob)
    assert manifest["layers"][0] == {
        "mediaType": "application/vnd.oci.image.layer.v1.tar",
        "digest": layer.digest,
        "size": layer.size,
    }
    assert manifest["config"]["digest"] == "sha256:" + hashlib.sha256(image.config_blob).hexdigest()
    assert config["rootfs"]["diff_ids"] == [layer.digest]  # not compressed: digest and diff id are one
    assert config["config"] == {"Env": ["PATH=/bin"], "Cmd": ["app"]}
    assert image.name == "app"


def built(cache: LayerCache, calls: list[str], inputs: dict[str, object]) -> Layer:
    def fill(root: Path) -> None:
        calls.append("fill")
        (root / "file").write_text(json.dumps(inputs))

    return cache.get("app", inputs, fill)


def test_a_layer_is_built_once_for_the_same_inputs(tmp_path: Path) -> None:
    lines: list[str] = []
    cache, calls = LayerCache(tmp_path / "images", lines.append), []
    first = built(cache, calls, {"version": 1})
    assert built(cache, calls, {"version": 1}) == first
    assert built(cache, calls, {"version": 2}).digest != first.digest
    assert calls == ["fill", "fill"]
    assert len(lines) == 2 and all(line.startswith("layer app:") for line in lines)


@pytest.mark.parametrize("damage", [pytest.param("truncate", id="cut short"), pytest.param("remove", id="removed")])
def test_a_damaged_layer_is_built_again(tmp_path: Path, damage: str) -> None:
    cache, calls = LayerCache(tmp_path / "images", lambda _: None), []
    path = built(cache, calls, {"version": 1}).path
    if damage == "truncate":
        path.write_bytes(path.read_bytes()[:100])
    else:
        path.unlink()
    assert built(cache, calls, {"version": 1}).path.stat().st_size > 100
    assert len(calls) == 2


def test_a_failed_build_leaves_nothing_behind(tmp_path: Path) -> None:
    cache, calls = LayerCache(tmp_path / "images", lambda _: None), []
    (tmp_path / "images").mkdir()
    (tmp_path / "images/.app.build-killed").mkdir()  # as a killed build leaves it

    def fail(_folder: Path) -> None:
        raise RuntimeError("no network")

    with pytest.raises(RuntimeError, match="no network"):
        cache.get("app", {"version": 1}, fail)
    assert [path.name for path in (tmp_path / "images").iterdir()] == [".app.lock"]
    assert built(cache, calls, {"version": 1}).size
