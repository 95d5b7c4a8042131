# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Following a training job: its state, its pods, their last lines; and the reason when it fails.

What was seen is kept: an operator may delete the pods of a failed job before anybody asks for their logs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol

from .._core.context import Context
from .._core.failure import Failure
from .._core.wait import Seen, Wait
from .._kube import diagnose
from .._kube.diagnose import Patience, Trouble
from .._kube.kinds import Kind, Ref, kind_of
from .render import CONTAINER
from .state import counts, ended_at, ended_by_deletion, is_suspended, leads, reason, selector, state

POD, EVENT = kind_of("v1", "Pod"), kind_of("v1", "Event")

WAIT = Wait(
    success=frozenset({"succeeded"}), failure=frozenset({"failed", "suspended", "gone"}), shortest_s=0.3, longest_s=3.0
)

TAIL = 200  # lines of a running pod, kept in case it vanishes
WHOLE = 50_000  # lines of a pod that ended
SHOWN = 20  # lines in a failure
PODS_PER_LOOK = 8
STUCK_S = 60.0  # a pod that failed, while its job goes on as if nothing had happened

Object = dict[str, Any]


class Cluster(Protocol):
    """What following needs of a cluster."""

    def get(self, ref: Ref) -> Object | None: ...
    def list(self, kind: Kind, namespace: str | None = None, *, labels: str = "", fields: str = "") -> list[Object]: ...

    def logs(
        self, namespace: str, pod: str, container: str = "", *, tail: int | None = 20, previous: bool = False
    ) -> str: ...


