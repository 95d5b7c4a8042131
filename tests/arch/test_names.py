"""What must agree by name: modules, routing, groups, failures, docs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

REPO = Path(__file__).resolve().parents[2]
MODULES = sorted(path.stem for path in (REPO / "plugins/modules").glob("*.py"))
RUNTIME = yaml.safe_load((REPO / "meta/runtime.yml").read_text())


def test_every_module_has_its_fast_door_and_is_in_the_group() -> None:
    actions = {path.stem: path.read_text() for path in (REPO / "plugins/action").glob("*.py")}
    assert sorted(actions) == MODULES
    assert len(set(actions.values())) == 1
    assert sorted(RUNTIME["action_groups"]["all"]) == MODULES


@pytest.mark.parametrize(
    ("group", "fragment"), [("cs", "alibaba.cs"), ("oss", "alibaba.oss"), ("kube", "mlops.ack.kubernetes")]
)
def test_a_group_holds_exactly_the_modules_with_its_options(group: str, fragment: str) -> None:
    having = [name for name in MODULES if fragment in (REPO / f"plugins/modules/{name}.py").read_text()]
    assert sorted(RUNTIME["action_groups"][group]) == having


def test_every_failure_code_of_ours_is_documented_and_every_documented_one_exists() -> None:
    code = re.compile(r'Failure\(\s*"([A-Z]\w+)"')
    raised = {found for path in (REPO / "plugins").rglob("*.py") for found in code.findall(path.read_text())}
    documented = set(re.findall(r"^\| `(\w+)` \|", (REPO / "docs/failures.md").read_text(), re.M))
    assert raised <= documented
    assert documented - raised <= _from_tables()


def _from_tables() -> set[str]:
    """Codes that a client's table maps from a status or an SDK's error."""
    word = re.compile(r'"([A-Z][A-Za-z]+)"')
    clients = (REPO / "plugins/module_utils").rglob("client.py")
    others = (REPO / "plugins/module_utils").rglob("*.py")
    return {found for path in [*clients, *others] for found in word.findall(path.read_text())}


@pytest.mark.parametrize("role", sorted(path.name for path in (REPO / "roles").iterdir()))
def test_a_role_has_its_contract_its_defaults_and_its_page(role: str) -> None:
    for part in ("README.md", "defaults/main.yml", "meta/main.yml", "meta/argument_specs.yml", "tasks/main.yml"):
        assert (REPO / "roles" / role / part).exists(), part


DOCUMENTED = re.findall(r"^\| `(\w+)` \|", (REPO / "docs/failures.md").read_text(), re.M)


@pytest.mark.parametrize("code", sorted(set(DOCUMENTED)))
def test_every_documented_failure_is_reached_by_a_test(code: str) -> None:
    quoted = re.compile(rf"""["']{code}["']""")
    tests = [path for path in (REPO / "tests").rglob("*.py") if path != Path(__file__)]
    assert any(quoted.search(path.read_text()) for path in tests)
