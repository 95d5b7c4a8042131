from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._registry.client import Login, Registry

from .fakes import LAYER, PASSWORD, TOKEN, USER, FakeRegistry, sha

OPEN = Login("", "", True)


def client(
    registry: FakeRegistry, login: Login = OPEN, context: Context | None = None, timeout_s: float = 30
) -> Registry:
    context = context or Context(sleep=lambda seconds: None)
    return Registry(registry.host, login, context, Deadline(timeout_s), 5)


def test_what_is_not_there_is_none_or_false(registry: FakeRegistry) -> None:
    api = client(registry)
    assert api.digest("a/b", "v1") is None
    assert api.manifest("a/b", "v1") is None
    assert not api.has_blob("a/b", sha(b""))


def test_a_file_is_sent_and_comes_back(registry: FakeRegistry, tmp_path: Path) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(b"x" * 3_000_000)
    digest = sha(source.read_bytes())
    api = client(registry)
    api.put_blob("a/b", digest, source)
    assert api.has_blob("a/b", digest)
    api.blob("a/b", digest, back)
    assert back.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_a_challenge_is_answered_once_and_the_secrets_are_known(registry: FakeRegistry, auth: str) -> None:
    registry.auth = auth
    registry.add_base()
    context = Context()
    api = client(registry, Login(USER, PASSWORD, True), context)
    assert api.digest("library/busybox", "1")
    assert api.has_blob("library/busybox", sha(LAYER))
    challenges = 1 if auth == "basic" else 2
    assert len(registry.requests) == 2 + challenges
    if auth == "bearer":
        assert TOKEN not in context.secrets.scrub(f"Bearer {TOKEN}")


@pytest.mark.parametrize("auth", ["basic", "bearer"])
@pytest.mark.parametrize("login", [OPEN, Login(USER, "wrong", True)], ids=["nobody", "wrong password"])
def test_a_wrong_login_names_the_options(registry: FakeRegistry, auth: str, login: Login) -> None:
    registry.auth = auth
    with pytest.raises(Failure, match=r"registry\.password") as failed:
        client(registry, login).digest("a/b", "v1")
    assert failed.value.code == "RegistryUnauthorized"
    assert "wrong" not in str(failed.value)


def test_the_token_is_not_shown_to_a_storage_that_the_registry_leads_to(registry: FakeRegistry) -> None:
    registry.auth, registry.redirects = "bearer", True
    registry.add_base()
    assert client(registry, Login(USER, PASSWORD, True)).blob("library/busybox", sha(LAYER)) == LAYER
    assert registry.seen_by_storage == [None]


def test_a_busy_registry_is_asked_again(registry: FakeRegistry) -> None:
    registry.add_base()
    registry.fail = 2
    assert client(registry).digest("library/busybox", "1")


def test_a_registry_that_stays_busy_is_a_failure_that_may_be_tried_again(registry: FakeRegistry) -> None:
    registry.fail = 99
    with pytest.raises(Failure, match="503") as failed:
        client(registry).digest("library/busybox", "1")
    assert failed.value.retryable


def test_bytes_that_are_not_those_of_their_digest_are_refused(registry: FakeRegistry) -> None:
    digest = registry.add_base()
    registry.alters = True
    for read in (client(registry).manifest, client(registry).blob):
        name = digest if read.__name__ == "manifest" else sha(LAYER)
        with pytest.raises(Failure) as failed:
            read("library/busybox", name)
        assert failed.value.code == "DigestMismatch"


def test_nobody_there_says_the_address() -> None:
    api = Registry("127.0.0.1:9", OPEN, Context(sleep=lambda seconds: None), Deadline(5), 1)
    with pytest.raises(Failure, match=r"127\.0\.0\.1:9: Connection refused") as failed:
        api.digest("a/b", "v1")
    assert failed.value.code == "Unreachable"


def test_plain_http_behind_tls_names_the_option(registry: FakeRegistry) -> None:
    with pytest.raises(Failure, match=r"registry\.insecure"):
        client(registry, Login()).digest("a/b", "v1")


def test_a_transfer_ends_at_the_deadline(registry: FakeRegistry, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    with pytest.raises(Failure, match="wait_timeout"):
        client(registry, timeout_s=0).put_blob("a/b", sha(b"x"), source)


def test_mounting_says_whether_it_worked(registry: FakeRegistry) -> None:
    registry.add_base()
    assert client(registry).mount("models/digits", sha(LAYER), "library/busybox")
    registry.can_mount = False
    assert not client(registry).mount("models/other", sha(LAYER), "library/busybox")


def test_a_manifest_without_its_blobs_is_refused_with_the_registry_s_word(registry: FakeRegistry) -> None:
    document = json.dumps({"config": {"digest": sha(b"c")}, "layers": []}).encode()
    with pytest.raises(Failure, match="MANIFEST_BLOB_UNKNOWN"):
        client(registry).put_manifest("a/b", "v1", document)
