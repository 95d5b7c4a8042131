# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Charts: where they are, which version, and a digest for those that can change without a new version."""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .._core.documents import document
from .._core.failure import Failure


class Metadata(NamedTuple):
    """Chart.yaml. `digest`: of a local chart's files, or of the reference; empty for others."""

    name: str
    version: str
    app_version: str
    digest: str = ""


class Chart(NamedTuple):
    """How helm finds it. `reference`: a path, oci://..., https://... or a name in `repo_url` or in a known repository.
    `version`: exact, a range, or empty for the newest.
    """

    reference: str
    version: str = ""
    repo_url: str = ""
    plain_http: bool = False

    @property
    def is_local(self) -> bool:
        if self.repo_url or "://" in self.reference:
            return False
        return self.reference.startswith(("/", ".", "~")) or Path(self.reference).exists()

    @property
    def path(self) -> Path:
        return Path(self.reference).expanduser().absolute()

    @property
    def name(self) -> str:
        """The chart's name, as far as the reference tells."""
        last = self.reference.partition("@")[0].rstrip("/").rpartition("/")[2]
        return re.sub(r"-\d+\.\d+\.\d+.*\.tgz$", "", last.partition(":")[0])

    @property
    def digest(self) -> str:
        """The digest that the reference itself names."""
        return self.reference.partition("@")[2]

    @property
    def is_exact(self) -> bool:
        return bool(re.fullmatch(r"v?\d+\.\d+\.\d+([-+].*)?", self.version))

    @property
    def arguments(self) -> list[str]:
        """The chart on helm's command line."""
        words = [str(self.path) if self.is_local else self.reference]
        words += ["--repo", self.repo_url] if self.repo_url else []
        words += ["--version", self.version] if self.version and not self.is_local else []
        return words + (["--plain-http"] if self.plain_http and self.reference.startswith("oci://") else [])


def parse(text: str, digest: str = "") -> Metadata:
    """Raises Failure `InvalidChart`."""
    try:
        data: Any = document(text)
        return Metadata(data["name"], str(data["version"]), str(data.get("appVersion") or ""), digest)
    except (ValueError, KeyError, TypeError) as error:
        raise Failure(
            "InvalidChart", f"Chart.yaml has no name and version ({type(error).__name__}: {error})."
        ) from error


def read_local(chart: Chart) -> Metadata:
    """Metadata and digest of a chart folder or package. Raises Failure `ChartNotFound`, `InvalidChart`."""
    path = chart.path
    if not path.exists():
        raise Failure("ChartNotFound", f"There is no chart at {path}.", resource=f"chart/{path}", hint="Correct chart.")
    try:
        files = dict(sorted(_folder(path) if path.is_dir() else _package(path)))
    except (tarfile.TarError, OSError) as error:
        raise Failure("InvalidChart", f"{path} is no chart package: {error}.", resource=f"chart/{path}") from error
    if "Chart.yaml" not in files:
        raise Failure("InvalidChart", f"{path} has no Chart.yaml.", resource=f"chart/{path}", hint="Correct chart.")
    digest = hashlib.sha256()
    for name, data in files.items():
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    metadata = parse(files["Chart.yaml"].decode(errors="replace"), f"sha256:{digest.hexdigest()}")
    if chart.version and chart.version.removeprefix("v") != metadata.version.removeprefix("v"):
        raise Failure(
            "ChartVersion",
            f"The chart at {path} has version {metadata.version}, wanted is {chart.version}.",
            resource=f"chart/{path}",
            hint="Correct version, or leave it out for a chart that lies in a folder.",
        )
    return metadata


def _folder(path: Path) -> Iterator[tuple[str, bytes]]:
    for file in path.rglob("*"):
        name = file.relative_to(path).as_posix()
        if file.is_file() and not name.startswith(".git/"):
            yield name, file.read_bytes()


def _package(path: Path) -> Iterator[tuple[str, bytes]]:
    """The files below the package's one top folder."""
    with tarfile.open(path) as package:
        for member in package:
            data = package.extractfile(member) if member.isfile() else None
            if data:
                yield member.name.partition("/")[2], data.read()


def resolve(chart: Chart, show: Callable[[Chart], str]) -> Metadata:
    """What the reference is now; `show` gives the Chart.yaml of what is not local."""
    return read_local(chart) if chart.is_local else parse(show(chart), chart.digest)
