# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One route over all predictors, in the words of three gateways."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .._core.failure import Failure
from .._kube.kinds import Kind, kind_of
from .predictor import REST_PORT, ownership
from .shape import Route

Object = dict[str, Any]

# Set on each answer by the gateway: who answered. The split is counted by it.
PREDICTOR_HEADER = "x-mlops-predictor"
VERSION_HEADER = "x-mlops-model-version"

HTTP_ROUTE = kind_of("gateway.networking.k8s.io/v1", "HTTPRoute")
INGRESS = kind_of("networking.k8s.io/v1", "Ingress")
VIRTUAL_SERVICE = Kind("networking.istio.io/v1", "VirtualService", "virtualservices", True)

KINDS: Mapping[str, Kind] = {"gateway_api": HTTP_ROUTE, "istio": VIRTUAL_SERVICE, "alb": INGRESS}


class Backend(NamedTuple):
    """One predictor as a route sees it. `weight` 0 to 100."""

    predictor: str
    version: str
    service: str
    weight: int


def render(route: Route, serving_name: str, namespace: str, backends: Sequence[Backend]) -> list[Object]:
    """The objects that send each backend its share of the traffic."""
    metadata = {"name": serving_name, "namespace": namespace, "labels": ownership(serving_name)}
    match route.type:
        case "istio":
            return [_virtual_service(route, metadata, backends)]
        case "alb":
            return _ingresses(route, metadata, backends)
        case _:
            return [_http_route(route, metadata, backends)]


def _answered_by(backend: Backend) -> dict[str, str]:
    return {PREDICTOR_HEADER: backend.predictor, VERSION_HEADER: backend.version}


def _http_route(route: Route, metadata: Object, backends: Sequence[Backend]) -> Object:
    parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": route.gateway_name}
    if route.gateway_namespace:
        parent["namespace"] = route.gateway_namespace
    rule: Object = {
        "matches": [{"path": {"type": "PathPrefix", "value": route.path}}],
        "backendRefs": [
            {
                "group": "",
                "kind": "Service",
                "name": backend.service,
                "port": REST_PORT,
                "weight": backend.weight,
                "filters": [
                    {
                        "type": "ResponseHeaderModifier",
                        "responseHeaderModifier": {
                            "set": [{"name": name, "value": value} for name, value in _answered_by(backend).items()]
                        },
                    }
                ],
            }
            for backend in backends
        ],
    }
    if route.path != "/":
        rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}
        rule["filters"] = [{"type": "URLRewrite", "urlRewrite": rewrite}]
    spec: Object = {"parentRefs": [parent], "rules": [rule]}
    if route.hostnames:
        spec["hostnames"] = list(route.hostnames)
    return {"apiVersion": HTTP_ROUTE.api_version, "kind": HTTP_ROUTE.kind, "metadata": metadata, "spec": spec}


def _virtual_service(route: Route, metadata: Object, backends: Sequence[Backend]) -> Object:
    namespace = metadata["namespace"]
    rule: Object = {
        "match": [{"uri": {"prefix": route.path}}],
        "route": [
            {
                "destination": {
                    "host": f"{backend.service}.{namespace}.svc.cluster.local",
                    "port": {"number": REST_PORT},
                },
                "weight": backend.weight,
                "headers": {"response": {"set": _answered_by(backend)}},
            }
            for backend in backends
        ],
    }
    if route.path != "/":
        # Istio puts the rest of the path behind what is written here; with "/" the slash would come twice.
        rule["match"] = [{"uri": {"prefix": f"{route.path}/"}}]
        rule["rewrite"] = {"uri": "/"}
    return {
        "apiVersion": VIRTUAL_SERVICE.api_version,
        "kind": VIRTUAL_SERVICE.kind,
        "metadata": metadata,
        "spec": {
            "hosts": list(route.hostnames) or ["*"],
            "gateways": [f"{route.gateway_namespace or namespace}/{route.gateway_name}"],
            "http": [rule],
        },
    }


_ALB = "alb.ingress.kubernetes.io"


def _ingresses(route: Route, metadata: Object, backends: Sequence[Backend]) -> list[Object]:
    """The first predictor's Ingress, and a canary Ingress that takes the second one's share away from it.

    Source: ACK documentation, "Canary releases with ALB Ingresses" (weight rules), read 2026-06.
    """
    if len(backends) > 2:
        raise Failure(
            "InvalidOption",
            f"route.type alb can split between two predictors, not {len(backends)}.",
            hint="Use gateway_api or istio for more.",
        )
    objects = [_ingress(route, metadata, backends[0], {})]
    if len(backends) == 2:
        canary = {
            f"{_ALB}/canary": "true",
            f"{_ALB}/canary-weight": str(backends[1].weight),
            f"{_ALB}/order": "5",  # before the main Ingress, whose default is 10
        }
        objects.append(_ingress(route, {**metadata, "name": f"{metadata['name']}-canary"}, backends[1], canary))
    return objects


def _ingress(route: Route, metadata: Object, backend: Backend, annotations: Mapping[str, str]) -> Object:
    path, extra = route.path, dict(annotations)
    if path != "/":
        path = f"{route.path}(/|$)(.*)"
        extra |= {f"{_ALB}/use-regex": "true", f"{_ALB}/rewrite-target": "/${2}"}
    rule: Object = {
        "http": {
            "paths": [
                {
                    "path": path,
                    "pathType": "Prefix",
                    "backend": {"service": {"name": backend.service, "port": {"number": REST_PORT}}},
                }
            ]
        }
    }
    hosts: Sequence[str | None] = route.hostnames or [None]
    return {
        "apiVersion": INGRESS.api_version,
        "kind": INGRESS.kind,
        "metadata": {**metadata, **({"annotations": extra} if extra else {})},
        "spec": {
            "ingressClassName": "alb",
            "rules": [{**({"host": host} if host else {}), **rule} for host in hosts],
        },
    }


