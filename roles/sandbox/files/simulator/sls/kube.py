# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading real clusters: collection resources, pods, and what their containers wrote."""

from __future__ import annotations

import base64
import ssl
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import yaml

from .select import Source

CONFIGS = "/apis/telemetry.alibabacloud.com/v1alpha1/clusteraliyunpipelineconfigs"
TIMEOUT = aiohttp.ClientTimeout(total=10)


class Cluster:
    """The API of one cluster, by the text of its kubeconfig."""

    def __init__(self, kubeconfig: str) -> None:
        content = yaml.safe_load(kubeconfig)
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        self._server = cluster["server"]
        self._ssl = ssl.create_default_context(cadata=_decoded(cluster["certificate-authority-data"]).decode())
        with tempfile.TemporaryDirectory() as folder:  # the only way in which ssl takes a certificate
            crt, key = Path(folder) / "crt", Path(folder) / "key"
            for path, field in ((crt, "client-certificate-data"), (key, "client-key-data")):
                path.touch(mode=0o600)
                path.write_bytes(_decoded(user[field]))
            self._ssl.load_cert_chain(crt, key)

    async def configs(self, session: aiohttp.ClientSession) -> list[Any]:
        """What is collected; nothing where the kind is not defined."""
        async with session.get(self._server + CONFIGS, ssl=self._ssl, timeout=TIMEOUT) as answer:
            return list((await answer.json())["items"]) if answer.status == 200 else []

    async def pods(self, session: aiohttp.ClientSession) -> list[Any]:
        async with session.get(f"{self._server}/api/v1/pods", ssl=self._ssl, timeout=TIMEOUT) as answer:
            answer.raise_for_status()
            return list((await answer.json())["items"])

    async def lines(self, session: aiohttp.ClientSession, source: Source, since: str) -> list[tuple[str, str]]:
        """(time, text) of each line since a time (RFC 3339); none where the pod has not started or is gone."""
        path = f"/api/v1/namespaces/{quote(source.namespace)}/pods/{quote(source.pod)}/log"
        query = {"container": source.container, "timestamps": "true", "sinceTime": since}
        async with session.get(self._server + path, params=query, ssl=self._ssl, timeout=TIMEOUT) as answer:
            text = await answer.text(errors="replace") if answer.status == 200 else ""
        pairs = (line.partition(" ") for line in text.splitlines())
        return [(stamp, content) for stamp, _space, content in pairs]


def _decoded(text: str) -> bytes:
    return base64.b64decode(text)
