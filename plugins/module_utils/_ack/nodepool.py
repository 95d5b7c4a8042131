# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A node pool of a cluster: size, autoscaling, labels, taints, spot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .._core.failure import Failure
from .._core.resource import Plan, Resource, State, compare
from .._core.wait import Seen
from . import locate, shape
from .client import Transport
from .waits import CLUSTER_ABSENT, GONE, POOL_ABSENT, POOL_DELETED, POOL_IDLE, POOL_READY, Waiter

MOST_LABELS = 20
KEYS = tuple(shape.node_pool({"nodepool_info": {"nodepool_id": "", "name": ""}}))
SECTION_OF = {
    **dict.fromkeys(shape.GROUP, "scaling_group"),
    "spot_price_limits": "scaling_group",
    "labels": "kubernetes_config",
    "taints": "kubernetes_config",
    "auto_scaling": "auto_scaling",
    "management": "management",
}
ORDER = ("auto_scaling", "kubernetes_config", "management", "scaling_group")
"""One section per call: a size can be set only after autoscaling is off."""


def desired(params: Mapping[str, Any]) -> State:
    """The wish in the fields of `shape.node_pool`. Raises Failure `InvalidOption` for what cannot be together."""
    if params["state"] == "absent":
        return None
    auto = {name: value for name, value in (params["auto_scaling"] or {}).items() if value is not None}
    kind = params["type"]
    _check_edge(params, auto)
    if auto.get("enable"):
        if params["desired_size"] is not None:
            raise _invalid(
                "desired_size cannot be set while auto_scaling.enable is true.", "Set min_instances instead."
            )
        low, high = auto.get("min_instances"), auto.get("max_instances")
        if low is not None and high is not None and low > high:
            raise _invalid(f"auto_scaling.min_instances is {low}, more than max_instances, {high}.")
        auto |= {"type": auto.get("type") or kind} if auto.get("type") or kind else {}
    elif auto:
        auto = {"enable": False}
    labels = params["labels"]
    reserved = sorted(key for key in labels or {} if key.startswith(("aliyun", "acs:")))
    if reserved or len(labels or {}) > MOST_LABELS:
        raise _invalid(
            f"labels has {len(labels)} entries{f', among them {reserved[0]}' if reserved else ''}; "
            f"allowed are {MOST_LABELS}, whose keys do not begin with 'aliyun' or 'acs:'."
        )
    _check_sharing(params)
    spot, limits = _spot(params)
    return {
        "name": params["name"],
        **{name: params[name] for name in shape.GROUP},
        "instance_types": _sorted(params["instance_types"]),
        "vswitch_ids": _sorted(params["vswitch_ids"]),
        "auto_scaling": auto or None,
        "labels": None if labels is None else {key: str(value) for key, value in labels.items()},
        "taints": None if params["taints"] is None else shape.sorted_taints(params["taints"]),
        "spot_strategy": spot,
        "spot_price_limits": limits,
        "management": _set(params["management"]),
        "data_disks": _disks(params["data_disks"]),
    }


ELSEWHERE = ("instance_types", "vswitch_ids", "desired_size", "spot_strategy", "spot_price_limits")


def _check_edge(params: Mapping[str, Any], auto: Mapping[str, Any]) -> None:
    """The machines of an edge pool are the user's: ACK neither chooses nor counts them."""
    if params["type"] != "edge":
        if params["interconnect_mode"]:
            raise _invalid(
                f"interconnect_mode is '{params['interconnect_mode']}', but type is '{params['type'] or 'not set'}'.",
                "Set type to edge.",
            )
        return
    strange = [name for name in ELSEWHERE if params[name]] + (["auto_scaling"] if auto.get("enable") else [])
    if strange:
        raise _invalid(
            f"type is 'edge', and {strange[0]} is set; machines join an edge node pool by its attach script.",
            f"Leave {', '.join(strange)} out.",
        )


