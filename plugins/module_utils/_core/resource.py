# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The engine: observe, plan, apply, verify."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

from .context import Context
from .failure import Failure

State: TypeAlias = "Mapping[str, Any] | None"
"""Fields in the user's words and units; None: it does not exist."""


class Change(NamedTuple):
    """One difference. `field` is a dotted path."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Plan:
    """What one run writes. Check mode, the diff and the real run read this object and nothing else.

    `after` is the predicted state. `warnings` are shown to the user. `work` carries what `apply` needs besides the
    changes (rendered objects, transfers), computed while planning so that nothing is decided later.
    """

    action: Literal["none", "create", "update", "delete"]
    after: State
    changes: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()
    work: Any = None

    @property
    def writes(self) -> dict[str, Any]:
        """The fields to send, with their new values."""
        return {change.field: change.after for change in self.changes if change.after is not None}

    @property
    def diff(self) -> dict[str, dict[str, Any]]:
        """Ansible's diff: only what differs."""
        return {
            "before": {change.field: change.before for change in self.changes if change.before is not None},
            "after": {change.field: change.after for change in self.changes if change.after is not None},
        }


def differences(before: Any, after: Any, path: str = "", whole: frozenset[str] = frozenset()) -> tuple[Change, ...]:
    """Changes from one JSON-like value to another, sorted by path. A None inside `after` means "left alone".

    Mappings are compared key by key, everything else as a whole. Keys only in `before` are left alone, but for the
    paths in `whole`: those mappings are compared, and replaced, as one value.
    """
    if after is None:
        return ()
    if isinstance(before, Mapping) and isinstance(after, Mapping) and path not in whole:
        found: list[Change] = []
        for key in sorted(after):
            found.extend(differences(before.get(key), after[key], f"{path}.{key}" if path else str(key), whole))
        return tuple(found)
    return () if before == after else (Change(path, before, after),)


def compare(
    observed: State,
    desired: State,
    immutable: frozenset[str] = frozenset(),
    whole: frozenset[str] = frozenset(),
) -> Plan:
    """Plan the way from one state to the other. Pure: no I/O, no clock. A desired None is left alone, an empty value
    is a value.

    Raises Failure `ImmutableField` when only a new resource could satisfy the user.
    """
    if desired is None:
        if observed is None:
            return Plan("none", None)
        return Plan("delete", None, tuple(Change(name, value, None) for name, value in sorted(observed.items())))
    wanted = {name: value for name, value in desired.items() if value is not None}
    if observed is None:
        return Plan("create", wanted, tuple(Change(name, None, value) for name, value in sorted(wanted.items())))
    changes = differences(observed, wanted, whole=whole)
    refused = sorted({change.field for change in changes if change.field.split(".")[0] in immutable})
    if refused:
        raise Failure(
            "ImmutableField",
            f"Cannot change {', '.join(refused)} of something that exists.",
            hint="Delete it first, or keep the present value.",
            details={"changes": [change._asdict() for change in changes if change.field in refused]},
        )
    return Plan("update" if changes else "none", merge(observed, wanted, whole), changes)


def merge(
    observed: Mapping[str, Any], wanted: Mapping[str, Any], whole: frozenset[str] = frozenset(), path: str = ""
) -> dict[str, Any]:
    """`observed` with `wanted` laid over it, mappings merged in depth, but for the paths in `whole`."""
    merged = dict(observed)
    for name, value in wanted.items():
        old, here = merged.get(name), f"{path}.{name}" if path else name
        deep = isinstance(old, Mapping) and isinstance(value, Mapping) and here not in whole
        merged[name] = merge(old, value, whole, here) if deep else value  # type: ignore[arg-type]
    return merged


class Resource(ABC):
    """One thing in the cloud. A subclass knows how to read it and how to write it, never whether to."""

    kind: ClassVar[str]
    immutable: ClassVar[frozenset[str]] = frozenset()
    whole: ClassVar[frozenset[str]] = frozenset()
    """Paths of mappings that the user's value replaces entirely (tags), see `differences`."""

    settles_alone: ClassVar[bool] = False
    """`verify` only waits for what goes on by itself: others may write meanwhile."""

    @abstractmethod
    def observe(self) -> State: ...

    def plan(self, observed: State, desired: State) -> Plan:
        return compare(observed, desired, self.immutable, self.whole)

    @abstractmethod
    def apply(self, plan: Plan) -> None: ...

    def verify(self, plan: Plan, desired: State) -> State:
        """The state after the run. Reads back what was written; a service that says "success" and changed nothing is
        a failure `NotApplied`. A subclass whose wish comes true later (a job, a cluster) waits for it here, also when
        this run wrote nothing.
        """
        if plan.action == "none":
            return plan.after
        after = self.observe()
        left: tuple[Change, ...]
        if desired is None:
            left = () if after is None else (Change(self.kind, "present", None),)
        else:
            left = differences(after or {}, desired, whole=self.whole)
        if left:
            raise Failure(
                "NotApplied",
                f"The service accepted the change of {self.kind}, but "
                f"{', '.join(change.field for change in left)} did not change.",
                hint="Run again; if it stays so, look at the service's events.",
                retryable=True,
                details={"differs": [change._asdict() for change in left]},
            )
        return after


@dataclass
class Outcome:
    """A module's result before scrubbing."""

    changed: bool
    values: dict[str, Any] = field(default_factory=dict)
    diff: dict[str, Any] | None = None
    warnings: tuple[str, ...] = ()


def reconcile(resource: Resource, desired: State, context: Context) -> Outcome:
    """Bring one resource to the desired state, or in check mode say what that would take.

    What writes holds the lock, where there is one. Nothing is written or locked where nothing is to be done.
    """
    plan = resource.plan(resource.observe(), desired)
    if context.check:
        after = plan.after
    elif plan.action == "none":
        after = resource.verify(plan, desired)
    elif context.lock is None:
        resource.apply(plan)
        after = resource.verify(plan, desired)
    else:
        with context.lock.held(resource.kind):
            plan = resource.plan(resource.observe(), desired)  # others may have written until it was ours
            if plan.action != "none":
                resource.apply(plan)
            after = None if resource.settles_alone else resource.verify(plan, desired)
        if resource.settles_alone:
            after = resource.verify(plan, desired)
    return Outcome(plan.action != "none", {resource.kind: after}, plan.diff, plan.warnings)
