# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runs `transfer.py` in the cluster: a Job on the volume, with signed URLs in a Secret that ends with it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import inspect
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from .._core.context import Context
from .._core.failure import Failure
from .._core.wait import Deadline, Seen, Wait, until
from .._kube.diagnose import Patience, evidence, failure, troubles
from .._kube.kinds import Kind, Ref, kind_of
from . import transfer

JOB, POD, SECRET = kind_of("batch/v1", "Job"), kind_of("v1", "Pod"), kind_of("v1", "Secret")

MOUNT = "/mnt/volume"
REQUESTS = "/mnt/requests"
WRITING = ("load", "snap")
LABELS = {"app.kubernetes.io/managed-by": "mlops.ack"}
FILES_PER_SECRET = 4000  # about 200 bytes each when compressed; a Secret holds 1 MiB
SPARE_S = 30  # a Job that nobody watches any more ends by itself this long after the deadline
KEPT_S = 600  # a Job of a run that was killed removes itself, and its Secret, after this

Object = dict[str, Any]
Event = dict[str, Any]

WAIT = Wait(success=frozenset({"succeeded"}), failure=frozenset({"failed", "gone"}), shortest_s=0.3, longest_s=3.0)


class Cluster(Protocol):
    """What a transfer needs of a cluster."""

    def within(self, deadline: Deadline) -> Cluster: ...
    def get(self, ref: Ref) -> Object | None: ...
    def list(self, kind: Kind, namespace: str | None = None, *, labels: str = "", fields: str = "") -> list[Object]: ...
    def create(self, ref: Ref, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Object: ...
    def merge(self, ref: Ref, patch: Mapping[str, Any]) -> Object: ...
    def delete(self, ref: Ref, *, propagation: str = "Background", grace_s: int | None = None) -> None: ...

    def logs(
        self, namespace: str, pod: str, container: str = "", *, tail: int | None = 20, previous: bool = False
    ) -> str: ...


class Place(NamedTuple):
    """Where a transfer runs. volume: a Kubernetes volume source, `{persistentVolumeClaim: {claimName: x}}`. image: any
    with python3 (3.7 or later).
    """

    namespace: str
    image: str
    volume: Mapping[str, Any]
    node_selector: Mapping[str, str] | None = None
    tolerations: tuple[Mapping[str, Any], ...] = ()


class Transfer(NamedTuple):
    """verb: load, list, snap or send. folder: relative to the volume. files: requests of `transfer.py`, with URLs."""

    name: str
    verb: str
    folder: str
    files: tuple[Mapping[str, Any], ...] = ()


def run(cluster: Cluster, place: Place, work: Transfer, deadline: Deadline, context: Context) -> list[Event]:
    """The events that the program printed. Nothing of the Job is left, whatever happens.

    What an interrupted run left under the same name is removed first; files that are right already are not moved again.
    Raises Failure with the program's code (MissingObject, AlteredObject, NoSpace, Unreachable, Refused, NotWritable,
    ...), the pod's trouble (ImageNotFound, Unschedulable, ...), or `WaitTimeout`.
    """
    cluster = cluster.within(deadline)
    ref = Ref(JOB, place.namespace, work.name)
    _remove(cluster, ref, deadline, context)
    try:
        made = cluster.create(ref, manifest(place, work, deadline))
        for secret in secrets(place, work, made):
            cluster.create(Ref(SECRET, place.namespace, secret["metadata"]["name"]), secret)
        cluster.merge(ref, {"spec": {"suspend": False}})
        events = _follow(cluster, ref, deadline, context)
    except BaseException as problem:
        try:
            _discard(cluster, ref, work)
        except Failure as left:
            if isinstance(problem, Failure):
                problem.hint = f"{problem.hint} {ref} may be there still; it ends by itself: {left.message}".strip()
        raise
    _discard(cluster, ref, work)
    return events


def _discard(cluster: Cluster, ref: Ref, work: Transfer) -> None:
    cluster.delete(ref)
    for number in range(len(_parts(work))):
        cluster.delete(Ref(SECRET, ref.namespace, f"{work.name}-{number}"))


def clear(cluster: Cluster, place: Place, name: str, deadline: Deadline, context: Context) -> None:
    """Remove what an interrupted run left under this name, where there is nothing to do any more."""
    _remove(cluster, Ref(JOB, place.namespace, name), deadline, context)


def name(prefix: str, *inputs: object) -> str:
    """A Job's name, the same for the same inputs; at most 63 characters."""
    mark = hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()[:8]
    return f"{prefix[:54].rstrip('-')}-{mark}".lower().replace("_", "-").replace(".", "-")


def manifest(place: Place, work: Transfer, deadline: Deadline) -> Object:
    """The Job, suspended: it starts when its Secrets are there, and they belong to it from their first moment."""
    arguments = [work.verb, f"{MOUNT}/{work.folder}", *([REQUESTS] if work.files else [])]
    mounts: list[Object] = [{"name": "volume", "mountPath": MOUNT, "readOnly": work.verb not in WRITING}]
    volumes: list[Object] = [{"name": "volume", **place.volume}]
    if work.files:
        parts = range(len(_parts(work)))
        sources = [{"secret": {"name": f"{work.name}-{number}"}} for number in parts]
        volumes.append({"name": "requests", "projected": {"sources": sources, "defaultMode": 0o400}})
        mounts.append({"name": "requests", "mountPath": REQUESTS, "readOnly": True})
    pod: Object = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 2,
        "containers": [
            {
                "name": "transfer",
                "image": place.image,
                "command": ["python3", "-c", inspect.getsource(transfer), *arguments],
                "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
                "volumeMounts": mounts,
            }
        ],
        "volumes": volumes,
    }
    if place.node_selector:
        pod["nodeSelector"] = dict(place.node_selector)
    if place.tolerations:
        pod["tolerations"] = [dict(each) for each in place.tolerations]
    return {
        "apiVersion": JOB.api_version,
        "kind": JOB.kind,
        "metadata": {"name": work.name, "namespace": place.namespace, "labels": LABELS},
        "spec": {
            "suspend": True,
            "backoffLimit": 0,  # the program itself tries again what may heal
            "activeDeadlineSeconds": int(deadline.remaining) + SPARE_S,
            "ttlSecondsAfterFinished": KEPT_S,
            "template": {"metadata": {"labels": LABELS}, "spec": pod},
        },
    }


