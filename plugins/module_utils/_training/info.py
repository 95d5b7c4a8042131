# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading training jobs without touching them."""

from __future__ import annotations

from typing import Any, Protocol

from .._kube.diagnose import troubles
from .._kube.kinds import Kind, Ref, kind_of
from . import dialect
from .state import selector, summary

POD = kind_of("v1", "Pod")

Object = dict[str, Any]


class Cluster(Protocol):
    def get(self, ref: Ref) -> Object | None: ...
    def list(self, kind: Kind, namespace: str | None = None, *, labels: str = "", fields: str = "") -> list[Object]: ...


def read_jobs(cluster: Cluster, namespace: str, name: str | None) -> list[Object]:
    """The jobs of a namespace (or one of them) as `state.summary`, each with its first pod's `trouble` or None.

    Raises Failure `MissingOperator`.
    """
    kind = dialect.kind(dialect.detect(cluster))
    if name:
        one = cluster.get(Ref(kind, namespace, name))
        found = [one] if one else []
    else:
        found = sorted(cluster.list(kind, namespace), key=lambda job: str(job["metadata"]["name"]))
    return [_read(cluster, kind, job) for job in found]


def _read(cluster: Cluster, kind: Kind, job: Object) -> Object:
    metadata = job["metadata"]
    pods = cluster.list(POD, metadata["namespace"], labels=selector(kind.api_version, metadata["name"]))
    problems = troubles(pods)
    return {**summary(job, pods, ()), "trouble": problems[0].line if problems else None}
