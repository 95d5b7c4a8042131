# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ACK's scheduler makes of a ResourcePolicy, as a webhook beside the scheduler of Kubernetes.

A pod that a policy selects is let onto the virtual node when it is created, or sent there when the first unit has its
`max`; a pod that was bound to the virtual node is the first that a ReplicaSet gives up. The scheduling is the real one.

`python -m ack_sandbox.resource_policy NODE_IP PKI_FOLDER PORT` listens on the loopback of the node's network.
"""

from __future__ import annotations

import base64
import http.server
import json
import ssl
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .api import Api
from .virtual_node import LABEL, TAINT

Object = Mapping[str, Any]
Patch = list[dict[str, Any]]

POLICIES = "/apis/scheduling.alibabacloud.com/v1alpha1/namespaces/{}/resourcepolicies"
ADMISSION = "scheduling.alibabacloud.com/admission"
"""Annotation: which admission let the pod in, so that it is counted once it can be listed."""
COST = "controller.kubernetes.io/pod-deletion-cost"
FORGET_S = 10.0


def policy_of(pod: Object, policies: Sequence[Object]) -> Object | None:
    """The first policy, by name, whose selector finds the pod."""
    labels = pod["metadata"].get("labels") or {}
    found = (each for each in policies if (each["spec"].get("selector") or {}).items() <= labels.items())
    return next(iter(sorted(found, key=lambda each: str(each["metadata"]["name"]))), None)


def is_local(pod: Object) -> bool:
    """Whether it takes a place of the first unit: it is not on the virtual node and was not sent there."""
    spec = pod["spec"]
    sent = (spec.get("nodeSelector") or {}).get("type") == LABEL
    return not sent and not str(spec.get("nodeName") or "").startswith(LABEL)


def is_live(pod: Object) -> bool:
    ended = pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
    return not ended and not pod["metadata"].get("deletionTimestamp")


def placed(pod: Object, policy: Object, local: int, admission: str) -> tuple[Patch, bool]:
    """The change of a new pod, and whether it is local. `local`: how many pods have a place in the first unit."""
    first, *others = policy["spec"]["units"]
    stays = first.get("max") is None or local < first["max"] or not others
    spec = pod["spec"]
    tolerated = [*(spec.get("tolerations") or []), {**TAINT, "operator": "Equal"}]
    notes = {**(pod["metadata"].get("annotations") or {}), ADMISSION: admission}
    patch: Patch = [_put("/metadata/annotations", notes), _put("/spec/tolerations", tolerated)]
    if stays:
        wanted = [{"key": "type", "operator": "NotIn", "values": [LABEL]}]
        wanted += [{"key": k, "operator": "In", "values": [v]} for k, v in (first.get("nodeSelector") or {}).items()]
        return [*patch, _put("/spec/affinity", _prefers(spec.get("affinity") or {}, wanted))], True
    labels = {**(pod["metadata"].get("labels") or {}), **(others[0].get("podLabels") or {})}
    selector = {**(spec.get("nodeSelector") or {}), "type": LABEL}
    return [*patch, _put("/metadata/labels", labels), _put("/spec/nodeSelector", selector)], False


def _put(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def _prefers(affinity: Object, wanted: Sequence[Object]) -> Object:
    nodes = affinity.get("nodeAffinity") or {}
    key = "preferredDuringSchedulingIgnoredDuringExecution"
    preferred = [*(nodes.get(key) or []), {"weight": 100, "preference": {"matchExpressions": list(wanted)}}]
    return {**affinity, "nodeAffinity": {**nodes, key: preferred}}


class Admission:
    """One review after the other: what was let in a moment ago counts before the API server can list it."""

    def __init__(self, api: Api) -> None:
        self._api, self._lock = api, threading.Lock()
        self._recent: dict[str, tuple[float, str]] = {}  # when, and by which policy, each local pod was let in

    def patch(self, request: Object) -> Patch:
        with self._lock:
            bound = request.get("subResource") == "binding"
            return self._bound(request) if bound else self._created(request)

    def _created(self, request: Object) -> Patch:
        pod, namespace = request["object"], request["namespace"]
        policies = self._api.items(POLICIES.format(namespace))
        policy = policy_of(pod, policies)
        if policy is None:
            return []
        pods = self._api.items(f"/api/v1/namespaces/{namespace}/pods")
        mine = [each for each in pods if is_live(each) and policy_of(each, policies) == policy]
        key, now = f"{namespace}/{policy['metadata']['name']}", time.monotonic()
        listed = {(each["metadata"].get("annotations") or {}).get(ADMISSION) for each in pods}
        self._recent = {
            uid: (at, by) for uid, (at, by) in self._recent.items() if uid not in listed and now - at < FORGET_S
        }
        local = sum(map(is_local, mine)) + sum(by == key for _at, by in self._recent.values())
        patch, stays = placed(pod, policy, local, request["uid"])
        if stays and not request.get("dryRun"):
            self._recent[request["uid"]] = (now, key)
        return patch

    def _bound(self, request: Object) -> Patch:
        binding = request["object"]
        pod = self._api.get(f"/api/v1/namespaces/{request['namespace']}/pods/{request['name']}") or {"metadata": {}}
        selected = ADMISSION in (pod["metadata"].get("annotations") or {})
        if not selected or not binding["target"]["name"].startswith(LABEL):
            return []
        notes = {**(binding["metadata"].get("annotations") or {}), COST: "-100"}
        return [_put("/metadata/annotations", notes)]


def review(request: Object, patch: Patch) -> Object:
    """The answer: always allowed."""
    response: dict[str, Any] = {"uid": request["uid"], "allowed": True}
    if patch:
        response |= {"patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(patch).encode()).decode()}
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}


def main(node_ip: str, pki: Path, port: int) -> None:
    admission = Admission(Api(node_ip, pki))

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
            data = json.dumps(review(request, admission.patch(request))).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "resource-policy.crt", pki / "resource-policy.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
