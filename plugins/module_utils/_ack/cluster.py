# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An ACK cluster: create or adopt, change one concern at a time, upgrade, delete."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .._core.failure import Failure
from .._core.resource import Plan, Resource, State, compare
from .._core.wait import Seen
from . import addons, locate, resources, serverless, shape, versions
from .client import Transport
from .waits import CLUSTER_ABSENT, DELETABLE, DELETED, GONE, RUNNING, Waiter

KEYS = tuple(shape.cluster({"cluster_id": "", "name": ""}))

CREATE_ONLY = ("zone_ids", "snat_entry")
"""Wishes that matter to a new cluster only, because the API does not tell them of an existing one."""

NOT_YET_TOLD = ("endpoint_public_access", "addons", "control_plane_log")
"""What the API does not tell of a cluster that is being made; taken as wished until it runs, then compared."""

CONCERNS = {
    "name": "cluster_name",
    "deletion_protection": "deletion_protection",
    "enable_rrsa": "enable_rrsa",
    "maintenance_window": "maintenance_window",
    "cluster_spec": "cluster_spec",
    "vswitch_ids": "vswitch_ids",
}
"""Fields that ModifyCluster changes, by the API's names. Each goes in a call of its own: with several in one, the
task succeeds although some are not changed. Source: live test record, September 2026."""


BUSY, USED = "ErrorClusterState", "DependencyViolation"
"""Codes of a deletion that is refused for now: another change goes on, or a resource is still used."""


