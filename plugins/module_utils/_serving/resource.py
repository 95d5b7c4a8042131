# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A tfserving for the engine: what lives, what one run would write, and how it is read back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._core.context import Context
from .._core.failure import Failure
from .._core.resource import Change, Plan, Resource, State
from .._core.wait import Deadline
from .._kube.capacity import preflight
from .._kube.kinds import Ref
from .._oss import records
from .._oss.store import Store
from . import plan as planning
from . import record
from .endpoint import Connection, Request
from .live import DEPLOYMENT, ROUTES, Live, is_ready, read
from .plan import Desired, Stage, Work
from .release import UNDECIDED, Cluster, Gatekeeper, Release, endpoint
from .routes import Object, before, under_way, with_idle
from .split import Asker
from .steps import Shift


class TfServing(Resource):
    """One tfserving. `desired` None: it should not exist. `deadline` None: wait for nothing.

    `decision`, `by`, `reason` and `restores` (the release that a rollback goes back to) go into the release record as
    they are. `approve` is asked where something is to be done, and raises where no gate has approved it; its decision
    stands in for `decision`. `retry`: release also what was brought back before.
    """

    kind = "serving"

    def __init__(
        self,
        cluster: Cluster,
        store: Store,
        namespace: str,
        name: str,
        environment: str,
        desired: Desired | None,
        context: Context,
        *,
        deadline: Deadline | None,
        decision: Mapping[str, Any] | None = None,
        approve: Callable[[], Mapping[str, Any] | None] = lambda: None,
        by: str = "",
        reason: str = "",
        retry: bool = False,
        restores: int | None = None,
        gate: Gatekeeper | None = None,
        connect: Callable[[Request], Asker] = Connection,
    ) -> None:
        self._cluster, self._store, self._context, self._connect = cluster, store, context, connect
        self._namespace, self._name, self._environment = namespace, name, environment
        self._desired, self._decision, self._approve, self._by = desired, decision, approve, by
        self._reason, self._retry, self._restores, self._gate = reason, retry, restores, gate
        self._deadline = deadline
        self._live = Live(name, namespace, {})
        self._last: dict[str, Any] | None = None
        self._release: Release | None = None
        self._attempt = 1

    @property
    def warnings(self) -> tuple[str, ...]:
        """What this run left for the next one."""
        return tuple(self._release.warnings) if self._release else ()

    # -- observe and plan ------------------------------------------------------------------------------------------

    def observe(self) -> State:
        self._live = read(self._cluster, self._namespace, self._name)
        if model := self._model():
            self._last = record.last(self._store, model, self._environment, self._name)
        return self._state(self._live.predictors()) if self._live.objects else None

    def plan(self, observed: State, desired: State) -> Plan:
        if self._desired is None:
            return self._plan_removal()
        record.refuse_altered(self._last, self._desired.revisions)
        moved = planning.shifting(self._desired, self._live)
        work = Work(
            prepare=tuple(self._cluster.plan(self._desired.objects)),
            scales=planning.scales(self._desired, self._live),
            unproven=planning.unproven(self._desired, self._live),
            warm=tuple(self._cluster.plan(with_idle(self._live.routes, self._desired.routes))),
            stages=self._stages(self._desired, moved),
            switch=tuple(self._cluster.plan(self._switch(self._desired, moved))),
            route=tuple(self._cluster.plan(self._desired.routes)),
            stale=planning.stale(self._desired, self._live),
            record=self._record(record.serves(self._desired.revisions), self._desired.rendered_digest),
            before=tuple(before(self._live.routes)),
            shift=moved,
        )
        after = self._state([planning.predicted(revision, self._live) for revision in self._desired.revisions])
        if not work.is_needed:
            return Plan("none", after, work=work)
        self._decided()
        if work.moves_traffic:
            self._refuse_what_was_brought_back(self._desired, moved)
        if self._context.check and (stop := self._new_release(self._desired).first_open(work)):
            after = self._state(
                planning.at_stage(after["predictors"], self._desired, stop, self._live), self._desired.rendered_digest
            )
        elif work.record is not None:
            after["release"] = None  # the next number that is free then
        warnings = preflight(self._cluster, planning.asks(self._desired, self._live))
        changes = planning.changes(self._desired, self._live, work)
        return Plan("update" if observed else "create", after, changes, warnings, work)

    def _stages(self, desired: Desired, moved: Shift | None) -> tuple[Stage, ...]:
        return tuple(
            Stage(step, weights, tuple(self._cluster.plan(planning.under_way(desired, self._live, weights))))
            for step, weights in planning.stages(desired, self._live, moved)
        )

    def _switch(self, desired: Desired, moved: Shift | None) -> list[Object]:
        if moved is None:
            return with_idle(desired.routes, self._live.routes)
        return planning.under_way(desired, self._live, {each.service: each.weight for each in desired.backends})

    def _refuse_what_was_brought_back(self, desired: Desired, moved: Shift | None) -> None:
        """Raises Failure `ReleaseRolledBack` where this very release failed, or was taken back by a person, and nobody
        said that it is to be tried again. One that is under way was said to be.
        """
        model, digest, last = desired.serving.model_name, desired.rendered_digest, self._last or {}
        known = record.attempts(self._store, model, self._environment, self._name)
        failed = [each for each in known if each["rendered_digest"] == digest]
        self._attempt = len(failed) + 1
        has_begun = moved is not None and planning.has_begun(moved, self._live)
        if self._retry or has_begun or self._restores is not None:
            return
        undone = last.get("undone") or {}
        if undone.get("rendered_digest") == digest:
            what = f"release {undone['n']}" if undone["n"] else "a release"
            why = last.get("reason") or "for no reason given"
            raise self._was_back(f"{what} that {last['by']} took back at {last['time']}: {why}.")
        refused = [each for each in failed if each["code"] in record.REFUSED]
        if refused and not self._served_since(digest, refused[-1]["serves_on"]):
            then = refused[-1]
            raise self._was_back(
                f"what was brought back from {then['step']} % at {then['time']} (attempt {then['n']}): {then['reason']}"
            )

    def _served_since(self, digest: str, number: int | None) -> bool:
        model = self._model()
        known = record.releases(self._store, model, self._environment, self._name)
        return any(each["n"] > (number or 0) and each["rendered_digest"] == digest for each in known)

    def _was_back(self, what: str) -> Failure:
        return Failure(
            "ReleaseRolledBack",
            f"This is {what}",
            resource=f"tfserving/{self._name}",
            hint="Release something else, or set retry: true to try this once more.",
        )

    def _plan_removal(self) -> Plan:
        work = Work(stale=planning.stale(None, self._live), record=self._record([], ""))
        if not work.is_needed:
            return Plan("none", None, work=work)
        gone = [Change(str(ref), "present", None) for ref in work.stale]
        return Plan("delete", None, tuple(gone), work=work)

    def _record(self, predictors: list[dict[str, Any]], rendered: str) -> dict[str, Any] | None:
        """The record to append; None where the last one says the same."""
        aborted = under_way(self._live.routes) if self._restores is not None else ""
        if record.is_same(self._last, predictors, rendered) and not aborted:
            return None
        return record.new(
            environment=self._environment,
            serving=self._name,
            namespace=self._namespace,
            predictors=predictors,
            rendered=rendered,
            decision=self._decided(),
            replaces=self._last["n"] if self._last else None,
            by=self._by,
            reason=self._reason,
            options=self._desired.options if self._desired else None,
            restores=self._restores,
            undone=self._undone(aborted),
        )

    def _decided(self) -> Mapping[str, Any] | None:
        """By which decision this may be done. Raises Failure `NotApproved`."""
        approved = self._approve()
        self._decision = self._decision or approved
        return self._decision

    def _undone(self, aborted: str) -> dict[str, Any] | None:
        """What a rollback takes away: a release that is under way, else the one that serves."""
        if self._restores is None:
            return None
        if aborted or self._last is None:
            return {"n": None, "rendered_digest": aborted}
        return {key: self._last[key] for key in ("n", "rendered_digest")}

    # -- apply and verify ------------------------------------------------------------------------------------------

    def apply(self, plan: Plan) -> None:
        work: Work = plan.work
        if self._desired is None:
            self._remove(work)
            return
        self._release = self._new_release(self._desired)
        try:
            self._release.run(work, lambda: self._append(work))
        except Failure as failure:
            if failure.code in UNDECIDED:
                self._live = read(self._cluster, self._namespace, self._name)
                told = failure.details.setdefault("values", {})
                told["serving"] = self._state(self._live.predictors(), self._desired.rendered_digest)
                told["changed"] = told.get("changed", False) or self._wrote(work)
            elif self._release.is_back:
                self._append_attempt(self._desired, self._release, failure)
            raise

    @staticmethod
    def _wrote(work: Work) -> bool:
        first = work.stages[0].route if work.stages else ()
        return bool(work.scales) or any(step.action != "none" for step in (*work.prepare, *first))

    def _append_attempt(self, desired: Desired, release: Release, failure: Failure) -> None:
        """Why it was brought back, for whoever asks later. A store that is away does not hide the first failure."""
        model = desired.serving.model_name
        entry = record.attempt(
            environment=self._environment,
            serving=self._name,
            namespace=self._namespace,
            predictors=record.serves(desired.revisions),
            rendered=desired.rendered_digest,
            decision=self._decision,
            serves_on=self._last["n"] if self._last else None,
            step=release.reached,
            code=failure.code,
            reason=failure.message,
            measurements=release.measured,
            by=self._by,
        )
        try:
            prefix = record.attempts_prefix(model, self._environment)
            failure.details["attempt"] = records.append(self._store, prefix, entry)
        except Failure as lost:
            failure.hint += f" That could not be recorded: {lost.message}"

    def _remove(self, work: Work) -> None:
        """Traffic, then the record that nothing serves, then the rest: what names the model goes last."""
        routes = [ref for ref in work.stale if ref.kind in ROUTES]
        for ref in routes:
            self._cluster.delete(ref)
        self._append(work)
        for ref in work.stale:
            if ref not in routes:
                self._cluster.delete(ref)

    def _append(self, work: Work) -> None:
        if work.record is not None and (model := self._model()):
            number = records.append(self._store, record.prefix(model, self._environment), work.record)
            self._last = {**work.record, "n": number}

    def verify(self, plan: Plan, desired: State) -> State:
        if self._desired is None:
            self._verify_removal(plan)
            return None
        release = self._release or self._new_release(self._desired)
        self._release = release
        is_at_rest = plan.action == "none" and all(is_ready(self._live.deployment(name)) for name in self._names)
        if self._deadline is not None:
            if not is_at_rest:
                self._cluster.wait_ready([self._ref(name) for name in self._names], self._deadline)
            verify = self._desired.serving.verify
            if verify.requests and verify.always and release.split is None:
                release.count(self._deadline)
        if not is_at_rest:
            self._live = read(self._cluster, self._namespace, self._name)
        if not release.warnings:
            self._check_weights(self._desired)
        by_revision = {entry["revision"]: entry for entry in self._live.predictors()}
        return self._state([by_revision[each.digest] for each in self._desired.revisions if each.digest in by_revision])

    def _verify_removal(self, plan: Plan) -> None:
        left = plan.action != "none" and read(self._cluster, self._namespace, self._name).objects
        if left:
            raise Failure(
                "NotApplied",
                f"{len(left)} objects of {self._name} were deleted, but are still there.",
                resource=f"tfserving/{self._name}",
                details={"left": [str(ref) for ref in left]},
            )

    def _check_weights(self, desired: Desired) -> None:
        found = {backend.service: backend.weight for backend in self._live.backends}
        wanted = {backend.service: backend.weight for backend in desired.backends}
        if found != wanted:
            raise Failure(
                "NotApplied",
                f"The route of {self._name} was written, but reads back as {found} instead of {wanted}.",
                resource=f"tfserving/{self._name}",
                hint="Does something else write this route?",
                details={"found": found, "wanted": wanted},
            )

    def _new_release(self, desired: Desired) -> Release:
        return Release(
            self._cluster,
            desired,
            self._live,
            self._deadline,
            self._context,
            self._connect,
            self._gate,
            self._attempt,
        )

    # -- in the user's words ---------------------------------------------------------------------------------------

    def _state(self, predictors: Sequence[dict[str, Any]], is_under_way: str | None = None) -> dict[str, Any]:
        split = self._release.split if self._release else None
        for entry in predictors:
            if split is not None:
                entry["observed_percentage"] = split.observed.get(entry["name"])
        hostnames = self._desired.serving.route.hostnames if self._desired else planning.hostnames(self._live.routes)
        return {
            "name": self._name,
            "namespace": self._namespace,
            "environment": self._environment,
            "url": self._url(),
            "hostnames": list(hostnames),
            "predictors": list(predictors),
            "under_way": is_under_way,
            "rendered_digest": self._desired.rendered_digest if self._desired else None,
            "split": split.as_dict() if split else None,
            "release": self._last["n"] if self._last else None,
        }

    def _url(self) -> str:
        """Where a client sends its predictions; the host name where no address is known."""
        if self._desired is None:
            return ""
        serving = self._desired.serving
        base = endpoint(self._cluster, self._desired) or (
            f"http://{serving.route.hostnames[0]}" if serving.route.hostnames else ""
        )
        return f"{base}{serving.route.path.rstrip('/')}/v1/models/{serving.model_name}:predict" if base else ""

    def _model(self) -> str:
        return self._desired.serving.model_name if self._desired else next(iter(self._live.models), "")

    @property
    def _names(self) -> list[str]:
        return [revision.name for revision in self._desired.revisions] if self._desired else []

    def _ref(self, name: str) -> Ref:
        return Ref(DEPLOYMENT, self._namespace, name)
