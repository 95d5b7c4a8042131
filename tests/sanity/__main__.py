"""All that certified collections are held to, one line a check; the output of what failed.

python -m tests.sanity [name of a check ...]
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.sanity import ansible_test
from tests.sanity.tree import copy

CACHE = Path(os.environ["MLOPS_ACK_CACHE"]) / "sanity"
COLLECTIONS, ARTEFACTS = CACHE / "collections", CACHE / "artefacts"
BIN = Path(sys.executable).parent
TOOLS = Path(os.environ["SANITY_BIN"])

IMPORTER = """[galaxy-importer]
CHECK_CHANGELOG = True
CHECK_REQUIRED_TAGS = True
REQUIRE_V1_OR_GREATER = True
RUN_ANSIBLE_DOC = True
RUN_ANSIBLE_LINT = True
RUN_ANSIBLE_TEST = False
RUN_FLAKE8 = False
"""
IN_IMAGE = ("ansible-core", "PyYAML")  # the image has them already
ENVIRONMENT = """---
version: 3
images: {base_image: {name: "registry.access.redhat.com/ubi9/python-312:latest"}}
dependencies:
  ansible_core: {package_pip: ansible-core}
  ansible_runner: {package_pip: ansible-runner}
  galaxy: {collections: [mlops.ack]}
"""


def run(*command: str | Path, folder: Path, **environment: str) -> str:
    """Output. Raises CalledProcessError with it."""
    return subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    ).stdout


def documentation(tree: Path) -> None:
    """Every option, return value and reference of modules, plugins and roles."""
    run(
        *(TOOLS / "antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs=all"),
        *("--disallow-unknown-collection-refs", "."),
        folder=tree,
    )


def changelog(tree: Path) -> None:
    run(TOOLS / "antsibull-changelog", "lint", folder=tree)
    run(TOOLS / "antsibull-changelog", "lint-changelog-yaml", "--strict", "changelogs/changelog.yaml", folder=tree)


def build(tree: Path) -> None:
    run(BIN / "ansible-galaxy", "collection", "build", "--force", "--output-path", ARTEFACTS, folder=tree)


def galaxy(tree: Path) -> None:
    """Import the artefact as the galaxy server would. Its flake8 is ruff's and ansible-test's work."""
    settings = CACHE / "galaxy-importer.cfg"
    settings.write_text(IMPORTER)
    build(tree)
    artefact = max(ARTEFACTS.glob("*.tar.gz"), key=lambda path: path.stat().st_mtime)
    output = run(
        *(TOOLS / "python", "-m", "galaxy_importer.main", artefact),
        folder=CACHE,
        GALAXY_IMPORTER_CONFIG=str(settings),
        PATH=f"{TOOLS}{os.pathsep}{os.environ['PATH']}",
    )
    wrong = [line for line in output.splitlines() if line.startswith(("ERROR", "WARNING"))]
    if wrong or "Importer processing completed successfully" not in output:
        raise subprocess.CalledProcessError(1, "galaxy-importer", "\n".join(wrong) or output)


def execution_environment(tree: Path) -> None:
    """What an image with this collection gets: its Python and system packages, and a build context that renders."""
    found = run(TOOLS / "ansible-builder", "introspect", COLLECTIONS, folder=tree)
    for file in ("requirements.txt", "bindep.txt"):
        wanted = [line for line in (tree / file).read_text().splitlines() if line and line[0] != "#"]
        absent = [line for line in wanted if line.split("[")[0].strip() not in found and not line.startswith(IN_IMAGE)]
        if absent:
            raise subprocess.CalledProcessError(1, "introspect", f"{found}\nthe image would lack {', '.join(absent)}")
    definition = CACHE / "execution-environment.yml"
    definition.write_text(ENVIRONMENT)
    run(TOOLS / "ansible-builder", "create", "--context", CACHE / "context", "--file", definition, folder=CACHE)


CHECKS: dict[str, Callable[[Path], object]] = {
    "documentation": documentation,
    "changelog": changelog,
    "galaxy-importer": galaxy,
    "execution-environment": execution_environment,
}


def main(wanted: list[str]) -> int:
    unknown = set(wanted) - set(CHECKS) - {"ansible-test"}
    if unknown:
        print(f"no check {', '.join(sorted(unknown))}; there are ansible-test, {', '.join(CHECKS)}")
        return 2
    if (not wanted or "ansible-test" in wanted) and ansible_test.main([]):
        return 1
    tree = copy(COLLECTIONS)
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    for name, check in CHECKS.items():
        if not wanted or name in wanted:
            started = time.monotonic()
            try:
                check(tree)
            except subprocess.CalledProcessError as error:
                print(f"{error.output}\n{name}: failed")
                return 1
            print(f"{name}: passed in {time.monotonic() - started:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