def with_idle(base: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> list[Object]:
    """The routes of `base` with the back ends that only `others` have added at weight 0; routes that gain none are
    left out.

    A proxy that learns of a back end and of its share at once answers 503 until it knows the back end's pods, and one
    that loses both at once answers 503 to what is just on its way. So a back end comes and goes at weight 0.
    """
    found: list[Object] = []
    for route, other in itertools.product(base, others):
        if (route["kind"], route["metadata"]["name"]) != (other["kind"], other["metadata"]["name"]):
            continue
        known = {backend.service for backend in backends([route])}
        idle = [{**entry, "weight": 0} for entry in _entries(other) if _service_of(entry) not in known]
        if idle:
            manifest = as_written(route)
            _entries(manifest).extend(idle)
            found.append(manifest)
    return found


PREVIOUS = "mlops.ack/previous"
"""Annotation of a route under way: what it was before, so that any run can go on, and any run can go back."""


def marked(routes: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]], release: str) -> list[Object]:
    """Routes that remember the ones before them, and for which release they changed. `before`: manifests."""
    mark = {"release": release, "routes": [_kept(route) for route in before]}
    kept = json.dumps(mark, sort_keys=True, separators=(",", ":"))
    found = []
    for route in routes:
        manifest = as_written(route)
        manifest["metadata"]["annotations"] = {**manifest["metadata"].get("annotations", {}), PREVIOUS: kept}
        found.append(manifest)
    return found


def _kept(route: Mapping[str, Any]) -> Object:
    kept = as_written(route)
    del kept["metadata"]["labels"], kept["metadata"]["namespace"]
    return kept


def before(live: Sequence[Mapping[str, Any]]) -> list[Object]:
    """The routes before the release that is under way, as manifests; the live ones where none is."""
    for route in live:
        if mark := _mark(route):
            own = {key: route["metadata"][key] for key in ("namespace", "labels")}
            return [{**each, "metadata": {**each["metadata"], **own}} for each in mark["routes"]]
    return [as_written(route) for route in live]


def under_way(live: Sequence[Mapping[str, Any]]) -> str:
    """The rendered digest of the release that is between two steps; empty where none is."""
    return next((str(mark["release"]) for route in live if (mark := _mark(route))), "")


def _mark(route: Mapping[str, Any]) -> Object:
    mark: Object = json.loads((route["metadata"].get("annotations") or {}).get(PREVIOUS) or "{}")
    return mark


def as_written(live: Mapping[str, Any]) -> Object:
    """A live object as a manifest again."""
    metadata = {key: live["metadata"][key] for key in ("name", "namespace", "labels")}
    if notes := live["metadata"].get("annotations"):
        metadata["annotations"] = notes
    manifest = {key: live[key] for key in ("apiVersion", "kind", "spec")}
    return copy.deepcopy({**manifest, "metadata": metadata})


def _entries(route: Mapping[str, Any]) -> list[Object]:
    """The weighted entries of a route; an Ingress has none."""
    match route["kind"]:
        case "HTTPRoute":
            return route["spec"]["rules"][0]["backendRefs"]  # type: ignore[no-any-return]
        case "VirtualService":
            return route["spec"]["http"][0]["route"]  # type: ignore[no-any-return]
    return []


def _service_of(entry: Mapping[str, Any]) -> str:
    return (_from_destination(entry) if "destination" in entry else _from_backend_ref(entry)).service


def backends(objects: Sequence[Mapping[str, Any]]) -> list[Backend]:
    """The backends of live route objects, whatever their type: the inverse of `render`, for reading back."""
    found: list[Backend] = []
    for obj in sorted(objects, key=lambda item: len(item["metadata"]["name"])):
        spec = obj.get("spec") or {}
        match obj["kind"]:
            case "HTTPRoute":
                for rule in spec.get("rules") or []:
                    found += [_from_backend_ref(ref) for ref in rule.get("backendRefs") or []]
            case "VirtualService":
                for rule in spec.get("http") or []:
                    found += [_from_destination(entry) for entry in rule.get("route") or []]
            case "Ingress":
                found = _from_ingress(obj, found)
    return found


def _from_backend_ref(ref: Mapping[str, Any]) -> Backend:
    names = {
        header["name"]: header["value"]
        for entry in ref.get("filters") or []
        for header in (entry.get("responseHeaderModifier") or {}).get("set") or []
    }
    weight = ref.get("weight")
    return Backend(
        names.get(PREDICTOR_HEADER, ""), names.get(VERSION_HEADER, ""), ref["name"], 1 if weight is None else weight
    )


def _from_destination(entry: Mapping[str, Any]) -> Backend:
    names = ((entry.get("headers") or {}).get("response") or {}).get("set") or {}
    service = str(entry["destination"]["host"]).partition(".")[0]
    return Backend(names.get(PREDICTOR_HEADER, ""), names.get(VERSION_HEADER, ""), service, entry.get("weight", 0))


def _from_ingress(obj: Mapping[str, Any], found: Sequence[Backend]) -> list[Backend]:
    annotations = obj["metadata"].get("annotations") or {}
    service = obj["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["name"]
    weight = int(annotations.get(f"{_ALB}/canary-weight", 100))
    # What the canary takes is what the main Ingress loses.
    return [*(entry._replace(weight=100 - weight) for entry in found), Backend("", "", service, weight)]
