"""Pushing: each blob once, nothing when all is there, and errors that name the registry."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from registry_server import FakeRegistry

from ack_sandbox.images import recipes
from ack_sandbox.images.layer import Image, write_layer
from ack_sandbox.images.push import Registry
from ack_sandbox.process import SandboxError
from ack_sandbox.settings import Settings


def image(folder: Path, repository: str = "team/app") -> Image:
    (folder / "root").mkdir(exist_ok=True)
    (folder / "root/file").write_text("content")
    return Image(repository, "1", (write_layer(folder / "root", folder / "layer.tar"),), {"Cmd": ["app"]})


def test_a_second_push_writes_nothing(tmp_path: Path) -> None:
    fake, app = FakeRegistry(), image(tmp_path)
    with fake.serving() as address, Registry(address) as registry:
        assert registry.push(app) > app.layers[0].size
        assert fake.writes == ["blob team/app", "blob team/app", "manifest team/app"]
        assert registry.push(app) == 0
        assert len(fake.writes) == 3
        assert registry.reference(app).startswith(f"{address}/team/app@sha256:")


@pytest.mark.parametrize(
    ("mounts", "last_write"),
    [
        pytest.param(True, "mount other/app", id="taken over from the repository that has it"),
        pytest.param(False, "blob other/app", id="sent where the registry declines"),
    ],
)
def test_a_layer_that_two_images_share(tmp_path: Path, mounts: bool, last_write: str) -> None:
    fake = FakeRegistry()
    fake.mounts = mounts
    with fake.serving() as address, Registry(address) as registry:
        registry.push(image(tmp_path))
        registry.push(image(tmp_path, "other/app"))
    assert fake.writes[3] == last_write


def test_a_refusal_tells_what_was_asked_and_answered(tmp_path: Path) -> None:
    fake = FakeRegistry()
    with fake.serving() as address, Registry(address) as registry:  # noqa: SIM117
        with pytest.raises(SandboxError, match=r"refused PUT /v2/refused/.*: 400 no such name"):
            registry.push(image(tmp_path, "refused"))


def test_no_registry_is_said_with_what_to_do(tmp_path: Path) -> None:
    with Registry("127.0.0.1:1") as registry, pytest.raises(SandboxError, match="ack_sandbox status"):
        registry.push(image(tmp_path))


def settings(folder: Path, registry: str = "127.0.0.1:1") -> Settings:
    plain = Settings.from_environment({"MLOPS_ACK_CACHE": str(folder / "cache"), "MLOPS_ACK_STATE": str(folder / "s")})
    return dataclasses.replace(plain, registry=registry)


def go_build(folder: Path, *names: str) -> Path:
    (folder / "bin").mkdir()
    for name in names:
        (folder / "bin" / name).write_text(name)
    return folder / "bin"


def test_binaries_become_images_and_references_by_digest(tmp_path: Path) -> None:
    fake, binaries = FakeRegistry(), go_build(tmp_path, "coredns", "contour", "training-operator.v1", "metrics-server")
    with fake.serving() as address:
        ours = settings(tmp_path, address)
        recipes.build_binaries(ours, binaries, lambda _: None)
        references = recipes.push_all(ours, lambda _: None)
    assert sorted(references) == ["contour", "coredns", "metrics-server", "training-operator"]
    assert references["coredns"].startswith(f"{address}/coredns@sha256:")
    assert sorted(fake.manifests) == [
        "contour:1.33.8",
        "coredns:1.13.2",
        "metrics-server:0.7.2",
        "training-operator:1.9.3",
    ]


def test_a_missing_binary_is_named(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="no contour"):
        recipes.build_binaries(settings(tmp_path), go_build(tmp_path, "coredns"), lambda _: None)
