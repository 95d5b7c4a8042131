# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What of a tfserving is in the cluster, and the same in the user's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .._kube.kinds import Kind, Ref, kind_of
from .._kube.placement import RESOURCE_POLICY
from .._kube.read import together
from .._kube.waits import READY, rule_for
from .predictor import MODEL, MODEL_DIGEST, MODEL_IMAGE, MODEL_VERSION, OWNER, PREDICTOR, REVISION, owner
from .routes import HTTP_ROUTE, INGRESS, VIRTUAL_SERVICE, Backend, backends
from .shape import CONTAINER

Object = dict[str, Any]

DEPLOYMENT = kind_of("apps/v1", "Deployment")
AUTOSCALER = kind_of("autoscaling/v2", "HorizontalPodAutoscaler")
GATEWAY = kind_of("gateway.networking.k8s.io/v1", "Gateway")
ROUTES = (HTTP_ROUTE, VIRTUAL_SERVICE, INGRESS)
KINDS: tuple[Kind, ...] = (
    *ROUTES,
    DEPLOYMENT,
    AUTOSCALER,
    kind_of("policy/v1", "PodDisruptionBudget"),
    RESOURCE_POLICY,
    kind_of("v1", "Service"),
    kind_of("v1", "ConfigMap"),
)
"""Everything a tfserving may own, in the order in which it is taken away: traffic first."""


class Reader(Protocol):
    def list(self, kind: Kind, namespace: str | None = None, *, labels: str = "") -> list[Object]: ...
    def get(self, ref: Ref) -> Object | None: ...


@dataclass(frozen=True)
class Live:
    """The objects that carry one tfserving's ownership label."""

    name: str
    namespace: str
    objects: Mapping[Ref, Object]

    def of(self, *kinds: Kind) -> list[Object]:
        return [obj for ref, obj in self.objects.items() if ref.kind in kinds]

    @property
    def routes(self) -> list[Object]:
        return self.of(*ROUTES)

    @property
    def backends(self) -> list[Backend]:
        return backends(self.routes)

    @property
    def models(self) -> list[str]:
        """Names of the models whose versions are deployed."""
        return sorted({obj["metadata"]["labels"].get(MODEL, "") for obj in self.of(DEPLOYMENT)} - {""})

    def deployment(self, name: str) -> Object | None:
        return self.objects.get(Ref(DEPLOYMENT, self.namespace, name))

    def predictors(self) -> list[dict[str, Any]]:
        """Every deployed revision in the user's words, those with most traffic first."""
        weights = {backend.service: backend.weight for backend in self.backends}
        scales = {obj["metadata"]["name"]: obj["spec"] for obj in self.of(AUTOSCALER)}
        found = [
            predictor(obj, weights.get(obj["metadata"]["name"]), scales.get(obj["metadata"]["name"]))
            for obj in self.of(DEPLOYMENT)
        ]
        return sorted(found, key=lambda entry: (-(entry["traffic_percentage"] or 0), entry["name"]))


def read(api: Reader, namespace: str, name: str) -> Live:
    """One list call for each kind."""
    return _live(name, namespace, _owned(api, namespace, f"{OWNER}={owner(name)}"))


def read_all(api: Reader, namespace: str) -> list[Live]:
    """Every tfserving of a namespace, by name."""
    by_name: dict[str, dict[Ref, Object]] = {}
    for ref, obj in _owned(api, namespace, OWNER).items():
        kind, dot, name = obj["metadata"]["labels"][OWNER].partition(".")
        if dot and owner(name) == f"{kind}.{name}":
            by_name.setdefault(name, {})[ref] = obj
    return [_live(name, namespace, by_name[name]) for name in sorted(by_name)]


def _owned(api: Reader, namespace: str, labels: str) -> dict[Ref, Object]:
    lists = together(lambda kind: api.list(kind, namespace, labels=labels), KINDS)
    return {
        Ref(kind, namespace, obj["metadata"]["name"]): obj
        for kind, objects in zip(KINDS, lists, strict=True)
        for obj in objects
    }


def _live(name: str, namespace: str, objects: Mapping[Ref, Object]) -> Live:
    return Live(name, namespace, {ref: obj for ref, obj in objects.items() if not _is_going(obj)})


def _is_going(obj: Mapping[str, Any]) -> bool:
    return "deletionTimestamp" in obj["metadata"]


def predictor(deployment: Mapping[str, Any], weight: int | None, scale: Mapping[str, Any] | None) -> dict[str, Any]:
    """One Deployment in the user's words. No weight: it is not in the route."""
    metadata, spec = deployment["metadata"], deployment["spec"]
    labels, notes = metadata["labels"], metadata.get("annotations") or {}
    replicas = spec.get("replicas", 1)
    ready = (deployment.get("status") or {}).get("readyReplicas", 0)
    return {
        "name": labels.get(PREDICTOR, ""),
        "model_version": labels.get(MODEL_VERSION, ""),
        "image": notes.get(MODEL_IMAGE, ""),
        "model_digest": notes.get(MODEL_DIGEST, ""),
        "serving_image": _serving_image(spec["template"]["spec"]["containers"]),
        "revision": labels.get(REVISION, ""),
        "replicas": replicas,
        "ready_replicas": ready,
        "traffic_percentage": weight,
        "observed_percentage": None,
        "auto_scale": scale and {"min_replicas": scale.get("minReplicas", 1), "max_replicas": scale["maxReplicas"]},
        "state": "idle" if not replicas else "ready" if is_ready(deployment) else "starting",
    }


def _serving_image(containers: Iterable[Mapping[str, Any]]) -> str:
    return next((str(entry["image"]) for entry in containers if entry["name"] == CONTAINER), "")


def is_ready(deployment: Mapping[str, Any] | None) -> bool:
    """Whether every replica asked for is of the present template and available."""
    return deployment is not None and rule_for(DEPLOYMENT)(deployment).state == READY


def gateway_address(api: Reader, routes: Sequence[Mapping[str, Any]]) -> str:
    """`http://<address>` of the Gateway that takes these routes, empty where its status names none."""
    for route in routes:
        for parent in route["spec"].get("parentRefs") or []:
            namespace = parent.get("namespace") or route["metadata"]["namespace"]
            gateway = api.get(Ref(GATEWAY, namespace, parent["name"])) or {}
            addresses: Sequence[Mapping[str, Any]] = (gateway.get("status") or {}).get("addresses") or []
            if addresses:
                return f"http://{addresses[0]['value']}"
    return ""
