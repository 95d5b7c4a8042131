# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bringing a set of objects to the wished state: read, ask the server what an apply would change, write only that.

    plans = plan_objects(client, manifests, namespace)      # reads and dry runs; writes nothing
    live = apply_objects(client, plans, context)            # writes what the plans say; returns the objects

An object that already is as wished costs a GET, or a part of a page. One that may differ costs a dry run more, and its
plan holds exactly what the server says it would change, so that neither check mode nor the run guesses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal, Protocol

from .._core.context import Context
from .._core.failure import Failure
from .._core.resource import Change
from .._core.secrets import MASK
from .._core.wait import Deadline, Seen, Wait, until
from . import waits
from .kinds import Kind, Ref, defined_by, kind_of, require
from .order import DEFINITION, rank
from .read import read_all, together
from .shape import Object, agrees, changes_between, content, owned_through, prepare, secrets_of, visible

MANAGED_BY = "app.kubernetes.io/managed-by"
OWNER = "mlops.ack/owner"

NAMESPACE, SCALER = kind_of("v1", "Namespace"), kind_of("autoscaling/v2", "HorizontalPodAutoscaler")

DEFINITION_TIMEOUT_S = 60.0


class Client(waits.Client, Protocol):
    """What applying needs of a cluster; KubeClient is one, tests hold a dict."""

    context: Context

    def ref(self, manifest: Mapping[str, Any], namespace: str | None = None) -> Ref: ...
    def learn(self, kinds: Iterable[Kind]) -> None: ...
    def serves(self, kind: Kind) -> bool: ...
    def page(self, kind: Kind, namespace: str | None, limit: int) -> tuple[list[Object], bool]: ...
    def apply(self, ref: Ref, manifest: Mapping[str, Any], *, dry_run: bool = False, force: bool = True) -> Object: ...
    def delete(self, ref: Ref, *, propagation: str = "Background", grace_s: int | None = None) -> None: ...


@dataclass(frozen=True)
class ObjectPlan:
    """What one object needs. `manifest` is what is sent. `live` is what is there. `after` is what will be there, as the
    server predicts it. `is_leaving`: the present object is being deleted and must be gone first.
    `warning`: what the server could not be asked, in check mode, because an earlier task has not made its place.
    """

    ref: Ref
    action: Literal["none", "create", "update", "delete"]
    manifest: Object
    live: Object | None
    after: Object | None
    changes: tuple[Change, ...] = ()
    is_leaving: bool = False
    warning: str = ""


def with_owner(manifest: Mapping[str, Any], owner: str) -> Object:
    """The manifest with the labels by which prune finds it later."""
    metadata = dict(manifest.get("metadata") or {})
    metadata["labels"] = {**(metadata.get("labels") or {}), MANAGED_BY: "mlops.ack", OWNER: owner}
    return {**manifest, "metadata": metadata}


# -- planning ----------------------------------------------------------------------------------------------------------


def plan_objects(
    client: Client, manifests: Sequence[Mapping[str, Any]], namespace: str | None, *, owner: str = ""
) -> list[ObjectPlan]:
    """What these manifests need, in the order in which it is to be done. Writes nothing.

    `namespace` serves manifests that name none. `owner` adds the labels of `with_owner`.
    Raises Failure `InvalidManifest`, `DuplicateManifest`, `UnknownKind`, and what the server refuses (`Invalid`,
    `ImmutableField`, `NamespaceMissing`, ...), with the object's name.
    """
    wanted = _addressed(client, manifests, namespace, owner)
    order = sorted(wanted, key=lambda ref: rank(ref.kind))
    live = read_all(client, order)
    leaving = {ref for ref in order if (live[ref] or {"metadata": {}})["metadata"].get("deletionTimestamp")}
    new_places = {ref.name for ref in order if ref.kind == NAMESPACE and (live[ref] is None or ref in leaving)}
    new_kinds = {
        kind
        for ref in order
        if ref.kind.kind == "CustomResourceDefinition"
        for kind in defined_by(wanted[ref])
        if not waits.is_true(live[ref] or {"metadata": {}}, "Established") or kind not in defined_by(live[ref] or {})
    }

    def one(ref: Ref) -> ObjectPlan:
        manifest, found = wanted[ref], live[ref]
        if ref in leaving or ref.namespace in new_places:
            return replace(decide(ref, manifest, None, manifest), is_leaving=ref in leaving)
        manifest = _without_scaled_replicas(client, ref, manifest, found)
        if found is not None and agrees(manifest, found):
            return ObjectPlan(ref, "none", manifest, found, found)
        if ref.kind in new_kinds:
            return decide(ref, manifest, found, manifest)
        predicted, warning = _predict(client, ref, manifest)
        return replace(decide(ref, manifest, found, predicted), warning=warning)

    def is_settled(ref: Ref) -> bool:
        """Seen at a glance, so that nobody need be asked: most objects of most runs."""
        manifest, found = wanted[ref], live[ref]
        is_here = found is not None and ref not in leaving and ref.namespace not in new_places
        return is_here and "replicas" not in (manifest.get("spec") or {}) and agrees(manifest, found or {})

    settled = {ref: ObjectPlan(ref, "none", wanted[ref], live[ref], live[ref]) for ref in order if is_settled(ref)}
    rest = [ref for ref in order if ref not in settled]
    planned = {**settled, **dict(zip(rest, together(one, rest), strict=True))}
    return [planned[ref] for ref in order]


