# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rules, as a table. Each reads the whole design and yields what breaks it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from .._ack import versions
from .._core.failure import Failure
from .._core.spelling import nearest
from .._registry import reference as images
from .._serving.shape import reference
from .._serving.traffic import shares
from . import words
from .finding import Edit, Finding
from .meaning import USUAL_ENVIRONMENTS, Meaning, Model, gates, models, parts, savings
from .read import Component, Step, Value, surely


class Ack(NamedTuple):
    """What ACK said: the Kubernetes versions on offer, the version of each cluster there is, and the names that the
    inventory gives to clusters, by environment.
    """

    offered: Sequence[Mapping[str, Any]]
    present: Mapping[str, str]
    names: Mapping[str, str]


Offered: TypeAlias = "Ack | None"
"""None: it was not asked."""

KNOWN_VERSIONS = ("1.34", "1.35", "1.36")
"""Source: ACK release notes, October 2026: what could be created then. What is older never can be again."""

Rule = Callable[[Meaning, Offered], Iterator[Finding]]


def unique_names(meaning: Meaning, _offered: Offered) -> Iterator[Finding]:
    for kind, all_of_kind in (("component", meaning.design.components), ("step", meaning.design.steps)):
        first: dict[str, Value] = {}
        for each in all_of_kind:
            name = each.value.find("name")
            if name is None or not name.text:
                continue
            if name.text in first:
                place = first[name.text].node.place
                said = f"A {kind} '{name.text}' is there already, at {place}."
                yield _error("duplicate-name", name, said, f"Give each {kind} its own name.")
            first.setdefault(name.text, name)


def references(meaning: Meaning, _offered: Offered) -> Iterator[Finding]:
    """Steps and the components that they apply."""
    for step, target in zip(meaning.design.steps, meaning.targets, strict=True):
        asked = step.reference
        if asked is None or (not target.problem and target.component):
            continue
        meant = target.component
        kinds = " or ".join(words.APPLIES[step.type])
        edits = (asked.node.replaced(meant.name),) if meant and target.is_sure else ()
        hint = f"Did you mean '{meant.name}'?" if meant else _listed(meaning, step)
        if target.problem == "named":
            said = f"Step '{step.name}' applies '{asked.text}', another component than its name says."
            yield Finding("step-name", "error", asked.node.place, said, hint, edits)
        elif target.problem == "type":
            found = meaning.design.component(step)
            said = f"A {step.type} step applies a {kinds}; '{asked.text}' is a {found.type if found else '?'}."
            yield Finding("reference", "error", asked.node.place, said, hint)
        elif target.problem == "rename" and meant:
            own = meant.value.fields["name"].node
            said = f"Step '{step.name}' applies '{asked.text}', which is not there; '{meant.name}' is, and is not used."
            yield Finding(
                "reference", "error", own.place, said, f"Call it '{asked.text}'.", (own.replaced(asked.text),)
            )
        else:
            said = f"There is no component '{asked.text}'."
            yield Finding("reference", "error", asked.node.place, said, hint, edits)


def used(meaning: Meaning, _offered: Offered) -> Iterator[Finding]:
    applied = {target.component for target in meaning.targets}
    for component in meaning.design.components:
        name = component.value.find("name")
        if name and component not in applied:
            said = f"No step applies component '{component.name}', so nothing is made of it."
            yield Finding("unused", "warning", name.node.place, said, "Add a step, or take the component out.")


def kubernetes_versions(meaning: Meaning, offered: Offered) -> Iterator[Finding]:
    for component in meaning.design.of("k8s-cluster"):
        asked = component.properties.find("version")
        if asked is None or asked.node.kind != "scalar":
            continue
        try:
            number = versions.number(asked.text)
            if offered is not None:
                _offered_for(meaning, component, asked.text, offered)
            elif number[:2] < versions.number(KNOWN_VERSIONS[0]):
                raise Failure(
                    "VersionNotOffered",
                    f"version is '{asked.text}', which no new cluster can have any more."
                    f" In October 2026 ACK offered {', '.join(KNOWN_VERSIONS)}.",
                    hint=f"The nearest is {KNOWN_VERSIONS[0]}.",
                )
        except Failure as failure:
            yield _of(failure, "version", asked)


