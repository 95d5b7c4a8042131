"""A cluster that is a dict, and a gateway that splits as its route says. Counts what is written."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Change
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._kube.apply import ObjectPlan
from ansible_collections.mlops.ack.plugins.module_utils._kube.kinds import Kind, Ref, kind_of
from ansible_collections.mlops.ack.plugins.module_utils._serving.endpoint import Answer, Request
from ansible_collections.mlops.ack.plugins.module_utils._serving.live import GATEWAY
from ansible_collections.mlops.ack.plugins.module_utils._serving.routes import VIRTUAL_SERVICE, backends

Object = dict[str, Any]


class FakeCluster:
    """`log` holds every write in order: "apply Kind/name", "scale name n", "delete Kind/name".

    `broken` names predictors whose pods never start; `wrong` those whose model answers wrongly; `skew` makes the
    gateway send everything to one predictor. `seen` are the weights at each write of the route.
    """

    def __init__(self) -> None:
        self.objects: dict[Ref, Object] = {}
        self.log: list[str] = []
        self.broken: set[str] = set()
        self.wrong: set[str] = set()
        self.not_yet: set[str] = set()
        self.skew = ""
        self.probes = 0
        self.traffic: dict[str, dict[str, int]] = {}  # by model version, what an interval brings: requests, errors, ms
        self._served: dict[str, dict[str, int]] = {}
        self.seen: list[dict[str, int]] = []

    # -- what a release asks ---------------------------------------------------------------------------------------

    def list(self, kind: Kind, namespace: str | None = None, *, labels: str = "") -> list[Object]:
        key, _equals, value = labels.partition("=")
        if kind.kind == "Pod":
            return [self._pod_of(obj) for obj in self.of("Deployment")]
        return [
            copy.deepcopy(obj)
            for ref, obj in sorted(self.objects.items())
            if ref.kind == kind
            and ref.namespace == namespace
            and key in obj["metadata"]["labels"]
            and (not value or obj["metadata"]["labels"][key] == value)
        ]

    def get(self, ref: Ref) -> Object | None:
        if ref.kind == GATEWAY:
            return {"status": {"addresses": [{"value": "203.0.113.7"}]}}
        return copy.deepcopy(self.objects.get(ref))

    def plan(self, manifests: Sequence[Object]) -> Sequence[ObjectPlan]:
        return [self._plan(manifest) for manifest in manifests]

    def _plan(self, manifest: Object) -> ObjectPlan:
        ref = ref_of(manifest)
        live = self.objects.get(ref)
        if live is None:
            return ObjectPlan(ref, "create", manifest, None, manifest, (Change(str(ref), None, manifest),))
        if _covers(live, manifest):
            return ObjectPlan(ref, "none", manifest, live, live)
        return ObjectPlan(ref, "update", manifest, live, manifest, (Change(f"{ref} spec", "old", "new"),))

    def apply(self, steps: Sequence[ObjectPlan]) -> None:
        for step in steps:
            if step.action == "none":
                continue
            self.log.append(f"apply {step.ref.kind.kind}/{step.ref.name}")
            kept = self.objects.get(step.ref, {}).get("spec", {}).get("replicas", 1)
            obj = copy.deepcopy(step.manifest)
            if step.ref.kind.kind == "Deployment":
                obj["spec"]["replicas"] = kept
                self._settle(obj)
            self.objects[step.ref] = obj
            if step.ref.kind.kind == "HTTPRoute":
                self.seen.append({f"{each.predictor} {each.version}": each.weight for each in backends([obj])})

    def scale(self, ref: Ref, replicas: int) -> None:
        self.log.append(f"scale {ref.name} {replicas}")
        self.objects[ref]["spec"]["replicas"] = replicas
        self._settle(self.objects[ref])

    def delete(self, ref: Ref) -> None:
        self.log.append(f"delete {ref.kind.kind}/{ref.name}")
        self.objects.pop(ref, None)

    def wait_ready(self, refs: Sequence[Ref], deadline: Deadline) -> None:
        for ref in refs:
            if ref.kind.kind == "Deployment" and predictor_of(self.objects[ref]) in self.broken:
                raise Failure("CrashLoop", f"{ref} cannot become ready.", resource=str(ref))
        self.not_yet.clear()

    def service(
        self, namespace: str, name: str, port: int | str, path: str, *, method: str = "GET", body: Any = None
    ) -> tuple[int, str]:
        deployment = next(
            obj for ref, obj in self.objects.items() if ref.kind.kind == "Deployment" and ref.name == name
        )
        number = deployment["metadata"]["labels"]["mlops.ack/model-version"].rpartition("-v")[2]
        if method == "GET":
            return 200, json.dumps({"model_version_status": [{"version": number, "state": "AVAILABLE"}]})
        return 200, json.dumps({"predictions": [{"digit": 3 if predictor_of(deployment) in self.wrong else 7}]})

    def pod(self, namespace: str, name: str, port: int | str, path: str) -> tuple[int, str]:
        """Each look finds one interval's traffic more."""
        version = self.objects[_deployment(namespace, name)]["metadata"]["labels"]["mlops.ack/model-version"]
        if version not in self.traffic:
            return 200, "# nobody asked yet\n"
        served = self._served.setdefault(version, {"requests": 0, "errors": 0, "us": 0})
        now = self.traffic[version]
        served["requests"] += now["requests"]
        served["errors"] += now.get("errors", 0)
        served["us"] += now["requests"] * now.get("ms", 1) * 1000
        good, labels = served["requests"] - served["errors"], 'model_name="digits"'
        latency = f':tensorflow:serving:request_latency_{{}}{{{{{labels},API="predict",entrypoint="REST"'
        bound = now.get("ms", 1) * 1000
        return 200, "\n".join(
            [
                f':tensorflow:serving:request_count{{{labels},status="OK"}} {good}',
                f':tensorflow:serving:request_count{{{labels},status="INTERNAL"}} {served["errors"]}',
                f'{latency.format("bucket")},le="{bound}"}} {served["requests"]}',
                f'{latency.format("bucket")},le="+Inf"}} {served["requests"]}',
                f"{latency.format('sum')}}} {served['us']}",
                f"{latency.format('count')}}} {served['requests']}",
            ]
        )

    def _pod_of(self, deployment: Object) -> Object:
        metadata = deployment["metadata"]
        return {"metadata": {"name": metadata["name"], "labels": metadata["labels"]}, "status": {}}

    # -- what clients see ------------------------------------------------------------------------------------------

    def connect(self, request: Request) -> FakeCluster:
        self.request = request
        return self

    def ask(self, timeout_s: float) -> Answer:
        routes = [obj for ref, obj in self.objects.items() if ref.kind.kind == "HTTPRoute"]
        split = [backend for backend in backends(routes) for _share in range(backend.weight)]
        chosen = split[self.probes % len(split)]
        self.probes += 1
        if self.skew:
            chosen = next(backend for backend in split if backend.predictor == self.skew)
        return Answer(chosen.predictor, chosen.version, 0.01, "")

    def close(self) -> None:
        pass

    # -- for the tests ---------------------------------------------------------------------------------------------

    def of(self, kind: str) -> list[Object]:
        return [obj for ref, obj in self.objects.items() if ref.kind.kind == kind]

    def weights(self) -> dict[str, int]:
        return {backend.predictor: backend.weight for backend in backends(self.of("HTTPRoute"))}

    def _settle(self, deployment: Object) -> None:
        wanted = deployment["spec"]["replicas"]
        ready = 0 if predictor_of(deployment) in self.broken | self.not_yet else wanted
        deployment["status"] = {
            "replicas": wanted,
            "updatedReplicas": wanted,
            "availableReplicas": ready,
            "readyReplicas": ready,
        }


def _deployment(namespace: str, name: str) -> Ref:
    return Ref(kind_of("apps/v1", "Deployment"), namespace, name)


def predictor_of(obj: Mapping[str, Any]) -> str:
    return str(obj["metadata"]["labels"]["mlops.ack/predictor"])


def ref_of(manifest: Mapping[str, Any]) -> Ref:
    metadata = manifest["metadata"]
    if manifest["kind"] == "VirtualService":
        return Ref(VIRTUAL_SERVICE, metadata["namespace"], metadata["name"])
    return Ref(kind_of(manifest["apiVersion"], manifest["kind"]), metadata["namespace"], metadata["name"])


def _covers(live: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(key in live and _covers(live[key], wanted[key]) for key in wanted)
    return bool(live == wanted)
