# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A release: prove the new, move the traffic, count it, take the old away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from .._core.context import Context
from .._core.failure import Failure
from .._core.wait import GRACE_S, Deadline
from .._kube.apply import ObjectPlan
from .._kube.kinds import Ref
from . import analysis, split
from .endpoint import Connection, Request
from .live import DEPLOYMENT, Live, Reader, gateway_address, is_ready
from .plan import Desired, Stage, Work
from .predictor import Revision
from .readiness import Proxy, check_golden, wait_available
from .routes import Object, with_idle
from .split import Asker, Split
from .watch import Watch

# A gateway's status may be ahead of its proxies: they get this long to learn of a route, or of a back end's pods.
PROPAGATION_S = 2.0


class Cluster(Reader, Proxy, Protocol):
    """What a release needs of a cluster."""

    def plan(self, manifests: Sequence[Object]) -> Sequence[ObjectPlan]: ...
    def apply(self, steps: Sequence[ObjectPlan]) -> None: ...
    def scale(self, ref: Ref, replicas: int) -> None: ...
    def delete(self, ref: Ref) -> None: ...
    def pod(self, namespace: str, name: str, port: int | str, path: str) -> tuple[int, str]: ...

    def wait_ready(self, refs: Sequence[Ref], deadline: Deadline) -> None:
        """Until Deployments have all their replicas, or routes are taken by their gateway. Fails early."""


class Gatekeeper(Protocol):
    """People, about one subject."""

    def is_approved(self, subject: Mapping[str, Any]) -> bool:
        """Whether they have approved it. Asks nobody. Raises Failure `GateRejected`."""

    def ask(self, subject: Mapping[str, Any], evidence: Mapping[str, Any]) -> None:
        """Returns where they approve. Raises Failure `GateRejected`, and one of `UNDECIDED`."""


UNDECIDED = frozenset({"GatePending", "GateExpired", "GateTimedOut"})
"""Failures after which a release stays where it is: a later run goes on."""


