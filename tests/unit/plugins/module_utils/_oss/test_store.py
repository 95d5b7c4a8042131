from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import FolderStore, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return FolderStore(tmp_path / "store")


def test_what_is_put_is_got(store: Store) -> None:
    assert store.put("a/b.json", b"1")
    assert store.get("a/b.json") == b"1"
    assert store.get("a/none") is None
    assert store.get("a") is None


def test_a_second_put_writes_only_when_told_to(store: Store) -> None:
    store.put("a", b"1")
    assert not store.put("a", b"2")
    assert store.get("a") == b"1"
    assert store.put("a", b"2", overwrite=True)
    assert store.get("a") == b"2"


def test_of_many_writers_at_once_one_wins(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda n: store.put("a", str(n).encode()), range(50)))
    assert won.count(True) == 1
    assert store.get("a") == str(won.index(True)).encode()
    assert [item.key for item in store.list("")] == ["a"]


def test_list_is_sorted_and_by_prefix(store: Store) -> None:
    for key in ("b/2", "b/1", "bc", "a"):
        store.put(key, b"xx")
    assert [(item.key, item.size) for item in store.list("b/")] == [("b/1", 2), ("b/2", 2)]
    assert [item.key for item in store.list("b")] == ["b/1", "b/2", "bc"]


def test_files_go_in_and_out(store: Store, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"bytes")
    store.upload("x/y", tmp_path / "in")
    store.download("x/y", tmp_path / "deep/out")
    assert (tmp_path / "deep/out").read_bytes() == b"bytes"
    store.delete("x/y")
    store.delete("x/y")
    with pytest.raises(Failure, match="does not exist"):
        store.download("x/y", tmp_path / "deep/out")


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../a", "a/../../b", "a//b", "a/.", "a\\b", "a\0b"])
def test_a_key_that_could_leave_the_store_is_refused(store: Store, key: str) -> None:
    with pytest.raises(Failure) as told:
        store.put(key, b"")
    assert told.value.code == "PathEscape"


def test_a_link_on_the_way_is_no_way_out(store: Store, tmp_path: Path) -> None:
    store.put("a", b"")
    (tmp_path / "store/link").symlink_to(tmp_path)
    with pytest.raises(Failure) as told:
        store.put("link/out", b"")
    assert told.value.code == "PathEscape"


def test_a_folder_has_no_signed_urls(store: Store) -> None:
    with pytest.raises(Failure) as told:
        store.url("a", "GET", 60)
    assert told.value.code == "NoSignedUrl"
