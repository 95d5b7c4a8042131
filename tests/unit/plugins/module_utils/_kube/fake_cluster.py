# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A cluster in a dict: what KubeClient promises, as far as applying and waiting need it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._kube.kinds import Kind, Ref, kind_of, require
from ansible_collections.mlops.ack.plugins.module_utils._kube.shape import FIELD_MANAGER, Object


class FakeClock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def context(**options: Any) -> Context:
    clock = FakeClock()
    return Context(clock=clock, sleep=clock.sleep, **options)


class FakeCluster:
    """`writes` lists what was really written, `reads` the objects and pages that were asked for. `refuse` may raise for
    an object. Lists are replaced as a whole.
    """

    def __init__(self, *objects: Object, refuse: Callable[[Ref], None] = lambda ref: None, **options: Any) -> None:
        self.context = context(**options)
        self.kinds: dict[tuple[str, str], Kind] = {}
        self.writes: list[str] = []
        self.reads: list[str] = []
        self.may_list = True
        self.log: dict[str, str] = {}
        self.refuse = refuse
        self.objects: dict[Ref, Object] = {}
        for item in objects:
            self.objects[self.ref(item)] = copy.deepcopy(item)

    def ref(self, manifest: Mapping[str, Any], namespace: str | None = None) -> Ref:
        api_version, kind_name, name = require(manifest)
        try:
            kind = self.kinds.get((api_version, kind_name)) or kind_of(api_version, kind_name)
        except KeyError:
            raise Failure("UnknownKind", f"The cluster knows no {kind_name} in {api_version}.") from None
        place = (manifest["metadata"].get("namespace") or namespace or "default") if kind.namespaced else None
        return Ref(kind, place, name)

    def within(self, deadline: Deadline) -> FakeCluster:
        return self

    def learn(self, kinds: Iterable[Kind]) -> None:
        self.kinds.update({(kind.api_version, kind.kind): kind for kind in kinds})

    def serves(self, kind: Kind) -> bool:
        return True

    def get(self, ref: Ref) -> Object | None:
        self.reads.append(str(ref))
        return copy.deepcopy(self.objects.get(ref))

    def list(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
        metadata_only: bool = False,
    ) -> list[Object]:
        wanted = dict(pair.split("=") for pair in labels.split(",") if pair)
        return [
            copy.deepcopy(item)
            for ref, item in self.objects.items()
            if ref.kind == kind
            and namespace in (None, ref.namespace)
            and wanted.items() <= (item["metadata"].get("labels") or {}).items()
        ]

    def page(self, kind: Kind, namespace: str | None, limit: int) -> tuple[list[Object], bool]:
        self.reads.append(f"{kind.kind}s of {namespace}")
        if self.may_list:
            found = sorted(self.list(kind, namespace), key=lambda item: item["metadata"]["name"])
            return found[:limit], len(found) <= limit
        raise Failure("Forbidden", "You may not list.")

    def logs(
        self, namespace: str, pod: str, container: str = "", *, tail: int | None = 20, previous: bool = False
    ) -> str:
        return self.log.get(pod, "")

    def apply(self, ref: Ref, manifest: Mapping[str, Any], *, dry_run: bool = False, force: bool = True) -> Object:
        self.refuse(ref)
        old = self.objects.get(ref) or {"metadata": {}}
        before = next((entry["fieldsV1"] for entry in old["metadata"].get("managedFields", [])), {})
        new = _laid_over(_without(copy.deepcopy(old), before, manifest), manifest)
        entry = {"manager": FIELD_MANAGER, "operation": "Apply", "apiVersion": manifest["apiVersion"]}
        new["metadata"]["managedFields"] = [{**entry, "fieldsV1": _fields(manifest)}]
        if not dry_run:
            self.writes.append(f"apply {ref}")
            self.objects[ref] = new
        return copy.deepcopy(new)

    def delete(self, ref: Ref, *, propagation: str = "Background", grace_s: int | None = None) -> None:
        self.writes.append(f"delete {ref}")
        self.objects.pop(ref, None)


def _fields(manifest: Mapping[str, Any]) -> Object:
    def walk(value: Any) -> Object:
        return {f"f:{key}": walk(item) for key, item in value.items()} if isinstance(value, Mapping) else {}

    fields = walk({key: value for key, value in manifest.items() if key not in ("apiVersion", "kind")})
    for name in ("f:name", "f:namespace"):
        fields["f:metadata"].pop(name, None)
    return fields if fields["f:metadata"] else {key: item for key, item in fields.items() if key != "f:metadata"}


def _without(old: Object, fields: Mapping[str, Any], manifest: Mapping[str, Any]) -> Object:
    """`old` without what was ours and is no longer wished."""
    for name, below in fields.items():
        key = name[2:]
        if key not in manifest:
            old.pop(key, None)
        elif below:
            old[key] = _without(old[key], below, manifest[key])
    return old


def _laid_over(old: Mapping[str, Any], new: Mapping[str, Any]) -> Object:
    merged = dict(old)
    for key, value in new.items():
        under = merged.get(key)
        merged[key] = (
            _laid_over(under if isinstance(under, Mapping) else {}, value) if isinstance(value, Mapping) else value
        )
    return merged
