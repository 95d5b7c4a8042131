# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading a node's Kubernetes API with the admin's certificate; a start of kubectl costs fifty times as much."""

from __future__ import annotations

import datetime
import http.client
import json
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Object = Mapping[str, Any]


class Api:
    """GET requests, each on its own connection: the server may be starting, restarting or gone."""

    def __init__(self, node_ip: str, pki: Path, timeout_s: float = 3.0) -> None:
        self._node_ip, self._timeout_s = node_ip, timeout_s
        self._context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self._context.load_cert_chain(pki / "admin.crt", pki / "admin.key")

    def get(self, path: str) -> dict[str, Any] | None:
        """The object or list at `path`; None where there is none, or no server that answers."""
        connection = http.client.HTTPSConnection(self._node_ip, 6443, timeout=self._timeout_s, context=self._context)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
            found: dict[str, Any] | None = json.loads(body) if response.status == 200 else None
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()
        return found

    def items(self, path: str) -> list[Object]:
        return list((self.get(path) or {}).get("items", ()))


def condition(thing: Object, kind: str) -> Object:
    """The status condition of that type, or an empty mapping."""
    conditions: Sequence[Object] = thing.get("status", {}).get("conditions") or ()
    return next((entry for entry in conditions if entry["type"] == kind), {})


def node_is_ready(node: Object, since: datetime.datetime) -> bool:
    """Ready, and said so after `since`: until its kubelet is back, a restarted node shows what was true before."""
    ready = condition(node, "Ready")
    return bool(ready.get("status") == "True") and _not_before(ready.get("lastHeartbeatTime"), since)


def pod_is_ready(pod: Object, since: datetime.datetime) -> bool:
    """Ready, and not because it was so before its node restarted: its containers started after `since`."""
    statuses: Sequence[Object] = pod.get("status", {}).get("containerStatuses") or ()
    running = [entry.get("state", {}).get("running") or {} for entry in statuses]
    started = bool(running) and all(_not_before(entry.get("startedAt"), since) for entry in running)
    return started and bool(condition(pod, "Ready").get("status") == "True")


def _not_before(timestamp: str | None, since: datetime.datetime) -> bool:
    """The API gives whole seconds, so the second of `since` counts."""
    return bool(timestamp) and datetime.datetime.fromisoformat(str(timestamp)) >= since.replace(microsecond=0)


def workload_is_ready(workload: Object) -> bool:
    """A Deployment or DaemonSet whose every wanted pod is of the present revision and ready."""
    status = workload.get("status", {})
    if status.get("observedGeneration", 0) < workload.get("metadata", {}).get("generation", 1):
        return False
    if "desiredNumberScheduled" in status:
        counts = (status["desiredNumberScheduled"], status.get("numberReady"), status.get("updatedNumberScheduled"))
    else:
        wanted = workload.get("spec", {}).get("replicas", 1)
        counts = (wanted, status.get("readyReplicas"), status.get("updatedReplicas"))
    wanted, ready, updated = (int(count or 0) for count in counts)
    return 0 < wanted <= min(ready, updated)


def pod_trouble(pod: Object) -> str:
    """Why a pod does not get on, as `reason: message`; empty if nothing is wrong (yet)."""
    status = pod.get("status", {})
    for container in [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]:
        waiting = container.get("state", {}).get("waiting") or {}
        if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            return f"{waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return f"{scheduled.get('reason', 'Unschedulable')}: {scheduled.get('message', '')}"
    return ""
