"""Which versions may be served: those with a record, by digest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._oss import records
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import FolderStore, Store
from ansible_collections.mlops.ack.plugins.module_utils._serving.shape import ModelVersion
from ansible_collections.mlops.ack.plugins.module_utils._serving.versions import read_version

PINNED = "registry.test/digits@sha256:" + "1" * 64


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return FolderStore(tmp_path)


def put(store: Store, number: int, **more: Any) -> None:
    record = {"schema": "mlops.ack/version/v1", "image": PINNED, "model_digest": "sha256:2", "golden": None, **more}
    records.write_once(store, f"models/digits/versions/{number}/version.json", record)


def test_a_record_gives_image_digest_and_golden_request(store: Store) -> None:
    put(store, 1, golden={"request": {"instances": [1]}, "expected": {"predictions": [2]}, "tolerance": 0.5})
    found = read_version(store, ModelVersion("digits", 1))
    assert (found.image, found.model_digest) == (PINNED, "sha256:2")
    assert found.golden is not None
    assert found.golden.tolerance == 0.5


def test_an_unknown_number_lists_what_exists(store: Store) -> None:
    put(store, 2)
    put(store, 10)
    with pytest.raises(
        Failure, match=r"No version digits-v3 in .*: digits has v2, v10\. Did you mean digits-v10"
    ) as no:
        read_version(store, ModelVersion("digits", 3))
    assert no.value.code == "UnknownModelVersion"
    assert no.value.details["versions"] == [2, 10]


def test_an_unknown_model_names_the_nearest(store: Store) -> None:
    put(store, 1)
    with pytest.raises(Failure, match=r"no model 'digit'; there are digits\. Did you mean 'digits'"):
        read_version(store, ModelVersion("digit", 1))


def test_an_empty_store_says_what_to_do(store: Store) -> None:
    with pytest.raises(Failure, match=r"mlops\.ack\.model_version"):
        read_version(store, ModelVersion("digits", 1))


def test_an_image_that_may_move_is_not_served(store: Store) -> None:
    put(store, 1, image="registry.test/digits:1")
    with pytest.raises(Failure, match="not pinned") as refused:
        read_version(store, ModelVersion("digits", 1))
    assert refused.value.code == "InvalidRecord"
