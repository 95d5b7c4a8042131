# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A set of manifests as one resource: what k8s_manifest manages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from .._core.context import Context
from .._core.documents import documents
from .._core.failure import Failure
from .._core.resource import Plan, Resource, State
from .._core.wait import Deadline
from . import apply
from .apply import ObjectPlan, apply_objects, plan_deletes, plan_objects
from .kinds import Ref, require
from .prune import find_orphans
from .shape import Object, visible
from .waits import Rule, rule_for, wait_gone, wait_ready


class Client(apply.Client, Protocol):
    """What a set of objects needs of a cluster."""

    def within(self, deadline: Deadline) -> apply.Client: ...


class Wishes(NamedTuple):
    """How the set is to be brought about. `present`: whether its objects should be there. `owner`: labels every object;
    with `prune`, what carries the labels and is not in the set is deleted. `rules`: {(apiVersion, kind): rule} where
    the user says when something is ready.
    """

    present: bool = True
    namespace: str | None = None
    owner: str = ""
    prune: bool = False
    wait: bool = True
    wait_timeout_s: float = 300.0
    rules: Mapping[tuple[str, str], Rule] = {}


class Objects(Resource):
    """State: {"objects": [entry, ...]}, one entry an object: api_version, kind, namespace, name, action, resource."""

    kind = "objects"

    def __init__(self, client: Client, manifests: Sequence[Object], wishes: Wishes, context: Context) -> None:
        self._deadline = Deadline(wishes.wait_timeout_s, context.clock)
        self._client = client.within(self._deadline)
        self._manifests, self._wishes, self._context = manifests, wishes, context
        self._plans: list[ObjectPlan] = []
        self._applied: dict[Ref, Object] = {}

    def observe(self) -> State:
        """Reads what is there, and asks the server what it would make of the manifests."""
        wishes = self._wishes
        if wishes.present:
            plans = plan_objects(self._client, self._manifests, wishes.namespace, owner=wishes.owner)
            if wishes.wait:
                self._rules([plan.ref for plan in plans])
        else:
            plans = plan_deletes(self._client, self._refs())
        self._plans = [*plans, *(self._orphans(plans) if wishes.prune else [])]
        return {"objects": self._entries({plan.ref: plan.live for plan in self._plans})}

    def plan(self, observed: State, desired: State) -> Plan:
        due = [plan for plan in self._plans if plan.action != "none"]
        action: Literal["none", "update", "delete"]
        action = "none" if not due else "update" if self._wishes.present else "delete"
        after = {"objects": self._entries({plan.ref: _expected(plan) for plan in self._plans})}
        changes = tuple(change for plan in due for change in plan.changes)
        return Plan(action, after, changes, tuple(plan.warning for plan in self._plans if plan.warning))

    def apply(self, plan: Plan) -> None:
        live = apply_objects(self._client, self._plans, self._context, self._deadline)
        self._applied = {item.ref: found for item, found in zip(self._plans, live, strict=True)}

    def verify(self, plan: Plan, desired: State) -> State:
        """Waits, also when this run wrote nothing: an earlier one may have been interrupted while it waited."""
        live = {item.ref: self._applied.get(item.ref, item.live or {}) for item in self._plans if item.after}
        gone = [item.ref for item in self._plans if item.action == "delete"]
        if self._wishes.wait:
            try:
                if gone:
                    wait_gone(self._client, gone, self._deadline, self._context)
                if live:
                    refs = list(live)
                    rules = self._rules(refs)
                    found = wait_ready(self._client, refs, self._deadline, self._context, rules=rules, known=live)
                    live = dict(zip(refs, found, strict=True))
            except Failure as problem:
                problem.details["done"] = [str(item.ref) for item in self._plans if item.action != "none"]
                raise
        return {"objects": self._entries(live)}

    def _refs(self) -> list[Ref]:
        """Addresses of manifests of which only apiVersion, kind and name count. A kind that the cluster does not know
        has no objects."""
        found = []
        for index, manifest in enumerate(self._manifests):
            require(manifest, index)
            try:
                found.append(self._client.ref(manifest, self._wishes.namespace))
            except Failure as unknown:
                if unknown.code != "UnknownKind":
                    raise
        return list(dict.fromkeys(found))

    def _rules(self, refs: Sequence[Ref]) -> dict[Ref, Rule]:
        own = self._wishes.rules
        return {ref: own.get((ref.kind.api_version, ref.kind.kind)) or rule_for(ref.kind) for ref in refs}

    def _orphans(self, plans: Sequence[ObjectPlan]) -> list[ObjectPlan]:
        keep = {plan.ref for plan in plans}
        namespaces = {ref.namespace for ref in keep if ref.namespace} | {self._wishes.namespace or "default"}
        kinds = [ref.kind for ref in keep]
        return plan_deletes(self._client, find_orphans(self._client, self._wishes.owner, keep, namespaces, kinds))

    def _entries(self, resources: Mapping[Ref, Object | None]) -> list[dict[str, Any]]:
        return [
            {
                "api_version": plan.ref.kind.api_version,
                "kind": plan.ref.kind.kind,
                "namespace": plan.ref.namespace,
                "name": plan.ref.name,
                "action": plan.action,
                "resource": visible(resources.get(plan.ref)) or None,
            }
            for plan in self._plans
        ]


