# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The program that moves files: every byte is checked, every error has its name."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._training import transfer

from .fakes import Bucket

FILES = MappingProxyType({"train/a.csv": b"1,2\n", "train/b.csv": b"3,4\n" * 1000, "holdout/c.csv": b""})


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer.time, "sleep", lambda seconds: None)


def request(bucket: Bucket, path: str, data: bytes) -> dict[str, Any]:
    return {
        "path": path,
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "md5": hashlib.md5(data).hexdigest(),
        "key": path,
        "url": bucket.url(f"data/{path}"),
    }


def run(verb: str, root: Path, capsys: Any, requests: list[dict[str, Any]], tmp_path: Path) -> tuple[int, list[Any]]:
    folder = tmp_path / "requests"
    folder.mkdir(exist_ok=True)
    (folder / "0000.json.gz").write_bytes(gzip.compress(json.dumps(requests).encode()))
    code = transfer.main([verb, str(root), str(folder)])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def load(bucket: Bucket, tmp_path: Path, capsys: Any) -> Any:
    """`load({path: data expected})` with what the bucket holds now."""
    bucket.objects.update({f"data/{path}": data for path, data in FILES.items()})

    def call(files: Mapping[str, bytes] = FILES) -> tuple[int, list[Any]]:
        wanted = [request(bucket, path, data) for path, data in files.items()]
        return run("load", tmp_path / "root", capsys, wanted, tmp_path)

    return call


def test_loaded_files_are_there_and_right(load: Any, tmp_path: Path) -> None:
    code, events = load()
    assert (code, events[-1]) == (0, {"event": "done", "files": 3, "bytes": 4004, "written": 3})
    assert {path: (tmp_path / "root" / path).read_bytes() for path in FILES} == FILES


def test_what_is_right_already_is_not_fetched_again(load: Any, bucket: Bucket, tmp_path: Path) -> None:
    load()
    (tmp_path / "root/train/a.csv").write_bytes(b"1,3\n")
    bucket.requests.clear()
    code, events = load()
    assert (code, bucket.requests, events[-1]["written"]) == (0, ["GET data/train/a.csv"], 1)


def test_a_missing_object_is_named(load: Any, bucket: Bucket) -> None:
    del bucket.objects["data/train/b.csv"]
    code, events = load()
    assert code == transfer.EXITS["MissingObject"]
    assert (events[-1]["code"], events[-1]["key"]) == ("MissingObject", "train/b.csv")


def test_an_altered_object_is_named_with_both_digests_and_not_kept(load: Any, bucket: Bucket, tmp_path: Path) -> None:
    bucket.objects["data/train/a.csv"] = b"9,9\n"
    code, events = load()
    assert code == transfer.EXITS["AlteredObject"]
    assert events[-1]["expected"]["sha256"] == hashlib.sha256(b"1,2\n").hexdigest()
    assert events[-1]["found"]["sha256"] == hashlib.sha256(b"9,9\n").hexdigest()
    assert not (tmp_path / "root/train/a.csv").exists()
    assert not list((tmp_path / "root").rglob(f"{transfer.DRAFT}*"))


def test_a_5xx_is_tried_again(load: Any, bucket: Bucket) -> None:
    bucket.broken = lambda method, key: 503 if bucket.requests.count(f"{method} {key}") < 3 else None
    assert load()[0] == 0


def test_a_bucket_that_stays_down_is_unreachable(load: Any, bucket: Bucket) -> None:
    bucket.broken = lambda method, key: 503
    code, events = load()
    assert (code, events[-1]["code"]) == (transfer.EXITS["Unreachable"], "Unreachable")
    assert "127.0.0.1" in events[-1]["message"] and "signature" not in json.dumps(events)


def test_a_refused_url_is_not_tried_again(load: Any, bucket: Bucket) -> None:
    bucket.broken = lambda method, key: 403
    code, events = load({"train/a.csv": FILES["train/a.csv"]})
    assert (code, events[-1]["reason"], len(bucket.requests)) == (transfer.EXITS["Refused"], "Broken", 1)


def test_a_volume_without_space_is_told_before_anything_is_moved(
    load: Any, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 10})())
    code, events = load()
    assert (code, events[-1]["code"], events[-1]["needed"]) == (transfer.EXITS["NoSpace"], "NoSpace", 4004)
    assert bucket.requests == []


def test_a_file_that_is_no_part_of_the_dataset_is_refused(load: Any, tmp_path: Path) -> None:
    load()
    (tmp_path / "root/train/extra.csv").write_text("x")
    code, events = load()
    assert (code, events[-1]["path"]) == (transfer.EXITS["UnexpectedFile"], "train/extra.csv")


def test_drafts_of_a_killed_load_are_removed(load: Any, tmp_path: Path) -> None:
    (tmp_path / "root/train").mkdir(parents=True)
    (tmp_path / f"root/train/{transfer.DRAFT}a.csv").write_text("half")
    assert load()[0] == 0
    assert not list((tmp_path / "root").rglob(f"{transfer.DRAFT}*"))


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x"])
def test_no_path_leads_out_of_the_folder(load: Any, path: str, tmp_path: Path) -> None:
    code, _events = load({path: b"x"})
    assert code == transfer.EXITS["UnexpectedFile"]
    assert not (tmp_path / "x").exists()


def test_list_tells_every_file(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "out/model").mkdir(parents=True)
    (tmp_path / "out/model/graph").write_bytes(b"g")
    (tmp_path / "out/metrics.json").write_bytes(b"{}")
    code, events = run("list", tmp_path / "out", capsys, [], tmp_path)
    assert code == 0
    assert [(each["path"], each["size"]) for each in events[:-1]] == [("metrics.json", 2), ("model/graph", 1)]
    assert events[0]["sha256"] == hashlib.sha256(b"{}").hexdigest()
    assert events[-1] == {"event": "done", "files": 2, "bytes": 3, "written": 0}


def test_list_of_a_folder_that_is_not_there_says_so(tmp_path: Path, capsys: Any) -> None:
    code, events = run("list", tmp_path / "none", capsys, [], tmp_path)
    assert (code, events[-1]["code"]) == (transfer.EXITS["MissingFile"], "MissingFile")


@pytest.fixture
def send(bucket: Bucket, tmp_path: Path, capsys: Any) -> Any:
    root = tmp_path / "root"
    for path, data in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    wanted = [request(bucket, path, data) for path, data in FILES.items()]
    return lambda: run("send", root, capsys, wanted, tmp_path)


def test_sent_files_arrive(send: Any, bucket: Bucket) -> None:
    code, events = send()
    assert (code, events[-1]["written"]) == (0, 3)
    assert bucket.objects == {f"data/{path}": data for path, data in FILES.items()}


def test_a_file_that_changes_meanwhile_is_not_sent(send: Any, tmp_path: Path, bucket: Bucket) -> None:
    (tmp_path / "root/train/a.csv").write_bytes(b"9,9\n")
    code, events = send()
    assert (code, events[-1]["path"]) == (transfer.EXITS["AlteredFile"], "train/a.csv")
    assert "data/train/a.csv" not in bucket.objects
