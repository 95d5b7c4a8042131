# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The queries of a release: each gives one number or none."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .._core.failure import Failure
from .._core.prometheus import address, query

TIMEOUT_S = 10.0


class Prometheus(NamedTuple):
    """`queries` by the name that conditions use. `$new` and `$old` in them stand for `digits-canary-1a2b3c4d|...`, the
    Services (and Deployments) of that side.
    """

    url: str
    queries: Mapping[str, str]
    headers: Mapping[str, str]


def of(given: Mapping[str, Any], where: str) -> Prometheus:
    """Raises Failure `InvalidOption`."""
    url = address(given["url"], where)
    queries = given["queries"] or {}
    wrong = [name for name, text in queries.items() if not str(name).isidentifier() or not isinstance(text, str)]
    if wrong or not queries:
        raise Failure(
            "InvalidOption",
            f"{where}.queries {f'has {wrong[0]!r}' if wrong else 'is empty'}; allowed are queries as text, by names of"
            " letters, digits and '_'.",
        )
    return Prometheus(url, dict(queries), dict(given["headers"] or {}))


def ask(prometheus: Prometheus, new: Iterable[str], old: Iterable[str]) -> dict[str, float | None]:
    """The number of each query; None where it gives none, or NaN. Raises Failure `PrometheusFailed`."""
    sides = {"$new": "|".join(sorted(new)), "$old": "|".join(sorted(old))}
    found: dict[str, float | None] = {}
    for name, text in prometheus.queries.items():
        for word, services in sides.items():
            text = text.replace(word, services)
        data = query(prometheus.url, prometheus.headers, text, TIMEOUT_S, what=f"the query {name}")
        found[name] = _number(name, data)
    return found


def _number(name: str, data: Mapping[str, Any]) -> float | None:
    """A scalar, or the only series of a vector."""
    kind, result = data.get("resultType"), data.get("result") or []
    if kind == "vector" and len(result) > 1:
        raise Failure(
            "PrometheusFailed",
            f"The query {name} gives {len(result)} series; a condition needs one number.",
            hint="Put sum(...) or max(...) around it.",
        )
    pair = result if kind == "scalar" else result[0]["value"] if kind == "vector" and result else None
    if pair is None:
        return None
    value = float(pair[1])
    return value if math.isfinite(value) else None
