# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Traits where users write them: beside a serving, at single predictors, at a training job. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .._core.failure import Failure
from .._kube.overlay import overlay
from .shape import LOGGING

Object = dict[str, Any]

CONTAINER = "tensorflow"
TRAITS = "traits"


def gathered(serving: Iterable[Mapping[str, Any]], predictors: Iterable[Mapping[str, Any]]) -> list[Object]:
    """The traits of a tfserving as `observability` takes them. What only some predictors have names these.

    Raises Failure `InvalidOption` where predictors want the same trait differently: one resource serves all of them.
    """
    found: dict[str, Object] = {}
    for number, trait in enumerate(serving):
        _kind(trait, f"serving_traits[{number}]")
        found[trait["type"]] = dict(trait)
    for predictor in predictors:
        where = f"serving_predictors[{predictor['name']}].{TRAITS}"
        for number, trait in enumerate(predictor.get(TRAITS) or ()):
            kind = _kind(trait, f"{where}[{number}]")
            known = found.setdefault(kind, {**trait, "predictors": []})
            if {key: value for key, value in known.items() if key != "predictors"} != dict(trait):
                raise Failure(
                    "InvalidOption",
                    f"{where}[{number}] wants {kind} otherwise than the serving or another predictor.",
                    hint="Give the same settings everywhere, or the trait once in serving_traits.",
                )
            if "predictors" in known:
                known["predictors"].append(predictor["name"])
    return list(found.values())


def _kind(trait: Any, where: str) -> str:
    if not isinstance(trait, Mapping) or not isinstance(trait.get("type"), str):
        raise Failure("InvalidOption", f"{where} is {trait!r}; allowed is a mapping with type.", hint="{type: ...}")
    return str(trait["type"])


def observed_predictors(
    predictors: Iterable[Mapping[str, Any]],
    traits: Iterable[Mapping[str, Any]] = (),
    environment: Sequence[Mapping[str, str]] = (),
) -> list[Object]:
    """Predictors as `tfserving` takes them: without traits, and with the variables in the containers of those that are
    logged.
    """
    logged = next((trait for trait in traits if trait["type"] == LOGGING), {})
    found = []
    for predictor in predictors:
        plain = {key: value for key, value in predictor.items() if key != TRAITS}
        if environment and logged and predictor["name"] in (logged.get("predictors") or [predictor["name"]]):
            plain["template"] = overlay(_with(environment), plain.get("template") or {})
        found.append(plain)
    return found


def observed_replicas(replicas: Mapping[str, Any], environment: Sequence[Mapping[str, str]]) -> Object:
    """`tfReplicaSpecs` with the variables in the containers that train."""
    if not environment:
        return dict(replicas)
    added = {"template": _with(environment)}
    return {kind: overlay(added, spec) if isinstance(spec, Mapping) else spec for kind, spec in replicas.items()}


def _with(environment: Sequence[Mapping[str, str]]) -> Object:
    return {"spec": {"containers": [{"name": CONTAINER, "env": [dict(each) for each in environment]}]}}
