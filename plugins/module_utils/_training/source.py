# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The bucket as a dataset's source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._core.context import Context
from .._oss.client import connect
from .._oss.prefix import PrefixObjects
from .._oss.store import OssStore
from .._oss.sync import Remote


class OssSource:
    """`dataset.Source` over OSS. pod_endpoint: the address in URLs for pods."""

    def __init__(self, params: Mapping[str, Any], context: Context, bucket: str, prefix: str) -> None:
        oss = connect(params, context)
        self._objects, self._store = PrefixObjects(oss, bucket, prefix), OssStore(oss, bucket, prefix)
        self._pod_endpoint = params["pod_oss_endpoint"]
        self.name = self._store.name

    def list(self) -> dict[str, Remote]:
        return self._objects.list()

    def sha256(self, path: str) -> str | None:
        return self._objects.sha256(path)

    def download(self, path: str, place: Path) -> None:
        self._store.download(path, place)

    def url(self, path: str, expires_s: int) -> str:
        return self._store.url(path, "GET", expires_s, self._pod_endpoint)
