# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When objects of each kind are ready, when they never will be, and waiting for either.

    wait_ready(client, [ref, ...], deadline, context)      # all of them; ends at the first failure; returns the objects
    wait_gone(client, [ref, ...], deadline, context)

`rule_for(kind)` raises for a kind whose readiness nobody defined: call it before writing anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from .._core.context import Context
from .._core.failure import Failure
from .._core.wait import Deadline, Seen, Wait, until
from .diagnose import POD, Patience, Reader, Trouble, evidence, failure, troubles, warnings
from .kinds import Kind, Ref, kind_of
from .shape import Object

READY, WAITING, FAILED = "ready", "waiting", "failed"


class Verdict(NamedTuple):
    """One look at one object. `state`: ready, waiting or failed. `text`: why, for a person."""

    state: str
    text: str = ""


Rule = Callable[[Mapping[str, Any]], Verdict]


class Client(Reader, Protocol):
    """What waiting needs of a cluster."""

    def get(self, ref: Ref) -> Object | None: ...


# -- conditions --------------------------------------------------------------------------------------------------------


def condition(live: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """The condition of this type; empty where there is none, or where it speaks of an older generation."""
    generation = (live.get("metadata") or {}).get("generation")
    for found in (live.get("status") or {}).get("conditions") or []:
        if found.get("type") == kind and found.get("observedGeneration", generation) == generation:
            return found  # type: ignore[no-any-return]
    return {}


def is_true(live: Mapping[str, Any], kind: str) -> bool:
    return condition(live, kind).get("status") == "True"


def _say(found: Mapping[str, Any]) -> str:
    return ": ".join(str(found[key]) for key in ("reason", "message") if found.get(key))


def by_conditions(
    success: Mapping[str, str], failure: Mapping[str, str] | None = None, final: Iterable[str] = ()
) -> Rule:
    """A rule from conditions: {type: status}. Every one of `success` is needed; any one of `failure` ends it, and so
    does a reason of `final` on a success condition that is not met.
    """
    finals = frozenset(final)

    def rule(live: Mapping[str, Any]) -> Verdict:
        for kind, status in (failure or {}).items():
            found = condition(live, kind)
            if found.get("status") == status:
                return Verdict(FAILED, f"{kind} is {status}: {_say(found)}")
        for kind, status in success.items():
            found = condition(live, kind)
            if found.get("status") != status:
                text = f"{kind} is not {status} yet" if not found else f"{kind} is {found['status']}: {_say(found)}"
                return Verdict(FAILED if found.get("reason") in finals else WAITING, text)
        return Verdict(READY)

    return rule


# -- kinds -------------------------------------------------------------------------------------------------------------


def _exists(live: Mapping[str, Any]) -> Verdict:
    return Verdict(READY)


def _is_stale(live: Mapping[str, Any]) -> bool:
    observed = (live.get("status") or {}).get("observedGeneration", 0)
    return bool(observed < live["metadata"].get("generation", 0))


def _deployment(live: Mapping[str, Any]) -> Verdict:
    if _is_stale(live):
        return Verdict(WAITING, "not observed yet")
    progress = condition(live, "Progressing")
    if progress.get("reason") == "ProgressDeadlineExceeded":
        return Verdict(FAILED, _say(progress))
    wanted, status = int(live["spec"].get("replicas", 1)), live.get("status") or {}
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    old = status.get("replicas", 0) - updated
    if updated >= wanted and available >= wanted and old <= 0:
        return Verdict(READY)
    refused = condition(live, "ReplicaFailure")
    text = f"{available} of {wanted} available, {updated} updated" + (f", {old} old" if old > 0 else "")
    return Verdict(WAITING, f"{text}; {_say(refused)}" if refused.get("status") == "True" else text)


def _stateful_set(live: Mapping[str, Any]) -> Verdict:
    if _is_stale(live):
        return Verdict(WAITING, "not observed yet")
    spec, status = live["spec"], live.get("status") or {}
    wanted = int(spec.get("replicas", 1))
    strategy = spec.get("updateStrategy") or {}
    kept = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)  # ordinals below keep the old revision
    due = 0 if strategy.get("type") == "OnDelete" else max(0, wanted - kept)
    ready, updated = status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
    is_current = status.get("currentRevision") == status.get("updateRevision")
    if ready >= wanted and (updated >= due or is_current):
        return Verdict(READY)
    return Verdict(WAITING, f"{ready} of {wanted} ready, {updated} updated")


