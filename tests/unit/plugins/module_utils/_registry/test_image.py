from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

from ansible_collections.mlops.ack.plugins.module_utils._registry.image import Base, Blob, assemble, of, write_layer


def layer(folder: Path, names: list[str]) -> tuple[Blob, bytes]:
    files = folder / "files"
    for name in names:
        place = files / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(name)
    path = folder / "layer.tar"
    return write_layer(path, "/models/digits/3", names, lambda name: files / name), path.read_bytes()


def test_the_same_files_make_the_same_layer_whenever_and_in_whatever_order(tmp_path: Path) -> None:
    one, _data = layer(tmp_path / "a", ["b/c", "a", "b/ä"])
    (tmp_path / "b").mkdir()
    two, _data = layer(tmp_path / "b", ["a", "b/ä", "b/c"])
    assert one == two


def test_the_layer_is_named_by_its_bytes_and_says_nothing_of_this_machine(tmp_path: Path) -> None:
    blob, data = layer(tmp_path / "a", ["1.pb", "variables/x"])
    assert blob == Blob(of(data), len(data))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        entries = tar.getmembers()
    assert [(entry.name, entry.mode) for entry in entries] == [
        ("models", 0o755),
        ("models/digits", 0o755),
        ("models/digits/3", 0o755),
        ("models/digits/3/variables", 0o755),
        ("models/digits/3/1.pb", 0o644),
        ("models/digits/3/variables/x", 0o644),
    ]
    assert {(entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname) for entry in entries} == {(0, 0, 0, "", "")}


def test_the_image_is_the_base_and_one_layer_and_keeps_the_base_as_it_was() -> None:
    base = Base(
        "sha256:b",
        [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "digest": "sha256:l", "size": 1}],
        {"os": "linux", "config": {"Cmd": ["sh"]}, "rootfs": {"type": "layers", "diff_ids": ["sha256:d"]}},
    )
    image = assemble(base, Blob("sha256:m", 5), {"a": "b"}, "test")
    manifest, config = json.loads(image.manifest), json.loads(image.config)
    assert [each["mediaType"].rpartition(".")[2] for each in manifest["layers"]] == ["tar+gzip", "tar"]
    assert manifest["config"]["digest"] == image.config_digest
    assert manifest["annotations"] == {"a": "b"}
    assert config["rootfs"]["diff_ids"] == ["sha256:d", "sha256:m"]
    assert config["config"] == {"Cmd": ["sh"]}
    assert base.config["rootfs"]["diff_ids"] == ["sha256:d"]
    assert assemble(base, Blob("sha256:m", 5), {"a": "b"}, "test").digest == image.digest
