"""The documentation as a website: the front page, docs/, a page per role, a page per module from its own documentation.

python -m tests.sanity.website FOLDER
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.sanity.tree import REPO

STAGE = Path(os.environ["MLOPS_ACK_CACHE"]) / "site"
BIN = Path(sys.executable).parent
GALAXY = yaml.safe_load((REPO / "galaxy.yml").read_text())
FIRST = ("design-files", "placement", "release", "awx")
LAST = ("architecture", "survives", "faults", "bench", "failures")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")
MARKUP = re.compile(r"\b(?:[OVCIBE]|RV|P|M|HORIZONTALLINE)\(((?:[^()\\]|\\.|\([^()]*\))*)\)")
NAMED_LINK = re.compile(r"\bL\(([^,()]*),\s*([^()]*)\)")


def main(place: Path) -> int:
    source = STAGE / "source"
    shutil.rmtree(source, ignore_errors=True)
    pages = staged()
    for name, text in pages.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    settings = STAGE / "mkdocs.yml"
    settings.write_text(yaml.safe_dump(configuration(source, place, pages), sort_keys=False))
    tools = Path(os.environ["SANITY_BIN"])
    built = subprocess.run(
        [str(tools / "python"), "-m", "mkdocs", "build", "--strict", "--clean", "-f", str(settings)],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if built.returncode:
        wrong = [line for line in built.stdout.splitlines() if not line.startswith("INFO")]
        print("\n".join(wrong))
    else:
        print(f"{len(pages)} pages: {place}/index.html")
    return built.returncode


def staged() -> dict[str, str]:
    """Every page by its name in the site, with links that lead to pages of it, or to the repository."""
    origins = {REPO / "README.md": "index.md"}
    origins |= {path: path.name for path in sorted((REPO / "docs").glob("*.md"))}
    origins |= {path: f"roles/{path.parent.name}.md" for path in sorted((REPO / "roles").glob("*/README.md"))}
    pages = {name: relinked(path, name, origins) for path, name in origins.items()}
    return pages | modules()


def relinked(path: Path, name: str, origins: dict[Path, str]) -> str:
    def lead(found: re.Match[str]) -> str:
        target = (path.parent / found[1]).resolve()
        if target in origins:
            return f"]({os.path.relpath(origins[target], Path(name).parent)}{found[2] or ''})"
        if target.exists():
            return f"]({GALAXY['repository']}/tree/main/{target.relative_to(REPO)})"
        return found[0]  # a broken link: the strict build names it

    return LINK.sub(lead, path.read_text())


def modules() -> dict[str, str]:
    names = [f"mlops.ack.{path.stem}" for path in sorted((REPO / "plugins/modules").glob("*.py"))]
    told = subprocess.run(
        [str(BIN / "ansible-doc"), "--json", "--type", "module", *names], check=True, capture_output=True, text=True
    )
    documented = json.loads(told.stdout)
    return {f"modules/{name.rpartition('.')[2]}.md": module_page(name, documented[name]) for name in names}


def module_page(name: str, page: dict[str, Any]) -> str:
    doc = page["doc"]
    lines = [f"# {name}", "", plain(doc["short_description"]) + ".", ""]
    lines += [f"- {plain(each)}" for each in doc["description"]]
    lines += ["", "## Options", "", "| option | type | default | meaning |", "|---|---|---|---|", *rows(doc["options"])]
    lines += ["", "## Examples", "", "```yaml", (page["examples"] or "").strip(), "```"]
    lines += ["", "## Returned", "", "| key | type | returned | meaning |", "|---|---|---|---|"]
    for key, value in (page["return"] or {}).items():
        kind, when = value.get("type", ""), plain(str(value.get("returned", "")))
        lines.append(f"| `{key}` | {kind} | {when} | {cell(value['description'])} |")
    return "\n".join(lines) + "\n"


def rows(options: dict[str, Any], above: str = "") -> list[str]:
    found = []
    for name, option in sorted(options.items()):
        kind = option.get("type", "str") + (f" of {option['elements']}" if "elements" in option else "")
        default = "required" if option.get("required") else f"`{option['default']}`" if "default" in option else ""
        choices = [f"One of {', '.join(f'`{each}`' for each in option['choices'])}."] if option.get("choices") else []
        meaning = cell([*listed(option["description"]), *choices])
        found.append(f"| `{above}{name}` | {kind} | {default} | {meaning} |")
        found += rows(option.get("suboptions") or {}, f"{above}{name}.")
    return found


def listed(text: str | list[str]) -> list[str]:
    return text if isinstance(text, list) else [text]


def cell(text: str | list[str]) -> str:
    return plain(" ".join(listed(text))).replace("|", "\\|").replace("\n", " ")


def plain(text: str) -> str:
    """Ansible's markup as Markdown."""
    linked = NAMED_LINK.sub(r"[\1](\2)", text)
    return MARKUP.sub(lambda found: f"`{found[1].partition('#')[0]}`", linked)


def title(path: str, text: str) -> str:
    heading = re.search(r"^# (.+)$", text, re.M)
    return heading[1].removeprefix("mlops.ack.") if heading else Path(path).stem


def configuration(source: Path, place: Path, pages: dict[str, str]) -> dict[str, Any]:
    def entry(name: str) -> dict[str, str]:
        return {title(name, pages[name]): name}

    top = [name for name in pages if "/" not in name and name != "index.md"]
    rank = {f"{name}.md": number for number, name in enumerate(FIRST)}
    rank |= {f"{name}.md": 1000 + number for number, name in enumerate(LAST)}
    top.sort(key=lambda name: (rank.get(name, 500), name))
    return {
        "site_name": "mlops.ack",
        "repo_url": GALAXY["repository"],
        "docs_dir": str(source),
        "site_dir": str(place.resolve()),
        "theme": {"name": "material", "font": False, "features": ["navigation.sections", "content.code.copy"]},
        "plugins": ["search"],
        "markdown_extensions": ["admonition", "tables", "pymdownx.superfences", "pymdownx.highlight"],
        "validation": {"links": {"not_found": "warn", "anchors": "warn", "unrecognized_links": "warn"}},
        "nav": [
            {"Overview": "index.md"},
            *(entry(name) for name in top if rank.get(name, 500) < 1000),
            {"Roles": [entry(name) for name in pages if name.startswith("roles/")]},
            {"Modules": [entry(name) for name in pages if name.startswith("modules/")]},
            *(entry(name) for name in top if rank.get(name, 500) >= 1000),
        ],
    }


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