def secrets(place: Place, work: Transfer, job: Mapping[str, Any]) -> Iterator[Object]:
    """The requests in Secrets that `job` owns: they go when it goes."""
    owner = {
        "apiVersion": JOB.api_version,
        "kind": JOB.kind,
        "name": work.name,
        "uid": job["metadata"]["uid"],
        "blockOwnerDeletion": False,
    }
    for number, part in enumerate(_parts(work)):
        packed = gzip.compress(json.dumps(part).encode(), mtime=0)
        yield {
            "apiVersion": SECRET.api_version,
            "kind": SECRET.kind,
            "metadata": {
                "name": f"{work.name}-{number}",
                "namespace": place.namespace,
                "labels": LABELS,
                "ownerReferences": [owner],
            },
            "data": {f"{number:04d}.json.gz": base64.b64encode(packed).decode()},
        }


def _parts(work: Transfer) -> list[list[Mapping[str, Any]]]:
    files = list(work.files)
    return [files[at : at + FILES_PER_SECRET] for at in range(0, len(files), FILES_PER_SECRET)]


def _remove(cluster: Cluster, ref: Ref, deadline: Deadline, context: Context) -> None:
    """Away with the Job of an interrupted run, and its pod: two must not write into one folder."""
    if cluster.get(ref) is None:
        return
    cluster.delete(ref, propagation="Foreground")

    def look() -> Seen:
        return Seen("left" if cluster.get(ref) else "removed")

    until(Wait(frozenset({"removed"}), longest_s=2.0), look, deadline, context, what=f"{ref}, of an interrupted run")


