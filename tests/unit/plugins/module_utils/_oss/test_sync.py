from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._oss.digest import Content
from ansible_collections.mlops.ack.plugins.module_utils._oss.sync import Moved, Remote, Sync


class Fake:
    """A prefix in a dict. `noted`: whether SHA-256 was kept at upload; `opaque`: ETags are no MD5, as of multipart."""

    name = "oss://b/p"

    def __init__(self, *, noted: bool = True, opaque: bool = False, deaf: bool = False) -> None:
        self.data: dict[str, bytes] = {}
        self.noted, self.opaque, self.deaf = noted, opaque, deaf
        self.writes: list[str] = []
        self.asked: list[str] = []

    def list(self) -> dict[str, Remote]:
        def etag(data: bytes) -> str:
            md5 = hashlib.md5(data).hexdigest().upper()
            return f'"{md5}-3"' if self.opaque else f'"{md5}"'

        return {path: Remote(len(data), etag(data)) for path, data in self.data.items()}

    def sha256(self, path: str) -> str | None:
        self.asked.append(path)
        return hashlib.sha256(self.data[path]).hexdigest() if self.noted else None

    def send(self, path: str, source: Path, known: Content, moved: Moved) -> None:
        self.writes.append(path)
        moved(known.size)
        if not self.deaf:
            self.data[path] = source.read_bytes()

    def fetch(self, path: str, place: Path, listed: Remote, moved: Moved) -> str:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(self.data[path])
        moved(len(self.data[path]))
        return hashlib.sha256(self.data[path]).hexdigest()

    def delete(self, paths: Iterable[str]) -> None:
        for path in paths:
            self.writes.append(f"-{path}")
            del self.data[path]


def sync(
    folder: Path,
    fake: Fake,
    direction: Literal["upload", "download"] = "upload",
    *,
    delete_extra: bool = False,
    check: bool = False,
    lines: list[str] | None = None,
) -> Outcome:
    context = Context(check=check, progress=(lines if lines is not None else []).append)
    return reconcile(Sync(folder, fake, context, direction=direction, delete_extra=delete_extra), {}, context)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in/deep").mkdir(parents=True)
    (tmp_path / "in/a").write_bytes(b"1")
    (tmp_path / "in/deep/b").write_bytes(b"22")
    return tmp_path / "in"


@pytest.mark.parametrize("opaque", [False, True], ids=["etag is md5", "etag is opaque"])
def test_check_mode_predicts_the_run_and_a_third_run_is_free(folder: Path, opaque: bool) -> None:
    fake = Fake(opaque=opaque)
    predicted = sync(folder, fake, check=True)
    assert fake.writes == []
    assert sync(folder, fake) == predicted
    fake.writes.clear()
    again = sync(folder, fake)
    assert (again.changed, fake.writes) == (False, [])


def test_an_etag_that_is_the_md5_saves_the_second_question(folder: Path) -> None:
    fake = Fake()
    sync(folder, fake)
    fake.asked.clear()
    sync(folder, fake)
    assert fake.asked == []


@pytest.mark.parametrize(
    ("noted", "opaque", "moved"),
    [
        pytest.param(True, True, [], id="the noted sha256 tells"),
        pytest.param(False, False, [], id="the etag tells"),
        pytest.param(False, True, ["a", "deep/b"], id="nothing tells, so all moves"),
    ],
)
def test_what_tells_that_bytes_are_the_same(folder: Path, noted: bool, opaque: bool, moved: list[str]) -> None:
    fake = Fake()
    sync(folder, fake)
    fake.noted, fake.opaque = noted, opaque
    assert sync(folder, fake, check=True).values["sync"]["transferred"] == moved


def test_bytes_of_the_same_size_are_told_apart(folder: Path) -> None:
    fake = Fake()
    sync(folder, fake)
    fake.data["a"] = b"x"
    assert sync(folder, fake).values["sync"]["transferred"] == ["a"]
    assert fake.data["a"] == b"1"