def plan_deletes(client: Client, refs: Iterable[Ref]) -> list[ObjectPlan]:
    """Deletions of those that exist, in the order in which they are to be done."""
    order = sorted(refs, key=lambda ref: -rank(ref.kind))
    found = read_all(client, order)
    return [
        ObjectPlan(ref, "none", {}, None, None)
        if (live := found[ref]) is None
        else ObjectPlan(ref, "delete", {}, live, None, (Change(str(ref), "present", None),))
        for ref in order
    ]


def decide(ref: Ref, manifest: Object, live: Object | None, predicted: Object) -> ObjectPlan:
    """The plan from what is there and what the server says would be there. Pure."""
    if live is None:
        return ObjectPlan(ref, "create", manifest, None, predicted, (Change(str(ref), None, visible(manifest)),))
    changes = tuple(
        Change(f"{ref} {path}", *_masked(ref, path, before, after))
        for path, before, after in changes_between(content(live), content(predicted))
    )
    if not changes:
        return ObjectPlan(ref, "none", manifest, live, live)
    return ObjectPlan(ref, "update", manifest, live, predicted, changes)


def _addressed(
    client: Client, manifests: Sequence[Mapping[str, Any]], namespace: str | None, owner: str
) -> dict[Ref, Object]:
    """The manifests as they are sent, by address."""
    for index, manifest in enumerate(manifests):
        require(manifest, index)
        if manifest["kind"] == "CustomResourceDefinition":
            client.learn(defined_by(manifest))
    wanted: dict[Ref, Object] = {}
    for manifest in manifests:
        ref = _ref(client, manifest, namespace)
        if ref in wanted:
            raise Failure("DuplicateManifest", f"{ref} is given twice.", resource=str(ref), hint="Keep one of them.")
        for secret in secrets_of(manifest):
            client.context.secrets.add(secret)
        sent = prepare(with_owner(manifest, owner) if owner else manifest)
        if ref.namespace:
            sent["metadata"]["namespace"] = ref.namespace
        else:
            sent["metadata"].pop("namespace", None)
        wanted[ref] = sent
    return wanted


def _ref(client: Client, manifest: Mapping[str, Any], namespace: str | None) -> Ref:
    """The address. In check mode an earlier task may only have predicted the kind's definition: then a likely one."""
    try:
        return client.ref(manifest, namespace)
    except Failure as unknown:
        if unknown.code != "UnknownKind" or not client.context.check:
            raise
    kind, metadata = str(manifest["kind"]), manifest["metadata"]
    guess = Kind(str(manifest["apiVersion"]), kind, f"{kind.lower()}s", True)
    return Ref(guess, metadata.get("namespace") or namespace or "default", metadata["name"])


def _predict(client: Client, ref: Ref, manifest: Object) -> tuple[Object, str]:
    """(what the server would make of it, a warning). Where it cannot say, the manifest itself."""
    try:
        return client.apply(ref, manifest, dry_run=True), ""
    except Failure as refused:
        if "does not support dry run" in refused.message:  # an admission webhook with side effects
            return manifest, ""
        if client.context.check and refused.code in ("NamespaceMissing", "NotFound"):
            return manifest, f"{ref} was not checked by the server: its namespace or kind does not exist yet."
        raise _named(refused, ref) from refused