def _expected(plan: ObjectPlan) -> Object | None:
    """The object as it will be, with None for what only the run will know. A dry run makes up what it cannot know."""
    if plan.after is None or plan.action == "none":
        return plan.after
    unknown = ("resourceVersion", "uid", "creationTimestamp") if plan.action == "create" else ("resourceVersion",)
    metadata = {**plan.after["metadata"], **dict.fromkeys(unknown)}
    return {**plan.after, "metadata": metadata, **({"status": None} if "status" in plan.after else {})}


# -- reading manifests -------------------------------------------------------------------------------------------------


def parse(definition: Any, origin: str = "definition") -> list[Object]:
    """Manifests from YAML text (one or more documents), a mapping, or a list of either; a `List` is its items.

    Raises Failure `InvalidManifest` with the place.
    """
    if isinstance(definition, str):
        try:
            found = documents(definition)
        except ValueError as error:
            raise Failure("InvalidManifest", f"{origin} is no YAML: {error}.") from error
        return [item for document in found if document is not None for item in _parsed(document, origin)]
    return _parsed(definition, origin)


def _parsed(definition: Any, origin: str) -> list[Object]:
    if isinstance(definition, list):
        return [item for part in definition for item in (parse if isinstance(part, str) else _parsed)(part, origin)]
    if not isinstance(definition, Mapping):
        raise Failure(
            "InvalidManifest",
            f"{origin} holds {type(definition).__name__} where a Kubernetes object should stand.",
            hint="Every Kubernetes object is a mapping with apiVersion, kind and metadata.name.",
        )
    if str(definition.get("kind", "")).endswith("List") and isinstance(definition.get("items"), list):
        return _parsed(definition["items"], origin)
    return [dict(definition)]


def read(sources: Sequence[str]) -> list[Object]:
    """Manifests of files, and of all .yaml, .yml and .json files of folders (sorted by name, not deeper).

    Raises Failure `InvalidManifest`.
    """
    found: list[Object] = []
    for source in sources:
        path = Path(source)
        files = sorted(f for f in path.iterdir() if f.suffix in (".yaml", ".yml", ".json")) if path.is_dir() else [path]
        if not files:
            raise Failure("InvalidManifest", f"The folder {source} holds no .yaml, .yml or .json file.")
        for file in files:
            try:
                text = file.read_text()
            except (OSError, UnicodeDecodeError) as error:
                raise Failure("InvalidManifest", f"Cannot read {file}: {error}.", hint="Correct src.") from error
            found += parse(text, str(file))
    return found