def test_extras_stay_with_a_warning_unless_asked(folder: Path) -> None:
    fake = Fake()
    fake.data["old"] = b"x"
    kept = sync(folder, fake)
    assert "old" in fake.data
    assert "for example old; they stay" in kept.warnings[0]
    gone = sync(folder, fake, delete_extra=True)
    assert gone.values["sync"]["deleted"] == ["old"]
    assert gone.diff == {"before": {"old": 1}, "after": {}}
    assert "old" not in fake.data


@pytest.mark.parametrize("noted", [True, False], ids=["noted", "not noted"])
def test_a_download_has_the_digest_of_the_upload(folder: Path, tmp_path: Path, noted: bool) -> None:
    fake = Fake()
    up = sync(folder, fake).values["sync"]
    fake.noted = noted
    predicted = sync(tmp_path / "out", fake, "download", check=True).values["sync"]
    assert predicted["digest"] == (up["digest"] if noted else None)
    assert not (tmp_path / "out").exists()
    down = sync(tmp_path / "out", fake, "download").values["sync"]
    assert (down["digest"], down["count"], down["size"]) == (up["digest"], 2, 3)
    assert not sync(tmp_path / "out", fake, "download").changed


def test_a_download_that_deletes_leaves_no_empty_folder(folder: Path, tmp_path: Path) -> None:
    fake = Fake()
    fake.data["a"] = b"1"
    sync(folder, fake, "download", delete_extra=True)
    assert [path.name for path in folder.rglob("*")] == ["a"]


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        pytest.param(["../../etc/passwd"], "PathEscape", id="upwards"),
        pytest.param(["/etc/passwd"], "PathEscape", id="absolute"),
        pytest.param(["a", "a/b"], "PathConflict", id="a file that is a folder"),
        pytest.param([], "EmptySource", id="nothing"),
    ],
)
def test_a_download_that_cannot_be_is_refused_before_any_write(tmp_path: Path, keys: list[str], code: str) -> None:
    fake = Fake()
    fake.data = dict.fromkeys(keys, b"x")
    out = tmp_path / "out"
    with pytest.raises(Failure) as told:
        sync(out, fake, "download", delete_extra=True)
    assert told.value.code == code
    assert not out.exists()


def test_an_empty_folder_deletes_nothing(tmp_path: Path) -> None:
    fake = Fake()
    fake.data["a"] = b"1"
    (tmp_path / "in").mkdir()
    with pytest.raises(Failure) as told:
        sync(tmp_path / "in", fake, delete_extra=True)
    assert told.value.code == "EmptySource"
    assert fake.data


def test_a_service_that_keeps_nothing_is_a_failure(folder: Path) -> None:
    with pytest.raises(Failure) as told:
        sync(folder, Fake(deaf=True))
    assert told.value.code == "NotApplied"


def test_the_first_failure_ends_the_rest(tmp_path: Path) -> None:
    class Full(Fake):
        def send(self, path: str, source: Path, known: Content, moved: Moved) -> None:
            super().send(path, source, known, moved)
            raise Failure("QuotaExceeded", "full")

    for number in range(200):
        (tmp_path / str(number)).write_bytes(b"x")
    fake = Full()
    with pytest.raises(Failure, match="full"):
        sync(tmp_path, fake)
    assert len(fake.writes) < 200


def test_progress_counts_bytes_and_files(folder: Path) -> None:
    lines: list[str] = []
    sync(folder, Fake(), lines=lines)
    assert lines[-1].startswith("upload: 2 of 2 files, 0.0 of 0.0 MiB")


def test_a_plan_names_each_file_with_its_sizes(folder: Path) -> None:
    fake = Fake()
    fake.data["a"] = b"1234"
    diff: dict[str, Any] | None = sync(folder, fake, check=True).diff
    assert diff == {"before": {"a": 4}, "after": {"a": 1, "deep/b": 2}}
