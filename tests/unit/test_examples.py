"""Documentation that lies is worse than none: options agree with the code, examples are accepted by it."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.mlops.ack.plugins.module_utils._core.options import validator

REPO = Path(__file__).resolve().parents[2]
MODULES = sorted(path.stem for path in (REPO / "plugins/modules").glob("*.py"))
PAGES = sorted([REPO / "README.md", *(REPO / "docs").glob("*.md"), *(REPO / "roles").glob("*/README.md")])


def module(name: str) -> Any:
    return importlib.import_module(f"ansible_collections.mlops.ack.plugins.modules.{name}")


def fragments(names: list[str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name in names:
        parts = name.removeprefix("mlops.ack.").split(".")
        cls = importlib.import_module(
            f"ansible_collections.mlops.ack.plugins.doc_fragments.{parts[0]}"
        ).ModuleDocFragment
        text = getattr(cls, parts[1].upper() if len(parts) > 1 else "DOCUMENTATION")
        options.update(yaml.safe_load(text).get("options") or {})
    return options


def agree(documented: dict[str, Any], spec: dict[str, Any], where: str) -> None:
    assert sorted(documented) == sorted(spec), where
    for name, option in spec.items():
        page = documented[name]
        for key, default in (
            ("type", "str"),
            ("default", None),
            ("required", False),
            ("choices", None),
            ("elements", None),
        ):
            assert page.get(key, default) == option.get(key, default), f"{where}.{name}: {key}"
        assert sorted(page.get("aliases", [])) == sorted(option.get("aliases", [])), f"{where}.{name}: aliases"
        assert page.get("description"), f"{where}.{name}: description"
        if "options" in option:
            agree(page.get("suboptions", {}), option["options"], f"{where}.{name}")


@pytest.mark.parametrize("name", MODULES)
def test_the_documented_options_are_the_options(name: str) -> None:
    page = yaml.safe_load(module(name).DOCUMENTATION)
    documented = {**fragments(page.get("extends_documentation_fragment", [])), **page.get("options", {})}
    agree(documented, module(name).MODULE.spec, name)


def tasks_in(document: Any) -> list[dict[str, Any]]:
    """Every task in a list of tasks or plays, blocks included."""
    found: list[dict[str, Any]] = []
    for item in document if isinstance(document, list) else []:
        if isinstance(item, dict):
            found.append(item)
            for key in ("tasks", "block", "rescue", "always", "pre_tasks", "post_tasks"):
                found += tasks_in(item.get(key))
    return found


def check(tasks: list[dict[str, Any]], defaults: dict[str, Any]) -> int:
    """Validates each task of ours; returns how many there were."""
    seen = 0
    for task in tasks:
        for key, arguments in task.items():
            if key.startswith("mlops.ack.") and key.rpartition(".")[2] in MODULES:
                seen += 1
                if isinstance(arguments, str):
                    continue  # one templated variable: a role's argument_specs describe it
                spec = module(key.rpartition(".")[2]).MODULE
                given = {**{k: v for k, v in defaults.items() if k in spec.spec}, **arguments}
                literal = {k: v for k, v in given.items() if "{{" not in str(v)}
                unknown = set(given) - set(spec.spec) - {a for o in spec.spec.values() for a in o.get("aliases", [])}
                assert not unknown, f"{task.get('name')}: {sorted(unknown)}"
                if len(literal) == len(given):
                    errors = validator(spec.spec, **spec.constraints).validate(literal).error_messages
                    assert not errors, f"{task.get('name')}: {errors}"
    return seen


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_accepted_by_it(name: str) -> None:
    assert check(tasks_in(yaml.safe_load(module(name).EXAMPLES)), {}) > 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPO)))
def test_the_yaml_of_a_page_is_valid_and_its_tasks_are_accepted(page: Path) -> None:
    for block in re.findall(r"```ya?ml\n(.*?)```", page.read_text(), re.S):
        check(tasks_in(yaml.safe_load(block)), {})


PLAYS = sorted(
    [
        *(REPO / "playbooks").rglob("*.yml"),
        *(REPO / "roles").glob("[!s]*/tasks/*.yml"),
        *(REPO / "roles/serving/tasks").glob("*.yml"),
    ]
)


@pytest.mark.parametrize("path", PLAYS, ids=lambda path: str(path.relative_to(REPO)))
def test_the_tasks_of_roles_and_playbooks_name_existing_options(path: Path) -> None:
    check(tasks_in(yaml.safe_load(path.read_text())), {})
