# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading many objects: several of one kind and namespace as a page of a list, the others by themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from .._core.failure import Failure
from .kinds import Kind, Ref, kind_of
from .shape import Object

AT_ONCE = 4
PAGE_FROM = 5
"""From so many wanted objects on a page is read."""
PAGE_TIMES = 4
"""How many times as many objects a page holds as are wanted: what others have there is read in vain."""
LARGE = frozenset({kind_of("v1", "Secret"), kind_of("apiextensions.k8s.io/v1", "CustomResourceDefinition")})
"""Kinds of which a single object often weighs more than a request."""

T = TypeVar("T")
R = TypeVar("R")


class Client(Protocol):
    def get(self, ref: Ref) -> Object | None: ...
    def page(self, kind: Kind, namespace: str | None, limit: int) -> tuple[list[Object], bool]: ...


def read_all(client: Client, refs: Sequence[Ref]) -> dict[Ref, Object | None]:
    """Each object, or None where it does not exist."""
    groups: dict[tuple[Kind, str | None], list[Ref]] = {}
    for ref in refs:
        groups.setdefault((ref.kind, ref.namespace), []).append(ref)
    found: dict[Ref, Object | None] = {}
    for (kind, namespace), group in groups.items():
        if len(group) >= PAGE_FROM and kind not in LARGE:
            found.update(_on_a_page(client, kind, namespace, group))
    rest = [ref for ref in refs if ref not in found]
    return {**found, **dict(zip(rest, together(client.get, rest), strict=True))}


def _on_a_page(client: Client, kind: Kind, namespace: str | None, wanted: Sequence[Ref]) -> Mapping[Ref, Object | None]:
    """Those of which the first page tells. Nothing where the user may not list."""
    try:
        items, is_whole = client.page(kind, namespace, PAGE_TIMES * len(wanted))
    except Failure as refused:
        if refused.code != "Forbidden":
            raise
        return {}
    by_name = {item["metadata"]["name"]: item for item in items}
    return {ref: by_name.get(ref.name) for ref in wanted if is_whole or ref.name in by_name}


def together(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """`function` of each item, a few at a time, results in order. The first exception is raised when all have ended."""
    listed = list(items)
    if len(listed) < 2:
        return [function(item) for item in listed]
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return list(pool.map(function, listed))
