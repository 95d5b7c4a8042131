# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A kubeconfig file: fetched when there is none that will do, renewed in time, revoked when asked."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

try:
    from cryptography import x509

    MISSING = ""
except ImportError as error:  # said when a file must be judged
    MISSING = str(error)

from .._core.context import Context
from .._core.documents import current_context
from .._core.failure import Failure
from .._core.preflight import need
from .._core.resource import Plan, State
from .._core.secret_file import KubeconfigFile, now
from .._core.times import stamp
from . import locate, shape
from .client import Transport

USABLE = ("running", "updating", "scaling", "removing", "draining", "upgrading", "migrating")
"""States of a cluster that answers. A kubeconfig of another one is an error of the API, or useless."""


class Kubeconfig(KubeconfigFile):
    """Fields: path, expiration, cluster_id. Its note: {cluster_id, expiration, private}."""

    shortest_min, longest_min = 15, 4320
    """Source: DescribeClusterUserKubeconfig, TemporaryDurationMinutes, read 2026-11-22."""

    def __init__(
        self,
        transport: Transport,
        params: Mapping[str, Any],
        context: Context,
        now: Callable[[], datetime] = now,
    ) -> None:
        super().__init__(params, now)
        self._transport, self._context = transport, context
        self._cluster: dict[str, Any] | None = None

    def observe(self) -> State:
        """What lies there, when it is a kubeconfig of this cluster; `expiration` empty: nobody knows."""
        if self._params["state"] == "absent":
            self._cluster = locate.cluster(self._transport, self._params)
        else:
            self._cluster = locate.required(self._transport, self._params)
            self._refuse_unusable(self._cluster)
        if not self._path.is_file():
            return None
        if note := self.noted():
            wanted = {"cluster_id": (self._cluster or {}).get("cluster_id"), "private": self._params["private"]}
            same = all(note.get(name) == value for name, value in wanted.items())
            return self._fields(str(note["expiration"]) if same else "")
        need("PyYAML and cryptography", MISSING)
        server, until = judge(self._path.read_bytes())
        if server not in shape.parsed((self._cluster or {}).get("master_url")).values():
            raise self.foreign("it is no kubeconfig of this cluster that this module wrote")
        return self._fields(stamp(until) if until else "")

    def _refuse_unusable(self, cluster: Mapping[str, Any]) -> None:
        state = cluster.get("state")
        if state not in USABLE:
            raise Failure(
                "ClusterNotRunning",
                f"Cluster {cluster['name']} is {state}, so its kubeconfig cannot be had.",
                resource=f"cluster/{cluster['name']}",
                hint="Wait until it runs: mlops.ack.ack_cluster does.",
                retryable=state == "initial",
                details={"state": state},
            )

    def apply(self, plan: Plan) -> None:
        if plan.action == "delete":
            if self._cluster is not None and self._cluster.get("state") in USABLE:
                self._transport.call(
                    "RevokeK8sClusterKubeConfig",
                    f"revoke the kubeconfig of cluster {self._cluster['name']}",
                    ids={"cluster": self._cluster["cluster_id"]},
                )
            self.remove()
            return
        cluster = self._cluster or {}
        answer = self._transport.call(
            "DescribeClusterUserKubeconfig",
            f"fetch the kubeconfig of cluster {cluster['name']}",
            ids={"cluster": cluster["cluster_id"]},
            query={
                "PrivateIpAddress": self._params["private"],
                "TemporaryDurationMinutes": self._params["duration_minutes"],
            },
        )
        text = str(answer["config"])
        self._context.secrets.add(text)
        note = {
            "cluster_id": cluster["cluster_id"],
            "expiration": answer["expiration"],
            "private": self._params["private"],
        }
        self.write(text, note)

    def _fields(self, told: str) -> dict[str, Any]:
        return {
            "path": str(self._path),
            "expiration": told,
            "cluster_id": self._cluster["cluster_id"] if self._cluster else self._params["cluster_id"],
        }


def judge(data: bytes) -> tuple[str, datetime | None]:
    """(server, end of the client certificate) of a kubeconfig's current context; no end where nothing tells it."""
    try:
        cluster, user = current_context(data)
        pem = user.get("client-certificate-data")
        until = x509.load_pem_x509_certificate(base64.b64decode(pem)).not_valid_after_utc if pem else None
        return str(cluster["server"]), until
    except (KeyError, TypeError, ValueError):
        return "", None  # not a kubeconfig that we understand: it is replaced
