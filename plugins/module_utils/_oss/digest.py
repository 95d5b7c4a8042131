# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Naming a set of files by what is in them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .._core.failure import Failure
from .._core.files import DRAFT

BLOCK = 1 << 20


class File(NamedTuple):
    """One file of a set. path: relative, separated by `/`. size: bytes. sha256: lower-case hex, without a prefix."""

    path: str
    size: int
    sha256: str


def digest(files: Iterable[File]) -> str:
    """`sha256:<hex>` over the sorted (path, size, sha256). The order in which files are given does not matter."""
    listed = [[file.path, file.size, file.sha256] for file in sorted(files)]
    text = json.dumps(listed, ensure_ascii=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def manifest(files: Iterable[File]) -> dict[str, Any]:
    """The set as a record: `{digest, count, size, files: [{path, size, sha256}]}`, sorted by path, sizes in bytes."""
    listed = sorted(files)
    return {
        "digest": digest(listed),
        "count": len(listed),
        "size": sum(file.size for file in listed),
        "files": [file._asdict() for file in listed],
    }


class Content(NamedTuple):
    """What is in one file. size: bytes; sha256: lower-case hex; md5: upper-case hex, as OSS writes an ETag."""

    size: int
    sha256: str
    md5: str


def content(path: Path) -> Content:
    """Size and digests of a file's bytes; reads a MiB at a time."""
    sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            sha256.update(block)
            md5.update(block)
            size += len(block)
    return Content(size, sha256.hexdigest(), md5.hexdigest().upper())


def of_file(path: Path) -> str:
    """SHA-256 of a file's bytes as hex; reads a MiB at a time."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def of_folder(folder: Path) -> list[File]:
    """Every regular file below a folder, sorted by path. Links to files count as the files they lead to.

    Raises Failure `MissingFolder`, `PathEscape` where a link leads out of the folder.
    """
    return [File(path, place.stat().st_size, of_file(place)) for path, place in walk(folder)]


def walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """(relative path with `/`, place) of every regular file below a folder, sorted by path; our own drafts left out."""
    if not folder.is_dir():
        raise Failure(
            "MissingFolder",
            f"{folder} is not a folder.",
            resource=f"folder/{folder}",
            hint="Correct the path; it is read on the machine where the task runs.",
        )
    root = folder.resolve()
    found: list[tuple[str, Path]] = []
    for here, folders, names in os.walk(folder):
        for name in [*names, *(each for each in folders if (Path(here) / each).is_symlink())]:
            place = Path(here) / name
            if place.is_symlink() and not place.resolve().is_relative_to(root):
                raise Failure(
                    "PathEscape",
                    f"{place} is a link that leads out of {folder}.",
                    resource=f"file/{place}",
                    hint="Replace the link by the file, or leave it out.",
                )
            if place.is_file() and not name.startswith(DRAFT):
                found.append((place.relative_to(folder).as_posix(), place))
    return iter(sorted(found))
