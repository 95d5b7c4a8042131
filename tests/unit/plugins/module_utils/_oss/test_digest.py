from __future__ import annotations

import random
from pathlib import Path

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._oss.digest import File, digest, manifest, of_folder

FILES = [File("a.txt", 1, "aa"), File("b/c.txt", 2, "bb"), File("b/d.txt", 3, "cc")]


def test_the_order_of_files_does_not_matter() -> None:
    shuffled = random.Random(1).sample(FILES, len(FILES))
    assert digest(shuffled) == digest(FILES)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param([File("A.txt", 1, "aa"), *FILES[1:]], id="path"),
        pytest.param([File("a.txt", 9, "aa"), *FILES[1:]], id="size"),
        pytest.param([File("a.txt", 1, "ab"), *FILES[1:]], id="content"),
        pytest.param(FILES[:2], id="a file less"),
    ],
)
def test_every_part_of_a_file_matters(other: list[File]) -> None:
    assert digest(other) != digest(FILES)


def test_the_digest_of_nothing_is_a_digest() -> None:
    assert digest([]) == "sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"


def test_a_manifest_counts_and_sorts() -> None:
    told = manifest(reversed(FILES))
    assert (told["count"], told["size"], told["digest"]) == (3, 6, digest(FILES))
    assert [file["path"] for file in told["files"]] == ["a.txt", "b/c.txt", "b/d.txt"]


def test_a_folder_is_read_in_depth_and_links_inside_count_as_files(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b/é.bin").write_bytes(b"hello")
    (tmp_path / "link").symlink_to("b/é.bin")
    sha = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert of_folder(tmp_path) == [File("b/é.bin", 5, sha), File("link", 5, sha)]


@pytest.mark.parametrize("target", ["/etc/hostname", "/etc"], ids=["file", "folder"])
def test_a_link_that_leads_out_is_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(Failure) as told:
        of_folder(tmp_path)
    assert told.value.code == "PathEscape"


def test_a_folder_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(Failure) as told:
        of_folder(tmp_path / "none")
    assert told.value.code == "MissingFolder"
