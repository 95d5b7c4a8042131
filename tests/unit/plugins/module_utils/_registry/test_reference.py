from __future__ import annotations

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._registry.reference import parse

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "host", "repository", "wanted"),
    [
        pytest.param("198.18.0.1:5000/library/busybox:1", "198.18.0.1:5000", "library/busybox", "1", id="address"),
        pytest.param("r.example.com/a/b/c", "r.example.com", "a/b/c", "latest", id="no tag means latest"),
        pytest.param("localhost:5000/a", "localhost:5000", "a", "latest", id="localhost"),
        pytest.param(f"r.example.com/a@{DIGEST}", "r.example.com", "a", DIGEST, id="digest"),
        pytest.param(f"r.example.com/a:v1@{DIGEST}", "r.example.com", "a", DIGEST, id="the digest wins over the tag"),
    ],
)
def test_a_reference_is_read(text: str, host: str, repository: str, wanted: str) -> None:
    found = parse("image", text)
    assert (found.host, found.repository, found.wanted) == (host, repository, wanted)
    assert str(found) == text


@pytest.mark.parametrize("text", ["busybox", "library/busybox:1", "r.example.com/Upper", "http://r.example.com/a", ""])
def test_what_names_no_registry_or_no_repository_is_refused(text: str) -> None:
    with pytest.raises(Failure, match="host"):
        parse("image_repo", text)