def _daemon_set(live: Mapping[str, Any]) -> Verdict:
    if _is_stale(live):
        return Verdict(WAITING, "not observed yet")
    status = live.get("status") or {}
    wanted = status.get("desiredNumberScheduled", 0)
    on_delete = (live["spec"].get("updateStrategy") or {}).get("type") == "OnDelete"
    updated = wanted if on_delete else status.get("updatedNumberScheduled", 0)
    available = status.get("numberAvailable", 0)
    if updated >= wanted and available >= wanted:
        return Verdict(READY)
    return Verdict(WAITING, f"{available} of {wanted} available, {updated} updated")


def _replica_set(live: Mapping[str, Any]) -> Verdict:
    if _is_stale(live):
        return Verdict(WAITING, "not observed yet")
    wanted, available = int(live["spec"].get("replicas", 1)), (live.get("status") or {}).get("availableReplicas", 0)
    return Verdict(READY if available >= wanted else WAITING, f"{available} of {wanted} available")


def _job(live: Mapping[str, Any]) -> Verdict:
    for kind in ("Failed", "FailureTarget"):
        if is_true(live, kind):
            return Verdict(FAILED, _say(condition(live, kind)))
    if is_true(live, "Complete"):
        return Verdict(READY)
    if live["spec"].get("suspend"):
        return Verdict(READY, "suspended, as it asks")
    status = live.get("status") or {}
    counts = ", ".join(f"{status[key]} {key}" for key in ("active", "succeeded", "failed") if status.get(key))
    return Verdict(WAITING, counts or "not started")


def _tf_job(live: Mapping[str, Any]) -> Verdict:
    if is_true(live, "Failed"):  # first: a job can be both
        return Verdict(FAILED, _say(condition(live, "Failed")))
    if is_true(live, "Succeeded"):
        return Verdict(READY)
    state = next((kind for kind in ("Suspended", "Restarting", "Running") if is_true(live, kind)), "not started")
    return Verdict(WAITING, state)


def _pod(live: Mapping[str, Any]) -> Verdict:
    status = live.get("status") or {}
    phase = status.get("phase", "Pending")
    if phase == "Failed":
        return Verdict(FAILED, _say(status) or "the pod failed")
    if phase == "Succeeded" or is_true(live, "Ready"):
        return Verdict(READY)
    return Verdict(WAITING, phase)


def _by_phase(success: Sequence[str], failed: Sequence[str]) -> Rule:
    def rule(live: Mapping[str, Any]) -> Verdict:
        phase = (live.get("status") or {}).get("phase", "not observed yet")
        return Verdict(READY if phase in success else FAILED if phase in failed else WAITING, f"phase {phase}")

    return rule


def _service(live: Mapping[str, Any]) -> Verdict:
    if live["spec"].get("type") != "LoadBalancer":
        return Verdict(READY)
    return _has_address(live)


def _has_address(live: Mapping[str, Any]) -> Verdict:
    if ((live.get("status") or {}).get("loadBalancer") or {}).get("ingress"):
        return Verdict(READY)
    return Verdict(WAITING, "no address of a load balancer yet")


_ROUTE_FINAL = frozenset(
    {
        "NotAllowedByListeners",
        "NoMatchingListenerHostname",
        "NoMatchingParent",
        "UnsupportedValue",
        "IncompatibleFilters",
        "RefNotPermitted",
        "InvalidKind",
        "UnsupportedProtocol",
    }
)


def _route(live: Mapping[str, Any]) -> Verdict:
    """Every parent must have accepted it and found its back ends. Source: Gateway API v1, RouteConditionReason."""
    parents = (live.get("status") or {}).get("parents") or []
    if len(parents) < len(live["spec"].get("parentRefs") or []):
        return Verdict(WAITING, "no answer of the gateway yet")
    rule = by_conditions({"Accepted": "True", "ResolvedRefs": "True"}, final=_ROUTE_FINAL)
    verdicts = [rule({"metadata": live["metadata"], "status": parent}) for parent in parents]
    return next((v for state in (FAILED, WAITING) for v in verdicts if v.state == state), Verdict(READY))


_TABLE: dict[tuple[str, str], Rule] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "ReplicaSet"): _replica_set,
    ("batch", "Job"): _job,
    ("kubeflow.org", "TFJob"): _tf_job,
    ("", "Pod"): _pod,
    ("", "Node"): by_conditions({"Ready": "True"}),
    ("", "Namespace"): _by_phase(["Active"], ["Terminating"]),
    ("", "PersistentVolume"): _by_phase(["Available", "Bound"], ["Failed"]),
    ("", "PersistentVolumeClaim"): _by_phase(["Bound"], ["Lost"]),
    ("", "Service"): _service,
    ("networking.k8s.io", "Ingress"): _has_address,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): by_conditions(
        {"Established": "True"}, {"NamesAccepted": "False"}
    ),
    ("apiregistration.k8s.io", "APIService"): by_conditions({"Available": "True"}),
    ("autoscaling", "HorizontalPodAutoscaler"): by_conditions(
        {"AbleToScale": "True", "ScalingActive": "True"},
        final=("InvalidSelector", "AmbiguousSelector", "InvalidMetricSourceType"),
    ),
    ("gateway.networking.k8s.io", "GatewayClass"): by_conditions(
        {"Accepted": "True"}, final=("InvalidParameters", "UnsupportedVersion")
    ),
    ("gateway.networking.k8s.io", "Gateway"): by_conditions(
        {"Accepted": "True", "Programmed": "True"},
        final=("Invalid", "InvalidParameters", "UnsupportedAddress", "ListenersNotValid"),
    ),
    ("gateway.networking.k8s.io", "HTTPRoute"): _route,
}