def _offered_for(meaning: Meaning, component: Component, asked: str, ack: Ack) -> None:
    """Raises what ack_cluster would raise."""
    inventory = ack.names.get(meaning.environment(component))
    name = component.properties.say("name") or inventory or meaning.name(component)
    if name in ack.present:
        versions.for_present(asked, ack.present[name], ack.offered)
    else:
        versions.for_new(asked, ack.offered)


_PLACEHOLDER = re.compile(
    r"(?i)<[^>]*>|[a-z0-9]+[-_]url|your[-_ ].*|(to-?do|change[-_]?me|x{3,}|placeholder)|.*\{\{.*\}\}.*"
)


def placeholders(meaning: Meaning, _offered: Offered) -> Iterator[Finding]:
    owners: tuple[Component | Step, ...] = (*meaning.design.components, *meaning.design.steps)
    buckets = [each.properties.say("bucket") for each in meaning.design.of("s3-bucket")]
    real = [bucket for bucket in buckets if bucket and not _PLACEHOLDER.fullmatch(bucket)]
    for owner in owners:
        for node in owner.properties.node.scalars() if owner.value.find("properties") else ():
            if isinstance(node.value, str) and _PLACEHOLDER.fullmatch(node.value.strip()):
                if "{{" in node.value:
                    said = f"'{node.value}' is a template; these documents are data, and are not rendered."
                else:
                    said = f"'{node.value}' stands for a value that nobody has filled in."
                is_bucket = "bucket" in node.value and len(real) == 1
                hint = f"The bucket of these documents is '{real[0]}'." if is_bucket else "Write the real one."
                yield Finding("placeholder", "error", node.place, said, hint)


def model_names(meaning: Meaning, _offered: Offered) -> Iterator[Finding]:
    for _owner, model in models(meaning.design):
        name = model.value.find("modelName")
        if not model.is_mixed or name is None:
            continue
        said = f"modelName '{name.text}' is name and version in one; the model is '{model.name}'."
        number = model.value.find("version")
        edits: tuple[Edit, ...] = ()
        if number is None:
            gap = ", " if model.value.node.is_flow else "\n" + " " * (model.value.node.place.column - 1)
            edits = (name.node.replaced(f"{model.name}{gap}version: {model.version}"),)
        hint = f"Write modelName: {model.name} and version: {model.version}."
        yield Finding("model-name", "error", name.node.place, said, hint, edits)


def saved_models(meaning: Meaning, _offered: Offered) -> Iterator[Finding]:
    """What is saved is what was trained, in one place and under one number."""
    found = savings(meaning)
    trained = {model.name for component, model in models(meaning.design, "tfjob") if _is_trained(meaning, component)}
    for saving in found:
        asked = saving.model.value.find("modelName")
        if asked is None or not saving.model.name:
            continue
        if saving.model.name not in trained:
            near = surely(saving.model.name, trained)
            hint = f"Did you mean '{near}'?" if near else f"Trained are {', '.join(sorted(trained)) or 'none'}."
            edits = (asked.node.replaced(near),) if near else ()
            said = f"No step trains a model '{saving.model.name}'."
            yield Finding("model", "error", asked.node.place, said, hint, edits)
        elif saving.job is None:
            said = f"Which job's '{saving.model.name}' step '{saving.step.name}' saves is not said."
            yield _error("model", asked, said, "Give each job of the model a version, and the step the one it saves.")
        else:
            yield from _agree(saving.model, saving.job[1], asked)
    saved = {id(saving.job[0]) for saving in found if saving.job}
    for component, model in models(meaning.design, "tfjob"):
        asked = model.value.find("modelName")
        if asked and _is_trained(meaning, component) and id(component) not in saved:
            if any(saving.model.name == model.name and not saving.job for saving in found):
                continue  # told already
            said = f"What '{component.name}' trains is saved by no step."
            yield Finding("model", "warning", asked.node.place, said, "Add a step ml-model-checkpoint.")


