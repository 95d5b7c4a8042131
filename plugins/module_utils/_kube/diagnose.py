# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why pods do not do what they should: the reason, the container, the exit code, the last lines it wrote.

`troubles` reads pods and is pure; `Patience` decides when a trouble has lasted long enough to end a wait; `evidence`
fetches log lines and events; `failure` says it all. In a wait:

    patience = Patience(context.clock)                                    # once
    if trouble := patience.over(troubles(client.list(pods, namespace, labels=selector))):   # at each look
        raise failure("Deployment/web", evidence(client, trouble))
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from .._core.failure import Failure
from .kinds import Kind, kind_of
from .shape import Object

POD = kind_of("v1", "Pod")
EVENT = kind_of("v1", "Event")


class Reader(Protocol):
    """What evidence needs of a cluster."""

    def list(self, kind: Kind, namespace: str | None = None, *, labels: str = "", fields: str = "") -> list[Object]: ...

    def logs(
        self, namespace: str, pod: str, container: str = "", *, tail: int | None = 20, previous: bool = False
    ) -> str: ...


class Trouble(NamedTuple):
    """One pod's trouble. `reason` is a key of GRACE_S and a failure code. `restarts` counts the container's. `log` and
    `events` are empty until `evidence` fills them.
    """

    reason: str
    namespace: str
    pod: str
    container: str
    text: str
    exit_code: int | None = None
    restarts: int = 0
    log: tuple[str, ...] = ()
    events: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """One line for a person."""
        where = f"pod {self.pod}" + (f", container {self.container}" if self.container else "")
        return f"{self.reason}: {where}: {self.text}"


GRACE_S: Mapping[str, float] = {
    "ImageNotFound": 0.0,
    "OutOfMemory": 0.0,
    "ContainerFailed": 0.0,
    "Evicted": 0.0,
    "CrashLoop": 0.0,
    "ContainerRefused": 20.0,
    "ImagePullFailed": 60.0,
    "Unschedulable": 60.0,
}
"""Seconds a trouble may last before it ends a wait: what the kubelet tries again may heal (a registry that restarts, a
Secret that follows, a node that is being added); what nobody tries again is final at once. Sorted by how telling a
reason is: the first is told when several pods are in trouble."""

CRASHES = 3  # restarts before a crash loop is believed; fewer happen while a dependency starts

_MISSING_IMAGE = re.compile(
    r"not found|manifest unknown|pull access denied|unauthorized|insufficient_scope|invalid reference format"
    r"|repository does not exist|no match for platform",
    re.IGNORECASE,
)
_PULLING = frozenset({"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError"})
_REFUSED = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


def troubles(pods: Iterable[Mapping[str, Any]]) -> list[Trouble]:
    """What keeps these pods from running, or made them fail; the most telling first. Deleted pods have none."""
    found = [trouble for pod in pods if not pod["metadata"].get("deletionTimestamp") for trouble in _of_pod(pod)]
    order = list(GRACE_S)
    return sorted(found, key=lambda trouble: (order.index(trouble.reason), trouble.pod))


def _of_pod(pod: Mapping[str, Any]) -> list[Trouble]:
    metadata, status = pod["metadata"], pod.get("status") or {}
    namespace, name = metadata.get("namespace", "default"), metadata["name"]
    found: list[Trouble] = []
    if status.get("phase") == "Succeeded":
        return found
    is_over = status.get("phase") == "Failed"
    if status.get("reason") == "Evicted":
        found.append(Trouble("Evicted", namespace, name, "", _text(status)))
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            found.append(Trouble("Unschedulable", namespace, name, "", condition.get("message", "no node fits")))
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        if trouble := _of_container(namespace, name, container, is_over):
            found.append(trouble)
    if is_over and not found:
        found.append(Trouble("ContainerFailed", namespace, name, "", _text(status) or "the pod failed"))
    return found


def _of_container(namespace: str, pod: str, container: Mapping[str, Any], pod_is_over: bool) -> Trouble | None:
    name, restarts = container["name"], int(container.get("restartCount") or 0)
    state = container.get("state") or {}
    waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
    last = (container.get("lastState") or {}).get("terminated") or {}
    reason = waiting.get("reason", "")
    if reason in _PULLING:
        text = f"image {container.get('image', '')}: {waiting.get('message') or reason}"
        is_missing = reason in ("InvalidImageName", "ErrImageNeverPull") or bool(_MISSING_IMAGE.search(text))
        return Trouble("ImageNotFound" if is_missing else "ImagePullFailed", namespace, pod, name, text)
    if reason in _REFUSED:
        return Trouble("ContainerRefused", namespace, pod, name, f"{reason}: {waiting.get('message', '')}")
    if reason == "CrashLoopBackOff" or (restarts >= CRASHES and last.get("exitCode")):
        if restarts < CRASHES:
            return None
        return _exit(namespace, pod, name, last, restarts, "CrashLoop")
    if ended and int(ended.get("exitCode") or 0) != 0 and pod_is_over:
        return _exit(namespace, pod, name, ended, restarts, "ContainerFailed")
    return None