_AT_ONCE = {
    "": "ConfigMap Secret ServiceAccount LimitRange ResourceQuota Endpoints Event",
    "batch": "CronJob",
    "policy": "PodDisruptionBudget",
    "networking.k8s.io": "NetworkPolicy IngressClass",
    "rbac.authorization.k8s.io": "Role RoleBinding ClusterRole ClusterRoleBinding",
    "storage.k8s.io": "StorageClass CSIDriver VolumeAttributesClass",
    "scheduling.k8s.io": "PriorityClass",
    "node.k8s.io": "RuntimeClass",
    "admissionregistration.k8s.io": "MutatingWebhookConfiguration ValidatingWebhookConfiguration",
    "discovery.k8s.io": "EndpointSlice",
    "coordination.k8s.io": "Lease",
}
_TABLE.update({(group, kind): _exists for group, kinds in _AT_ONCE.items() for kind in kinds.split()})

RULES: Mapping[tuple[str, str], Rule] = _TABLE
"""(group, kind) -> rule. Source: the status fields of Kubernetes 1.34, Gateway API 1.3, training-operator 1.9."""


def rule_for(kind: Kind) -> Rule:
    """Raises Failure `UnknownWait`: "it exists" is no readiness that anyone asked for."""
    try:
        return RULES[(kind.group, kind.kind)]
    except KeyError:
        raise Failure(
            "UnknownWait",
            f"When {kind.kind} ({kind.api_version}) is ready is not known.",
            resource=f"{kind.kind}/{kind.api_version}",
            hint="Set wait_conditions for it, or wait: false.",
        ) from None


# -- waiting -----------------------------------------------------------------------------------------------------------

_END = Wait(success=frozenset({READY}), failure=frozenset({FAILED}), shortest_s=0.3, longest_s=3.0)


class _Look(NamedTuple):
    ref: Ref
    live: Object | None
    verdict: Verdict
    trouble: Trouble | None = None


def wait_ready(
    client: Client,
    refs: Sequence[Ref],
    deadline: Deadline,
    context: Context,
    *,
    rules: Mapping[Ref, Rule] | None = None,
    known: Mapping[Ref, Object] | None = None,
    grace_s: Mapping[str, float] | None = None,
    what: str = "",
) -> list[Object]:
    """Wait until every object is ready; returns them in the order of `refs`.

    `rules` override the table for single objects. `known` are objects just read or written: those that are ready are
    not read again. `grace_s` overrides diagnose.GRACE_S. Pods of workloads are looked at
    too, so that what cannot become ready (an image that does not exist) ends the wait long before the deadline.
    Raises a Failure with the reason of the pod, `NotReady` for an object that failed, `WaitTimeout` at the deadline;
    details name every object that is not ready.
    """
    chosen = {ref: (rules or {}).get(ref) or rule_for(ref.kind) for ref in refs}
    patience = Patience(context.clock, grace_s)
    looks = {
        ref: _Look(ref, live, Verdict(READY))
        for ref, live in (known or {}).items()
        if ref in chosen and live and chosen[ref](live).state == READY
    }
    if refs and len(looks) == len(chosen):
        return [looks[ref].live or {} for ref in refs]

    def look() -> Seen:
        left = [ref for ref in refs if ref not in looks or looks[ref].verdict.state != READY]
        for ref in left:
            try:
                looks[ref] = _look(client, ref, chosen[ref], patience)
            except Failure as problem:  # an API that is away for a moment is not the object's failure
                if not problem.retryable:
                    raise
                looks[ref] = _Look(ref, None, Verdict(WAITING, problem.message))
        return _sum_up([looks[ref] for ref in refs])

    name = what or (str(refs[0]) if len(refs) == 1 else f"{len(refs)} objects")
    try:
        until(_END, look, deadline, context, what=name, explain=lambda seen: _explain(client, seen.value))
    except Failure as problem:
        if problem.code == "WaitTimeout":
            problem.details["not_ready"] = _not_ready(client, looks.values())
        raise
    return [looks[ref].live or {} for ref in refs]


