# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From documents without errors to the variables that the roles take."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .._serving.shape import reference
from . import words
from .lint import seconds
from .meaning import Gate, Meaning, Model, gates, models, savings
from .read import Component, Document, Step

Variables = dict[str, Any]


def lower(meaning: Meaning) -> Variables:
    """`environments`: variables of roles, by environment; and what the playbook needs to know about the way through."""
    environments: dict[str, Variables] = {name: {} for name in sorted(meaning.environments)}
    training = _training_environment(meaning)
    if training:
        environments.setdefault(training, {})
    _infrastructure(meaning, environments)
    if training:
        environments[training].update(_training(meaning))
    _serving(meaning, environments)
    serving = [environment for _step, _component, environment in meaning.servings]
    saved = [saving.job[0].name for saving in savings(meaning) if saving.job]
    return {
        "environments": environments,
        "initialises": bool(
            meaning.applied("k8s-cluster") or meaning.applied("helm-chart") or meaning.applied("s3-bucket")
        ),
        "training_environment": training,
        "saved_jobs": saved,
        "serving_environments": serving,
        "gates": {gate.step.name: _asks(gate) for gate in gates(meaning.design)},
    }


# -- infrastructure ----------------------------------------------------------------------------------------------------


def _infrastructure(meaning: Meaning, environments: Mapping[str, Variables]) -> None:
    timeout = _timeout(meaning, "k8s-cluster")
    for environment, component in meaning.clusters.items():
        properties = component.properties.plain()
        pools = properties.get("nodePools")
        cluster = {key: value for key, value in properties.items() if key in words.CLUSTER_OPTIONS}
        cluster["profile"] = words.PROFILES[properties["resource"]]
        environments[environment].update(
            {"cluster_init_cluster": cluster, "cluster_name": meaning.name(component), **timeout}
        )
        if pools is not None:
            environments[environment]["cluster_init_node_pools"] = pools
    for component in meaning.applied("helm-chart"):
        own = component.properties.say("env")
        for environment in [own] if own else environments:
            releases = environments.setdefault(environment, {}).setdefault("cluster_init_releases", [])  # type: ignore[attr-defined]
            releases.append(_release(component))
    for component in meaning.applied("s3-bucket"):
        properties = component.properties.plain()
        options = {key: value for key, value in properties.items() if key in words.BUCKET_OPTIONS}
        for variables in environments.values():
            variables["cluster_init_bucket"] = {"name": properties["bucket"], **options}
            variables["mlops_store"] = {"bucket": properties["bucket"]}


def _release(component: Component) -> Variables:
    properties = component.properties.plain()
    release = {key: value for key, value in properties.items() if key in words.RELEASE_OPTIONS}
    release = {"name": properties.get("name", component.name), "namespace": "default", **release}
    if "create-namespace" in properties:
        release["create_namespace"] = properties["create-namespace"]
    if properties["repo"].startswith("oci://"):
        return {**release, "chart": f"{properties['repo'].rstrip('/')}/{properties['chart']}"}
    return {**release, "repo_url": properties["repo"]}


def _timeout(meaning: Meaning, kind: str) -> Variables:
    found = [
        seconds(step.value.say("timeout"))
        for step, target in zip(meaning.design.steps, meaning.targets, strict=True)
        if target.component and target.component.type == kind
    ]
    longest = max((each for each in found if each), default=None)
    role = {"k8s-cluster": "cluster_init", "tfjob": "training", "tfserving": "serving"}[kind]
    return {f"{role}_wait_timeout": longest} if longest else {}


# -- training ----------------------------------------------------------------------------------------------------------


def _training_environment(meaning: Meaning) -> str:
    """The step's own; else production, where there is one; else the only one, or the first in the alphabet."""
    said = [step.properties.say("env") for step, _component in meaning.trainings]
    if not said:
        return ""
    known = sorted(meaning.environments)
    return next((each for each in said if each), "prod" if "prod" in known or not known else known[0])


def _training(meaning: Meaning) -> Variables:
    saved = {id(saving.job[0]): saving.model for saving in savings(meaning) if saving.job}
    own = {id(owner): model for owner, model in models(meaning.design, "tfjob")}
    jobs: list[Variables] = []
    spread: Variables = {}
    for step, component in meaning.trainings:
        model = own[id(component)]
        properties = component.properties.plain()
        job: Variables = {
            "name": component.name,
            "modelVersion": _model_version(model, saved.get(id(component))),
            "dataset": _dataset(step, component, model.name),
            "tfReplicaSpecs": properties["tfReplicaSpecs"],
        }
        job |= {key: properties[key] for key in ("parameters", "runPolicy") if key in properties}
        job |= {"traits": [dict(each) for each in component.traits]} if component.traits else {}
        jobs.append(job)
        namespace = _namespace(meaning, component)
        spread |= {"training_namespace": namespace} if namespace else {}
        spread |= {"training_volume": properties["volume"]} if "volume" in properties else {}
    gate = _gate_before(meaning, "ml-model-checkpoint")
    gated = {"training_gate": gate.step.name} if gate else {}
    return {"training_jobs": jobs, **spread, **_timeout(meaning, "tfjob"), **gated}


def _model_version(model: Model, saved: Model | None) -> Variables:
    version = model.version or (saved.version if saved else None)
    repository = model.repository or (saved.repository if saved else "")
    found: Variables = {"modelName": model.name, "imageRepo": repository}
    return {**found, "version": version} if version else found


def _dataset(step: Step, component: Component, model_name: str) -> Variables:
    given = step.properties.find("dataset") or component.properties.find("dataset")
    dataset: Variables = dict(given.plain()) if given else {}
    dataset.setdefault("name", re.sub(r"[^a-z0-9]+", "-", model_name.lower()).strip("-"))
    return dataset


# -- serving -----------------------------------------------------------------------------------------------------------


def _serving(meaning: Meaning, environments: dict[str, Variables]) -> None:
    before = ""
    for step, component, environment in meaning.servings:
        properties = component.properties.plain()
        variables = environments.setdefault(environment, {})
        variables |= {
            "serving_name": component.name,
            "serving_model": reference(properties["predictors"][0]["modelVersion"]).name,
            "serving_predictors": [dict(each) for each in properties["predictors"]],
            **_timeout(meaning, "tfserving"),
        }
        namespace = _namespace(meaning, component)
        variables |= {"serving_namespace": namespace} if namespace else {}
        variables |= {f"serving_{key}": properties[key] for key in ("endpoint", "image", "route") if key in properties}
        variables |= {"serving_traits": [dict(each) for each in component.traits]} if component.traits else {}
        gate = next((each for each in gates(meaning.design) if step in each.guarded), None)
        if gate:
            variables |= {"serving_gate": gate.step.name, **({"rehearsed_in": before} if before else {})}
        before = environment
        environments[environment] = variables


# -- what several share ------------------------------------------------------------------------------------------------


def _namespace(meaning: Meaning, component: Component) -> str:
    document: Document = next(each for each in meaning.design.documents if component in each.components)
    return component.properties.say("namespace") or document.value.say("metadata", "namespace")


def _gate_before(meaning: Meaning, kind: str) -> Gate | None:
    return next((each for each in gates(meaning.design) if any(step.type == kind for step in each.guarded)), None)


def _asks(gate: Gate) -> Variables:
    """How a gate asks: what a person is told, and how long it waits at a terminal."""
    message, limit = gate.step.properties.say("message"), seconds(gate.step.value.say("timeout"))
    return {**({"message": message} if message else {}), **({"timeout": f"{limit}s"} if limit else {})}
