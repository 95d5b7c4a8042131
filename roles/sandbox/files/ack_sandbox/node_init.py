# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""PID 1 of a node: make the private mounts, then become supervisord.

`python -m ack_sandbox.node_init FOLDER NODE_NAME CONFIG`, started inside the node's own network, mount, pid, uts
and ipc namespaces.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from . import supervisor


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def main(folder: Path, node_name: str, config: Path) -> None:
    # Pods' volumes propagate between the kubelet and containers; the host sees none of it (unshare made it private).
    mount("--make-rshared", "/")
    socket.sethostname(node_name)
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    for name in ("netns", "lock"):
        Path("/run", name).mkdir()
    mount("--make-shared", "/run")
    # Fixed paths of the kubelet (device plugins, pod logs) and the network plugins.
    mount("--bind", str(folder / "varlib"), "/var/lib")
    mount("--bind", str(folder / "varlog"), "/var/log")
    mount("--bind", str(folder / "hosts"), "/etc/hosts")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")  # of this network namespace alone
    command = supervisor.command(config)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