def _check_sharing(params: Mapping[str, Any]) -> None:
    """How a GPU is shared must be said by one option, and of a pool that shares."""
    mode, kind = params["gpu_share_mode"], params["type"]
    if mode and kind != "gpushare":
        raise _invalid(f"gpu_share_mode is '{mode}', but type is '{kind or 'not set'}'.", "Set type to gpushare.")
    given = (params["labels"] or {}).get(shape.SHARING)
    if kind == "gpushare" and given is not None and given != (mode or "cgpu"):
        raise _invalid(
            f"labels says {shape.SHARING} is '{given}', and gpu_share_mode '{mode or 'cgpu'}'.",
            f"Leave {shape.SHARING} out of labels.",
        )


def _spot(params: Mapping[str, Any]) -> tuple[str | None, dict[str, str] | None]:
    """(strategy, limits): limits alone mean the strategy that has limits, type=spot alone the one without."""
    limits = params["spot_price_limits"]
    prices = None if limits is None else {str(key): shape.price(value) for key, value in limits.items()}
    default = "SpotWithPriceLimit" if prices else "SpotAsPriceGo" if params["type"] == "spot" else None
    strategy = params["spot_strategy"] or default
    if prices and strategy != "SpotWithPriceLimit":
        raise _invalid(
            f"spot_price_limits is set, but spot_strategy is '{strategy}'.",
            "Set spot_strategy to SpotWithPriceLimit, or leave the limits out.",
        )
    if params["spot_strategy"] == "SpotWithPriceLimit" and prices == {}:
        raise _invalid("spot_strategy is 'SpotWithPriceLimit', but spot_price_limits is empty.", "Name a limit.")
    if params["type"] == "spot" and strategy == "NoSpot":
        raise _invalid("type is 'spot', but spot_strategy is 'NoSpot'.", "Correct one of them.")
    strangers = sorted(set(prices or {}) - set(params["instance_types"] or prices or {}))
    if strangers:
        raise _invalid(
            f"spot_price_limits names {', '.join(strangers)}; instance_types has "
            f"{', '.join(sorted(params['instance_types']))}."
        )
    return strategy, prices


