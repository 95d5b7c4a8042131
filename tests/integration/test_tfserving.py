"""tfserving on a real cluster behind a real Envoy, both ways of running; the model server is a small stand-in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._serving.endpoint import Connection, Request
from tests.integration.conftest import PLAYBOOK, RunTasks, ansible_environment

pytestmark = pytest.mark.sandbox

ENDPOINTS = {"prod": "http://198.18.0.11", "edge": "http://198.18.0.13"}

# Speaks as much of TensorFlow Serving's REST API as a release asks: the state, and a digit that tells its version.
SERVER = """
import http.server, json, os
number = os.environ["NUMBER"]
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    def say(self, body):
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    def do_GET(self):
        state = {"version": number, "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
        self.say({"model_version_status": [state]})
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.say({"predictions": [{"digit": int(os.environ.get("DIGIT", number))}]})
    def log_message(self, *ignored):
        pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8501), Handler).serve_forever()
"""


# Makes a model whose digit is its input's first value, where `cp` would copy one out of the model's image.
MODEL = """
import tensorflow as tf
class Model(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32, name="image")])
    def predict(self, image):
        return {"digit": tf.cast(image[:, 0], tf.int64), "probability": image[:, 0] / 10}
model = Model()
tf.saved_model.save(model, "/mnt/models/digits/1", signatures={"serving_default": model.predict})
"""


class Lab:
    """A namespace, a store with versions 1 to 3 of the model `digits`, and one tfserving's options."""

    def __init__(self, sandbox: dict[str, Any], namespace: str, store: Path, cluster: str = "prod") -> None:
        self.namespace, self.store, self.host = namespace, store, f"{namespace}.test"
        self.kubeconfig, self.endpoint = sandbox["kubeconfigs"][cluster], ENDPOINTS[cluster]
        self.images, self._kubectl = sandbox["images"], str(Path(sandbox["bin"]) / "kubectl")
        self._audit = Path(sandbox["state"]) / f"clusters/{cluster}/log/audit.log"
        for number in (1, 2, 3):
            self.version(number)

    def version(self, number: int, expected: int | None = None) -> None:
        place = self.store / f"models/digits/versions/{number}/version.json"
        place.parent.mkdir(parents=True)
        golden = {
            "request": {"instances": [{"image": [0.0]}]},
            "expected": {"predictions": [{"digit": expected or number}]},
            "tolerance": 0.001,
        }
        record = {
            "schema": "mlops.ack/version/v1",
            "name": "digits",
            "version": number,
            "image": self.images["busybox"],
            "model_digest": f"sha256:{number:064x}",
            "golden": golden,
        }
        place.write_text(json.dumps(record))

    def predictor(self, name: str, number: int, share: int | None = None, **more: Any) -> dict[str, Any]:
        server = {
            "name": "tensorflow",
            "command": ["python3.11", "-c", SERVER],
            "env": [{"name": "NUMBER", "value": str(number)}],
        }
        template = {"spec": {"containers": [server], "initContainers": [{"name": "model", "command": ["true"]}]}}
        entry = {"name": name, "model_version": f"digits-v{number}", "template": template, **more}
        return entry if share is None else {**entry, "traffic_percentage": share}

    def task(self, *predictors: dict[str, Any], **more: Any) -> dict[str, Any]:
        options = {
            "name": "digits",
            "namespace": self.namespace,
            "environment": "test",
            "kubeconfig": self.kubeconfig,
            "store": {"path": str(self.store)},
            "image": self.images["serving"],
            "predictors": list(predictors),
            "route": {"gateway": {"name": "contour", "namespace": "projectcontour"}, "hostnames": [self.host]},
            "verify": {"requests": 400, "endpoint": self.endpoint, "tolerance": 6},
            "wait_timeout": 120,
            **more,
        }
        return {"mlops.ack.tfserving": options}

    def absent(self) -> dict[str, Any]:
        keep = ("name", "namespace", "environment", "kubeconfig", "store")
        options = {key: value for key, value in self.task()["mlops.ack.tfserving"].items() if key in keep}
        return {"mlops.ack.tfserving": {**options, "state": "absent"}}

    def info(self, **probe: Any) -> dict[str, Any]:
        options = {"namespace": self.namespace, "kubeconfig": self.kubeconfig}
        return {"mlops.ack.tfserving_info": {**options, "probe": probe} if probe else options}

    def kubectl(self, *words: str) -> str:
        command = [self._kubectl, "--kubeconfig", self.kubeconfig, "-n", self.namespace, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def objects(self, kind: str) -> list[dict[str, Any]]:
        return json.loads(self.kubectl("get", kind, "-o", "json"))["items"]  # type: ignore[no-any-return]

    def writes(self) -> int:
        """What people wrote into the namespace, as the API server's audit tells it."""
        events = (json.loads(line) for line in self._audit.read_text().splitlines())
        return sum(
            event["user"]["username"] == "admin"
            and (event.get("objectRef") or {}).get("namespace") == self.namespace
            and event["verb"] in ("create", "update", "patch", "delete", "deletecollection")
            and "/proxy/" not in event["requestURI"]
            and "dryRun" not in event["requestURI"]
            for event in events
        )

    def clients(self) -> Clients:
        return Clients(Request(self.endpoint, self.host, "/v1/models/digits:predict", {"instances": [[0.0]]}))

    def releases(self) -> list[dict[str, Any]]:
        folder = self.store / "models/digits/environments/test/releases"
        return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


class Clients:
    """Somebody who asks all the time; `answers` holds what came back."""

    def __init__(self, request: Request) -> None:
        self._request, self._stop, self.answers = request, threading.Event(), []  # type: ignore[var-annotated]

    def __enter__(self) -> Clients:
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        connection = Connection(self._request)
        while not self._stop.wait(0.005):
            self.answers.append(connection.ask(10))
        connection.close()

    @property
    def failed(self) -> list[str]:
        return [answer.error for answer in self.answers if answer.error]


@pytest.fixture
def lab(sandbox: dict[str, Any], namespace: str, tmp_path: Path) -> Lab:
    return Lab(sandbox, namespace, tmp_path / "store")


def ok(result: dict[str, Any]) -> dict[str, Any]:
    assert not result.get("failed"), json.dumps(result, indent=1)[:4000]
    return result


@pytest.mark.parametrize("in_process", [True, False], ids=["in process", "forked"])
def test_a_split_is_predicted_made_counted_and_then_left_alone(lab: Lab, run_tasks: RunTasks, in_process: bool) -> None:
    task = lab.task(
        lab.predictor("stable", 1, 90, batching={"batch_size": 32}, autoScale={"minReplicas": 1, "maxReplicas": 3}),
        lab.predictor("canary", 2),
    )

    predicted = ok(run_tasks([task], in_process=in_process, check=True)[0])
    assert predicted["changed"]
    assert lab.objects("deployments") == []

    made, again = map(ok, run_tasks([task, task], in_process=in_process))
    serving = made["serving"]
    assert made["changed"] and not again["changed"]
    assert serving.keys() == predicted["serving"].keys()
    assert serving["split"]["failed"] == 0
    assert serving["split"]["requests"] == 400
    assert abs(serving["split"]["observed"]["stable"] - 90) <= 6
    assert again["serving"]["split"] is None, "a run that moves nothing sends no traffic"
    shares = {entry["name"]: (entry["model_version"], entry["traffic_percentage"]) for entry in serving["predictors"]}
    assert shares == {"stable": ("digits-v1", 90), "canary": ("digits-v2", 10)}
    assert serving["rendered_digest"] == predicted["serving"]["rendered_digest"]
    assert [release["n"] for release in lab.releases()] == [1]
    (other_door,) = map(ok, run_tasks([task], in_process=not in_process))
    assert {**other_door, "_output": ""} == {**again, "_output": ""}


def test_a_promotion_under_load_loses_no_request_and_a_rerun_writes_nothing(lab: Lab, run_tasks: RunTasks) -> None:
    promoted = lab.task(lab.predictor("stable", 2))
    ok(run_tasks([lab.task(lab.predictor("stable", 1))])[0])
    with lab.clients() as clients:
        result = ok(run_tasks([promoted])[0])
        time.sleep(8)  # the old pods are gone by then
    assert clients.failed == []
    assert clients.answers[0].version == "digits-v1"
    assert clients.answers[-1].version == "digits-v2"
    assert result["diff"]["before"]["predictors.stable.model_version"] == "digits-v1"
    assert [entry["metadata"]["labels"]["mlops.ack/model-version"] for entry in lab.objects("deployments")] == [
        "digits-v2"
    ]
    assert [release["replaces"] for release in lab.releases()] == [None, 1]

    before = lab.writes()
    assert before > 0
    assert not ok(run_tasks([promoted])[0])["changed"]
    assert lab.writes() == before


def test_what_cannot_serve_gets_no_traffic_and_is_cleared_by_the_next_good_run(lab: Lab, run_tasks: RunTasks) -> None:
    good, canary = lab.predictor("stable", 1), lab.predictor("canary", 2, 10)
    lab.version(4, expected=9)
    broken = lab.predictor("canary", 2, 10)
    broken["template"]["spec"]["containers"][0]["image"] = "198.18.0.1:5000/no/such:1"
    both = lab.predictor("stable", 1, 90)
    ok(run_tasks([lab.task(good)])[0])
    with lab.clients() as clients:
        unknown, sum_99, wrong, missing = run_tasks(
            [
                lab.task(both, lab.predictor("canary", 7, 10)),
                lab.task(both, lab.predictor("canary", 2, 9)),
                lab.task(both, lab.predictor("canary", 4, 10)),
                lab.task(both, broken),
            ]
        )
    assert [each["failure"]["code"] for each in (unknown, sum_99, wrong, missing)] == [
        "UnknownModelVersion",
        "InvalidTraffic",
        "GoldenMismatch",
        "ImageNotFound",
    ]
    assert "digits has v1, v2, v3, v4" in unknown["msg"]
    assert "sum to 99, not 100: stable 90, canary 9" in sum_99["msg"]
    assert "digit is 4, expected 9" in wrong["msg"]
    assert "198.18.0.1:5000/no/such:1" in missing["msg"]
    assert clients.failed == []
    assert {answer.predictor for answer in clients.answers} == {"stable"}

    ok(run_tasks([lab.task(both, canary)])[0])
    assert len(lab.objects("deployments")) == 2
    assert len(lab.objects("services")) == 2


def test_what_others_change_is_put_right_but_an_autoscaler_keeps_its_number(lab: Lab, run_tasks: RunTasks) -> None:
    scale = {"minReplicas": 1, "maxReplicas": 3}
    task = lab.task(lab.predictor("stable", 1, 90, autoScale=scale), lab.predictor("canary", 2), verify={})
    ok(run_tasks([task])[0])
    stable, canary = sorted((each["metadata"]["name"] for each in lab.objects("deployments")), reverse=True)
    lab.kubectl("scale", f"deployment/{stable}", "--replicas=2")
    lab.kubectl("scale", f"deployment/{canary}", "--replicas=2")
    lab.kubectl(
        "patch",
        "httproute/digits",
        "--type=json",
        "-p",
        '[{"op":"replace","path":"/spec/rules/0/backendRefs/1/weight","value":60}]',
    )
    result = ok(run_tasks([task])[0])
    assert result["changed"]
    assert result["diff"]["before"]["predictors.canary.replicas"] == 2
    assert result["diff"]["before"]["predictors.canary.traffic_percentage"] == 60
    assert "predictors.stable.replicas" not in result["diff"]["before"]
    replicas = {each["metadata"]["name"]: each["spec"]["replicas"] for each in lab.objects("deployments")}
    assert replicas == {stable: 2, canary: 1}
    assert not ok(run_tasks([task])[0])["changed"]


def test_a_run_that_was_killed_is_finished_by_the_next(lab: Lab, run_tasks: RunTasks, tmp_path: Path) -> None:
    ok(run_tasks([lab.task(lab.predictor("stable", 1))])[0])
    task = lab.task(lab.predictor("stable", 1, 50), lab.predictor("canary", 2))
    playbook = tmp_path / "killed.yml"
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}
    playbook.write_text(json.dumps([play]))
    running = subprocess.Popen(
        [str(PLAYBOOK), "-i", "localhost,", str(playbook)], env=ansible_environment(), start_new_session=True
    )
    while len(lab.objects("deployments")) < 2:
        time.sleep(0.2)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert [backend["weight"] for backend in lab.objects("httproute")[0]["spec"]["rules"][0]["backendRefs"]] == [100]
    finished = ok(run_tasks([task])[0])
    assert finished["serving"]["split"]["failed"] == 0
    assert [entry["traffic_percentage"] for entry in finished["serving"]["predictors"]] == [50, 50]


