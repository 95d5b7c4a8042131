"""The role awx names options that awx.awx has, playbooks that exist, and nodes that are there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

REPO = Path(__file__).resolve().parents[3]
ROLE = REPO / "roles/awx"
KNOWN = json.loads((REPO / "tests/unit/fixtures/awx/options.json").read_text())["options"]


class Loader(yaml.SafeLoader):
    """With Ansible's tag for text that is no template."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))
DEFAULTS: dict[str, Any] = yaml.load((ROLE / "defaults/main.yml").read_text(), Loader)
TASKS = yaml.safe_load((ROLE / "tasks/main.yml").read_text())
NODES = DEFAULTS["awx_workflow"]["nodes"]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task["name"])
def test_a_task_names_options_that_the_module_has(task: dict[str, Any]) -> None:
    name = next(key for key in task if key.startswith("awx.awx."))
    assert set(task[name]) <= set(KNOWN[name])


def test_every_job_template_is_a_playbook_of_the_collection() -> None:
    names = {each.get("playbook", each["name"]) for each in DEFAULTS["awx_job_templates"]} - {"approver"}
    assert {name for name in names if not (REPO / f"playbooks/{name}.yml").is_file()} == set()


def test_the_workflow_names_nodes_and_templates_that_are_there() -> None:
    identifiers = [each["identifier"] for each in NODES]
    assert len(set(identifiers)) == len(identifiers)
    after = {name for each in NODES for key in ("success", "failure") for name in each.get(key, [])}
    assert after == set(identifiers) - {"init"}
    templates = {each["name"] for each in DEFAULTS["awx_job_templates"]}
    assert {each["template"] for each in NODES if "template" in each} <= templates


def test_nodes_stand_behind_those_that_lead_to_them() -> None:
    """They are made from the last to the first, so that each finds those it names."""
    place = {each["identifier"]: n for n, each in enumerate(NODES)}
    for each in NODES:
        assert all(
            place[name] > place[each["identifier"]] for key in ("success", "failure") for name in each.get(key, [])
        )


@pytest.mark.parametrize("gate", ["evaluate-model", "evaluate-serving"])
def test_behind_an_approval_stands_the_job_that_asks_who_it_was(gate: str) -> None:
    nodes = {each["identifier"]: each for each in NODES}
    assert nodes[gate]["approval"] > 0
    assert "failure" not in nodes[gate]
    assert [nodes[name]["template"] for name in nodes[gate]["success"]] == ["approver"]
