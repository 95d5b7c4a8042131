# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading, judging and correcting files of a design."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .._core.failure import Failure
from .._core.options import validator
from .._serving import shape
from .._serving.options import SERVING
from .._training.render import Wish, replica_specs
from .finding import Finding, edited
from .lint import Offered, lint
from .load import Source, load, parse
from .lower import lower
from .meaning import Meaning, meaning
from .read import Component, design

ROUNDS = 10  # a correction may lay bare another defect


class Judgement(NamedTuple):
    """`variables` are there where no finding is an error."""

    findings: tuple[Finding, ...]
    variables: dict[str, Any] | None


def judge(sources: Iterable[Source], offered: Offered = None) -> Judgement:
    found_design, findings = design(sources)
    understood = meaning(found_design)
    findings += lint(understood, offered)
    if not _errors(findings):
        findings += _as_modules_see_it(understood)
    files = [source.path for source in found_design.sources]
    findings.sort(key=lambda each: (files.index(each.place.file), each.place))
    variables = None if _errors(findings) else lower(understood)
    return Judgement(tuple(findings), variables)


def read(paths: Iterable[str]) -> list[Source]:
    return [load(path) for path in paths]


def correct(sources: Iterable[Source], offered: Offered = None) -> list[Source]:
    """The sources with every correction that is sure. What is left has to be told."""
    present = list(sources)
    for _round in range(ROUNDS):
        edits = [edit for finding in judge(present, offered).findings for edit in finding.edits]
        if not edits:
            break
        present = [parse(source.path, edited(source.path, source.text, edits)) for source in present]
    return present


def diff(before: Source, after: Source, to: str) -> str:
    """What a correction changes, as a unified diff."""
    lines = difflib.unified_diff(
        before.text.splitlines(keepends=True), after.text.splitlines(keepends=True), before.path, to, n=1
    )
    return "".join(lines)


def refusal(findings: Iterable[Finding], values: Mapping[str, Any]) -> Failure:
    """The failure for documents with errors: every finding is in it."""
    listed = list(findings)
    errors = _errors(listed)
    can = sum(1 for each in errors if each.edits)
    hint = f"{can} of them can be corrected for you; set 'fixed' to a place for the corrected copy." if can else ""
    count = f"{len(errors)} error{'s' if len(errors) != 1 else ''}"
    said = "\n".join(str(each) for each in listed)
    return Failure("InvalidDesign", f"The design has {count}:\n{said}\n", hint=hint, details={"values": dict(values)})


def _errors(findings: Iterable[Finding]) -> list[Finding]:
    return [each for each in findings if each.level == "error"]


def _as_modules_see_it(understood: Meaning) -> list[Finding]:
    """What only the modules' own checks find, told before anything is begun."""
    found = []
    for component in (*understood.applied("tfjob"), *understood.applied("tfserving")):
        try:
            if component.type == "tfjob":
                replica_specs(
                    Wish(component.name, "default", "run", component.properties.plain()["tfReplicaSpecs"], {})
                )
            else:
                _check_serving(component)
        except Failure as failure:
            place = component.properties.node.place
            found.append(Finding("options", "error", place, failure.message, failure.hint))
    return found


def _check_serving(component: Component) -> None:
    properties = component.properties.plain()
    asked = {
        "name": component.name,
        "namespace": "default",
        "environment": "dev",
        "image": "any",
        "predictors": properties["predictors"],
        "route": {"type": "alb"},
    }
    checked = validator(SERVING).validate(asked)
    if checked.error_messages:
        raise Failure("InvalidOption", "; ".join(checked.error_messages))
    shape.serving(checked.validated_parameters)
