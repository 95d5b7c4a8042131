# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Laying a user's partial pod template over ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Lists of a PodSpec whose entries have an identity; entries with the same one are merged, new ones are added.
IDENTITY: Mapping[str, str] = {
    "containers": "name",
    "initContainers": "name",
    "volumes": "name",
    "imagePullSecrets": "name",
    "env": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
    "tolerations": "key",
    "topologySpreadConstraints": "topologyKey",
}


def overlay(base: Any, over: Any, field: str = "") -> Any:
    """`over` laid over `base`: mappings in depth, lists by the identity of their entries, `args` by flag, the rest
    replaced.
    """
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        merged = dict(base)
        for key, value in over.items():
            merged[key] = overlay(merged[key], value, key) if key in merged else value
        return merged
    if isinstance(base, Sequence) and isinstance(over, Sequence) and not isinstance(over, str):
        if field == "args":
            return _flags(base, over)
        if field in IDENTITY:
            return _by_identity(base, over, IDENTITY[field])
    return over


def _by_identity(base: Sequence[Any], over: Sequence[Any], key: str) -> list[Any]:
    merged: dict[Any, Any] = {entry.get(key): entry for entry in base}
    for entry in over:
        name = entry.get(key)
        merged[name] = overlay(merged[name], entry) if name in merged else entry
    return list(merged.values())


def _flags(base: Sequence[str], over: Sequence[str]) -> list[str]:
    """Command-line flags: one of the same name takes the other's place, so that no flag comes twice."""
    named = {flag.partition("=")[0].lstrip("-") for flag in over}
    return [flag for flag in base if flag.partition("=")[0].lstrip("-") not in named] + list(over)