class Cluster(Resource):
    """Fields: those of `shape.cluster`; where the user names any, `addons` {name: {version, config}} and
    `control_plane_log`.
    """

    kind = "cluster"
    immutable = frozenset(
        ("profile", "vpc_id", "pod_cidr", "service_cidr", "node_cidr_mask", "proxy_mode", "endpoint_public_access")
    )
    whole = frozenset({"tags"})

    def __init__(self, transport: Transport, params: Mapping[str, Any], desired: State, waiter: Waiter) -> None:
        self._transport, self._params, self._waiter = transport, params, waiter
        self._desired = desired or {}
        self._waits: bool = params["wait"]
        self._absent: bool = params["state"] == "absent"
        self._asked_addons = tuple(each["name"] for each in params["addons"] or [])
        self._id: str | None = params["cluster_id"]
        self._offered: list[dict[str, Any]] = []
        self._modes = {each["resource_type"]: each["delete_mode"] for each in params["delete_options"] or []}
        self.resources: list[dict[str, Any]] = []
        """The cloud resources of a cluster that is to be deleted, as they were before; see `resources.read`."""
        self.remaining: list[dict[str, str]] = []
        """Those that stay: as predicted, and after a deletion as the service then tells, where it still does."""

    # -- reading ---------------------------------------------------------------------------------------------------

    def observe(self) -> State:
        wire = (
            locate.by_id(self._transport, self._id)
            if self._id
            else locate.by_name(self._transport, self._params["region"], self._params["name"])
        )
        if wire is None:
            return self._missing()
        self._id = wire["cluster_id"]
        if self._absent:
            self.resources = resources.read(self._transport, self._id, self._name, self._modes)
            self.remaining = resources.staying(self.resources)
        elif wire.get("state") in ("failed", "deleting", "delete_failed"):
            raise self._useless(wire)
        self._read_offer()
        found = shape.cluster(wire)
        if self._absent:
            return found
        if self._asked_addons:
            found["addons"] = addons.read(self._transport, self._id, self._asked_addons)
        if self._params["control_plane_log"]:
            found["control_plane_log"] = self._read_log()
        if wire.get("state") == "initial":
            found |= {name: self._desired[name] for name in NOT_YET_TOLD if self._desired.get(name) is not None}
        return found

    def _missing(self) -> State:
        if self._params["cluster_id"] and not self._absent:
            raise Failure(
                "ClusterNotFound",
                f"There is no cluster {self._params['cluster_id']}.",
                resource=f"cluster/{self._params['cluster_id']}",
                hint="Leave cluster_id out to create one by its name; ACK chooses the id.",
            )
        self._id = None
        if self._params["profile"] == serverless.PROFILE and not self._absent:
            self._require_serverless()
        self._read_offer()
        return None

    def _read_offer(self) -> None:
        if self._params["version"] and not self._absent and not self._offered:
            self._offered = self._transport.call(
                "DescribeKubernetesVersionMetadata",
                "read the Kubernetes versions on offer",
                query={
                    "Region": self._params["region"],
                    "ClusterType": "ManagedKubernetes",
                    "Profile": self._params["profile"],
                },
            )

    def _read_log(self) -> dict[str, Any]:
        what = f"read the control plane logs of {self._name}"
        return shape.control_plane_log(
            self._transport.call("CheckControlPlaneLogEnable", what, ids={"cluster": self._id or ""})
        )

    def _require_serverless(self) -> None:
        """Raises Failure `ServerlessRefused` where the account's quota of Serverless clusters is 0."""
        try:
            quota = self._transport.call("DescribeUserQuota", "read the account's quotas")
        except Failure as failure:
            if failure.retryable or failure.details.get("uncertain"):
                raise
            return  # it may not read quotas; the creation itself will tell
        if quota.get("ask_cluster_quota") == 0:
            raise Failure(
                serverless.REFUSED,
                "ACK refuses the account a Serverless cluster: its quota of them is 0.",
                resource=self._resource,
                hint=serverless.HINT,
            )

    def _useless(self, wire: Mapping[str, Any]) -> Failure:
        state = wire["state"]
        if state == "deleting":
            return Failure(
                "ClusterDeleting",
                f"{self._name} is being deleted.",
                resource=self._resource,
                hint="Run again when it is gone; then a new one is created.",
                retryable=True,
            )
        why = self._waiter.last_failure(wire["cluster_id"], self._name)
        return Failure(
            "ClusterFailed",
            f"{self._name} is in state {state}; ACK neither repairs nor rolls back such a cluster.",
            resource=self._resource,
            hint=f"Delete it with state=absent, then create it anew.{f' What happened: {why}' if why else ''}",
            details={"state": state, **({"task": why.details} if why else {})},
        )

    @property
    def _name(self) -> str:
        return f"cluster {self._params['name'] or self._id}"

    @property
    def _resource(self) -> str:
        return f"cluster/{self._params['name'] or self._id}"

    # -- deciding --------------------------------------------------------------------------------------------------

    def plan(self, observed: State, desired: State) -> Plan:
        if desired is None:
            if observed and observed["deletion_protection"] and self._params["deletion_protection"] is not False:
                raise Failure(
                    "DeletionProtected",
                    f"{self._name} is protected from deletion.",
                    resource=self._resource,
                    hint="Set deletion_protection to false in the same task if you mean it.",
                )
            return compare(observed, None)
        if observed is None:
            return self._plan_create(desired)
        wanted = dict(desired)
        if wanted.get("version"):
            wanted["version"] = versions.for_present(wanted["version"], observed["version"], self._offered)
        _refuse_way_back(observed, wanted)
        plan = compare(observed, wanted, self.immutable, self.whole)
        return replace(plan, after=_expected(observed, plan.after or {}))

    def _plan_create(self, desired: Mapping[str, Any]) -> Plan:
        wanted = {name: value for name, value in desired.items() if value is not None}
        if not wanted.get("name"):
            raise Failure("MissingOption", "name is not set.", hint="A new cluster needs a name.")
        if wanted.get("version"):
            wanted["version"] = versions.for_new(wanted["version"], self._offered)
        plan = compare(None, wanted)
        unknown = {**dict.fromkeys(KEYS), "region": self._params["region"]}  # None: what the service will choose
        extra = {name: self._params[name] for name in CREATE_ONLY}
        return Plan("create", {**unknown, **wanted, **_open(wanted)}, plan.changes, work={**wanted, **extra})

    # -- writing ---------------------------------------------------------------------------------------------------

    def apply(self, plan: Plan) -> None:
        match plan.action:
            case "create":
                self._create(plan.work)
            case "update":
                self._update(plan)
            case "delete":
                self._delete(plan)

    def _create(self, wanted: Mapping[str, Any]) -> None:
        body = shape.create_cluster(wanted, self._params["region"], str(uuid.uuid4()))
        what = f"create {self._name}"
        try:
            answer = self._transport.call("CreateCluster", what, body=body)
        except Failure as failure:
            if not failure.details.get("uncertain"):
                refused = serverless.refusal(failure) if wanted.get("profile") == serverless.PROFILE else None
                raise refused or failure from failure
            found = locate.by_name(self._transport, self._params["region"], wanted["name"])
            if found is None:
                raise
            answer = {"cluster_id": found["cluster_id"]}  # it was made, only the answer was lost
        self._id = answer["cluster_id"]
        if self._waits:
            self._waiter.task(answer, what)
            self._until_running()

    def _update(self, plan: Plan) -> None:
        after = plan.after or {}
        changed = [change.field.split(".")[0] for change in plan.changes]
        steps = [name for name in (*CONCERNS, "control_plane_log", "tags", "addons", "version") if name in changed]
        for name in steps:
            self._until_running()  # another change, ours or not, must have ended
            self._change(name, after[name], plan, is_last=name == steps[-1])

    def _change(self, name: str, value: Any, plan: Plan, *, is_last: bool) -> None:
        cluster_id = {"cluster": self._id or ""}
        what = f"change {name} of {self._name}"
        answer: Any = None
        match name:
            case "tags":
                self._transport.call("ModifyClusterTags", what, ids=cluster_id, body=shape.pairs(value))
            case "addons":
                before = {c.field.split(".")[1]: None for c in plan.changes if c.field.startswith("addons.")}
                live = addons.read(self._transport, self._id or "", self._asked_addons)
                addons.write(
                    self._transport,
                    self._waiter,
                    self._id or "",
                    live,
                    {each: value[each] for each in before},
                )
            case "control_plane_log":
                body = shape.update_log(value)
                answer = self._transport.call("UpdateControlPlaneLog", what, ids=cluster_id, body=body)
            case "version":
                answer = self._transport.call("UpgradeCluster", what, ids=cluster_id, body={"next_version": value})
            case _:
                body = {CONCERNS[name]: value}
                answer = self._transport.call("ModifyCluster", what, ids=cluster_id, body=body)
        if self._waits or not is_last:
            self._waiter.task(answer, what)

    def _delete(self, plan: Plan) -> None:
        before = {change.field: change.before for change in plan.changes}
        what = f"delete {self._name}"
        try:
            if before["deletion_protection"]:
                self._until_deletable()  # a failed cluster never runs, and is deleted all the same
                self._change("deletion_protection", False, plan, is_last=False)
                self._until_deletable()
            answer = None if before["state"] == "deleting" else self._ask_to_delete(what)
            if self._waits:
                self._waiter.task(answer, what)
                self._waiter.until(DELETED, self._look, self._name, self._explain)
        except Failure as failure:
            failure.details["remaining_resources"] = self._left()
            raise
        self.remaining = self._left() if self._waits else self.remaining

    def _ask_to_delete(self, what: str) -> Any:
        """A deletion that is refused for now is asked for again, as long as the deadline lets."""
        query = {"delete_options": self._params["delete_options"]}

        def attempt() -> Any:
            try:
                return self._transport.call("DeleteCluster", what, ids={"cluster": self._id or ""}, query=query)
            except Failure as failure:
                if failure.code == CLUSTER_ABSENT:
                    return None
                failure.retryable |= failure.code.startswith((BUSY, USED)) and self._waits
                raise

        return self._waiter.again(attempt)

    def _left(self) -> list[dict[str, str]]:
        """What is still there now; where the service forgot the cluster, what it said before would stay."""
        if self._waiter.deadline.is_over:
            return self.remaining
        try:
            return [
                {"type": each["type"], "id": each["id"]}
                for each in resources.read(self._transport, self._id or "", self._name)
            ]
        except Failure as failure:
            if failure.code == CLUSTER_ABSENT:
                return resources.staying(self.resources)
            return self.remaining

    def verify(self, plan: Plan, desired: State) -> State:
        if not self._waits:
            return plan.after if plan.action == "none" else self.observe()
        if desired is None:
            return super().verify(plan, None)
        was_running = plan.action == "none" and (plan.after or {}).get("state") == "running"
        if was_running:
            return plan.after
        self._until_running()
        wanted = dict(desired)
        if wanted.get("version"):
            wanted["version"] = (plan.after or {})["version"]  # as it was resolved
        return super().verify(Plan("update", plan.after, plan.changes), wanted)

    # -- waiting ---------------------------------------------------------------------------------------------------

    def _until_running(self) -> None:
        self._waiter.until(RUNNING, self._look, self._name, self._explain)

    def _until_deletable(self) -> None:
        self._waiter.until(DELETABLE, self._look, self._name, self._explain)

    def _look(self) -> Seen:
        wire = locate.by_id(self._transport, self._id or "", self._waiter.deadline)
        return Seen(GONE) if wire is None else Seen(str(wire.get("state") or ""), f"{wire.get('size') or 0} nodes")

    def _explain(self, seen: Seen) -> Failure:
        why = self._waiter.last_failure(self._id or "", self._name)
        return why or Failure(
            "WaitFailed",
            f"{self._name} is {seen.state}.",
            resource=self._resource,
            details={"state": seen.state},
        )