_REQUEST = re.compile(r"^[A-Z]+ /\S+: ")


def _named(refused: Failure, ref: Ref) -> Failure:
    """The failure with the object's name in place of the request's."""
    return Failure(
        refused.code,
        f"{ref}: {_REQUEST.sub('', refused.message)}",
        resource=str(ref),
        hint=refused.hint,
        retryable=refused.retryable,
        details=refused.details,
    )


def _without_scaled_replicas(client: Client, ref: Ref, manifest: Object, live: Object | None) -> Object:
    """The manifest without `spec.replicas` where an autoscaler has set it: the two would undo each other for ever."""
    spec = manifest.get("spec")
    if live is None or not isinstance(spec, dict) or "replicas" not in spec:
        return manifest
    if spec["replicas"] == (live.get("spec") or {}).get("replicas") or not owned_through(live, "scale", "replicas"):
        return manifest
    for scaler in client.list(SCALER, ref.namespace):
        target = scaler["spec"]["scaleTargetRef"]
        if (target["kind"], target["name"]) == (ref.kind.kind, ref.name):
            return {**manifest, "spec": {key: value for key, value in spec.items() if key != "replicas"}}
    return manifest


def _masked(ref: Ref, path: str, before: Any, after: Any) -> tuple[Any, Any]:
    if ref.kind.kind != "Secret" or not path.startswith("data"):
        return before, after
    return None if before is None else MASK, None if after is None else f"{MASK} (another value)"


# -- writing -----------------------------------------------------------------------------------------------------------


def apply_objects(
    client: Client, plans: Sequence[ObjectPlan], context: Context, deadline: Deadline | None = None
) -> list[Object]:
    """Do what the plans say, rank by rank; returns the objects as they are now, in the order of `plans` (an empty one
    for a deletion). Definitions of kinds are waited for before their objects follow.

    `deadline` bounds the waits between ranks. Raises Failure with `details.done` and `details.not_done`.
    """
    deadline = deadline or Deadline(DEFINITION_TIMEOUT_S, context.clock)
    results: dict[Ref, Object] = {plan.ref: plan.live or {} for plan in plans if plan.action == "none"}
    done: list[str] = []
    due = [plan for plan in plans if plan.action != "none"]

    def failed(problem: Failure) -> Failure:
        problem.details.update(
            done=list(done), not_done=[str(plan.ref) for plan in due if str(plan.ref) not in set(done)]
        )
        return problem

    for number, group in groupby(due, key=lambda plan: rank(plan.ref.kind)):
        plans_here = list(group)
        leaving = [plan.ref for plan in plans_here if plan.is_leaving]
        try:
            if leaving:
                waits.wait_gone(client, leaving, deadline, context)
        except Failure as problem:
            raise failed(problem) from problem
        problems: list[Failure] = []
        for plan, answer in zip(plans_here, together(lambda plan: _write(client, plan), plans_here), strict=True):
            if isinstance(answer, Failure):
                problems.append(answer)
                continue
            results[plan.ref] = answer
            done.append(str(plan.ref))
            context.progress(f"{plan.ref}: {plan.action}d")
        if problems:
            raise failed(problems[0]) from problems[0]
        if number == DEFINITION:
            try:
                _await_definitions(client, plans_here, deadline, context)
            except Failure as problem:
                raise failed(problem) from problem
    return [results[plan.ref] for plan in plans]


def _write(client: Client, plan: ObjectPlan) -> Object | Failure:
    try:
        if plan.action == "delete":
            client.delete(plan.ref)
            return {}
        return client.apply(plan.ref, plan.manifest)
    except Failure as problem:
        return _named(problem, plan.ref)


def _await_definitions(client: Client, plans: Sequence[ObjectPlan], deadline: Deadline, context: Context) -> None:
    """Established, and really answered for: the API server follows a moment later."""
    written = [plan for plan in plans if plan.action != "delete"]
    if not written:
        return
    waits.wait_ready(client, [plan.ref for plan in written], deadline, context)
    kinds = [kind for plan in written for kind in defined_by(plan.manifest)]

    def look() -> Seen:
        missing = [kind.kind for kind in kinds if not client.serves(kind)]
        return Seen("waiting", f"not served yet: {', '.join(missing)}") if missing else Seen("served")

    until(Wait(success=frozenset({"served"}), shortest_s=0.1), look, deadline, context, what="new kinds")