def _exit(namespace: str, pod: str, name: str, ended: Mapping[str, Any], restarts: int, reason: str) -> Trouble:
    code = ended.get("exitCode")
    if ended.get("reason") == "OOMKilled":
        reason, text = "OutOfMemory", "killed for using more memory than its limit"
    else:
        text = f"exited with {code}" + (f", restarted {restarts} times" if restarts else "")
    message = str(ended.get("message") or "").strip()
    return Trouble(reason, namespace, pod, name, f"{text}: {message}" if message else text, code, restarts)


def _text(status: Mapping[str, Any]) -> str:
    return ": ".join(str(status[key]) for key in ("reason", "message") if status.get(key))


class Patience:
    """Remembers since when each trouble lasts, by this machine's monotonic clock: cluster clocks may differ."""

    def __init__(self, clock: Callable[[], float], grace_s: Mapping[str, float] | None = None) -> None:
        self._clock, self._grace_s = clock, {**GRACE_S, **(grace_s or {})}
        self._since: dict[tuple[str, str, str], float] = {}

    def over(self, found: Iterable[Trouble]) -> Trouble | None:
        """The first trouble that has outlasted its grace, or None."""
        now, since = self._clock(), self._since
        self._since = {}
        final = None
        for trouble in found:
            key = (trouble.reason, trouble.pod, trouble.container)
            self._since[key] = since.get(key, now)
            if final is None and now - self._since[key] >= self._grace_s[trouble.reason]:
                final = trouble
        return final


def evidence(client: Reader, trouble: Trouble, *, tail: int = 20) -> Trouble:
    """The trouble with the container's last lines (of the run that failed) and the pod's warnings."""
    lines: list[str] = []
    has_run = trouble.exit_code is not None
    if has_run:
        previous = trouble.reason == "CrashLoop" or (trouble.reason == "OutOfMemory" and trouble.restarts > 0)
        text = _logs(client, trouble, tail, previous) or _logs(client, trouble, tail, False)
        lines = text.rstrip().splitlines()[-tail:]
    return trouble._replace(log=tuple(lines), events=warnings(client, trouble.namespace, trouble.pod))


def _logs(client: Reader, trouble: Trouble, tail: int, previous: bool) -> str:
    try:
        return client.logs(trouble.namespace, trouble.pod, trouble.container, tail=tail, previous=previous)
    except Failure:  # evidence is best effort: the trouble itself is what must be told
        return ""


def warnings(client: Reader, namespace: str, name: str) -> tuple[str, ...]:
    """The last five warning events about an object, oldest first: "reason: message"."""
    try:
        found = client.list(EVENT, namespace, fields=f"involvedObject.name={name},type=Warning")
    except Failure:
        return ()
    found.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
    lines = (f"{event.get('reason', '')}: {str(event.get('message', '')).strip()}" for event in found)
    return tuple(dict.fromkeys(lines))[-5:]


_HINTS: Mapping[str, str] = {
    "ImageNotFound": "Correct the image's name, or give the pod an imagePullSecret that may read it.",
    "ImagePullFailed": "Can the nodes reach this registry?",
    "Unschedulable": "Lower the requests, or add nodes that fit (mlops.ack.ack_node_pool).",
    "OutOfMemory": "Raise resources.limits.memory of this container.",
    "ContainerRefused": "Does every ConfigMap and Secret that the container names exist?",
    "ContainerFailed": "Its last lines say why.",
    "CrashLoop": "Its last lines say why.",
    "Evicted": "The node ran out of something; set requests, or use larger nodes.",
}


def failure(what: str, trouble: Trouble) -> Failure:
    """The failure that ends a wait. Its code is the trouble's reason; details hold pod, exit code, log and events."""
    message = f"{what} cannot become ready. {trouble.line.rstrip('.')}."
    if trouble.log:
        message += " Last lines: " + " | ".join(line.strip() for line in trouble.log[-3:])
        message = message.rstrip(".") + "."
    details = {**trouble._asdict(), "log": list(trouble.log), "events": list(trouble.events)}
    return Failure(trouble.reason, message, resource=what, hint=_HINTS[trouble.reason], details=details)