class Watch:
    """One job. `look` is for `until`; `pods` and `logs` hold what was seen last, also of pods that are gone."""

    def __init__(self, cluster: Cluster, ref: Ref, context: Context, unschedulable_timeout_s: float) -> None:
        self._cluster, self._ref, self._namespace = cluster, ref, ref.namespace or "default"
        self._patience = Patience(context.clock, {"Unschedulable": unschedulable_timeout_s})
        self._stuck = Patience(context.clock, dict.fromkeys(diagnose.GRACE_S, STUCK_S))
        self._turn = 0
        self.pods: dict[str, Object] = {}
        self.logs: dict[str, str] = {}
        self._ended: set[str] = set()

    def look(self) -> Seen:
        """Raises the Failure of a pod that will never run."""
        job = self._cluster.get(self._ref)
        if job is None:
            return Seen("gone", "somebody deleted it")
        now = self.list_pods()
        self._read_logs(now)
        word = state(job)
        if word == "suspended" and not is_suspended(job):
            word = "resuming"  # the operator has not seen it yet
        if word not in (WAIT.success | WAIT.failure):
            alive = [pod for pod in now if _phase(pod) != "Failed"]
            trouble = self._patience.over(diagnose.troubles(alive))
            dead = [pod for pod in now if _phase(pod) == "Failed"]
            if trouble := trouble or self._stuck.over(diagnose.troubles(dead)):
                raise self.failure(trouble, "cannot go on")
        return Seen(word, self._line(job), job)

    def explain(self, seen: Seen) -> Failure:
        """Why the job ended without success."""
        if seen.state in ("gone", "suspended"):
            return Failure(
                "JobDeleted" if seen.state == "gone" else "JobSuspended",
                f"{self._ref} was {'deleted' if seen.state == 'gone' else 'suspended'} while it was being waited for.",
                resource=str(self._ref),
                hint="Run again.",
            )
        if trouble := self.cause():
            return self.failure(trouble, "failed")
        return Failure(
            "JobFailed",
            f"{self._ref} failed: {reason(seen.value) or 'the operator gives no reason'}",
            resource=str(self._ref),
            hint="Look at its events and at the operator's log.",
            details={"events": list(diagnose.warnings(self._cluster, self._namespace, self._ref.name))},
        )

    def cause(self) -> Trouble | None:
        """The pod that failed first, as it was seen last; where it vanished unseen, as the operator tells it."""
        own = [pod for pod in self.pods.values() if not ended_by_deletion(pod)]
        return self._first(own) or self._from_events() or self._first(list(self.pods.values()))

    def _first(self, pods: list[Object]) -> Trouble | None:
        found = diagnose.troubles(_kept(pod) for pod in pods)
        same = [trouble for trouble in found if trouble.reason == found[0].reason]
        return min(same, key=lambda trouble: (ended_at(self.pods[trouble.pod]), trouble.pod), default=None)

    def failure(self, trouble: Trouble, what: str) -> Failure:
        """Tells the pod, why, its exit code, its last lines and its events."""
        full = diagnose.evidence(self._cluster, trouble, tail=SHOWN)
        if not full.log:
            full = full._replace(log=tuple(self.logs.get(trouble.pod, "").splitlines()[-SHOWN:]))
        base = diagnose.failure(str(self._ref), full)
        lines = "".join(f"\n    {line}" for line in full.log)
        return Failure(
            base.code,
            f"{self._ref} {what}. {full.line.rstrip('.')}." + (f" Last lines:{lines}\n" if lines else ""),
            resource=str(self._ref),
            hint=base.hint,
            details={"reason": full.reason, **base.details},
        )

    def collect(self) -> None:
        """Read the pods and the whole of every log that is still there."""
        for pod in self.list_pods():
            self._read_log(pod, WHOLE)

    def list_pods(self) -> list[Object]:
        """The pods that are there now."""
        labels = selector(self._ref.kind.api_version, self._ref.name)
        now = self._cluster.list(POD, self._namespace, labels=labels)
        self.pods.update({pod["metadata"]["name"]: pod for pod in now})
        return now

    def _read_logs(self, now: list[Object]) -> None:
        """Of pods that just ended all of it; of running ones the last lines, the leading one's at each look."""
        running = [pod for pod in now if _phase(pod) == "Running"]
        for pod in now:
            uid = pod["metadata"]["uid"]
            if has_run(pod) and uid not in self._ended:
                self._read_log(pod, WHOLE)
                self._ended.add(uid)
        self._turn += PODS_PER_LOOK
        start = self._turn % max(1, len(running))
        others = [pod for pod in running[start:] + running[:start] if not leads(pod)][: PODS_PER_LOOK - 1]
        for pod in [*(pod for pod in running if leads(pod)), *others]:
            self._read_log(pod, TAIL)

    def _read_log(self, pod: Mapping[str, Any], tail: int) -> None:
        name = pod["metadata"]["name"]
        text = self._cluster.logs(self._namespace, name, CONTAINER, tail=tail)
        if text or has_run(pod):
            self.logs[name] = text or self.logs.get(name, "")

    def _line(self, job: Mapping[str, Any]) -> str:
        parts = []
        for kind, numbers in counts(job).items():
            words = [f"{numbers[key]} {key}" for key in ("active", "succeeded", "failed") if numbers[key]]
            parts.append(f"{kind} {', '.join(words) or 'none yet'} of {numbers['replicas']}")
        leader = next((name for name, pod in self.pods.items() if leads(pod)), "")
        last = self.logs.get(leader, "").rstrip().rpartition("\n")[2].strip()
        return "; ".join(parts) + (f" | {last[:160]}" if last else "")

    def _from_events(self) -> Trouble | None:
        """The operator notes how each pod ended. Source: training-operator 1.9, event ExitedWithCode (2026-11)."""
        try:
            events = self._cluster.list(EVENT, self._namespace, fields=f"involvedObject.name={self._ref.name}")
        except Failure:  # evidence is best effort
            return None
        for event in sorted(events, key=lambda each: str(each.get("firstTimestamp") or each.get("eventTime") or "")):
            told = _EXITED.search(str(event.get("message") or ""))
            if told and int(told[3]):
                text = f"exited with {told[3]}, and the operator removed the pod"
                return Trouble("ContainerFailed", self._namespace, told[2], CONTAINER, text, int(told[3]))
        return None


_EXITED = re.compile(r"Pod: ([^.\s]+)\.(\S+) exited with code (\d+)")


def _phase(pod: Mapping[str, Any]) -> str:
    return str((pod.get("status") or {}).get("phase") or "")


def has_run(pod: Mapping[str, Any]) -> bool:
    """Whether a pod has ended, so that its log is whole."""
    return _phase(pod) in ("Succeeded", "Failed")


def _kept(pod: Mapping[str, Any]) -> Object:
    """A pod as it was, also when it is being deleted by now: its end is what matters."""
    metadata = {key: value for key, value in pod["metadata"].items() if key != "deletionTimestamp"}
    return {**pod, "metadata": metadata}
