# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the documents mean where they do not say it in so many words: which component a step applies, which environment
a cluster is for, which model is trained, which gate stands before what.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import dropwhile, groupby
from typing import NamedTuple

from .._serving.shape import REFERENCE
from . import words
from .read import Component, Design, Step, Value, surely

_NO_ENVIRONMENT = {"ack", "ask", "cluster", "k8s", "kubernetes"}
USUAL_ENVIRONMENTS = ("dev", "edge", "prod", "staging", "test")


class Target(NamedTuple):
    """What a step applies. `problem`: why it is not what is written."""

    component: Component | None
    problem: str = ""
    is_sure: bool = False


@dataclass
class Meaning:
    """`names`: what a component must be called for its steps to find it. `targets`: one for each step of the design."""

    design: Design
    names: dict[str, str] = field(default_factory=dict)
    targets: list[Target] = field(default_factory=list)

    def target(self, step: Step) -> Component | None:
        return self.targets[self.design.steps.index(step)].component

    def name(self, component: Component) -> str:
        return self.names.get(component.name, component.name)

    def environment(self, component: Component) -> str:
        """Of a cluster, or of whatever names one; empty where neither its name nor `env` tells."""
        said = component.properties.say("env")
        return said or "-".join(part for part in parts(self.name(component)) if part not in _NO_ENVIRONMENT)

    @property
    def clusters(self) -> dict[str, Component]:
        """The clusters that a step creates, by environment."""
        return {self.environment(each): each for each in self.applied("k8s-cluster")}

    def applied(self, kind: str) -> tuple[Component, ...]:
        """The components of a type that a step applies, in the order of the steps."""
        found = [target.component for target in self.targets if target.component and target.component.type == kind]
        return tuple(dict.fromkeys(found))

    @property
    def servings(self) -> Iterator[tuple[Step, Component, str]]:
        """(step, component, environment), in order."""
        for step, target in zip(self.design.steps, self.targets, strict=True):
            if step.type == "ml-model-serving" and target.component:
                yield step, target.component, step.properties.say("env")

    @property
    def trainings(self) -> Iterator[tuple[Step, Component]]:
        for step, target in zip(self.design.steps, self.targets, strict=True):
            if step.type == "ml-model-training" and target.component:
                yield step, target.component

    @property
    def environments(self) -> set[str]:
        """Every environment that is spoken of."""
        said = {step.properties.say("env") for step in self.design.steps}
        return {each for each in (*said, *self.clusters) if each}


def meaning(design: Design) -> Meaning:
    found = Meaning(design)
    written = {step.reference.text for step in design.steps if step.reference}
    for step in design.steps:
        found.targets.append(_target(design, step, written, found.names))
    return found


def parts(name: str) -> list[str]:
    return [part for part in re.split(r"[^a-z0-9]+", name.lower()) if part]


def _target(design: Design, step: Step, written: set[str], names: dict[str, str]) -> Target:
    kinds = words.APPLIES.get(step.type, ())
    if not kinds or step.reference is None:
        return Target(None)
    asked = step.reference.text
    fitting = [each for each in design.components if each.type in kinds]
    exact = next((each for each in design.components if each.name == asked), None)
    named = _named(step, fitting)
    is_said = exact is not None and exact.type in kinds and set(parts(asked)) <= set(parts(step.name))
    if named and named.name != asked and not is_said:
        return Target(named, "named", named.name not in written)
    if exact and exact.type in kinds:
        return Target(exact)
    free = [each.name for each in fitting if each.name not in written]
    near = surely(asked, free) or surely(asked, [each.name for each in fitting])
    component = next((each for each in fitting if each.name == near), None)
    if exact:
        return Target(component, "type")
    if component and component.name in free and _says(step, asked):
        names[component.name] = asked
        return Target(component, "rename", True)
    return Target(component, "absent", component is not None)


def _named(step: Step, fitting: list[Component]) -> Component | None:
    """The component whose name is part of the step's."""
    found = [each for each in fitting if each.name and _says(step, each.name)]
    return max(found, key=lambda each: len(each.name), default=None)


def _says(step: Step, name: str) -> bool:
    said, wanted = parts(step.name), parts(name)
    return any(said[i : i + len(wanted)] == wanted for i in range(len(said) - len(wanted) + 1))


# -- models ------------------------------------------------------------------------------------------------------------


class Model(NamedTuple):
    """A `modelVersion` as it is meant. `is_mixed`: its name held the version too."""

    name: str
    version: int | None
    value: Value
    is_mixed: bool

    @property
    def repository(self) -> str:
        return self.value.say("imageRepo")


def models(design: Design, kind: str = "") -> list[tuple[Component | Step, Model]]:
    """Every `modelVersion` of jobs and of steps that save, `kind`: of one of them."""
    owners: list[Component | Step] = [
        *(each for each in design.components if each.type == "tfjob"),
        *(each for each in design.steps if each.type == "ml-model-checkpoint"),
    ]
    values = [(owner, owner.properties.find("modelVersion")) for owner in owners]
    names = [value.say("modelName") for _owner, value in values if value]
    served = set(references(design))
    found = []
    for owner, value in values:
        if value is not None and (not kind or owner.type == kind):
            found.append((owner, _model(value, names, served)))
    return found


def references(design: Design) -> Iterator[str]:
    """The versions that predictors name, as they are written."""
    for component in design.components:
        if component.type == "tfserving":
            predictors = component.properties.find("predictors")
            for predictor in predictors.items if predictors else ():
                if said := predictor.say("modelVersion"):
                    yield said


def _model(value: Value, names: list[str], served: set[str]) -> Model:
    name, number = value.say("modelName"), value.find("version")
    version = number.node.value if number and isinstance(number.node.value, int) else None
    mixed = REFERENCE.fullmatch(name)
    if mixed and (mixed["name"] in names or name in served):
        return Model(mixed["name"], version or int(mixed["number"]), value, True)
    return Model(name, version, value, False)


class Saving(NamedTuple):
    """A step that saves, and the job whose model it is: the only one of the model's name, or the one of its version."""

    step: Step
    model: Model
    jobs: tuple[tuple[Component, Model], ...]

    @property
    def job(self) -> tuple[Component, Model] | None:
        return self.jobs[0] if len(self.jobs) == 1 else None


def savings(meaning: Meaning) -> list[Saving]:
    trained = {id(component) for _step, component in meaning.trainings}
    jobs = [(owner, model) for owner, model in models(meaning.design, "tfjob") if id(owner) in trained]
    found = []
    for step, model in models(meaning.design, "ml-model-checkpoint"):
        same = [(owner, job) for owner, job in jobs if job.name == model.name and isinstance(owner, Component)]
        if len(same) > 1 and model.version:
            same = [(owner, job) for owner, job in same if job.version == model.version]
        if isinstance(step, Step):
            found.append(Saving(step, model, tuple(same)))
    return found


# -- gates -------------------------------------------------------------------------------------------------------------


GUARDED = ("ml-model-checkpoint", "ml-model-serving")


class Gate(NamedTuple):
    """A `suspend`, and the steps of one type that follow it and can be held back."""

    step: Step
    guarded: tuple[Step, ...]


def gates(design: Design) -> list[Gate]:
    found = []
    for number, step in enumerate(design.steps):
        if step.type == "suspend":
            later = dropwhile(lambda each: each.type == "suspend", design.steps[number + 1 :])
            kind, run = next(groupby(later, key=lambda each: each.type), ("", iter(())))
            found.append(Gate(step, tuple(run) if kind in GUARDED else ()))
    return found
