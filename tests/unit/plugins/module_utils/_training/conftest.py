# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The fixtures of transfers: a bucket, a volume, a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .fakes import CLAIM, Bucket, TransferCluster, serve


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with serve() as found:
        yield found


@pytest.fixture
def cluster(tmp_path: Path) -> TransferCluster:
    volume = tmp_path / "volume"
    volume.mkdir()
    return TransferCluster(volume, CLAIM)
