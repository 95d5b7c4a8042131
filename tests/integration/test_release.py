"""Releases in steps under load: a real cluster, a real Envoy, each pod's own metrics."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._registry.client import Login, Registry
from ansible_collections.mlops.ack.plugins.module_utils._serving.endpoint import Answer, Connection, Request
from tests.integration.conftest import RunTasks
from tests.integration.test_tfserving import Lab, ok

pytestmark = pytest.mark.sandbox

# As much of TensorFlow Serving as a release asks, with its metrics. Requests with a 9 fail where BROKEN is set; each
# takes SLOW_S.
SERVER = """
import http.server, json, os, threading, time
number = os.environ["VERSION"].rpartition("-v")[2]
broken, slow_s = os.environ.get("BROKEN"), float(os.environ.get("SLOW_S", 0))
lock, counts, bounds = threading.Lock(), {"OK": 0, "INTERNAL": 0}, [10 * 1.8**power for power in range(33)]
buckets, total = [0] * 34, [0.0]
def metrics():
    name, lines, below = ":tensorflow:serving:request_", [], 0
    for status, count in counts.items():
        lines.append(name + 'count{model_name="digits",status="' + status + '"} ' + str(count))
    labels = '{model_name="digits",API="predict",entrypoint="REST"'
    for bound, count in zip([*map(str, bounds), "+Inf"], buckets):
        below += count
        lines.append(name + "latency_bucket" + labels + ',le="' + bound + '"} ' + str(below))
    lines += [name + "latency_sum" + labels + "} " + str(total[0]), name + "latency_count" + labels + "} " + str(below)]
    return "\\n".join(lines) + "\\n"
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    def say(self, text, status=200):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
    def do_GET(self):
        if self.path.startswith("/monitoring"):
            return self.say(metrics())
        state = {"version": number, "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        self.say(json.dumps({"model_version_status": [state]}))
    def do_POST(self):
        started = time.monotonic()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(slow_s)
        bad = broken and b"9" in body
        took = (time.monotonic() - started) * 1e6
        with lock:
            counts["INTERNAL" if bad else "OK"] += 1
            buckets[sum(bound < took for bound in bounds)] += 1
            total[0] += took
        if bad:
            return self.say('{"error": "cannot read a nine"}', 500)
        self.say(json.dumps({"predictions": [{"digit": int(number)}]}))
    def log_message(self, *ignored):
        pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8501), Handler).serve_forever()
