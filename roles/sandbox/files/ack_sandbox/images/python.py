# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Layers of Python packages: wheels from the package index, pinned in `packages/*.txt`, made small and precompiled."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from ..process import run
from .cache import LayerCache
from .layer import Layer, unpack

PACKAGES = Path(__file__).parent / "packages"
SITE = "usr/local/lib/python3.11/dist-packages"  # where Debian's Python looks without being told
# Headers serve to compile extensions against TensorFlow, test folders its own developers: a third of its files.
UNUSED = ("tensorflow/include", "*/tests", "numpy/*/tests", "numpy/*/*/tests", "bin")
STRIP_ABOVE_BYTES = 1 << 20


def packages_layer(cache: LayerCache, name: str, root_file_system: Layer) -> Layer:
    """The packages of `packages/<name>.txt` as a layer over a root file system with Python."""
    pins = (PACKAGES / f"{name}.txt").read_text()

    def fill(root: Path) -> None:
        cache.report(f"{name}: download of {len(pinned(pins))} Python packages")
        unpack(root_file_system.path, root)
        install(root / SITE, PACKAGES / f"{name}.txt")
        cache.report(f"{name}: symbol tables and headers removed, modules compiled")
        shrink(root / SITE)
        compile_python(root, f"/{SITE}")

    return cache.get(name, {"pins": pinned(pins), "unused": UNUSED, "python": "3.11"}, fill, subtree=SITE)


def pinned(text: str) -> list[str]:
    """The requirements of a lock file, without comments and empty lines."""
    return sorted(line for raw in text.splitlines() if (line := raw.partition("#")[0].strip()))


def install(target: Path, requirements: Path) -> None:
    """Unpack exactly these wheels, made for Python 3.11, whichever Python runs this."""
    target.mkdir(parents=True, exist_ok=True)
    wheels = ["--implementation", "cp", "--python-version", "3.11", "--only-binary", ":all:", "--no-deps"]
    quiet = ["--quiet", "--disable-pip-version-check", "--root-user-action", "ignore", "--no-compile"]
    run(
        [sys.executable, "-m", "pip", "install", *wheels, *quiet, "--target", target, "--requirement", requirements],
        timeout_s=1200,
    )


def shrink(site: Path) -> None:
    """Remove what no program reads at run time. Stripping only drops symbol tables: a quarter of TensorFlow's bytes."""
    for pattern in UNUSED:
        for path in site.glob(pattern):
            shutil.rmtree(path)
    for library in sorted((site / "tensorflow").rglob("*.so*")):
        if library.stat().st_size > STRIP_ABOVE_BYTES and not library.is_symlink():
            run(["strip", "--strip-unneeded", library], timeout_s=300)


def compile_python(root: Path, folder: str) -> None:
    """Write .pyc files that hold no time stamp, by the image's own interpreter, so that containers need not.

    Without them each new container compiles some 2,500 modules before TensorFlow is imported.
    """
    flags = ["-q", "--invalidation-mode", "unchecked-hash"]
    run(["chroot", root, "/usr/bin/python3.11", "-m", "compileall", *flags, folder], timeout_s=600)
