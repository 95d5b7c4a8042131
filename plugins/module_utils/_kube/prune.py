# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Finding what an owner no longer wants: objects with its labels that its manifests do not name."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .apply import MANAGED_BY, OWNER, Client
from .kinds import KNOWN, Kind, Ref
from .read import together

_KINDS = frozenset(
    {
        "ConfigMap",
        "CronJob",
        "DaemonSet",
        "Deployment",
        "Gateway",
        "HTTPRoute",
        "HorizontalPodAutoscaler",
        "Ingress",
        "Job",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Role",
        "RoleBinding",
        "Secret",
        "Service",
        "ServiceAccount",
        "StatefulSet",
        "TFJob",
    }
)
PRUNABLE: tuple[Kind, ...] = tuple(kind for kind in KNOWN.values() if kind.kind in _KINDS)
"""Never volumes (data would be lost), never namespaces, never what belongs to the whole cluster."""


def find_orphans(
    client: Client,
    owner: str,
    keep: Collection[Ref],
    namespaces: Iterable[str],
    kinds: Iterable[Kind] = (),
) -> list[Ref]:
    """The objects in `namespaces` that carry `owner`'s labels and are not in `keep`, of the prunable kinds and `kinds`.

    Objects that a controller made (a Deployment's ReplicaSet) go with what made them and are left out.
    """
    labels = f"{MANAGED_BY}=mlops.ack,{OWNER}={owner}"
    searched = [*PRUNABLE, *(kind for kind in kinds if kind.namespaced and kind.kind != "PersistentVolumeClaim")]
    places = [(kind, namespace) for kind in dict.fromkeys(searched) for namespace in sorted(set(namespaces))]
    lists = together(lambda place: client.list(place[0], place[1], labels=labels), places)
    return [
        ref
        for (kind, namespace), found in zip(places, lists, strict=True)
        for item in found
        if (ref := Ref(kind, namespace, item["metadata"]["name"])) not in keep
        and not item["metadata"].get("ownerReferences")
        and not item["metadata"].get("deletionTimestamp")
    ]