"""

RATE, MOST = 40, 6000


class Load:
    """Clients that ask `RATE` times a second, digit after digit, at most `MOST` times."""

    def __init__(self, host: str) -> None:
        self._host, self._stop = host, threading.Event()
        self.answers: list[Answer] = []

    def __enter__(self) -> Load:
        self._threads = [threading.Thread(target=self._ask, args=(start,)) for start in range(2)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, start: int) -> None:
        kept = [
            Connection(Request("http://198.18.0.11", self._host, "/v1/models/digits:predict", {"instances": [[digit]]}))
            for digit in range(start, 10, 2)
        ]
        for number in range(MOST // 2):
            if self._stop.wait(2 / RATE):
                break
            self.answers.append(kept[number % len(kept)].ask(10))
        for connection in kept:
            connection.close()

    @property
    def failed(self) -> list[str]:
        return [f"{answer.version} {answer.error}" for answer in self.answers if answer.error]

    def versions(self) -> Counter[str]:
        return Counter(answer.version for answer in self.answers)


class ReleaseLab(Lab):
    def predictor(self, name: str, number: int, share: int | None = None, **more: Any) -> dict[str, Any]:
        """`env`: variables of the server."""
        env = more.pop("env", {})
        entry = super().predictor(name, number, share, **more)
        server = entry["template"]["spec"]["containers"][0]
        server["command"][-1] = SERVER
        version = {"fieldRef": {"fieldPath": "metadata.labels['mlops.ack/model-version']"}}
        server["env"] = [{"name": "VERSION", "valueFrom": version}]
        server["env"] += [{"name": key, "value": value} for key, value in env.items()]
        return entry

    def task(self, *predictors: dict[str, Any], **more: Any) -> dict[str, Any]:
        return super().task(*predictors, **{"verify": {}, "released_by": "alice", **more})

    def weights(self) -> dict[str, int]:
        refs = self.objects("httproute")[0]["spec"]["rules"][0]["backendRefs"]
        deployed = {each["metadata"]["name"]: each["metadata"]["labels"] for each in self.objects("deployments")}
        return {deployed[ref["name"]]["mlops.ack/model-version"]: ref["weight"] for ref in refs}

    def attempts(self) -> list[dict[str, Any]]:
        folder = self.store / "models/digits/environments/test/attempts"
        return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]

    def decide(self, step: str, decision: str, reason: str) -> dict[str, Any]:
        (digest,) = {
            path.parent.name
            for path in (self.store / "requests/test/release-step").rglob("*.json")
            if json.loads(path.read_text())["subject"]["step"] == step
        }
        options = {"name": "release-step", "environment": "test", "store": {"path": str(self.store)}}
        words = {"subject_digest": f"sha256:{digest}", "decision": decision, "reason": reason, "approver": "bob"}
        return {"mlops.ack.gate_decision": {**options, **words}}


@pytest.fixture
def lab(sandbox: dict[str, Any], namespace: str, tmp_path: Path) -> ReleaseLab:
    return ReleaseLab(sandbox, namespace, tmp_path / "store")


HEALTHY = {
    "interval": "4s",
    "count": 2,
    "min_requests": 5,
    "success_condition": "new.error_rate == 0 and new.p90_ms <= 100 + 2 * old.p90_ms",
    "failure_condition": "new.error_rate > 0 or new.restarts > 0 or new.p90_ms > 100 + 2 * old.p90_ms",
}
STEPS = [
    {"weight": 10, "analysis": HEALTHY},
    {"weight": 25, "pause": "2s"},
    {"weight": 50, "analysis": {**HEALTHY, "count": 1}},
    {"weight": 90, "pause": "2s"},
]


def test_a_good_version_takes_all_traffic_in_steps_and_no_request_fails(lab: ReleaseLab, run_tasks: RunTasks) -> None:
    ok(run_tasks([lab.task(lab.predictor("stable", 1))])[0])
    with Load(lab.host) as load:
        time.sleep(1)
        result = ok(run_tasks([lab.task(lab.predictor("stable", 2), steps=STEPS)])[0])
        time.sleep(8)  # the old pods are gone by then
    print(f"{len(load.answers)} requests, {len(load.failed)} failed, {dict(load.versions())}")
    assert load.failed == []
    assert len(load.answers) > 500
    assert [load.answers[0].version, load.answers[-1].version] == ["digits-v1", "digits-v2"]
    assert result["changed"]
    assert lab.weights() == {"digits-v2": 100}
    assert "mlops.ack/previous" not in lab.objects("httproute")[0]["metadata"].get("annotations", {})
    assert [release["replaces"] for release in lab.releases()] == [None, 1]
    for line in ("step 10 %: measurement 2 of 2 successful", "step 25 %", "step 50 %", "step 90 %"):
        assert line in result["_output"]
    before = lab.writes()
    assert not ok(run_tasks([lab.task(lab.predictor("stable", 2), steps=STEPS)])[0])["changed"]
    assert lab.writes() == before


@pytest.mark.parametrize(
    ("env", "number"), [({"BROKEN": "1"}, "error_rate"), ({"SLOW_S": "0.6"}, "p90_ms")], ids=["errors", "slow"]
)
def test_a_bad_version_is_taken_back_under_load(
    lab: ReleaseLab, run_tasks: RunTasks, env: dict[str, str], number: str
) -> None:
    ok(run_tasks([lab.task(lab.predictor("stable", 1))])[0])
    task = lab.task(lab.predictor("stable", 1, 50), lab.predictor("canary", 2, 50, env=env), steps=STEPS)
    with Load(lab.host) as load:
        time.sleep(1)
        (result,) = run_tasks([task])
        asked = len(load.answers)
        time.sleep(4)
    print(f"{len(load.answers)} requests, {len(load.failed)} failed, {dict(load.versions())}")
    assert result["failure"]["code"] == "AnalysisFailed", result["msg"]
    assert number in result["failure"]["message"]
    assert "The previous weights are back" in result["msg"]
    assert lab.weights() == {"digits-v1": 100, "digits-v2": 0}
    assert {answer.version for answer in load.answers[asked + 40 :]} == {"digits-v1"}
    assert all("nine" in each or "HTTP 500" in each for each in load.failed), "only the bad model's own errors"
    assert load.versions()["digits-v2"] < 0.2 * len(load.answers)
    (attempt,) = lab.attempts()
    assert (attempt["outcome"], attempt["code"], attempt["step"], attempt["serves_on"]) == (
        "rolled_back",
        "AnalysisFailed",
        10,
        1,
    )
    assert attempt["measurements"][-1]["values"]["new"]["requests"] >= 5
    assert [release["n"] for release in lab.releases()] == [1]

    before = lab.writes()
    (again,) = run_tasks([task])
    assert again["failure"]["code"] == "ReleaseRolledBack"
    assert lab.writes() == before
    ok(run_tasks([lab.task(lab.predictor("stable", 1))])[0])
    assert len(lab.objects("deployments")) == 1


def test_a_number_from_prometheus_takes_a_bad_version_back(
    lab: ReleaseLab, observing: None, run_tasks: RunTasks, sandbox: dict[str, Any]
) -> None:
    metadata = {"name": "digits", "namespace": lab.namespace, "annotations": {"arms.prometheus.io/discovery": "true"}}
    spec = {
        "selector": {"matchLabels": {"mlops.ack/owner": "tfserving.digits"}},
        "podMetricsEndpoints": [{"port": "http", "path": "/monitoring/prometheus/metrics"}],
    }
    monitor = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", "metadata": metadata, "spec": spec}
    first = lab.task(lab.predictor("stable", 1))
    manifest = {"definition": [monitor], "kubeconfig": lab.kubeconfig, "wait": False}
    assert all(map(ok, run_tasks([{"mlops.ack.k8s_manifest": manifest}, first])))
    failing = 'sum(:tensorflow:serving:request_count{status="INTERNAL",pod=~"($new)-.*"}) or vector(0)'
    analysis = {
        "interval": "6s",
        "count": 6,
        "failure_condition": "prometheus.failing > 0",
        "prometheus": {"url": sandbox["prometheus"]["prod"], "queries": {"failing": failing}},
    }
    bad = lab.predictor("stable", 2, env={"BROKEN": "1"})
    with Load(lab.host) as load:
        (result,) = run_tasks([lab.task(bad, steps=[{"weight": 20, "analysis": analysis}])])
    print(f"{len(load.answers)} requests, {len(load.failed)} failed, {dict(load.versions())}")
    assert result["failure"]["code"] == "AnalysisFailed", result["msg"]
    assert "'prometheus.failing > 0' with prometheus.failing " in result["failure"]["message"]
    assert lab.weights() == {"digits-v1": 100, "digits-v2": 0}


@pytest.mark.parametrize("in_process", [True, False], ids=["in process", "forked"])
def test_a_person_lets_a_step_pass_from_another_run(lab: ReleaseLab, run_tasks: RunTasks, in_process: bool) -> None:
    ok(run_tasks([lab.task(lab.predictor("stable", 1))])[0])
    steps = [{"weight": 10, "analysis": {**HEALTHY, "count": 1}}, {"weight": 50, "pause": "person"}]
    task = lab.task(
        lab.predictor("stable", 2), steps=steps, gate={"policy": {"approvers": ["bob"]}, "resume_command": "again"}
    )
    (undecided,) = run_tasks([task], in_process=in_process)  # nobody asks, so there are no numbers
    assert undecided["failure"]["code"] == "GatePending", undecided["msg"]
    assert undecided["gate"]["subject"]["step"] == "10 %"
    said = " ".join(undecided["msg"].split())
    assert "0 requests to what is new, min_requests is 5" in said
    assert "mlops.ack.decide -e gate=release-step -e environment_name=test" in said
    assert "Then resume: again" in said
    assert lab.weights() == {"digits-v1": 90, "digits-v2": 10}
    shown = {each["model_version"]: each["traffic_percentage"] for each in undecided["serving"]["predictors"]}
    assert shown == {"digits-v1": 90, "digits-v2": 10}

    ok(run_tasks([lab.decide("10 %", "approve", "asked by hand")])[0])
    (pending,) = run_tasks([task], in_process=in_process)
    assert pending["gate"]["subject"]["step"] == "50 %", pending["msg"]
    assert lab.weights() == {"digits-v1": 50, "digits-v2": 50}
    before = lab.writes()
    (still,) = run_tasks([task], in_process=in_process)
    assert still["failure"]["code"] == "GatePending"
    assert lab.writes() == before
    assert not still["changed"]

    ok(run_tasks([lab.decide("50 %", "reject", "the nines look wrong")])[0])
    (rejected,) = run_tasks([task], in_process=in_process)
    assert rejected["failure"]["code"] == "GateRejected"
    assert lab.weights() == {"digits-v1": 100, "digits-v2": 0}
    assert "the nines look wrong" in lab.attempts()[0]["reason"]


@pytest.fixture
def pushed(sandbox: dict[str, Any], namespace: str) -> Iterator[tuple[Registry, str, list[str]]]:
    """A repository of its own in the sandbox's registry, with two images; the tag v1 is at the first."""
    host, _slash, source = sandbox["images"]["busybox"].partition("/")
    api, repository = Registry(host, Login(insecure=True), Context(), Deadline(120), 30), f"{namespace}/digits"
    name, _at, wanted = source.partition("@")
    found = api.manifest(name, wanted)
    assert found is not None
    document = json.loads(found[1])
    for blob in (document["config"], *document["layers"]):
        api.mount(repository, blob["digest"], name)
    manifests = [json.dumps({**document, "annotations": {"number": str(number)}}).encode() for number in (1, 2)]
    digests = [f"sha256:{hashlib.sha256(manifest).hexdigest()}" for manifest in manifests]
    for digest, manifest in zip(digests, manifests, strict=True):
        api.put_manifest(repository, digest, manifest)
    api.put_manifest(repository, "v1", manifests[0])
    yield api, f"{host}/{repository}", digests
    for digest in digests:
        remove(f"{host}/{repository}", digest)