def _set(options: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A mapping of options without those that are not set, at any depth."""
    if options is None:
        return None
    return {
        name: _set(value) if isinstance(value, Mapping) else value
        for name, value in options.items()
        if value is not None
    }


def _sorted(values: list[str] | None) -> list[str] | None:
    return None if values is None else sorted(values)


def _disks(disks: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    if disks is None:
        return None
    return [_set(disk) or {} for disk in disks]


def _invalid(message: str, hint: str = "") -> Failure:
    return Failure("InvalidOption", message, hint=hint)


def _still_shared(observed: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[str, ...]:
    mode = observed["labels"].get(shape.SHARING)
    if mode is None or mode in shape.EXCLUSIVE or wanted.get("labels", {shape.SHARING: mode}).get(shape.SHARING):
        return ()
    return (
        f"Without the label {shape.SHARING} the GPUs of {observed['name']} stay shared as '{mode}'; "
        "give it the value default to end that.",
    )


def _expected(observed: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What a changed pool will be, with None for what the service then chooses."""
    expected = dict(after)
    if after["auto_scaling"]["enable"]:
        expected["desired_size"] = None
    if any(expected[name] != observed[name] for name in ("desired_size", "auto_scaling")):
        expected["nodes"] = None
    return expected


class NodePool(Resource):
    """Fields: those of `shape.node_pool`."""

    kind = "node_pool"
    whole = frozenset({"labels", "spot_price_limits", "auto_scaling"})

    def __init__(self, transport: Transport, cluster_id: str | None, params: Mapping[str, Any], waiter: Waiter) -> None:
        """`cluster_id` None: the cluster is gone, and its pools with it."""
        self._transport, self._cluster_id, self._params, self._waiter = transport, cluster_id, params, waiter
        self._id: str | None = None
        self._title = f"node pool {params['name']}"
        sharing = {shape.SHARING: params["gpu_share_mode"] or "cgpu"} if params["type"] == "gpushare" else {}
        self._sharing: dict[str, str] = sharing
        self._is_edge = params["type"] == "edge"

    def observe(self) -> State:
        wire = self._read()
        self._id = None if wire is None else wire["nodepool_info"]["nodepool_id"]
        kind = "edge" if wire is None else wire["nodepool_info"].get("type")
        if self._is_edge and kind != "edge":
            raise Failure(
                "ImmutableField",
                f"type of {self._title} cannot change from {kind} to edge.",
                hint="Delete the node pool first, or give the new one another name.",
            )
        return None if wire is None else shape.node_pool(wire)

    def _read(self) -> Mapping[str, Any] | None:
        if self._cluster_id is None:
            return None
        try:
            found = self._transport.call(
                "DescribeClusterNodePools", f"read {self._title}", ids={"cluster": self._cluster_id}
            )
        except Failure as failure:
            if failure.code in (CLUSTER_ABSENT, POOL_ABSENT):
                return None
            raise
        same = [each for each in found.get("nodepools") or [] if each["nodepool_info"]["name"] == self._params["name"]]
        if len(same) > 1:
            raise Failure(
                "AmbiguousName",
                f"{len(same)} node pools are named {self._params['name']}.",
                resource=f"node_pool/{self._params['name']}",
                hint="Rename or delete one of them in the console.",
            )
        return same[0] if same else None

    # -- deciding --------------------------------------------------------------------------------------------------

    def plan(self, observed: State, desired: State) -> Plan:
        if desired is None:
            return compare(observed, None)
        wanted = {name: value for name, value in desired.items() if value is not None}
        if self._sharing:
            labels = wanted["labels"] if "labels" in wanted else (observed or {}).get("labels", {})
            wanted["labels"] = {**labels, **self._sharing}
        present, asked = (observed or {}).get("auto_scaling", {}), wanted.get("auto_scaling", {})
        if asked.get("enable") and "type" not in asked:
            wanted["auto_scaling"] = {**asked, "type": present.get("type", "cpu")}
        if observed is None:
            for name in () if self._is_edge else ("instance_types", "vswitch_ids"):
                if not wanted.get(name):
                    raise Failure("MissingOption", f"{name} is not set.", hint="A new node pool needs it.")
            plan = compare(None, wanted)
            return Plan("create", {**dict.fromkeys(KEYS), **wanted}, plan.changes, work=wanted)
        if wanted.get("desired_size") is not None and asked.get("enable", present["enable"]):
            raise _invalid(
                f"desired_size cannot be set: {self._title} is scaled by itself.", "Set auto_scaling.enable to false."
            )
        if present["enable"] and asked.get("type", present.get("type")) != present.get("type"):
            raise Failure(
                "ImmutableField",
                f"auto_scaling.type of {self._title} cannot change from {present.get('type')} to {asked['type']}.",
                hint="Delete the node pool first, or keep the present type.",
            )
        plan = compare(observed, wanted, frozenset(), self.whole)
        return replace(plan, after=_expected(observed, plan.after or {}), warnings=_still_shared(observed, wanted))

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
        kind = "edge" if self._is_edge else "ess"
        body = {"nodepool_info": {"name": wanted["name"], "type": kind}, **shape.pool_sections(wanted)}
        if self._is_edge:
            body["interconnect_mode"] = self._params["interconnect_mode"] or "basic"
        what = f"create {self._title}"
        try:
            answer = self._transport.call("CreateClusterNodePool", what, ids=self._ids, body=body)
        except Failure as failure:
            if not failure.details.get("uncertain") or self._read() is None:
                raise
            answer = None  # it was made, only the answer was lost
        if self._waits:
            self._waiter.task(answer, what)

    def _update(self, plan: Plan) -> None:
        after = plan.after or {}
        fields = {change.field.split(".")[0] for change in plan.changes}
        sections = [section for section in ORDER if any(SECTION_OF[field] == section for field in fields)]
        for section in sections:
            self._until_idle()
            changed = {field: after[field] for field in fields if SECTION_OF[field] == section}
            if section == "management":  # only the keys that differ; a mapping in it goes as a whole
                keys = {change.field.split(".")[1] for change in plan.changes if change.field.startswith("management.")}
                changed = {"management": {key: after["management"][key] for key in keys}}
            body = shape.pool_sections(changed)
            if section == "kubernetes_config":
                body["update_nodes"] = True  # else only nodes to come get them
            what = f"change {', '.join(sorted(changed))} of {self._title}"
            answer = self._transport.call("ModifyClusterNodePool", what, ids=self._pool_ids, body=body)
            if self._waits or section != sections[-1]:
                self._waiter.task(answer, what)

    def _delete(self, plan: Plan) -> None:
        what = f"delete {self._title}"
        answer: Any = None
        if {change.field: change.before for change in plan.changes}["state"] != "deleting":
            self._until_idle()
            # Without force a pool that has nodes is refused. The nodes are drained all the same.
            answer = self._transport.call("DeleteClusterNodepool", what, ids=self._pool_ids, query={"force": True})
        if self._waits:
            self._waiter.task(answer, what)
            self._waiter.until(POOL_DELETED, self._look, self._title)

    def verify(self, plan: Plan, desired: State) -> State:
        if not self._waits:
            return plan.after if plan.action == "none" else self.observe()
        if desired is None:
            return super().verify(plan, None)
        self._waiter.until(POOL_READY, self._look, self._title, self._explain)
        wanted = {name: (plan.after or {})[name] for name, value in desired.items() if value is not None}
        if "management" in wanted:
            wanted["management"] = desired["management"]  # the service may fill in what was not asked for
        return super().verify(Plan("update", plan.after, plan.changes), wanted)

    # -- waiting ---------------------------------------------------------------------------------------------------

    @property
    def _waits(self) -> bool:
        return bool(self._params["wait"])

    @property
    def _ids(self) -> dict[str, str]:
        return {"cluster": self._cluster_id or ""}

    @property
    def _pool_ids(self) -> dict[str, str]:
        return {**self._ids, "pool": self._id or ""}

    def _until_idle(self) -> None:
        """Until no other change is going on."""

        def look() -> Seen:
            wire = self._read()
            return Seen(GONE) if wire is None else Seen(str((wire.get("status") or {}).get("state")))

        self._waiter.until(POOL_IDLE, look, self._title)

    def _look(self) -> Seen:
        wire = self._read()
        if wire is None:
            return Seen(GONE)
        pool = shape.node_pool(wire)
        nodes, auto = pool["nodes"], pool["auto_scaling"]
        wanted = auto.get("min_instances", 0) if auto["enable"] else pool["desired_size"]
        text = f"{nodes['healthy']} of {wanted} nodes healthy"
        if pool["state"] != "active":
            return Seen(pool["state"], text, pool)
        settled = auto["enable"] or self._is_edge or nodes["total"] <= wanted
        if nodes["healthy"] >= wanted and settled:
            return Seen("ready", text, pool)
        return Seen("short" if nodes["failed"] else "active", text, pool)

    def _explain(self, seen: Seen) -> Failure:
        if seen.state != "short":
            why = self._waiter.last_failure(self._cluster_id or "", self._title)
            return why or Failure(
                "WaitFailed", f"{self._title} is {seen.state}.", resource=f"node_pool/{self._params['name']}"
            )
        reasons = self._reasons(seen.value["node_pool_id"])
        return Failure(
            "TooFewNodes",
            f"{self._title} has {seen.text}: {'; '.join(reasons) or 'no reason is told'}.",
            resource=f"node_pool/{self._params['name']}",
            hint="Add instance_types or vswitch_ids of other zones, or lower the size.",
            details={"nodes": seen.value["nodes"], "reasons": reasons},
        )

    def _reasons(self, pool_id: str) -> list[str]:
        what = f"read the nodes of {self._title}"

        def page(number: int) -> tuple[list[dict[str, Any]], int | None]:
            query = {"nodepool_id": pool_id, "pageNumber": number, "pageSize": locate.PAGE}
            answer = self._transport.call("DescribeClusterNodes", what, ids=self._ids, query=query)
            return answer.get("nodes") or [], (answer.get("page") or {}).get("total_count")

        return sorted(
            {str(node["error_message"]).rstrip(".") for node in locate.paged(page) if node.get("error_message")}
        )
