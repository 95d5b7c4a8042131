# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Debian packages: only the missing ones, and without starting the services they bring."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .process import SandboxError, run
from .progress import Progress

# What is run (etcd, containerd, …), what that needs in turn (runc, network plugins, iptables, conntrack), and what
# builds images (mmdebstrap, busybox-static).
NEEDED = (
    "busybox-static",
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    "docker-registry",
    "etcd-server",
    "iproute2",
    "iptables",
    "mmdebstrap",
    "runc",
)
POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_TEXT = "#!/bin/sh\n# Written by the mlops.ack sandbox: packages it installs must not start services.\nexit 101\n"
DENIED = 101  # policy-rc.d's exit code for "do not start" (Debian policy-rc.d specification)


def installed(dpkg_status: str) -> set[str]:
    """Package names in the output of `dpkg-query -W -f '${Package} ${db:Status-Status}\\n'`."""
    rows = (line.split() for line in dpkg_status.splitlines())
    return {row[0] for row in rows if row[1:] == ["installed"]}


def missing() -> list[str]:
    found = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *NEEDED],
        capture_output=True,
        text=True,
        check=False,  # it fails when one is unknown, and still prints the others
    )
    return sorted(set(NEEDED) - installed(found.stdout))


def install(report: Progress) -> bool:
    """Install what is missing. Returns whether anything was."""
    wanted = missing()
    if not wanted:
        return False
    report(f"installing Debian packages: {' '.join(wanted)}")
    apt = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"]
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}
    with report.during(lambda: "installing Debian packages"), services_stay_down():
        run([*apt, "update"], env=quiet, timeout_s=300)
        run([*apt, "install", "-y", "--no-install-recommends", *wanted], env=quiet, timeout_s=600)
    if left := missing():
        raise SandboxError(f"apt-get reported success, but these packages are missing: {' '.join(left)}.")
    return True


@contextmanager
def services_stay_down(policy: Path = POLICY) -> Iterator[None]:
    """While the body runs, packages do not start services: asks policy-rc.d to say no, unless it does already.

    An own policy of the machine is kept aside and put back; if we are killed meanwhile, the next call puts it back.
    """
    kept = policy.with_name(f"{policy.name}.mlops-ack-kept")
    if kept.exists():
        kept.replace(policy)
    elif policy.exists() and policy.read_text() == POLICY_TEXT:
        policy.unlink()  # ours, from a run that was killed
    if _denies(policy):
        yield
        return
    if policy.exists():
        policy.replace(kept)
    policy.write_text(POLICY_TEXT)
    policy.chmod(0o755)
    try:
        yield
    finally:
        if kept.exists():
            kept.replace(policy)
        else:
            policy.unlink(missing_ok=True)


def _denies(policy: Path) -> bool:
    if not os.access(policy, os.X_OK):
        return False
    answer = subprocess.run([policy, "containerd", "start"], capture_output=True, timeout=10, check=False)
    return answer.returncode == DENIED
