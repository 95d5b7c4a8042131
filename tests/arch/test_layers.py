"""Who may import whom. Read with `ast`, so nothing needs to be installed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
UTILS = REPO / "plugins/module_utils"
FILES = sorted(path for path in UTILS.rglob("*.py") if path.parent != UTILS)

BASE = {"_ack": {"_core"}, "_core": set(), "_kube": {"_core"}, "_oss": {"_core"}}
PRODUCTS = ("_gate", "_helm", "_observe", "_registry", "_serving", "_training")
MAY_IMPORT: dict[str, set[str]] = {
    **BASE,
    **{name: {"_core", "_kube", "_oss"} for name in PRODUCTS},
    "_spec": {"_ack", "_core", "_kube", "_registry", "_serving", "_training"},
}
SDKS = {
    "alibabacloud_credentials",
    "alibabacloud_cs20151215",
    "alibabacloud_tea_openapi",
    "darabonba",
    "kubernetes",
    "oss2",
}
SANDBOX = {"ack_sandbox", "simulator"}


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """(dotted name of what is imported, whether at the top of the file)."""
    tree = ast.parse(path.read_text())
    top = {id(node) for statement in tree.body for node in ast.walk(statement) if not _defines(statement)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) in top
        elif isinstance(node, ast.ImportFrom):
            parents = path.parent.relative_to(UTILS).parts if path.is_relative_to(UTILS) else ()
            above = parents[: len(parents) - node.level + 1]
            name = ".".join((*above, node.module or "")) if node.level else node.module or ""
            yield name.removeprefix("ansible_collections.mlops.ack.plugins.module_utils."), id(node) in top


def _defines(statement: ast.stmt) -> bool:
    return isinstance(statement, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef))


def packages(path: Path) -> set[str]:
    return {name.split(".")[0] for name, _top in imports(path)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(UTILS)))
def test_imports_go_one_way(path: Path) -> None:
    own = path.relative_to(UTILS).parts[0]
    others = {name for name in packages(path) if name in MAY_IMPORT} - {own}
    assert others <= MAY_IMPORT[own], f"{own} may not import {sorted(others - MAY_IMPORT[own])}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(UTILS)))
def test_sdks_are_met_at_the_edges_only(path: Path) -> None:
    used = packages(path) & SDKS
    allowed = {
        "client.py": SDKS,
        "bucket.py": {"oss2"},
        "connection.py": {"kubernetes"},
        "store.py": {"oss2"},
        "transfer.py": {"oss2"},
        "credentials.py": {"alibabacloud_credentials"},
    }
    assert used <= allowed.get(path.name, set())


@pytest.mark.parametrize("path", sorted((UTILS / "_core").glob("*.py")), ids=lambda path: path.name)
def test_the_core_is_light(path: Path) -> None:
    outside = {
        name
        for name, top in imports(path)
        if top and not name.startswith(("ansible.module_utils", "_core")) and not _is_stdlib(name)
    }
    assert not outside


def _is_stdlib(name: str) -> bool:
    import sys

    return name.split(".")[0] in sys.stdlib_module_names


@pytest.mark.parametrize("path", sorted((REPO / "plugins").rglob("*.py")), ids=lambda path: path.name)
def test_the_collection_never_imports_the_sandbox(path: Path) -> None:
    assert not packages(path) & SANDBOX


@pytest.mark.parametrize("path", sorted((REPO / "plugins/modules").glob("*.py")), ids=lambda path: path.stem)
def test_an_entry_file_declares_and_does_not_decide(path: Path) -> None:
    functions = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    lines = sum((node.end_lineno or 0) - node.lineno + 1 for node in functions)
    assert lines <= 45, "move decisions to module_utils"


def test_no_code_outside_the_sandbox_role_asks_where_it_runs() -> None:
    asking = re.compile(r"sandbox|198\.18\.0\.")
    places = [*(REPO / "plugins").rglob("*.py"), *(REPO / "playbooks").rglob("*.yml")]
    places += [path for path in (REPO / "roles").rglob("*.yml") if "sandbox" not in path.relative_to(REPO).parts]
    asked = [str(path.relative_to(REPO)) for path in places if asking.search(path.read_text())]
    assert asked == []
