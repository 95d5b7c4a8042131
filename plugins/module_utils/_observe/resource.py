# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The traits of one target for the engine: what is there, what is wanted, and whether anything arrives."""

from __future__ import annotations

from typing import Any, Literal

from .._core.context import Context
from .._core.failure import Failure
from .._core.resource import Plan, Resource, State
from .._core.wait import Deadline
from .._kube.apply import ObjectPlan, apply_objects, plan_deletes, plan_objects
from .._kube.client import KubeClient
from .._kube.kinds import Kind, Ref
from .arrival import Prometheus, arrived
from .render import COLLECTION, OWNER, POD_MONITOR, RULE, environment, owner, possible, render
from .shape import Wish
from .sls import Sls

ADDONS = {POD_MONITOR: "arms-prometheus", RULE: "arms-prometheus"}
DEFINED_BY_ADDON = (*ADDONS, COLLECTION)


class Observability(Resource):
    """State: target, objects (kind/name), environment (variables for containers where the cluster knows no collection
    resource), dashboard (file name: JSON), arrived. `deadline` None: nobody waits.
    """

    kind = "observability"

    def __init__(
        self,
        cluster: KubeClient,
        wish: Wish,
        context: Context,
        *,
        server: Prometheus | None,
        sls: Sls | None,
        deadline: Deadline | None,
        timeout_s: float,
    ) -> None:
        self._cluster, self._wish, self._context = cluster, wish, context
        self._server, self._sls, self._deadline, self._timeout_s = server, sls, deadline, timeout_s
        self._plans: list[ObjectPlan] = []
        self._environment: list[dict[str, str]] = []

    def observe(self) -> State:
        """Reads what is there. Raises Failure `MissingAddon` where the cluster lacks a kind that nothing replaces."""
        known = {kind: self._cluster.serves(kind) for kind in DEFINED_BY_ADDON}
        wanted = render(self._wish)
        for manifest in wanted:
            self._need(manifest["kind"], known)
        if self._wish.logging and not known[COLLECTION]:
            self._environment = environment(self._wish.logging)
            wanted = [each for each in wanted if each["kind"] != COLLECTION.kind]
        plans = list(plan_objects(self._cluster, wanted, self._wish.target.namespace))
        keep = {plan.ref for plan in plans}
        left = [ref for ref in possible(self._wish.target) if ref not in keep and self._is_ours(ref, known)]
        self._plans = [*plans, *plan_deletes(self._cluster, left)]
        present = any(plan.live for plan in self._plans)
        return self._state(None) if present else None

    def plan(self, observed: State, desired: State) -> Plan:
        due = [plan for plan in self._plans if plan.action != "none"]
        changes = tuple(change for plan in due for change in plan.changes)
        after = None if desired is None else self._state(None)
        action: Literal["none", "create", "update", "delete"] = "none"
        if due:
            action = "delete" if desired is None else "create" if observed is None else "update"
        return Plan(action, after, changes, tuple(plan.warning for plan in self._plans if plan.warning))

    def apply(self, plan: Plan) -> None:
        apply_objects(self._cluster, self._plans, self._context)

    def verify(self, plan: Plan, desired: State) -> State:
        """Waits until something arrives, also when this run wrote nothing."""
        if desired is None:
            return None
        if self._deadline is None:
            return self._state(None)
        found = arrived(self._wish, self._server, self._sls, self._deadline, self._context, self._timeout_s)
        return self._state(found)

    def _need(self, kind_name: str, known: dict[Kind, bool]) -> None:
        for kind, addon in ADDONS.items():
            if kind.kind == kind_name and not known[kind]:
                raise Failure(
                    "MissingAddon",
                    f"The cluster knows no {kind.kind} of {kind.api_version}.",
                    resource=f"addon/{addon}",
                    hint=f"Install the addon {addon} first: mlops.ack.ack_addon, or the role's observability_cluster.",
                )

    def _is_ours(self, ref: Ref, known: dict[Kind, bool]) -> bool:
        if not known.get(ref.kind, True):
            return False
        live = self._cluster.get(ref) or {"metadata": {}}
        return (live["metadata"].get("labels") or {}).get(OWNER) == owner(self._wish.target)

    def _state(self, found: dict[str, Any] | None) -> dict[str, Any]:
        dashboards = [plan.manifest["data"] for plan in self._plans if plan.ref.kind.kind == "ConfigMap" and plan.after]
        return {
            "name": self._wish.target.name,
            "namespace": self._wish.target.namespace,
            "objects": [str(plan.ref) for plan in self._plans if plan.after],
            "environment": self._environment,
            "dashboard": dashboards[0] if dashboards else {},
            "arrived": found,
        }
