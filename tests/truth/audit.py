"""A user of a cluster of a test's own, and what the API server has on record of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

WRITES = ("create", "update", "patch", "delete", "deletecollection")


class User:
    """An administrator whom nobody else is. `kubeconfig` is its file."""

    def __init__(self, sandbox: dict[str, Any], namespace: str, folder: Path) -> None:
        self.name = f"system:serviceaccount:{namespace}:truth"
        self.kubeconfig = folder / f"{namespace}.kubeconfig"
        self._kubectl = [
            str(Path(sandbox["bin"]) / "kubectl"),
            *("--kubeconfig", sandbox["kubeconfigs"]["prod"], "--namespace", namespace),
        ]
        self._log = Path(sandbox["state"]) / "clusters/prod/log/audit.log"
        self._begin = self._log.stat()

    def kubectl(self, *words: str) -> str:
        return subprocess.run([*self._kubectl, *words], check=True, capture_output=True, text=True, timeout=120).stdout

    def writes(self, begin: float, end: float) -> list[str]:
        """What it wrote between two moments, in seconds since the epoch. A dry run writes nothing, and neither does a
        request that is handed on to a pod.
        """
        found = []
        for event in self._events():
            place = event.get("objectRef") or {}
            told = (place.get("resource"), place.get("subresource"), place.get("name"))
            when = datetime.fromisoformat(event["requestReceivedTimestamp"]).timestamp()
            is_write = event["verb"] in WRITES and "dryRun" not in event["requestURI"]
            if begin <= when <= end and is_write and event["user"]["username"] == self.name and told[1] != "proxy":
                found.append(f"{event['verb']} {'/'.join(filter(None, told))}")
        return found

    def _events(self) -> Iterator[dict[str, Any]]:
        """Also of a file that was full meanwhile, and got another name."""
        files = [path for path in self._log.parent.glob("audit*.log") if path.stat().st_mtime >= self._begin.st_mtime]
        for path in sorted(files, key=lambda path: path.stat().st_mtime):
            with path.open("rb") as file:
                if path.stat().st_ino == self._begin.st_ino:
                    file.seek(self._begin.st_size)
                for line in file:
                    if self.name.encode() in line and line.endswith(b"\n"):
                        yield json.loads(line)


@contextmanager
def own_user(sandbox: dict[str, Any], namespace: str, folder: Path) -> Iterator[User]:
    """One with its own namespace, as long as the block lasts."""
    user = User(sandbox, namespace, folder)
    binding = ["clusterrolebinding", namespace]
    user.kubectl("create", "namespace", namespace)
    try:
        user.kubectl("create", "serviceaccount", "truth")
        user.kubectl("create", *binding, "--clusterrole=cluster-admin", f"--serviceaccount={namespace}:truth")
        config = yaml.safe_load(Path(sandbox["kubeconfigs"]["prod"]).read_text())
        config["users"][0]["user"] = {"token": user.kubectl("create", "token", "truth", "--duration=8h").strip()}
        user.kubeconfig.touch(mode=0o600)
        user.kubeconfig.write_text(yaml.safe_dump(config))
        yield user
    finally:
        user.kubectl("delete", *binding, "--ignore-not-found")
        user.kubectl("delete", "namespace", namespace, "--wait=false")