def test_info_tells_and_counts_and_absent_leaves_nothing(lab: Lab, run_tasks: RunTasks) -> None:
    task = lab.task(lab.predictor("stable", 1, 80), lab.predictor("canary", 2), verify={})
    probe = {"requests": 200, "endpoint": "http://198.18.0.11"}
    made, plain, counted, predicted, gone, again, nothing = map(
        ok,
        run_tasks(
            [
                task,
                lab.info(),
                lab.info(**probe),
                {**lab.absent(), "check_mode": True},
                lab.absent(),
                lab.absent(),
                lab.info(),
            ]
        ),
    )
    (told,) = plain["servings"]
    assert told["predictors"] == made["serving"]["predictors"]
    assert told["split"] is None
    (told,) = counted["servings"]
    assert abs(told["split"]["observed"]["stable"] - 80) <= 10
    assert [result["changed"] for result in (predicted, gone, again)] == [True, True, False]
    assert nothing["servings"] == []
    for kind in ("deployments", "services", "configmaps", "hpa", "pdb", "httproutes"):
        assert [each for each in lab.objects(kind) if "mlops.ack/owner" in each["metadata"].get("labels", {})] == []
    assert lab.releases()[-1]["predictors"] == []


def test_the_sandboxs_model_server_serves_batches_and_tells_its_metrics(lab: Lab, run_tasks: RunTasks) -> None:
    golden = {
        "request": {"instances": [{"image": [7.0]}]},
        "expected": {"predictions": [{"digit": 7, "probability": 0.7}]},
        "tolerance": 0.001,
    }
    place = lab.store / "models/digits/versions/1/version.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), "golden": golden}))
    maker = {"name": "model", "image": lab.images["training"], "command": ["python3.11", "-c", MODEL]}
    predictor = {
        "name": "stable",
        "model_version": "digits-v1",
        "batching": {"batch_size": 8, "timeout_micros": 5000, "num_batch_threads": 2, "allowed_batch_sizes": [4, 8]},
        "template": {"spec": {"initContainers": [maker]}},
    }
    serving = ok(run_tasks([lab.task(predictor, verify={"requests": 200, "endpoint": "http://198.18.0.11"})])[0])
    assert serving["serving"]["split"]["observed"] == {"stable": 100.0}
    assert serving["serving"]["split"]["failed"] == 0
    name = lab.objects("services")[0]["metadata"]["name"]
    place_of = f"/api/v1/namespaces/{lab.namespace}/services/{name}:8501/proxy"
    metrics = lab.kubectl("get", "--raw", f"{place_of}/monitoring/prometheus/metrics")
    assert ":tensorflow:serving:request_count" in metrics
    assert "batching_session" in metrics