def _expected(observed: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What a changed cluster will be, with None for what the service then chooses."""
    expected = {**after, **_open({"addons": after.get("addons")})}
    if after["enable_rrsa"] and not observed["enable_rrsa"]:
        expected["rrsa_oidc_arn"] = None
    log, before = after.get("control_plane_log"), observed.get("control_plane_log")
    if log and before and log["components"] and not before["components"]:
        wished = {name: value for name, value in log.items() if value}
        expected |= _open({"control_plane_log": wished})
    return expected


def _open(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Addons and log as the service tells them, with None for what is left to it."""
    found: dict[str, Any] = {}
    if wanted.get("addons"):
        found["addons"] = {name: {"version": None, "config": None, **addon} for name, addon in wanted["addons"].items()}
    if wanted.get("control_plane_log"):
        found["control_plane_log"] = {"project": None, "ttl_days": None, **wanted["control_plane_log"]}
    return found


def _refuse_way_back(observed: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raises Failure `ImmutableField` for what ACK can only do in one direction."""
    is_pro = observed["cluster_spec"].startswith("ack.pro")
    if is_pro and wanted.get("cluster_spec") == "ack.standard":
        raise _one_way("cluster_spec", observed, wanted, "ACK cannot make a standard cluster of a Pro one")
    if observed["enable_rrsa"] and wanted.get("enable_rrsa") is False:
        raise _one_way("enable_rrsa", observed, wanted, "RRSA cannot be disabled again")


def _one_way(field: str, observed: Mapping[str, Any], wanted: Mapping[str, Any], why: str) -> Failure:
    change = {"field": field, "before": observed[field], "after": wanted[field]}
    return Failure(
        "ImmutableField",
        f"Cannot change {field} from {observed[field]} to {wanted[field]}: {why}.",
        resource=f"cluster/{observed['name']}",
        hint=f"Keep the present value, or leave {field} out.",
        details={"changes": [change]},
    )
