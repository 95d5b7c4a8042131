# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A release: prove the new, move the traffic, count it, take the old away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from .._core.context import Context
from .._core.failure import Failure
from .._core.wait import Deadline
from .._kube.apply import ObjectPlan
from .._kube.kinds import Ref
from . import split
from .endpoint import Connection, Request
from .live import DEPLOYMENT, Live, Reader, gateway_address, is_ready
from .plan import Desired, Work
from .predictor import Revision
from .readiness import Proxy, check_golden, wait_available
from .routes import Object, as_written
from .split import Asker, Split

# A gateway's status may be ahead of its proxies: they get this long to learn of a route, or of a back end's pods.
PROPAGATION_S = 2.0


class Cluster(Reader, Proxy, Protocol):
    """What a release needs of a cluster."""

    def plan(self, manifests: Sequence[Object]) -> Sequence[ObjectPlan]: ...
    def apply(self, steps: Sequence[ObjectPlan]) -> None: ...
    def scale(self, ref: Ref, replicas: int) -> None: ...
    def delete(self, ref: Ref) -> None: ...
    def wait_ready(self, refs: Sequence[Ref], deadline: Deadline) -> None:
        """Until Deployments have all their replicas, or routes are taken by their gateway. Fails early."""


class Release:
    """Carries out one `Work`. `deadline` None: starts what can be started, and waits for nothing.

    `warnings` says what was left for the next run; `split` holds the count, where there was one.
    """

    def __init__(
        self,
        cluster: Cluster,
        desired: Desired,
        live: Live,
        deadline: Deadline | None,
        context: Context,
        connect: Callable[[Request], Asker] = Connection,
    ) -> None:
        self._cluster, self._desired, self._live = cluster, desired, live
        self._deadline, self._context, self._connect = deadline, context, connect
        self.warnings: list[str] = []
        self.split: Split | None = None

    def run(self, work: Work) -> bool:
        """False: the new predictors are not ready, no traffic was moved. Raises what keeps the release from its end;
        the weights are then what they were.
        """
        self._cluster.apply(work.prepare)
        self._scale(work, up=True)
        if not self._prove(work.unproven):
            return False
        if work.warm:
            self._cluster.apply(work.warm)
            self._context.sleep(PROPAGATION_S)
        self._move(work)
        if work.switch:
            self._context.sleep(PROPAGATION_S)
            self._cluster.apply(work.route)
        if work.stale and work.moves_traffic:
            self._context.sleep(PROPAGATION_S)
        # Pods that are deleted answer for some seconds more (their preStop), so that nothing in flight is lost.
        for ref in work.stale:
            self._cluster.delete(ref)
        self._scale(work, up=False)
        return True

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

    def _move(self, work: Work) -> None:
        """Write the weights and count the answers; what goes wrong then brings the previous weights back."""
        self._cluster.apply(work.switch or work.route)
        if self._deadline is None:
            return
        try:
            self._cluster.wait_ready([step.ref for step in work.route if step.ref.kind.kind in WAITED], self._deadline)
            if self._desired.serving.verify.requests and (work.moves_traffic or work.record is not None):
                self.count()
        except Failure as failure:
            if work.moves_traffic:
                self._move_back(work)
                failure.hint = f"{failure.hint} The previous weights are back.".strip()
            raise

    def _move_back(self, work: Work) -> None:
        self._context.progress("bringing the previous weights back")
        before = {(obj["kind"], obj["metadata"]["name"]): obj for obj in self._live.routes}
        moved = [step.ref for step in work.route if step.action != "none"]
        old = [as_written(before[key]) for ref in moved if (key := (ref.kind.kind, ref.name)) in before]
        self._cluster.apply(self._cluster.plan(old))
        for ref in moved:
            if (ref.kind.kind, ref.name) not in before:
                self._cluster.delete(ref)

    def count(self) -> None:
        """Send the probe requests. Raises Failure `MissingOption` where nobody knows the gateway's address."""
        assert self._deadline is not None
        request = self._request()
        revisions, verify = self._desired.revisions, self._desired.serving.verify
        self.split = split.verify(
            lambda: self._connect(request),
            {revision.predictor.name: revision.predictor.share for revision in revisions},
            {revision.predictor.name: str(revision.version.reference) for revision in revisions},
            verify.requests,
            verify.tolerance,
            self._deadline,
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


def endpoint(cluster: Reader, desired: Desired) -> str:
    """Where clients reach the gateway; empty where neither the options nor the cluster say."""
    serving = desired.serving
    return serving.verify.endpoint or gateway_address(cluster, desired.routes)


def host(hostnames: Sequence[str], wanted: str) -> str:
    """The Host header: what was asked for, else the first host name that is no pattern."""
    return wanted or next((name for name in hostnames if "*" not in name), "")
