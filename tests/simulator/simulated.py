"""A simulator in a process of its own, and the official SDKs pointed at it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import oss2
from alibabacloud_cs20151215.client import Client
from alibabacloud_tea_openapi.models import Config

FILES = Path(__file__).resolve().parents[2] / "roles/sandbox/files"
KEY_ID, SECRET, REGION = "LTAItest", "test-secret", "cn-hangzhou"
FAST, SLOW = 0.04, 0.3  # time factors: stages of 12 ms, and of 90 ms where a test must see what is between


class Simulator:
    """One process; `start` again after `kill` goes on with the same state."""

    def __init__(self, folder: Path, *options: str, time_factor: float = FAST) -> None:
        self.folder = folder
        self.state = folder / "state"
        self._options = ("--time-factor", str(time_factor), *options)
        self.start()

    def start(self) -> None:
        credentials = self.folder / "credentials.json"
        credentials.write_text(json.dumps({"access_key_id": KEY_ID, "access_key_secret": SECRET}))
        addresses = ("--cs", "127.0.0.1:0", "--oss", "127.0.0.1:0")
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "simulator", "--state", str(self.state), *addresses),
                *("--credentials", str(credentials), *self._options),
            ],
            env={**os.environ, "PYTHONPATH": str(FILES)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        self.cs_url, self.oss_url = re.findall(r"http://[0-9.:]+", self._process.stdout.readline())

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def stop(self) -> int:
        self._process.terminate()
        return self._process.wait(10)

    def peak_memory(self) -> int:
        """The most memory that the process ever had, in bytes."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found
        return int(found.group(1)) * 1024

    def cs(self, key_id: str = KEY_ID, secret: str = SECRET) -> Client:
        address = self.cs_url.removeprefix("http://")
        config = Config(
            access_key_id=key_id, access_key_secret=secret, region_id=REGION, endpoint=address, protocol="HTTP"
        )
        return Client(config)

    def bucket(self, name: str, key_id: str = KEY_ID, secret: str = SECRET, region: str = REGION) -> oss2.Bucket:
        return oss2.Bucket(oss2.AuthV4(key_id, secret), self.oss_url, name, region=region)

    def oss(self) -> oss2.Service:
        return oss2.Service(oss2.AuthV4(KEY_ID, SECRET), self.oss_url, region=REGION)

    def faults(self, *rules: dict[str, Any]) -> None:
        self.control("PUT", "faults", list(rules))

    def control(self, method: str, name: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.cs_url}/__simulator__/{name}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.control("GET", f"requests?since={since}")["requests"]
        return found

    @property
    def last(self) -> int:
        return int(self.control("GET", "requests?since=999999999")["last"])


def new_name() -> str:
    return f"t-{uuid.uuid4().hex[:12]}"


def until(read: Callable[[], Any], wanted: Callable[[Any], bool], timeout_s: float = 5.0) -> Any:
    """Read until the answer is the wanted one. Fails with the last answer."""
    end = time.monotonic() + timeout_s
    while not wanted(found := read()):
        assert time.monotonic() < end, f"still {found!r} after {timeout_s} s"
        time.sleep(0.01)
    return found


def task_ends(cs: Client, task_id: str, state: str = "success") -> Any:
    """The task's body once it is no longer running, which must be in this state."""
    body = until(lambda: cs.describe_task_info(task_id).body, lambda task: task.state not in ("running", "paused"))
    assert body.state == state, body.to_map()
    return body


def cluster_is(cs: Client, cluster_id: str, state: str) -> Any:
    return until(lambda: cs.describe_cluster_detail(cluster_id).body, lambda cluster: cluster.state == state)


def wanted_cluster(name: str, **more: Any) -> dict[str, Any]:
    """The body of CreateCluster."""
    required = {"cluster_type": "ManagedKubernetes", "region_id": REGION, "vpcid": "vpc-1", "vswitch_ids": ["vsw-1"]}
    return {"name": name, "kubernetes_version": "1.34.4-aliyun.1", **required, **more}