def _is_trained(meaning: Meaning, component: Component | Step) -> bool:
    return any(each is component for _step, each in meaning.trainings)


def _agree(saved: Model, job: Model, asked: Value) -> Iterator[Finding]:
    if job.version and saved.version and job.version != saved.version:
        said = f"'{saved.name}' is saved as version {saved.version}, and its job says version {job.version}."
        yield _error("model", asked, said, "Give the number in one of the two.")
    if job.repository and saved.repository and job.repository != saved.repository:
        said = f"'{saved.name}' would go to '{saved.repository}', and its job says '{job.repository}'."
        yield _error("image-repo", saved.value.fields["imageRepo"], said, "Give the repository in one of the two.")
    if not job.repository and not saved.repository:
        yield _error("image-repo", asked, f"Where the image of '{saved.name}' is kept is not said.", "Set imageRepo.")


def image_repositories(meaning: Meaning, _offered: Offered) -> Iterator[Finding]:
    for _owner, model in models(meaning.design):
        asked = model.value.find("imageRepo")
        if asked and asked.text and not _PLACEHOLDER.fullmatch(asked.text):
            try:
                images.parse("imageRepo", asked.text)
            except Failure as failure:
                yield _of(failure, "image-repo", asked)


def framework(meaning: Meaning, _offered: Offered) -> Iterator[Finding]:
    for component in meaning.design.of("tfserving"):
        given = component.value.find("properties")
        if given and given.node.entries and component.properties.find("framework") is None:
            said = "'framework' is missing in the properties of a tfserving."
            edits = (component.properties.node.preceded("framework", words.FRAMEWORKS[0]),)
            place = component.properties.node.place
            yield Finding("missing", "error", place, said, f"Write framework: {words.FRAMEWORKS[0]}.", edits)


def predictors(meaning: Meaning, _offered: Offered) -> Iterator[Finding]:
    trained = {model.name for _owner, model in models(meaning.design, "tfjob") if model.name}
    for component in meaning.design.of("tfserving"):
        listed = component.properties.find("predictors")
        for predictor in listed.items if listed else ():
            asked = predictor.find("modelVersion")
            if asked is None or asked.node.kind != "scalar":
                continue
            try:
                model = reference(asked.text)
            except Failure as failure:
                yield _of(failure, "model-version", asked)
                continue
            near = surely(model.name, trained - {model.name})
            if model.name not in trained and near:
                said = f"'{asked.text}' is a version of '{model.name}', which no step trains."
                hint = f"Did you mean '{near}-v{model.number}'?"
                yield Finding("model-version", "error", asked.node.place, said, hint)


def traffic(meaning: Meaning, _offered: Offered) -> Iterator[Finding]:
    for component in meaning.design.of("tfserving"):
        listed = component.properties.find("predictors")
        given = {each.say("name"): each.find("trafficPercentage") for each in listed.items} if listed else {}
        values = {name: _percent(value) if value else None for name, value in given.items()}
        if not listed or not given or any(value and values[name] is None for name, value in given.items()):
            continue
        try:
            shares(values)
        except Failure as failure:
            at = next((value for value in given.values() if value), listed)
            yield _of(failure, "traffic", at)


def _percent(value: Value) -> int | None:
    """A whole number, also where it is written with its sign; None for anything else."""
    text = value.node.text.strip().removesuffix("%").strip()
    return int(text) if re.fullmatch(r"-?\d+", text) else None


_OLD_SERVING = re.compile(r"(?:.*/)?tensorflow/serving:(0\.\d+|1\.([0-9]|1[01]))(\.\d+)?(-\w+)?")


def serving_images(meaning: Meaning, _offered: Offered) -> Iterator[Finding]:
    for component in meaning.design.of("tfserving"):
        for node in component.properties.node.scalars():
            if _OLD_SERVING.fullmatch(node.text):
                said = f"{node.text} has no model status and no request metrics; readiness falls back to a prediction."
                hint = "TensorFlow Serving has them from 1.12 on; 2.19.1 is the default here."
                yield Finding("serving-image", "warning", node.place, said, hint)