class Release:
    """Carries out one `Work`. `deadline` None: starts what can be started, and waits for nothing.

    `warnings` says what was left for the next run; `split` holds the count, where there was one; `measured` the
    measurements of the last step; `reached` its weight; `is_back`: the previous weights were brought back.
    """

    def __init__(
        self,
        cluster: Cluster,
        desired: Desired,
        live: Live,
        deadline: Deadline | None,
        context: Context,
        connect: Callable[[Request], Asker] = Connection,
        gate: Gatekeeper | None = None,
        attempt: int = 1,
    ) -> None:
        self._cluster, self._desired, self._live = cluster, desired, live
        self._deadline, self._context, self._connect = deadline, context, connect
        self._gate, self._attempt = gate, attempt
        self.warnings: list[str] = []
        self.split: Split | None = None
        self.measured: list[dict[str, Any]] = []
        self.reached: int | None = None
        self.is_back = False

    def run(self, work: Work, record: Callable[[], None]) -> None:
        """Moves no traffic while the new predictors are not ready. Raises what keeps the release from its end; the
        weights are then what they were. `record` puts it on record, as soon as the weights are proven: what cannot
        be recorded does not serve.
        """
        self._cluster.apply(work.prepare)
        self._scale(work, up=True)
        if not self._prove(work.unproven):
            return
        if work.warm:
            self._cluster.apply(work.warm)
            self._context.sleep(PROPAGATION_S)
        for stage in work.stages:
            self._take(stage, work)
        self._move(work, record)
        if work.switch:
            self._context.sleep(PROPAGATION_S)
            self._cluster.apply(work.route)
        if work.stale and work.moves_traffic:
            self._context.sleep(PROPAGATION_S)
        # Pods that are deleted answer for some seconds more (their preStop), so that nothing in flight is lost.
        for ref in work.stale:
            self._cluster.delete(ref)
        self._scale(work, up=False)

    def _scale(self, work: Work, *, up: bool) -> None:
        """More before the traffic comes, fewer after it has gone."""
        for scale in work.scales:
            if scale.is_up == up:
                self._cluster.scale(self._ref(scale.name), scale.replicas)

    def _prove(self, revisions: Sequence[Revision]) -> bool:
        refs = [self._ref(revision.name) for revision in revisions]
        if self._deadline is not None:
            self._cluster.wait_ready(refs, self._deadline)
        elif not all(is_ready(self._cluster.get(ref)) for ref in refs):
            names = ", ".join(revision.predictor.name for revision in revisions)
            self.warnings.append(f"{names}: not ready yet, so no traffic was moved. Run the same task again.")
            return False
        deadline = self._deadline or Deadline(1, self._context.clock)
        for revision in revisions:
            wait_available(self._cluster, self._live.namespace, revision, deadline, self._context)
            if self._desired.serving.golden:
                check_golden(self._cluster, self._live.namespace, revision, deadline, self._context)
        return True

    def first_open(self, work: Work) -> Stage | None:
        """The first step at which a person has to be asked, for all that is known before anything is measured."""
        return next(
            (
                stage
                for stage in work.stages
                if stage.step.asks and not self._gatekeeper.is_approved(self._subject(stage))
            ),
            None,
        )

    def _take(self, stage: Stage, work: Work) -> None:
        """One step: its weights, then all that has to say yes. A no brings the previous weights back."""
        if self._deadline is None:
            raise AssertionError("steps are taken by a release that waits")
        self.reached, self.measured = stage.step.weight, []
        shares = ", ".join(f"{service} {share} %" for service, share in stage.weights.items())
        self._context.progress(f"step {stage.step.weight} %: {shares}")
        try:
            if any(step.action != "none" for step in stage.route):
                self._cluster.apply(stage.route)
                self._cluster.wait_ready(_waited(stage.route), self._deadline)
                self._context.sleep(PROPAGATION_S)
            self._hold(stage, work)
        except Failure as failure:
            if failure.code not in UNDECIDED:
                self._move_back(work, failure)
            raise

    def _hold(self, stage: Stage, work: Work) -> None:
        step, subject = stage.step, self._subject(stage)
        asked = step.analysis is not None or step.asks
        if not (asked and self._gatekeeper.is_approved(subject)):
            why = self._analyse(stage, work)
            if step.asks or why:
                self._gatekeeper.ask(subject, self._evidence(stage, why))
        if step.pause_s:
            analysis.rest(step.pause_s, self._context, f"step {step.weight} %: goes on")

    @property
    def _gatekeeper(self) -> Gatekeeper:
        if self._gate is None:
            raise AssertionError("steps that ask need a gate")
        return self._gate

    def _subject(self, stage: Stage) -> dict[str, Any]:
        """What a decision at a step releases: this release, this weight, this attempt."""
        return {
            "release": self._desired.rendered_digest,
            "step": f"{stage.step.weight} %",
            "attempt": self._attempt,
        }

    def _evidence(self, stage: Stage, why: str) -> dict[str, Any]:
        last = self.measured[-1]["values"] if self.measured else {}
        serves = {revision.predictor.name: str(revision.version.reference) for revision in self._desired.revisions}
        return {
            "serving": self._desired.serving.name,
            "step": f"{stage.step.weight} %",
            "serves": serves,
            **({"undecided": why} if why else {}),
            **{key: value for key, value in last.items() if key != analysis.PREDICTOR},
        }

    def _analyse(self, stage: Stage, work: Work) -> str:
        """Nothing where the numbers say yes; why they say nothing otherwise. Raises Failure `AnalysisFailed`."""
        wanted = stage.step.analysis
        if wanted is None or work.shift is None:
            return ""
        new, what = work.shift.new, f"step {stage.step.weight} %"
        watch = Watch(
            self._cluster,
            self._live.namespace,
            self._desired.serving.name,
            self._desired.serving.model_name,
            new,
            [service for service, share in work.shift.base.items() if share and service not in new],
            {revision.predictor.name: revision.name for revision in self._desired.revisions},
            wanted,
        )
        result = analysis.run(wanted, watch, self._context, what)
        self.measured = [each.as_dict() for each in result.measurements]
        if result.verdict == "failed":
            raise Failure(
                "AnalysisFailed",
                f"The analysis at {what} failed: {result.why}.",
                resource=f"tfserving/{self._desired.serving.name}",
                hint="Release something better. To try the very same once more, set retry: true.",
                details={"step": stage.step.weight, "measurements": self.measured},
            )
        return result.why if result.verdict == "inconclusive" else ""

    def _move(self, work: Work, record: Callable[[], None]) -> None:
        """Write the weights, count the answers, record; what goes wrong then brings the previous weights back."""
        self._cluster.apply(work.switch or work.route)
        try:
            if self._deadline is not None:
                self._cluster.wait_ready(_waited(work.route), self._deadline)
                if self._desired.serving.verify.requests and (work.moves_traffic or work.record is not None):
                    self.count(self._deadline)
            record()
        except Failure as failure:
            if work.moves_traffic:
                self._move_back(work, failure)
            raise

    def _move_back(self, work: Work, failure: Failure) -> None:
        """The routes before the release, with the back ends that go at weight 0: what is on its way to them arrives."""
        self._context.progress(f"bringing the previous weights back: {failure.message}")
        try:
            self._restore(work)
        except Failure as stuck:
            failure.hint = (
                f"{failure.hint} The previous weights could not be brought back: {stuck.message} Run it again."
            )
            return
        self.is_back = True
        failure.hint = f"{failure.hint} The previous weights are back.".strip()

    def _restore(self, work: Work) -> None:
        before = {(obj["kind"], obj["metadata"]["name"]): obj for obj in work.before}
        idle = {(obj["kind"], obj["metadata"]["name"]): obj for obj in with_idle(work.before, self._desired.routes)}
        if self._deadline is not None:
            self._deadline.extend(GRACE_S)
        self._cluster.apply(self._cluster.plan(list({**before, **idle}.values())))
        written = {step.ref for steps in (work.route, *(stage.route for stage in work.stages)) for step in steps}
        for ref in sorted(written):
            if (ref.kind.kind, ref.name) not in before:
                self._cluster.delete(ref)

    def count(self, deadline: Deadline) -> None:
        """Send the probe requests. Raises Failure `MissingOption` where nobody knows the gateway's address."""
        request = self._request()
        revisions, verify = self._desired.revisions, self._desired.serving.verify
        self.split = split.verify(
            lambda: self._connect(request),
            {revision.predictor.name: revision.predictor.share for revision in revisions},
            {revision.predictor.name: str(revision.version.reference) for revision in revisions},
            verify.requests,
            verify.tolerance,
            deadline,
            self._context,
        )

    def _request(self) -> Request:
        """The golden request of the first predictor's version, else the model's status."""
        serving, golden = self._desired.serving, self._desired.revisions[0].version.golden
        found = endpoint(self._cluster, self._desired)
        if not found:
            raise Failure(
                "MissingOption",
                "verify.endpoint is not set, and the gateway's status names no address.",
                hint="Set verify.endpoint to the address at which clients reach the gateway, or verify.requests to 0.",
            )
        path = f"{serving.route.path.rstrip('/')}/v1/models/{serving.model_name}"
        if golden is None or not serving.golden:
            return Request(found, host(serving.route.hostnames, serving.verify.host), path)
        return Request(found, host(serving.route.hostnames, serving.verify.host), f"{path}:predict", golden.request)

    def _ref(self, name: str) -> Ref:
        return Ref(DEPLOYMENT, self._live.namespace, name)


WAITED = ("HTTPRoute", "Ingress")
"""Routes whose status says that the gateway took them; an Istio VirtualService has none."""


def _waited(steps: Sequence[ObjectPlan]) -> list[Ref]:
    return [step.ref for step in steps if step.ref.kind.kind in WAITED]


def endpoint(cluster: Reader, desired: Desired) -> str:
    """Where clients reach the gateway; empty where neither the options nor the cluster say."""
    serving = desired.serving
    return serving.verify.endpoint or gateway_address(cluster, desired.routes)


def host(hostnames: Sequence[str], wanted: str) -> str:
    """The Host header: what was asked for, else the first host name that is no pattern."""
    return wanted or next((name for name in hostnames if "*" not in name), "")
