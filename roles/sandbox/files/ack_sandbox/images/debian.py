# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The layers made of Debian packages: a small root file system with Python, and busybox alone."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..process import run
from .cache import LayerCache, file_digest
from .layer import Layer, unpack
from .python import compile_python

SUITE = "bookworm"
# What TensorFlow's wheels link to, and a shell for whoever looks around inside.
PACKAGES = (
    "base-files",
    "busybox-static",
    "ca-certificates",
    "libpython3.11-stdlib",
    "libstdc++6",
    "python3-minimal",
    "python3.11",
    "tzdata",
)
UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian", "boot")
STANDARD_LIBRARY = "/usr/lib/python3.11"
HOST_BUSYBOX = Path("/bin/busybox")  # Debian's busybox-static, which the sandbox installs


def root_layer(cache: LayerCache) -> Layer:
    """Debian with Python 3.11 and busybox's commands: packages unpacked but not configured, which no daemon misses."""

    def fill(root: Path) -> None:
        archive = root.parent / "packages.tar"
        cache.report(f"root file system: Debian {SUITE} with Python 3.11")
        run(
            ["mmdebstrap", "--quiet", "--variant=extract", f"--include={','.join(PACKAGES)}", SUITE, archive],
            env={"SOURCE_DATE_EPOCH": "0"},
            timeout_s=600,
        )
        unpack(archive, root)
        for unused in UNUSED:
            shutil.rmtree(root / unused, ignore_errors=True)
        _link_commands(root)
        _add_accounts(root)
        compile_python(root, STANDARD_LIBRARY)

    return cache.get("debian-python", {"suite": SUITE, "packages": PACKAGES, "unused": UNUSED}, fill)


def prometheus_layer(cache: LayerCache) -> Layer:
    """Debian's Prometheus, unpacked: one binary, and what its web pages need of it."""

    def fill(root: Path) -> None:
        work = root.parent
        run(["apt-get", "update", "-qq"], timeout_s=300)
        run(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", "prometheus"], cwd=work, timeout_s=300)
        (package,) = work.glob("prometheus_*.deb")
        run(["dpkg-deb", "--extract", package, root], timeout_s=120)
        for unused in (*UNUSED, "etc/init.d", "lib", "usr/share"):
            shutil.rmtree(root / unused, ignore_errors=True)

    return cache.get("prometheus", {"suite": SUITE}, fill)


def busybox_layer(cache: LayerCache) -> Layer:
    """One static binary and the names it answers to: the base of model images, which need `cp` and `sh`."""

    def fill(root: Path) -> None:
        (root / "bin").mkdir()
        shutil.copyfile(HOST_BUSYBOX, root / "bin" / "busybox")
        (root / "bin" / "busybox").chmod(0o755)
        _link_commands(root)
        _add_accounts(root)

    return cache.get("busybox", {"busybox": file_digest(HOST_BUSYBOX)}, fill)


def _link_commands(root: Path) -> None:
    """Give every busybox command that no package brought its name in /bin."""
    (folder := root / "bin").mkdir(exist_ok=True)
    taken = {path.name for path in (root / "usr" / "bin").glob("*")}
    for command in run([HOST_BUSYBOX, "--list"]).split():
        link = folder / command
        if command not in taken and not link.is_symlink() and not link.exists():  # "busybox" lists itself
            link.symlink_to("busybox")


def _add_accounts(root: Path) -> None:
    """Without package scripts nobody wrote these files; some programs look up who they run as."""
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
    (root / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
    (root / "tmp").mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)