def environments(meaning: Meaning, _offered: Offered) -> Iterator[Finding]:
    first: dict[str, Component] = {}
    for component in meaning.applied("k8s-cluster"):
        name, environment = component.value.fields["name"], meaning.environment(component)
        if not environment:
            said = f"Which environment cluster '{component.name}' is for is not said."
            yield _error("environment", name, said, "Set env in its properties, or name it '<environment>-cluster'.")
        elif environment in first:
            said = f"'{component.name}' and '{first[environment].name}' are both clusters of environment {environment}."
            yield _error("environment", name, said, "One environment is one cluster; set env in their properties.")
        first.setdefault(environment, component)
    known = {*USUAL_ENVIRONMENTS, *meaning.environments}
    served: dict[str, Step] = {}
    for step, component, environment in meaning.servings:
        asked = step.properties.find("env")
        if asked is None:
            continue
        if first and environment not in first:
            near = nearest(environment, first)
            hint = f"Did you mean '{near}'?" if near else ""
            said = f"No step creates a cluster for environment '{environment}'; there are {', '.join(sorted(first))}."
            yield _error("environment", asked, said, hint)
        if environment in served:
            said = f"Steps '{served[environment].name}' and '{step.name}' both serve in {environment}."
            yield _error("environment", asked, said, "One design serves one tfserving in an environment.")
        served.setdefault(environment, step)
        yield from _spoken_of(meaning, step, component, asked, known)


def _spoken_of(meaning: Meaning, step: Step, component: Component, asked: Value, known: set[str]) -> Iterator[Finding]:
    """The environments in the names of a step and of its component, against the one it is given."""
    environment = asked.text
    in_step = [part for part in parts(step.name) if part in known]
    in_component = [part for part in parts(component.name) if part in known]
    if in_step and environment not in in_step:
        said = f"Step '{step.name}' serves in '{environment}', another environment than its name says."
        is_sure = len(in_step) == 1 and in_component in ([], in_step)
        edits = (asked.node.replaced(in_step[0]),) if is_sure else ()
        yield Finding("step-name", "error", asked.node.place, said, f"Did you mean '{in_step[0]}'?", edits)
    elif in_component and environment not in in_component and step.reference:
        wanted = [environment if part in known else part for part in parts(component.name)]
        twin = next((each for each in meaning.design.of("tfserving") if parts(each.name) == wanted), None)
        said = (
            f"Step '{step.name}' serves '{component.name}' in '{environment}', another environment than its name says."
        )
        hint = f"Did you mean '{twin.name}'?" if twin else ""
        edits = (step.reference.node.replaced(twin.name),) if twin else ()
        yield Finding("step-name", "error", step.reference.node.place, said, hint, edits)


def buckets(meaning: Meaning, _offered: Offered) -> Iterator[Finding]:
    for component in meaning.applied("s3-bucket")[1:]:
        said = f"'{component.name}' is a second bucket; records and images of a design are kept in one."
        yield _error("bucket", component.value.fields["name"], said, "Create others with mlops.ack.oss_bucket.")


def datasets(meaning: Meaning, _offered: Offered) -> Iterator[Finding]:
    for step, component in meaning.trainings:
        one, other = step.properties.find("dataset"), component.properties.find("dataset")
        if one is None and other is None:
            said = f"Step '{step.name}' trains '{component.name}' on no dataset."
            yield _error("dataset", step.value.fields["name"], said, "Give dataset: {s3: {bucket: ..., prefix: ...}}.")
        elif one and other and one.plain() != other.plain():
            said = f"Step '{step.name}' and component '{component.name}' give different datasets."
            yield _error("dataset", one, said, "Give the dataset in one of the two.")


_STAGES = {
    "terraform-apply": 0,
    "helm-apply": 1,
    "ml-model-training": 2,
    "ml-model-checkpoint": 2,
    "ml-model-serving": 3,
}


