# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The key of a build, versions of Go, and which Go is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from ack_sandbox import gobuild
from ack_sandbox.gobuild import find_go, flags, key, parse_go_version, required_go, result_folder
from ack_sandbox.settings import Settings


def module(folder: Path, **changes: str) -> Path:
    texts = {"go.mod": "module x\n\ngo 1.26.0\n", "go.sum": "a h1:b\n", "cmd/main.go": "package main\n", **changes}
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("name", ["go.mod", "go.sum", "cmd/main.go"])
def test_the_key_changes_with_each_input(tmp_path: Path, name: str) -> None:
    before = key(module(tmp_path / "a"), ["-x"])
    assert key(module(tmp_path / "b", **{name: "another"}), ["-x"]) != before


def test_the_key_changes_with_the_flags_and_nothing_else(tmp_path: Path) -> None:
    before = key(module(tmp_path / "a"), ["-x"])
    (tmp_path / "a" / "README.md").write_text("words")
    assert key(tmp_path / "a", ["-x"]) == before
    assert key(tmp_path / "a", ["-y"]) != before


def test_the_binaries_tell_the_version_of_kubernetes() -> None:
    stamps = flags("1.34.4")[-1]
    assert "gitVersion=v1.34.4" in stamps
    assert "gitMinor=34" in stamps


def test_the_lock_is_for_the_version_in_the_settings(tmp_path: Path) -> None:
    settings = Settings(cache=tmp_path, state=tmp_path)
    assert result_folder(settings).parent == tmp_path / "bin"
    assert f"k8s.io/kubernetes v{settings.kubernetes_version}" in (settings.files / "go/go.mod").read_text()


@pytest.mark.parametrize(
    ("text", "version"),
    [
        pytest.param("go version go1.26.8 linux/amd64", (1, 26, 8), id="a patch release"),
        pytest.param("go version go1.26 linux/amd64", (1, 26, 0), id="no patch level"),
        pytest.param("gccgo (Debian) 12.2", (), id="another compiler"),
    ],
)
def test_versions_of_go(text: str, version: tuple[int, ...]) -> None:
    assert parse_go_version(text) == version


def test_the_required_version_is_go_mods() -> None:
    assert required_go("module x\n\ngo 1.26.0\n\ntool y\n") == (1, 26, 0)
    with pytest.raises(ValueError, match="go"):
        required_go("module x\n")


def fake_go(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "go").write_text(f"#!/bin/sh\necho go version go{version} linux/amd64\n")
    (folder / "go").chmod(0o755)
    return folder / "go"


@pytest.mark.parametrize(
    ("version", "own"),
    [
        pytest.param("1.26.8", False, id="the user's is new enough"),
        pytest.param("1.25.5", True, id="too old: the cache's is taken"),
    ],
)
def test_which_go_is_taken(tmp_path: Path, version: str, own: bool) -> None:
    users = fake_go(tmp_path / "bin", version)
    cached = fake_go(tmp_path / "cache/go/go-1.26/go/bin", "1.26.6")
    settings = Settings(cache=tmp_path / "cache", state=tmp_path / "state")
    path = f"{users.parent}:/usr/bin:/bin"
    assert find_go(settings, "go 1.26.0\n", print, {"PATH": path}) == str(cached if own else users)


def test_every_manifest_has_its_own_folder() -> None:
    names = [manifest.name for manifest in gobuild.MANIFESTS]
    assert len(set(names)) == len(names)
