from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._oss.store import FolderStore, Store

from .fakes import FakeRegistry, serving


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with serving() as found:
        yield found


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return FolderStore(tmp_path / "store")
