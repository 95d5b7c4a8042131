# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A training job: made once, waited for, its logs kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .._core.context import Context
from .._core.failure import Failure
from .._core.resource import Change, Plan, Resource, State
from .._core.wait import GRACE_S, Deadline, Seen, Wait, until
from .._kube import apply
from .._kube.apply import ObjectPlan
from .._kube.capacity import Ask, preflight
from .._kube.client import KubeClient
from .._kube.kinds import Ref
from .._kube.placement import RESOURCE_POLICY
from .._oss.store import Store
from . import dialect, logs
from .checkpoint import Checkpoints
from .render import RUN_LABEL, Dialect, Wish, manifest, placements, pod_names, policies
from .state import TERMINAL, expected, is_suspended, predicted, state, summary
from .watch import WAIT, Watch, has_run

OnTimeout = Literal["suspend", "delete", "keep"]


@dataclass(frozen=True)
class Patience:
    """How long, and what then. wait: else the job is only made. unschedulable_s: how long a pod may find no node.
    unreachable_s: how long the API server may not answer while a job is waited for.
    """

    deadline: Deadline
    wait: bool
    unschedulable_s: float
    on_timeout: OnTimeout
    unreachable_s: float = 0.0


class TrainingJob(Resource):
    """Result: `state.summary`. A desired state has `state`: present or suspended."""

    kind = "job"
    settles_alone = True

    def __init__(
        self,
        cluster: KubeClient,
        wish: Wish,
        patience: Patience,
        context: Context,
        *,
        store: Store | None = None,
        retry_failed: bool = False,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        self._checkpoints = checkpoints
        self._cluster, self._wish, self._patience, self._context = cluster, wish, patience, context
        self._store, self._retry_failed = store, retry_failed
        self._live: dict[str, Any] | None = None

    # -- reading and deciding ------------------------------------------------------------------------------------------

    def observe(self) -> State:
        self._find()
        return None if self._live is None else {"state": state(self._live)}

    def plan(self, observed: State, desired: State) -> Plan:
        """Raises Failure `ImmutableField`: a job that exists is never changed into another."""
        if desired is None:
            if self._live is None:
                return Plan("none", None)
            return Plan("delete", None, (Change("state", state(self._live), None),))
        word = str(desired["state"])
        wanted = manifest(self._wish, self._dialect, suspended=self._is_to_rest(word))
        is_retry = self._retry_failed and self._live is not None and state(self._live) == "failed"
        if self._live is None or is_retry:
            before = None if self._live is None else "failed"
            changes = (Change("spec", None, wanted["spec"]), Change("state", before, word))
            keys = self._due_logs([], is_over=False, suspend=word == "suspended")
            after = predicted(wanted, self._expected(word), keys)
            return Plan("create", after, changes, self._preflight(wanted), wanted)
        return self._plan_existing(self._live, wanted, word)

    def _plan_existing(self, live: Mapping[str, Any], wanted: dict[str, Any], word: str) -> Plan:
        changes = [*self._label_changes(live, wanted)]
        is_over, suspend = state(live) in TERMINAL, self._is_to_rest(word)
        if not is_over and is_suspended(live) != suspend:
            changes.append(Change("spec.runPolicy.suspend", not suspend, suspend))
        pods = self._watch().list_pods()
        stored = logs.stored(self._store, self._wish.run_id) if self._store else set()
        due = self._due_logs(pods, is_over=is_over, suspend=suspend) - stored
        if due:
            changes.append(Change("log_keys", sorted(stored), sorted(stored | due)))
        after = summary(live, pods, stored | due)
        if not is_over:
            after = expected(after, self._expected(word))
        return Plan("update" if changes else "none", after, tuple(changes), work=wanted)

    def _is_to_rest(self, word: str) -> bool:
        """Whether the job is to have no pods. One that a queue starts is left as the queue has it."""
        if self._wish.is_queued and word == "present":
            return self._live is None or state(self._live) == "failed" or is_suspended(self._live)
        return word == "suspended"

    def _preflight(self, wanted: Mapping[str, Any]) -> tuple[str, ...]:
        asks = [
            Ask(
                f"tf_replica_specs.{kind}",
                wanted["spec"]["tfReplicaSpecs"][kind]["replicas"],
                placed,
                self._wish.by_policy,
            )
            for kind, placed in placements(self._wish).items()
        ]
        return preflight(self._cluster, asks)

    def _due_logs(self, pods: list[dict[str, Any]], *, is_over: bool, suspend: bool) -> set[str]:
        """Keys of the logs that this run can and will keep."""
        if is_over:
            return set(self._log_keys(pod["metadata"]["name"] for pod in pods if has_run(pod)))
        return set(self._log_keys(pod_names(self._wish))) if self._patience.wait and not suspend else set()

    def _label_changes(self, live: Mapping[str, Any], wanted: dict[str, Any]) -> list[Change]:
        """What an apply would change besides `suspend`: only metadata may."""
        plan: ObjectPlan = apply.plan_objects(self._cluster, [wanted], self._wish.namespace)[0]
        found = [each._replace(field=each.field.removeprefix(f"{plan.ref} ")) for each in plan.changes]
        found = [each for each in found if each.field not in ("spec.runPolicy.suspend", "spec.suspend")]
        refused = [each for each in found if not each.field.startswith("metadata.")]
        if refused:
            raise Failure(
                "ImmutableField",
                f"{plan.ref} exists with another spec; it differs in {', '.join(each.field for each in refused)}.",
                resource=str(plan.ref),
                hint="Another training is another job: give it another name (the filter mlops.ack.run_id makes one), "
                "or delete this one with state: absent.",
                details={"changes": [each._asdict() for each in refused]},
            )
        return found

    # -- writing -------------------------------------------------------------------------------------------------------

    def apply(self, plan: Plan) -> None:
        fields = {change.field for change in plan.changes}
        if plan.action == "delete" or (plan.action == "create" and self._live is not None):
            self._delete()
        if plan.action == "create" and self._checkpoints:
            self._checkpoints.restore(self._patience.deadline)
        if plan.action == "create" or any(field.startswith("metadata.") for field in fields):
            written = apply.plan_objects(self._cluster, [*policies(self._wish), plan.work], self._wish.namespace)
            apply.apply_objects(self._cluster, written, self._context, self._patience.deadline)
        elif "spec.runPolicy.suspend" in fields:
            suspend = next(each.after for each in plan.changes if each.field == "spec.runPolicy.suspend")
            if not suspend:
                self._wait_left()
            self._suspend(suspend)
        if "log_keys" in fields and self._live is not None and state(self._live) in TERMINAL:
            watch = self._watch()
            watch.collect()
            self._save(watch)

    def verify(self, plan: Plan, desired: State) -> State:
        """Waits, unless told not to: until the job has succeeded, is suspended, or is gone."""
        if desired is None:
            return None
        watch = self._watch()
        if desired["state"] == "suspended":
            return self._result(self._wait_suspended(watch), watch)
        if not self._patience.wait:
            return self._result(self._find() or {}, watch)
        if self._live is not None and plan.action == "none" and state(self._live) == "succeeded":
            return plan.after
        return self._result(self._wait(watch), watch)

    def _wait(self, watch: Watch) -> Mapping[str, Any]:
        try:
            look = self._look_of(watch)
            seen = until(WAIT, look, self._patience.deadline, self._context, what=str(self._ref), explain=watch.explain)
        except Failure as failure:
            if failure.code == "Unreachable":
                raise
            try:
                failure = self._conclude(failure, watch)
            except Failure as lost:
                failure.hint = f"{failure.hint} What is left of the job could not be seen to: {lost.message}".strip()
            raise failure from None
        watch.collect()
        self._save(watch)
        job: Mapping[str, Any] = seen.value
        return job

    def _conclude(self, failure: Failure, watch: Watch) -> Failure:
        """Keeps the logs of a job that came to no good end, and sees to it that it does not go on unwatched."""
        self._patience.deadline.extend(GRACE_S)
        try:
            watch.collect()
            self._save(watch)
        except Failure as lost:
            failure.hint = f"{failure.hint} Its logs could not be kept: {lost.message}".strip()
        live = self._find()
        is_over = live is None or state(live) in TERMINAL
        if not is_over and failure.code != "JobSuspended":
            failure = self._give_up(failure, watch)
            if self._checkpoints:
                self._checkpoints.keep_last()
        elif live and state(live) == "failed":
            failure.hint += " Then set retry_failed to try the same job again."
        if live:
            failure.details["job"] = summary(live, watch.pods.values(), self._log_keys(watch.logs))
        return failure

    def _look_of(self, watch: Watch) -> Callable[[], Seen]:
        """A look that keeps checkpoints, and outlives an API server that is away for a while."""
        answered = self._context.clock()

        def look() -> Seen:
            nonlocal answered
            try:
                seen = watch.look()
            except Failure as failure:
                if failure.code != "Unreachable" or self._context.clock() - answered >= self._patience.unreachable_s:
                    raise
                return Seen("unreachable", failure.message)
            if seen.state == "suspended" and self._wish.is_queued:
                seen = Seen("queuing", "suspended until somebody starts it", seen.value)
            if self._checkpoints and seen.state == "running":
                self._checkpoints.keep_when_due()
            answered = self._context.clock()
            return seen

        return look

    def _give_up(self, failure: Failure, watch: Watch) -> Failure:
        """A job that nobody waits for any more must not go on billing."""
        if failure.code == "WaitTimeout" and (cause := watch.cause()):
            failure.details["cause"] = watch.failure(cause, "is late").as_dict()
        how = self._patience.on_timeout
        if how == "suspend" and not self._dialect.can_suspend:
            how = "delete"
        if how == "delete":
            self._cluster.delete(self._ref)
        elif how == "suspend":
            self._suspend(True)
        done = {"delete": "was deleted", "suspend": "was suspended, so that it costs nothing", "keep": "goes on"}[how]
        return Failure(
            failure.code,
            f"{failure.message.rstrip()} The job {done}.",
            resource=failure.resource,
            hint=failure.hint + (" The next run resumes it." if how == "suspend" else ""),
            retryable=failure.retryable,
            details={**failure.details, "on_timeout": how},
        )

    def _wait_suspended(self, watch: Watch) -> Mapping[str, Any]:
        """The operator deletes the pods of a suspended job; until it has, they cost."""
        done = Wait(frozenset({"suspended", *TERMINAL}), frozenset({"gone"}), shortest_s=0.3, longest_s=2.0)
        seen = until(done, watch.look, self._patience.deadline, self._context, what=str(self._ref))
        job: Mapping[str, Any] = seen.value
        return job

    def _wait_left(self) -> None:
        """The pods of before keep their names until they are gone; resumed sooner, the operator counts them failed."""
        watch = self._watch()

        def look() -> Seen:
            left = sum(1 for pod in watch.list_pods() if "deletionTimestamp" in pod["metadata"] or not has_run(pod))
            return Seen("leaving", f"{left} pods of before") if left else Seen("ready")

        ready = Wait(frozenset({"ready"}), shortest_s=0.2, longest_s=2.0)
        until(ready, look, self._patience.deadline, self._context, what=f"{self._ref}, to be resumed")

    def _delete(self) -> None:
        """Delete the job and its pods, and wait until they are gone: names are taken until then."""
        self._cluster.delete(self._ref, propagation="Foreground")
        self._delete_policies()
        watch = self._watch()

        def look() -> Seen:
            left = len(watch.list_pods())
            is_gone = self._cluster.get(self._ref) is None and not left
            return Seen("gone" if is_gone else "leaving", f"{left} pods" if left else "")

        gone = Wait(frozenset({"gone"}), shortest_s=0.2, longest_s=2.0)
        until(gone, look, self._patience.deadline, self._context, what=f"{self._ref}, being deleted")
        self._live = None

    def _delete_policies(self) -> None:
        labels = f"{RUN_LABEL}={self._wish.run_id}"
        for found in self._cluster.list(RESOURCE_POLICY, self._wish.namespace, labels=labels):
            self._cluster.delete(Ref(RESOURCE_POLICY, self._wish.namespace, found["metadata"]["name"]))

    def _suspend(self, suspend: bool) -> None:
        patch: dict[str, Any] = {"suspend": suspend}
        self._cluster.merge(self._ref, {"spec": {"runPolicy": patch} if self._dialect.nested else patch})

    # -- small things --------------------------------------------------------------------------------------------------

    def _find(self) -> dict[str, Any] | None:
        """The job. Its dialect is Kubeflow's where it is found so; else the definition is asked."""
        self._dialect: Dialect = dialect.KUBEFLOW
        self._live = self._cluster.get(self._ref)
        if self._live is None or "runPolicy" not in self._live["spec"]:
            self._dialect = dialect.detect(self._cluster)
            self._live = self._cluster.get(self._ref)
        return self._live

    @property
    def _ref(self) -> Ref:
        return Ref(dialect.kind(self._dialect), self._wish.namespace, self._wish.name)

    def _watch(self) -> Watch:
        return Watch(self._cluster, self._ref, self._context, self._patience.unschedulable_s)

    def _expected(self, word: str) -> str:
        if word == "suspended":
            return "suspended"
        return "succeeded" if self._patience.wait else "created"

    def _log_keys(self, pods: Iterable[str]) -> list[str]:
        return [logs.key(self._wish.run_id, pod) for pod in pods] if self._store else []

    def _save(self, watch: Watch) -> None:
        if self._store:
            logs.save(self._store, self._wish.run_id, watch.logs)

    def _result(self, live: Mapping[str, Any], watch: Watch) -> State:
        pods = watch.pods.values() or watch.list_pods()
        return summary(live, pods, self._log_keys(watch.logs) if self._patience.wait else [])
