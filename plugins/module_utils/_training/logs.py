# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The logs of a run, kept in the store under runs/<run_id>/logs/<pod>.log: they outlive pods, jobs and clusters."""

from __future__ import annotations

from collections.abc import Mapping

from .._oss.store import Store


def key(run_id: str, pod: str) -> str:
    return f"runs/{run_id}/logs/{pod}.log"


def stored(store: Store, run_id: str) -> set[str]:
    """The keys of the logs that are there."""
    return {item.key for item in store.list(f"runs/{run_id}/logs/")}


def save(store: Store, run_id: str, logs: Mapping[str, str]) -> None:
    """Write those that differ; a later attempt of the same run replaces the log of the one before."""
    for pod, text in sorted(logs.items()):
        data = text.encode()
        if store.get(key(run_id, pod)) != data:
            store.put(key(run_id, pod), data, overwrite=True)
