# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The edge to a Prometheus: instant queries, each of which gives one number or none."""

from __future__ import annotations

import json
import math
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from .._core.failure import Failure

TIMEOUT_S = 10.0
MOST_BYTES = 1_000_000


class Prometheus(NamedTuple):
    """`queries` by the name that conditions use. `$new` and `$old` in them stand for `digits-canary-1a2b3c4d|...`, the
    Services (and Deployments) of that side.
    """

    url: str
    queries: Mapping[str, str]
    headers: Mapping[str, str]


def of(given: Mapping[str, Any], where: str) -> Prometheus:
    """Raises Failure `InvalidOption`."""
    address = urlsplit(given["url"])
    if address.scheme not in ("http", "https") or not address.hostname:
        raise Failure("InvalidOption", f"{where}.url is '{given['url']}'; allowed is http:// or https:// and a host.")
    queries = given["queries"] or {}
    wrong = [name for name, query in queries.items() if not str(name).isidentifier() or not isinstance(query, str)]
    if wrong or not queries:
        raise Failure(
            "InvalidOption",
            f"{where}.queries {f'has {wrong[0]!r}' if wrong else 'is empty'}; allowed are queries as text, by names of"
            " letters, digits and '_'.",
        )
    return Prometheus(given["url"].rstrip("/"), dict(queries), dict(given["headers"] or {}))


def ask(prometheus: Prometheus, new: Iterable[str], old: Iterable[str]) -> dict[str, float | None]:
    """The number of each query; None where it gives none, or NaN. Raises Failure `PrometheusFailed`."""
    sides = {"$new": "|".join(sorted(new)), "$old": "|".join(sorted(old))}
    found: dict[str, float | None] = {}
    for name, query in prometheus.queries.items():
        for word, services in sides.items():
            query = query.replace(word, services)
        found[name] = _number(name, _send(prometheus, name, query))
    return found


def _send(prometheus: Prometheus, name: str, query: str) -> Any:
    request = urllib.request.Request(
        f"{prometheus.url}/api/v1/query", urlencode({"query": query}).encode(), dict(prometheus.headers)
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            text = answer.read(MOST_BYTES)
    except urllib.error.HTTPError as error:
        raise _failed(prometheus, name, f"HTTP {error.code} {error.read(300).decode(errors='replace')}") from error
    except OSError as error:
        raise _failed(prometheus, name, str(getattr(error, "reason", error))) from error
    try:
        return json.loads(text)["data"]
    except (ValueError, KeyError, TypeError) as error:
        raise _failed(prometheus, name, f"no answer of a Prometheus: {text[:120].decode(errors='replace')}") from error


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


def _failed(prometheus: Prometheus, name: str, why: str) -> Failure:
    return Failure(
        "PrometheusFailed",
        f"{prometheus.url} did not answer the query {name}: {why}.",
        hint="Check the url from the machine that runs the task, and the query in Prometheus itself.",
        retryable=True,
    )
