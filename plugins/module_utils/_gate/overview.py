# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All gates of a store: what waits for a person, and what was decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from .._oss.records import history
from .._oss.store import Store
from .gate import Asked, status, summary
from .policy import Policy, Record
from .subject import DIGEST, NAME, Binding
from .words import page


def bindings(store: Store, environment: str | None = None, gate: str | None = None) -> list[Binding]:
    """Every subject that a gate was asked or decided about, sorted."""
    found: set[Binding] = set()
    for kind in ("requests", "gates"):
        below = f"{kind}/{environment}/" if environment else f"{kind}/"
        for item in store.list(below):
            parts = item.key.split("/")
            if len(parts) == 5 and NAME.fullmatch(parts[1]) and NAME.fullmatch(parts[2]):
                one = Binding(parts[1], parts[2], f"sha256:{parts[3]}")
                if DIGEST.fullmatch(one.subject_digest) and gate in (None, one.gate):
                    found.add(one)
    return sorted(found)


def overview(
    store: Store, now: datetime, environment: str | None = None, gate: str | None = None, key: str | None = None
) -> Iterator[dict[str, Any]]:
    """Each gate as `mlops.ack.gate` returns it, judged by the policy of its last request, with what was shown:
    evidence, submitted_by, requested, `page` as people saw it, and `history`: every decision ever made."""
    for binding in bindings(store, environment, gate):
        decisions, requests = history(store, binding.decisions), history(store, binding.requests)
        yield view(binding, decisions, requests, now, key)


def view(
    binding: Binding, decisions: Sequence[Record], requests: Sequence[Record], now: datetime, key: str | None = None
) -> dict[str, Any]:
    asked = asked_last(binding, decisions, requests)._replace(key=key)
    return {
        **status(decisions, asked, now),
        "evidence": dict(asked.evidence),
        "submitted_by": asked.submitted_by,
        "requested": requests[-1].get("created") if requests else None,
        "page": page(binding, asked.subject, asked.evidence, asked.submitted_by),
        "history": [summary(each) for each in decisions],
    }


def asked_last(binding: Binding, decisions: Sequence[Record], requests: Sequence[Record]) -> Asked:
    """What the gate asked last; where it never went pending, what its last decision was about, and its rule."""
    last: Mapping[str, Any] = requests[-1] if requests else decisions[-1] if decisions else {}
    policy = Policy.from_record(last.get("policy") or {})
    if not requests and last.get("source") == "rule":
        policy = policy._replace(rule=(last.get("rule") or {}).get("expression"))
    return Asked(binding, last.get("subject") or {}, last.get("evidence") or {}, policy, last.get("submitted_by"))