def _look(client: Client, ref: Ref, rule: Rule, patience: Patience) -> _Look:
    live = client.get(ref)
    if live is None:
        return _Look(ref, None, Verdict(WAITING, "does not exist yet"))
    verdict = rule(live)
    if verdict.state == WAITING and ref.kind == _CLAIM and _waits_for_consumer(client, live):
        verdict = Verdict(READY, "is bound when its first pod is scheduled")
    trouble = None
    if verdict.state != READY:
        found = troubles(pods_of(client, ref, live))
        trouble = found[0] if verdict.state == FAILED and found else patience.over(found)
        if trouble:
            verdict = Verdict(FAILED, trouble.line)
        elif found:
            verdict = Verdict(WAITING, f"{verdict.text}; {found[0].line}")
    return _Look(ref, live, verdict, trouble)


_CLAIM, _CLASS = kind_of("v1", "PersistentVolumeClaim"), kind_of("storage.k8s.io/v1", "StorageClass")


def _waits_for_consumer(client: Client, claim: Mapping[str, Any]) -> bool:
    name = claim["spec"].get("storageClassName")
    found = client.get(Ref(_CLASS, None, name)) if name else None
    return (found or {}).get("volumeBindingMode") == "WaitForFirstConsumer"


def pods_of(client: Reader, ref: Ref, live: Mapping[str, Any]) -> list[Object]:
    """The present pods of a workload (of a Deployment: those of its newest template). Others have none."""
    if ref.kind.kind == "Pod":
        return [dict(live)]
    selector = ((live.get("spec") or {}).get("selector") or {}).get("matchLabels")
    if ref.kind.group == "kubeflow.org":
        selector = {"training.kubeflow.org/job-name": ref.name}
    if ref.kind.group not in ("apps", "batch", "kubeflow.org") or not selector:
        return []
    pods = client.list(POD, ref.namespace, labels=",".join(f"{key}={value}" for key, value in selector.items()))
    if ref.kind.kind != "Deployment":
        return pods
    born = [(pod["metadata"].get("creationTimestamp", ""), _hash(pod)) for pod in pods]
    newest = max(born, default=("", ""))[1]
    return [pod for pod in pods if _hash(pod) == newest]


def _hash(pod: Mapping[str, Any]) -> str:
    return str((pod["metadata"].get("labels") or {}).get("pod-template-hash", ""))


def _sum_up(looks: Sequence[_Look]) -> Seen:
    """One state for all: failure wins, then waiting."""
    done = sum(look.verdict.state == READY for look in looks)
    for state in (FAILED, WAITING):
        for look in looks:
            if look.verdict.state == state:
                text = look.verdict.text if len(looks) == 1 else f"{look.ref}: {look.verdict.text}"
                count = "" if len(looks) == 1 else f"{done} of {len(looks)} ready; "
                return Seen(state, f"{count}{text}", look)
    return Seen(READY)


def _explain(client: Client, look: _Look) -> Failure:
    if look.trouble:
        return failure(str(look.ref), evidence(client, look.trouble))
    events = warnings(client, look.ref.namespace or "default", look.ref.name)
    return Failure(
        "NotReady",
        f"{look.ref} will not become ready: {look.verdict.text.rstrip('.')}.",
        resource=str(look.ref),
        details={"events": list(events)},
    )


def _not_ready(client: Client, looks: Iterable[_Look]) -> list[dict[str, Any]]:
    return [
        {
            "object": str(look.ref),
            "state": look.verdict.text,
            "events": list(warnings(client, look.ref.namespace or "default", look.ref.name)),
        }
        for look in looks
        if look.verdict.state != READY
    ]


def wait_gone(client: Client, refs: Sequence[Ref], deadline: Deadline, context: Context) -> None:
    """Wait until none of these objects exists. Raises Failure `WaitTimeout`, naming what holds them (finalizers)."""
    left = list(refs)

    def look() -> Seen:
        live = [(ref, client.get(ref)) for ref in left]
        left[:] = [ref for ref, found in live if found is not None]
        if not left:
            return Seen("gone")
        ref, found = next((ref, found) for ref, found in live if found is not None)
        holders = ", ".join(
            (found["metadata"].get("finalizers") or []) + ((found.get("spec") or {}).get("finalizers") or [])
        )
        return Seen(f"{len(left)} left", f"{ref}" + (f" is held by {holders}" if holders else " is being deleted"))

    name = str(refs[0]) if len(refs) == 1 else f"deleting {len(refs)} objects"
    until(Wait(success=frozenset({"gone"}), shortest_s=0.2, longest_s=2.0), look, deadline, context, what=name)
