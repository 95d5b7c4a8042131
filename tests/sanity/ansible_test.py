"""ansible-test sanity on a copy of the checkout, with every Python that is here; needs no network after the first time.

    python -m tests.sanity.ansible_test [--test pylint ...]

ansible-test fetches a script get-pip from a server that is no package registry. One that unpacks the pip which every
Python carries stands in for it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from tests.sanity.tree import copy

CACHE = Path(os.environ["MLOPS_ACK_CACHE"]) / "ansible-test"
HOME, BIN = CACHE / "home", CACHE / "bin"
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
SYSTEM = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
USABLE = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2], sys._base_executable)"


def main(arguments: list[str]) -> int:
    HOME.mkdir(parents=True, exist_ok=True)
    stand_in_for_get_pip()
    configure_pip()
    found = link_programs()
    print(f"ansible-test sanity with Python {', '.join(found)}", flush=True)
    tree = copy(CACHE / "collections")
    environment = {
        "HOME": str(HOME),
        "LC_ALL": "C.UTF-8",
        "PATH": os.pathsep.join([str(BIN), str(Path(sys.executable).parent), *SYSTEM]),
    }
    ran = subprocess.run(
        ["ansible-test", "sanity", "--local", "--color", "no", *arguments],
        cwd=tree,
        env=environment,
        executable=Path(sys.executable).with_name("ansible-test"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(ran.stdout if ran.returncode else summary(ran.stdout), end="")
    return ran.returncode


def stand_in_for_get_pip() -> None:
    from ansible_test._internal import python_requirements

    version = re.search(r"pip='([0-9.]+)'", Path(python_requirements.__file__).read_text())
    assert version, "ansible-test no longer names the pip that it wants"
    script = HOME / f".ansible/test/cache/get_pip_{version[1].replace('.', '_')}.py"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text("import ensurepip\n\nensurepip.bootstrap()\n")


def configure_pip() -> None:
    """Index, proxy and certificates of the caller, for whom ansible-test clears the environment."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout
    settings = {}
    for line in listed.splitlines():
        name, _equals, value = line.partition("=")
        settings[name.rpartition(".")[2]] = shlex.split(value)[0]
    for variable in ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        if variable in os.environ:
            settings.setdefault("cert", os.environ[variable])
    file = HOME / ".config/pip/pip.conf"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text("\n".join(["[global]", *(f"{name} = {value}" for name, value in settings.items()), ""]))


def link_programs() -> list[str]:
    """In BIN: shellcheck, and each Python that can make a virtual environment. A version manager's shims may not."""
    shutil.rmtree(BIN, ignore_errors=True)
    BIN.mkdir(parents=True)
    if shellcheck := shutil.which("shellcheck"):
        (BIN / "shellcheck").symlink_to(shellcheck)
    found = []
    managed = [str(path) for path in Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/*/bin")]
    path = os.pathsep.join([*os.environ["PATH"].split(os.pathsep), *managed])
    for version in VERSIONS:
        for folder in path.split(os.pathsep):
            python = Path(folder) / f"python{version}"
            if python.exists() and (real := real_python(python, version)):
                (BIN / python.name).symlink_to(real)
                found.append(version)
                break
    return found


def real_python(python: Path, version: str) -> str:
    told = subprocess.run([python, "-c", USABLE], capture_output=True, text=True, check=False).stdout.split()
    return told[1] if len(told) == 2 and told[0] == version else ""


def summary(output: str) -> str:
    """What a passed run says: how many tests, and which could not run here."""
    tests = re.findall(r'^Running sanity test "([\w-]+)"', output, re.M)
    absent = re.findall(r"^WARNING: (Required program .*|Skipping .*)$", output, re.M)
    lines = [f"  {line}" for line in dict.fromkeys(absent)]
    return "\n".join([*lines, f"{len(set(tests))} sanity tests passed, none ignored", ""])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
