"""What `make sanity` would find late, found early; and that it has no exceptions."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

REPO = Path(__file__).resolve().parents[2]
PYTHON = sorted(path for folder in ("plugins", "roles", "tests") for path in (REPO / folder).rglob("*.py"))
ROLES = sorted(path.name for path in (REPO / "roles").iterdir() if path.is_dir())


def test_no_sanity_test_has_exceptions() -> None:
    assert not list((REPO / "tests/sanity").glob("ignore*"))
    marked = re.compile(r"#\s*pylint:\s*(disable|skip)")
    assert [path.name for path in PYTHON if marked.search(path.read_text())] == []


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: str(path.relative_to(REPO)))
def test_what_is_not_used_still_has_a_name(path: Path) -> None:
    """Ansible keeps `_` for translations; its pylint refuses it as a name."""
    tree = ast.parse(path.read_text())
    names = {(node.id, node.lineno) for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "_"}
    arguments = {(node.arg, node.lineno) for node in ast.walk(tree) if isinstance(node, ast.arg) and node.arg == "_"}
    in_lambdas = {
        (each.arg, each.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.Lambda)
        for each in ast.walk(node.args)
        if isinstance(each, ast.arg)
    }
    assert not names | (arguments - in_lambdas)


@pytest.mark.parametrize("path", sorted((REPO / "plugins").rglob("*.py")), ids=lambda path: path.name)
def test_the_collection_raises_instead_of_asserting(path: Path) -> None:
    assert not [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Assert)]


LATE = {
    "name a fixture that is imported in __all__": re.compile("noqa: F" + "401"),
    "put a blank line before a method with a body": re.compile(r": \.\.\.\n +def [^\n]*(?<!\.\.\.)\n"),
    "quote the types of an alias, and annotate it as TypeAlias": re.compile(r"^[A-Z]\w+ = [\w\[\], ]+ \| ", re.M),
}


@pytest.mark.parametrize("rule", LATE)
def test_what_pylint_and_pycodestyle_refuse_is_not_written(rule: str) -> None:
    assert [str(path.relative_to(REPO)) for path in PYTHON if LATE[rule].search(path.read_text())] == [], rule


def test_the_collection_opens_addresses_as_ansible_does() -> None:
    opening = re.compile(r"\burlopen\(")
    assert [path.name for path in (REPO / "plugins").rglob("*.py") if opening.search(path.read_text())] == []


@pytest.mark.parametrize("path", sorted((REPO / "plugins/modules").glob("*.py")), ids=lambda path: path.name)
def test_documentation_is_yaml_for_every_reader(path: Path) -> None:
    """Without libyaml, which takes a question mark where the standard does not."""
    for text in re.findall(r'^[A-Z]+ = r"""(.*?)"""', path.read_text(), re.M | re.S):
        list(yaml.load_all(text, Loader=yaml.SafeLoader))


@pytest.mark.parametrize("role", ROLES)
def test_an_entry_point_of_a_role_says_what_it_does(role: str) -> None:
    specs = yaml.safe_load((REPO / "roles" / role / "meta/argument_specs.yml").read_text())["argument_specs"]
    assert [
        name for name, spec in specs.items() if not (spec.get("short_description") and spec.get("description"))
    ] == []


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_a_scenario_that_converges_twice_and_verifies(role: str) -> None:
    scenario = REPO / "molecule" / role
    settings = yaml.safe_load((scenario / "molecule.yml").read_text())
    assert settings["scenario"]["test_sequence"] == ["converge", "idempotence", "verify"]
    used = (scenario / "converge.yml").read_text()
    assert f"mlops.ack.{role}" in used, "converge does not run the role"
    assert yaml.safe_load((scenario / "verify.yml").read_text())[0]["tasks"], "nothing is verified"