def _follow(cluster: Cluster, ref: Ref, deadline: Deadline, context: Context) -> list[Event]:
    namespace = ref.namespace or "default"
    patience = Patience(context.clock)

    def pods() -> list[Object]:
        return cluster.list(POD, namespace, labels=f"batch.kubernetes.io/job-name={ref.name}")

    def lines(tail: int | None) -> list[Event]:
        return [
            event for pod in pods() for event in events(cluster.logs(namespace, pod["metadata"]["name"], tail=tail))
        ]

    def look() -> Seen:
        job = cluster.get(ref)
        if job is None:
            return Seen("gone", "somebody deleted it")
        state = _state(job)
        if state == "failed":
            return Seen(state)
        if state == "running":
            found = pods()
            if trouble := patience.over(troubles(found)):
                raise _pod_failure(cluster, ref, trouble, lines)
            if not any((pod.get("status") or {}).get("phase") == "Running" for pod in found):
                return Seen("starting")
            return Seen(state, _progress(lines(3)))
        return Seen(state)

    def explain(seen: Seen) -> Failure:
        if broken := _error(lines(None)):
            return broken
        if found := troubles(pods()):
            return failure(str(ref), evidence(cluster, found[0]))
        return Failure(
            "TransferFailed",
            f"{ref} ended as {seen.state} and left no word{': ' + seen.text if seen.text else ''}.",
            resource=str(ref),
            hint="Run again.",
            retryable=True,
        )

    until(WAIT, look, deadline, context, what=str(ref), explain=explain)
    found = lines(None)
    if not found or found[-1]["event"] != "done":
        raise Failure(
            "TransferFailed",
            f"{ref} succeeded, but its log is cut off.",
            resource=str(ref),
            hint="Run again.",
            retryable=True,
        )
    return found


def _state(job: Mapping[str, Any]) -> str:
    is_true = {each["type"] for each in (job.get("status") or {}).get("conditions") or [] if each["status"] == "True"}
    if is_true & {"Failed", "FailureTarget"}:
        return "failed"
    return "succeeded" if "Complete" in is_true else "running"


def _pod_failure(cluster: Cluster, ref: Ref, trouble: Any, lines: Any) -> Failure:
    """The program's own word where it left one, else what the pod shows."""
    return _error(lines(None)) or failure(str(ref), evidence(cluster, trouble))


def events(text: str) -> list[Event]:
    """The program's lines; what else an image prints is left out."""
    found: list[Event] = []
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and "event" in event:
            found.append(event)
    return found


def _progress(found: Iterable[Event]) -> str:
    told = [event for event in found if event["event"] == "progress"]
    if not told:
        return ""
    last = told[-1]
    return f"{last['files']} of {last['of_files']} files, {last['bytes'] >> 20} of {last['of_bytes'] >> 20} MiB"


HINTS: Mapping[str, str] = {
    "MissingObject": "Was it deleted after the listing? Restore it, or run again with what the bucket holds now.",
    "AlteredObject": "Upload it again with mlops.ack.oss_sync, which records its sha256.",
    "AlteredFile": "Is something still writing into the folder? Run again when it has ended.",
    "NoSpace": "Use a larger volume, or remove old folders from it.",
    "Unreachable": "Can pods reach this address? Set pod_oss_endpoint to one that they can.",
    "Refused": "May the access key read and write this bucket, and is the node's clock right?",
    "NotWritable": "Mount a volume that this pod may write.",
    "UnexpectedFile": "Something else wrote there; remove it.",
    "MissingFile": "Did the training job write to this folder of this volume?",
    "FileTooLarge": "Split the file.",
}
"""What ends each error of `transfer.py`."""


def _error(found: Iterable[Event]) -> Failure | None:
    for event in found:
        if event["event"] == "error":
            facts = {key: value for key, value in event.items() if key not in ("event", "code", "message")}
            return Failure(
                event["code"],
                event["message"],
                resource=f"object/{facts['key']}" if "key" in facts else "",
                hint=HINTS.get(event["code"], ""),
                retryable=event["code"] in ("Unreachable", "AlteredFile"),
                details=facts,
            )
    return None
