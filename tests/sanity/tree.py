"""A copy of the checkout as the collection it is, without what a checkout gathers over time."""

from __future__ import annotations

import fnmatch
import shutil
import subprocess
from pathlib import Path

import yaml

REPO = Path(__file__).resolve().parents[2]


def copy(collections: Path) -> Path:
    """`collections`/ansible_collections/mlops/ack with what git knows or would, less what is never shipped."""
    galaxy = yaml.safe_load((REPO / "galaxy.yml").read_text())
    place = collections / "ansible_collections" / galaxy["namespace"] / galaxy["name"]
    shutil.rmtree(collections, ignore_errors=True)
    for path in sorted(_known()):
        if not any(fnmatch.fnmatch(path.parts[0], pattern) for pattern in galaxy["build_ignore"]):
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPO / path, place / path, follow_symlinks=False)
    return place


def _known() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPO,
        check=True,
        capture_output=True,
        text=True,
    )
    known = {Path(name) for name in listed.stdout.split("\0") if name}
    return [path for path in known if (REPO / path).is_file()]
