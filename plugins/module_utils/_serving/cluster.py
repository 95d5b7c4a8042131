# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The edge of a release to its cluster: the calls of `release.Cluster`, over the Kubernetes client."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._core.context import Context
from .._core.wait import Deadline
from .._kube.apply import ObjectPlan, apply_objects, plan_objects
from .._kube.client import APPLY, KubeClient
from .._kube.kinds import Kind, Ref
from .._kube.waits import wait_ready
from .routes import Object

# Not the manager of the rest: what an autoscaler writes must not be taken back by the next apply, and what we stop
# mentioning must not fall back to one replica.
REPLICAS_MANAGER = "mlops.ack.replicas"


class KubeCluster:
    """`deadline` ends every call."""

    def __init__(self, client: KubeClient, namespace: str, context: Context, deadline: Deadline | None) -> None:
        self._namespace, self._context = namespace, context
        self._client = client.within(deadline, keeps_trying=False) if deadline else client
        self._patient = client.within(deadline) if deadline else client

    def list(self, kind: Kind, namespace: str | None = None, *, labels: str = "") -> list[Object]:
        return self._client.list(kind, namespace, labels=labels)

    def get(self, ref: Ref) -> Object | None:
        return self._client.get(ref)

    def service(
        self, namespace: str, name: str, port: int | str, path: str, *, method: str = "GET", body: Any = None
    ) -> tuple[int, str]:
        return self._patient.service(namespace, name, port, path, method=method, body=body)

    def pod(self, namespace: str, name: str, port: int | str, path: str) -> tuple[int, str]:
        return self._patient.pod(namespace, name, port, path)

    def plan(self, manifests: Sequence[Object]) -> Sequence[ObjectPlan]:
        return plan_objects(self._client, manifests, self._namespace)

    def apply(self, steps: Sequence[ObjectPlan]) -> None:
        apply_objects(self._client, steps, self._context)

    def scale(self, ref: Ref, replicas: int) -> None:
        manifest = {
            "apiVersion": ref.kind.api_version,
            "kind": ref.kind.kind,
            "metadata": {"name": ref.name, "namespace": ref.namespace},
            "spec": {"replicas": replicas},
        }
        query = {"fieldManager": REPLICAS_MANAGER, "force": "true"}
        self._client.request("PATCH", ref.path, query=query, body=manifest, content_type=APPLY, safe=True)

    def delete(self, ref: Ref) -> None:
        self._client.delete(ref)

    def wait_ready(self, refs: Sequence[Ref], deadline: Deadline) -> None:
        if refs:
            wait_ready(self._client.within(deadline), refs, deadline, self._context)