def order(meaning: Meaning, _offered: Offered) -> Iterator[Finding]:
    before: Step | None = None
    trained: set[int] = set()
    saved = {id(saving.step): saving for saving in savings(meaning)}
    for step in meaning.design.steps:
        if step.type not in _STAGES:
            continue
        target = meaning.target(step)
        place = step.value.find("name")
        stage = 1 if target and target.type == "s3-bucket" else _STAGES[step.type]
        if before and stage < _STAGES[before.type] and place:
            said = f"Step '{step.name}' ({step.type}) comes after '{before.name}' ({before.type}), which needs it."
            yield _error("order", place, said, "Infrastructure, training, saving, serving is the order.")
            continue
        if not target or target.type != "s3-bucket":  # what needs the bucket comes later than charts do
            before = step
        if target:
            trained.add(id(target))
        saving = saved.get(id(step))
        if saving and place and saving.job and id(saving.job[0]) not in trained:
            said = f"Step '{step.name}' saves '{saving.model.name}' before it is trained."
            yield _error("order", place, said, "Move it below the step that trains.")


def decisions(meaning: Meaning, _offered: Offered) -> Iterator[Finding]:
    found = gates(meaning.design)
    guarded: dict[int, Step] = {}
    for gate in found:
        name = gate.step.value.find("name")
        if name is None:
            continue
        twice = next((step for step in gate.guarded if id(step) in guarded), None)
        if not gate.guarded:
            said = f"Gate '{gate.step.name}' holds nothing back: no step saves or serves right after it."
            yield Finding("gate", "error", name.node.place, said, "Move it in front of what it decides on.")
        elif twice:
            said = f"Gates '{guarded[id(twice)].name}' and '{gate.step.name}' stand before '{twice.name}'."
            yield Finding("gate", "error", name.node.place, said, "Keep one; its policy can ask for several approvals.")
        guarded.update({id(step): gate.step for step in gate.guarded})
        if (duration := gate.step.properties.find("duration")) is not None:
            said = "A gate does not open by the passing of time, so 'duration' has no effect here."
            hint = "Take it out; a step's 'timeout' limits how long a person is asked."
            yield Finding("gate", "warning", duration.node.place, said, hint)
    for step in meaning.design.steps:
        name = step.value.find("name")
        if step.type == "ml-model-checkpoint" and id(step) not in guarded and name:
            said = f"No gate stands before '{step.name}'; 'evaluate-model' is asked all the same."
            yield Finding("gate", "warning", name.node.place, said, "Add a step of type suspend in front of it.")


_TIMEOUT = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def seconds(text: str) -> int | None:
    """`1h30m`, `90s` as seconds; None for anything else."""
    found = _TIMEOUT.fullmatch(text)
    if not text or not found:
        return None
    hours, minutes, rest = (int(part or 0) for part in found.groups())
    return 3600 * hours + 60 * minutes + rest


def timeouts(meaning: Meaning, _offered: Offered) -> Iterator[Finding]:
    for step in meaning.design.steps:
        asked = step.value.find("timeout")
        if asked and not seconds(asked.text):
            said = f"timeout is '{asked.text}'; allowed are forms such as 90s, 30m and 1h30m."
            yield _error("timeout", asked, said)


RULES: tuple[Rule, ...] = (
    unique_names,
    references,
    used,
    environments,
    kubernetes_versions,
    placeholders,
    model_names,
    saved_models,
    image_repositories,
    framework,
    predictors,
    traffic,
    serving_images,
    buckets,
    datasets,
    order,
    decisions,
    timeouts,
)


def lint(meaning: Meaning, offered: Offered = None) -> list[Finding]:
    return [finding for rule in RULES for finding in rule(meaning, offered)]


def _error(rule: str, value: Value, message: str, hint: str = "") -> Finding:
    return Finding(rule, "error", value.node.place, message, hint)


def _of(failure: Failure, rule: str, value: Value) -> Finding:
    return Finding(rule, "error", value.node.place, failure.message, failure.hint)


def _listed(meaning: Meaning, step: Step) -> str:
    names = [each.name for each in meaning.design.components if each.type in words.APPLIES[step.type]]
    return f"There are {', '.join(sorted(names))}." if names else ""
