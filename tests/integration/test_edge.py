"""An edge site on a real cluster of its own: it serves on without its API server and its registry."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oss2
import pytest

from ansible_collections.mlops.ack.plugins.module_utils._serving.endpoint import Request
from tests.conftest import REPO
from tests.integration.conftest import PLAYBOOK, STATE, RunTasks, ansible_environment
from tests.integration.simulated import KEY, Simulator
from tests.integration.test_tfserving import ENDPOINTS, Clients

pytestmark = pytest.mark.sandbox

HOST = "digits.plant-7.test"
SMALL = {"requests": {"cpu": "20m", "memory": "200Mi"}, "limits": {"memory": "1Gi"}}
# What a pod holds on to: a change of any of these is a restart.
Life = dict[str, tuple[str, list[tuple[str, int, str]]]]


def until(true: Any, timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.3)


def is_ready(pod: dict[str, Any]) -> bool:
    return {"type": "Ready", "status": "True"}.items() <= next(
        (each for each in pod["status"].get("conditions", []) if each["type"] == "Ready"), {}
    ).items()


class Edge:
    """A cloud of its own, with the sandbox's edge cluster behind its cluster of profile Edge."""

    def __init__(self, folder: Path, sandbox: dict[str, Any]) -> None:
        self.folder, self._sandbox = folder, sandbox
        self.serves: dict[str, Any] = {}  # what was last released, besides the usual predictor
        self.kubeconfig, self.script = folder / "kubeconfig", folder / "attach-plant-7.sh"
        self._environment = {**os.environ, "PYTHONPATH": str(REPO / "roles/sandbox/files")}
        (folder / "credentials.json").write_text(json.dumps(KEY))
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "simulator", "--state", str(folder / "simulator"), "--time-factor", "0.1"),
                *("--cs", "127.0.0.1:0", "--oss", "127.0.0.1:0", "--credentials", str(folder / "credentials.json")),
                *("--driver", f"{sys.executable} -m ack_sandbox cluster"),
                *("--kubeconfigs", str(STATE / "clusters/{name}/admin.kubeconfig")),
            ],
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
        )

    def open(self) -> None:
        assert self._process.stdout
        self.cloud = Simulator(self.folder, *re.findall(r"http://[0-9.:]+", self._process.stdout.readline()))
        self.golden = self._copy_version()

    def _copy_version(self) -> dict[str, Any]:
        """The record of the version that quickstart saved, into this cloud's bucket. Returns its golden request."""
        key, there = "mlops/models/digits/versions/1/version.json", self._sandbox["oss"]
        auth = oss2.AuthV4(there["access_key_id"], there["access_key_secret"])
        record = oss2.Bucket(auth, there["oss_endpoint"], "ml-sandbox", region=there["region"]).get_object(key).read()
        auth = oss2.AuthV4(KEY["access_key_id"], KEY["access_key_secret"])
        own = oss2.Bucket(auth, self.cloud.oss_url, "ml-edge", region="cn-hangzhou")
        own.create_bucket("private")
        own.put_object(key, record)
        golden: dict[str, Any] = json.loads(record)["golden"]["request"]
        return golden

    def variables(self, **more: Any) -> dict[str, Any]:
        """What differs from inventories/edge."""
        predictor = {"name": "plant-7", "modelVersion": "digits-v1", "replicas": 1, "site": "plant-7"}
        return {
            "mlops_cs": self.cloud.cs,
            "mlops_oss": self.cloud.oss,
            "mlops_store": {"bucket": "ml-edge", "prefix": "mlops"},
            "mlops_kubeconfig": str(self.kubeconfig),
            "mlops_reports": str(self.folder),
            "serving_image": self._sandbox["images"]["serving"],
            "serving_route": {"gateway": {"name": "contour", "namespace": "projectcontour"}, "hostnames": [HOST]},
            "serving_endpoint": ENDPOINTS["edge"],
            "serving_verify_requests": 100,
            "serving_wait_timeout": 240,
            "serving_predictors": [{**predictor, "resources": SMALL, **self.serves, **more}],
        }

    @property
    def log(self) -> Path:
        return self.folder / "log.txt"

    def start(self, **more: Any) -> subprocess.Popen[str]:
        (self.folder / "variables.json").write_text(json.dumps(self.variables(**more)))
        command = [str(PLAYBOOK), "-i", str(REPO / "inventories/edge"), "mlops.ack.edge", "-v"]
        return subprocess.Popen(
            [*command, "-e", f"@{self.folder}/variables.json"],
            env=ansible_environment(ANSIBLE_CONFIG=str(REPO / "ansible.cfg")),
            stdin=subprocess.DEVNULL,
            stdout=self.log.open("w"),
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, **more: Any) -> tuple[int, str]:
        """(exit code, what it said in one line)."""
        code = self.start(**more).wait(900)
        return code, " ".join(self.log.read_text().split())

    def cluster(self, *words: str) -> None:
        """A command of the sandbox for the edge cluster."""
        command = [sys.executable, "-m", "ack_sandbox", "cluster", words[0], "edge", *words[1:]]
        subprocess.run(command, env=self._environment, check=True, capture_output=True, timeout=180)

    def kubectl(self, *words: str) -> str:
        command = [f"{self._sandbox['bin']}/kubectl", "--kubeconfig", self._sandbox["kubeconfigs"]["edge"], *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout

    def pods(self, *words: str) -> list[dict[str, Any]]:
        return list(json.loads(self.kubectl("get", "pods", "-o", "json", *words))["items"])

    def predictors(self) -> list[dict[str, Any]]:
        return self.pods("-n", "serving", "-l", "app.kubernetes.io/instance=digits")

    def life(self) -> Life:
        """Of each pod that runs: its uid; of its containers name, restarts and start."""
        return {
            f"{pod['metadata']['namespace']}/{pod['metadata']['name']}": (
                pod["metadata"]["uid"],
                [
                    (
                        each["name"],
                        each["restartCount"],
                        each["state"].get("running", {}).get("startedAt", "not running"),
                    )
                    for each in pod["status"]["containerStatuses"]
                ],
            )
            for pod in self.pods("--all-namespaces")
            if pod["status"]["phase"] == "Running" and pod["metadata"]["namespace"] != "kube-system"
        }

    def clients(self) -> Clients:
        return Clients(Request(ENDPOINTS["edge"], HOST, "/v1/models/digits:predict", self.golden))

    @contextlib.contextmanager
    def without_api(self) -> Iterator[None]:
        self.cluster("halt")
        try:
            yield
        finally:
            self.cluster("resume")
            until(self._answers)

    def _answers(self) -> bool:
        with contextlib.suppress(subprocess.CalledProcessError):
            return self.kubectl("get", "--raw", "/readyz") == "ok"
        return False

    @contextlib.contextmanager
    def without_registry(self) -> Iterator[None]:
        rule = ["OUTPUT", "-p", "tcp", "--dport", "5000", "-j", "REJECT"]
        node = ["ip", "netns", "exec", "ack-edge", "iptables"]
        subprocess.run([*node, "-I", *rule], check=True)
        try:
            yield
        finally:
            subprocess.run([*node, "-D", *rule], check=True)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        self.cluster("down", "--purge")


@pytest.fixture(scope="module")
def edge(sandbox: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    made = Edge(tmp_path_factory.mktemp("edge"), sandbox)
    try:
        made.open()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def site(edge: Edge) -> Edge:
    """The playbook run until it asks for a machine, the machine joined, the playbook run to its end."""
    code, said = edge.run()
    assert code == 2 and f"No machine of site plant-7 has joined. Run {edge.script} as root on it" in said, said[-3000:]
    assert edge.script.stat().st_mode & 0o777 == 0o600
    (token,) = re.findall(r'data=b"(\w+)"', edge.script.read_text())
    assert token not in said
    subprocess.run(["sh", edge.script], check=True, capture_output=True, timeout=120)
    code, said = edge.run()
    assert code == 0, said[-6000:]
    return edge


def test_a_site_is_made_by_running_the_playbook_and_the_script_and_a_second_run_changes_nothing(site: Edge) -> None:
    (node,) = json.loads(site.kubectl("get", "nodes", "-l", "mlops.ack/site=plant-7", "-o", "json"))["items"]
    assert node["metadata"]["annotations"]["node.beta.openyurt.io/autonomy"] == "true"
    assert not site.script.exists(), "a machine has joined, so nobody needs the token"
    (ahead,) = site.pods("-n", "serving", "-l", "app.kubernetes.io/name=pull-ahead")
    (serving,) = site.predictors()
    used = {each["image"] for kind in ("initContainers", "containers") for each in serving["spec"][kind]}
    assert used == {each["image"] for each in ahead["spec"]["containers"]}
    before, since = site.life(), site.cloud.last
    code, said = site.run()
    assert code == 0 and "changed=0" in said, said[-3000:]
    assert site.life() == before and site.cloud.writes(since) == []


def test_a_release_that_waits_goes_on_when_the_api_server_returns(site: Edge) -> None:
    slow = {"name": "model", "command": ["sh", "-c", "sleep 15; cp -r /models/. /mnt/models/"]}
    with site.clients() as clients:
        release = site.start(template={"spec": {"initContainers": [slow]}})
        until(lambda: len(site.predictors()) == 2)
        with site.without_api():
            time.sleep(8)
            assert release.poll() is None, site.log.read_text()[-3000:]
            assert clients.failed == []
        assert release.wait(600) == 0, site.log.read_text()[-6000:]
    site.serves = {"template": {"spec": {"initContainers": [slow]}}}
    # The gateway may hear of the new route before it hears of its pods: it too was cut off.
    assert len(clients.failed) < len(clients.answers) / 100
    until(lambda: len(site.predictors()) == 1)


def test_a_pod_starts_anew_without_the_registry(site: Edge) -> None:
    (old,) = site.predictors()
    with site.without_registry():
        site.kubectl("delete", "pod", old["metadata"]["name"], "-n", "serving", "--wait=true")
        until(lambda: any(map(is_ready, site.predictors())))
    (new,) = site.predictors()
    assert new["metadata"]["uid"] != old["metadata"]["uid"]


def test_a_site_that_nobody_knows_is_refused_before_anything_is_applied(site: Edge) -> None:
    before = site.life()
    code, said = site.run(site="plant-8")
    assert code == 2 and "Sites with nodes: plant-7" in said, said[-3000:]
    assert site.life() == before


# The last one: after so long a time controllers take up to a minute until they watch again.
def test_predictions_go_on_without_the_api_server_and_nothing_restarts_when_it_returns(
    site: Edge, run_tasks: RunTasks
) -> None:
    look = {"mlops.ack.k8s_info": {"kubeconfig": str(site.kubeconfig), "kind": "Node", "request_timeout": 3}}
    before = site.life()
    assert any(name.startswith("serving/digits-") for name in before)
    with site.clients() as clients:
        with site.without_api():
            answered, cut = len(clients.answers), time.monotonic()
            (failed,) = run_tasks([look])
            code, said = site.run()
            until(lambda: time.monotonic() - cut > 25)  # longer than a lease of the usual leader election
            alone = len(clients.answers) - answered
        time.sleep(15)  # the controllers look at their nodes each 5 s, the kubelet reports each 10 s
    assert alone > 100
    assert clients.failed == []
    assert site.life() == before

    assert failed["failure"]["code"] == "Unreachable" and failed["failure"]["retryable"]
    assert code == 2 and "did not answer" in said, said[-3000:]
    code, said = site.run()
    assert code == 0 and "changed=0" in said, said[-6000:]
    assert site.life() == before