def remove(place: str, digest: str) -> None:
    host, _slash, repository = place.partition("/")
    request = urllib.request.Request(f"http://{host}/v2/{repository}/manifests/{digest}", method="DELETE")
    with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(request, timeout=30):
        pass


def test_a_moved_tag_changes_nothing_and_a_lost_image_gets_no_traffic(
    lab: ReleaseLab, run_tasks: RunTasks, pushed: tuple[Registry, str, list[str]]
) -> None:
    api, place, digests = pushed
    for number, digest in zip((1, 2), digests, strict=True):
        record = lab.store / f"models/digits/versions/{number}/version.json"
        record.write_text(json.dumps({**json.loads(record.read_text()), "image": f"{place}@{digest}"}))
    first = lab.task(lab.predictor("stable", 1))
    ok(run_tasks([first])[0])
    repository = place.partition("/")[2]
    found = api.manifest(repository, digests[1])
    assert found is not None
    api.put_manifest(repository, "v1", found[1])  # somebody pushes over the tag
    assert api.digest(repository, "v1") == digests[1]
    assert not ok(run_tasks([first])[0])["changed"]
    (pod,) = lab.objects("pods")
    lab.kubectl("delete", "pod", pod["metadata"]["name"], "--wait=true")
    (anew,) = lab.objects("pods")
    assert anew["spec"]["initContainers"][0]["image"] == f"{place}@{digests[0]}", "a pod that starts later, too"

    remove(place, digests[1])
    (lost,) = run_tasks([lab.task(lab.predictor("stable", 2), wait_timeout=240)])
    assert lost["failure"]["code"] == "ImageNotFound", lost["msg"]
    assert digests[1] in lost["failure"]["message"]
    assert lab.weights()["digits-v1"] == 100
