# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a TFJob and its pods say about themselves, in the user's words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from .render import CONTAINER, PARAMETERS, RUN_LABEL, image

Object = dict[str, Any]

TERMINAL = frozenset({"succeeded", "failed"})

_BY_WEIGHT = (
    ("Failed", "failed"),
    ("Succeeded", "succeeded"),
    ("Suspended", "suspended"),
    ("Restarting", "restarting"),
    ("Running", "running"),
    ("Queuing", "queuing"),
    ("Created", "created"),
)
"""The first condition that is True decides. Failed and Succeeded can both be True: the job failed. The order of the
list in the status says nothing: a condition that turned False stays, and may be the last.
Source: training-operator 1.9, pkg/util/status.go; kubedl adds Queuing (2026-11).
"""


def state(job: Mapping[str, Any]) -> str:
    """created, queuing, running, restarting, suspended, succeeded or failed; `new` before the operator has seen it."""
    is_true = {each["type"] for each in _status(job).get("conditions") or [] if each.get("status") == "True"}
    return next((word for kind, word in _BY_WEIGHT if kind in is_true), "new")


def reason(job: Mapping[str, Any]) -> str:
    """What the condition that decides says, for a person."""
    decides = {word: kind for kind, word in _BY_WEIGHT}.get(state(job))
    for each in _status(job).get("conditions") or []:
        if each["type"] == decides:
            return str(each.get("message") or each.get("reason") or "")
    return ""


def is_suspended(job: Mapping[str, Any]) -> bool:
    spec = job.get("spec") or {}
    return bool((spec.get("runPolicy") or {}).get("suspend"))


def summary(job: Mapping[str, Any], pods: Iterable[Mapping[str, Any]], log_keys: Iterable[str]) -> Object:
    """The job as modules return it. Times are RFC 3339 in UTC, None while unknown."""
    metadata, status, replicas = job["metadata"], _status(job), job["spec"]["tfReplicaSpecs"]
    listed = sorted((pod(each) for each in pods), key=lambda each: (each["type"], each["index"]))
    return {
        "name": metadata["name"],
        "namespace": metadata.get("namespace"),
        "run_id": (metadata.get("labels") or {}).get(RUN_LABEL),
        "state": state(job),
        "parameters": json.loads((metadata.get("annotations") or {}).get(PARAMETERS) or "{}"),
        "image": image(replicas),
        "image_id": next((each["image_id"] for each in listed if each["image_id"]), None),
        "created": metadata.get("creationTimestamp"),
        "started": status.get("startTime"),
        "finished": status.get("completionTime") or _failed_at(job),
        "seconds": _seconds(status.get("startTime"), status.get("completionTime") or _failed_at(job)),
        "conditions": conditions(job),
        "replicas": counts(job),
        "pods": listed,
        "log_keys": sorted(log_keys),
    }


def predicted(manifest: Mapping[str, Any], word: str, log_keys: Iterable[str]) -> Object:
    """`summary` of a job that is not there yet: what the cluster will tell is None or empty."""
    return expected(summary(manifest, (), log_keys), word)


def expected(now: Mapping[str, Any], word: str) -> Object:
    """`summary` of a job that goes on: what the cluster will tell is None or empty."""
    told = dict.fromkeys(("image_id", "started", "finished", "seconds"))
    unknown = dict.fromkeys(("active", "succeeded", "failed"))
    replicas = {kind: {**count, **unknown} for kind, count in now["replicas"].items()}
    return {**now, **told, "state": word, "conditions": [], "pods": [], "replicas": replicas}


def conditions(job: Mapping[str, Any]) -> list[Object]:
    return [
        {
            "type": each["type"],
            "status": each.get("status"),
            "reason": each.get("reason"),
            "message": each.get("message"),
            "last_transition_time": each.get("lastTransitionTime"),
        }
        for each in _status(job).get("conditions") or []
    ]


def counts(job: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """How many pods of each type are wanted, active, succeeded and failed."""
    statuses = _status(job).get("replicaStatuses") or {}
    return {
        kind: {
            "replicas": int(spec.get("replicas", 1)),
            **{key: int((statuses.get(kind) or {}).get(key) or 0) for key in ("active", "succeeded", "failed")},
        }
        for kind, spec in job["spec"]["tfReplicaSpecs"].items()
    }


def pod(found: Mapping[str, Any]) -> Object:
    """A pod of a job: name, type, index, phase, node, exit_code, reason, image_id of the container that trains."""
    labels, status = found["metadata"].get("labels") or {}, found.get("status") or {}
    container: Mapping[str, Any] = next(
        (each for each in status.get("containerStatuses") or [] if each["name"] == CONTAINER), {}
    )
    ended = (container.get("state") or {}).get("terminated") or {}
    return {
        "name": found["metadata"]["name"],
        "type": _label(labels, "replica-type"),
        "index": int(_label(labels, "replica-index") or 0),
        "phase": status.get("phase"),
        "node": (found.get("spec") or {}).get("nodeName"),
        "exit_code": ended.get("exitCode"),
        "reason": ended.get("reason") or status.get("reason"),
        "image_id": container.get("imageID") or None,
    }


def ended_at(found: Mapping[str, Any]) -> str:
    """When the first container of a pod ended; sorts after every time where none did."""
    times = [
        each["state"]["terminated"].get("finishedAt") or "~"
        for each in (found.get("status") or {}).get("containerStatuses") or []
        if "terminated" in (each.get("state") or {})
    ]
    return min(times, default="~")


def ended_by_deletion(found: Mapping[str, Any]) -> bool:
    """Whether a pod's first container ended only after somebody asked to delete the pod.

    Source: Kubernetes ObjectMeta; deletionTimestamp is when the grace period ends, not when it began.
    """
    metadata = found["metadata"]
    end = ended_at(found)
    if not metadata.get("deletionTimestamp") or end == "~":
        return False
    grace = timedelta(seconds=metadata.get("deletionGracePeriodSeconds") or 0)
    return datetime.fromisoformat(end) >= datetime.fromisoformat(metadata["deletionTimestamp"]) - grace


def leads(found: Mapping[str, Any]) -> bool:
    """Whether this pod is the one to listen to: the chief, or worker 0 where there is none."""
    return _label(found["metadata"].get("labels") or {}, "job-role") == "master"


def selector(api_version: str, name: str) -> str:
    """The label selector of a job's pods."""
    prefix = "training.kubeflow.org/" if api_version.startswith("kubeflow.org/") else ""
    return f"{prefix}job-name={name}"


def _label(labels: Mapping[str, Any], key: str) -> str:
    return str(labels.get(f"training.kubeflow.org/{key}") or labels.get(key) or "")


def _status(job: Mapping[str, Any]) -> Mapping[str, Any]:
    return job.get("status") or {}


def _failed_at(job: Mapping[str, Any]) -> str | None:
    """A failed job has no completionTime when its pods failed."""
    if state(job) != "failed":
        return None
    return next((each["last_transition_time"] for each in conditions(job) if each["type"] == "Failed"), None)


def _seconds(start: str | None, end: str | None) -> int | None:
    if not start or not end:
        return None
    first, last = (datetime.fromisoformat(each.replace("Z", "+00:00")) for each in (start, end))
    return int((last - first).total_seconds())
