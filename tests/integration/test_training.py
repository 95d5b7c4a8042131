# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Dataset, training job and training run, through real playbooks on the real cluster."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import oss2
import pytest

from tests.integration.conftest import RunTasks

pytestmark = pytest.mark.sandbox

FILES = {"train/part-00.csv": b"0,1,2\n" * 500, "train/part-01.csv": b"3,4,5\n" * 700, "holdout/part-00.csv": b"6\n"}


@pytest.fixture
def bucket(sandbox: dict[str, Any]) -> Iterator[oss2.Bucket]:
    """A fresh bucket, deleted afterwards."""
    oss = sandbox["oss"]
    auth = oss2.AuthV4(oss["access_key_id"], oss["access_key_secret"])
    found = oss2.Bucket(auth, oss["oss_endpoint"], f"t-{uuid.uuid4().hex[:8]}", region=oss["region"])
    found.create_bucket()
    yield found
    for item in oss2.ObjectIteratorV2(found):
        found.delete_object(item.key)
    found.delete_bucket()


@pytest.fixture
def kubectl(sandbox: dict[str, Any]) -> Any:
    """`kubectl("get", "pods")` -> its output, against prod."""
    command = [str(Path(sandbox["bin"]) / "kubectl"), "--kubeconfig", sandbox["kubeconfigs"]["prod"]]

    def run(*arguments: str) -> str:
        return subprocess.run([*command, *arguments], check=True, capture_output=True, text=True).stdout

    return run


@pytest.fixture
def volume(sandbox: dict[str, Any], namespace: str) -> Iterator[dict[str, Any]]:
    """A folder of the node, of this test alone; removed afterwards through the node's /var/lib."""
    folder = f"mlops-tests/{namespace}"
    yield {"hostPath": {"path": f"/var/lib/{folder}", "type": "DirectoryOrCreate"}}
    shutil.rmtree(Path(sandbox["state"]) / "clusters/prod/varlib" / folder, ignore_errors=True)


@pytest.fixture
def common(sandbox: dict[str, Any], bucket: oss2.Bucket, namespace: str, volume: dict[str, Any]) -> dict[str, Any]:
    return {
        **sandbox["oss"],
        "kubeconfig": sandbox["kubeconfigs"]["prod"],
        "namespace": namespace,
        "volume": volume,
        "image": sandbox["images"]["training"],
        "store": {"bucket": bucket.bucket_name},
        "wait_timeout": 240,
    }


def fill(bucket: oss2.Bucket) -> None:
    for path, data in FILES.items():
        bucket.put_object(f"data/{path}", data)


def dataset(common: dict[str, Any], **more: Any) -> dict[str, Any]:
    s3 = {"bucket": common["store"]["bucket"], "prefix": "data"}
    return {"mlops.ack.dataset": {**common, "name": "digits", "s3": s3, **more}}


@pytest.mark.parametrize("in_process", [True, False], ids=["in-process", "forked"])
def test_a_dataset_is_loaded_once_and_then_free(
    run_tasks: RunTasks, common: dict[str, Any], bucket: oss2.Bucket, kubectl: Any, in_process: bool
) -> None:
    fill(bucket)
    predicted = run_tasks([dataset(common)], in_process=in_process, check=True)[0]
    assert not predicted.get("failed"), predicted
    assert predicted["changed"]
    first, second = run_tasks([dataset(common), dataset(common)], in_process=in_process)
    assert not first.get("failed"), first
    assert first["changed"] and not second["changed"]
    assert first["dataset"] == second["dataset"] == predicted["dataset"]
    assert first["dataset"]["count"] == 3
    record = json.loads(bucket.get_object(f"mlops/{first['dataset']['manifest_key']}").read())
    assert record["digest"] == first["dataset"]["digest"]
    left = kubectl("get", "jobs,secrets", "-n", common["namespace"], "-o", "name")
    assert left == ""
    assert "x-oss-signature" not in first["_output"]


def test_an_empty_prefix_is_a_failure(run_tasks: RunTasks, common: dict[str, Any]) -> None:
    result = run_tasks([dataset(common)])[0]
    assert result["failure"]["code"] == "EmptyDataset"


def test_an_altered_object_is_named_with_both_digests(
    run_tasks: RunTasks, common: dict[str, Any], bucket: oss2.Bucket, kubectl: Any
) -> None:
    fill(bucket)
    noted = "0" * 64
    bucket.put_object("data/train/part-00.csv", b"other", headers={"x-oss-meta-sha256": noted})
    result = run_tasks([dataset(common)])[0]
    assert result["failure"]["code"] == "AlteredObject"
    assert "train/part-00.csv" in result["msg"] and noted in result["msg"]
    assert result["failure"]["details"]["expected"]["sha256"] == noted
    assert kubectl("get", "jobs,secrets", "-n", common["namespace"], "-o", "name") == ""


def test_a_pinned_dataset_that_lost_an_object_names_it(
    run_tasks: RunTasks, common: dict[str, Any], bucket: oss2.Bucket
) -> None:
    fill(bucket)
    first = run_tasks([dataset(common)])[0]
    bucket.delete_object("data/holdout/part-00.csv")
    result = run_tasks([dataset(common, digest=first["dataset"]["digest"])])[0]
    assert result["failure"]["code"] == "MissingObject"
    assert "holdout/part-00.csv" in result["msg"]


def test_an_image_that_does_not_exist_ends_the_load(
    run_tasks: RunTasks, common: dict[str, Any], bucket: oss2.Bucket
) -> None:
    fill(bucket)
    result = run_tasks([dataset(common, image="198.18.0.1:5000/no/such:1")])[0]
    assert result["failure"]["code"] == "ImageNotFound", result


WORKER = """
import json, os, pathlib, sys, time
index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
print("worker", index, "reads", os.environ["DATASET_DIR"], flush=True)
rows = sum(len(p.read_text().splitlines()) for p in pathlib.Path(os.environ["DATASET_DIR"]).rglob("*.csv"))
print("rows", rows, "steps", os.environ["STEPS"], flush=True)
if index == 0:
    out = pathlib.Path(os.environ["OUTPUT_DIR"])
    (out / "model/1/variables").mkdir(parents=True, exist_ok=True)
    (out / "model/1/saved_model.pb").write_bytes(b"graph")
    (out / "model/1/variables/variables.index").write_bytes(b"index")
    (out / "evaluation.html").write_text("<p>good</p>")
    (out / "golden.json").write_text("{}")
    (out / "metrics.json").write_text(json.dumps({"accuracy": 0.97, "rows": rows}))
"""


@pytest.fixture(scope="session")
def operator(sandbox: dict[str, Any]) -> None:
    """The training operator, as the path installs it; left there for those who come after."""
    chart = sandbox["charts"]["training-operator"]
    options = ["--plain-http", "--namespace", "kubeflow", "--create-namespace", "--wait", "--timeout", "3m"]
    command = ["upgrade", "--install", "training-operator", chart["ref"], "--version", chart["version"], *options]
    helm = [str(Path(sandbox["bin"]) / "helm"), "--kubeconfig", sandbox["kubeconfigs"]["prod"]]
    if (
        "training-operator"
        not in subprocess.run([*helm, "list", "-qA"], capture_output=True, text=True, check=True).stdout
    ):
        subprocess.run([*helm, *command], check=True, capture_output=True)


def replicas(image: str, program: str, count: int = 3, **more: Any) -> dict[str, Any]:
    container = {"name": "tensorflow", "image": image, "command": ["python3", "-c", program], **more}
    pod = {"terminationGracePeriodSeconds": 1, "containers": [container]}
    return {"Worker": {"replicas": count, "template": {"spec": pod}}}


def tfjob(common: dict[str, Any], name: str, program: str, **more: Any) -> dict[str, Any]:
    options = {key: value for key, value in common.items() if key not in ("image", "volume")}
    specs = more.pop("tf_replica_specs", None) or replicas(common["image"], program)
    return {"mlops.ack.tfjob": {**options, "name": name, "tfReplicaSpecs": specs, **more}}


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize("in_process", [True, False], ids=["in-process", "forked"])
def test_from_the_bucket_to_the_record(
    run_tasks: RunTasks, common: dict[str, Any], bucket: oss2.Bucket, kubectl: Any, tmp_path: Path, in_process: bool
) -> None:
    fill(bucket)
    loaded = run_tasks([dataset(common)], in_process=in_process)[0]["dataset"]
    training = tfjob(
        common,
        "digits-1",
        WORKER,
        success_policy="AllWorkers",
        volume=common["volume"],
        dataset_path=loaded["path"],
        output_path="runs/digits-1/output",
        parameters={"STEPS": 8},
    )
    predicted = run_tasks([training], in_process=in_process, check=True)[0]
    assert predicted["changed"]
    first, second = run_tasks([training, training], in_process=in_process)
    assert not first.get("failed"), first
    assert first["changed"] and not second["changed"], second
    job = first["job"]
    assert predicted["job"].keys() == job.keys()
    assert second["job"] == job
    assert job["state"] == "succeeded"
    assert job["replicas"] == {"Worker": {"replicas": 3, "active": 0, "succeeded": 3, "failed": 0}}
    assert [pod["exit_code"] for pod in job["pods"]] == [0, 0, 0]
    assert job["log_keys"] == predicted["job"]["log_keys"]
    assert b"rows 1201 steps 8" in bucket.get_object(f"mlops/{job['log_keys'][0]}").read()

    collect = {
        "mlops.ack.training_run": {
            **common,
            "run_id": "digits-1",
            "model_name": "digits",
            "job": job,
            "dataset": {"name": loaded["name"], "digest": loaded["digest"]},
            "output_path": "runs/digits-1/output",
        }
    }
    info = {
        "mlops.ack.training_run_info": {
            **{key: common[key] for key in ("access_key_id", "access_key_secret", "region", "oss_endpoint", "store")},
            "run_id": "digits-1",
            "fetch": str(tmp_path / "seen"),
        }
    }
    assert run_tasks([info], in_process=in_process)[0]["run"] is None
    foreseen = run_tasks([collect], in_process=in_process, check=True)[0]
    wrote, again, fetched, fetched_again = run_tasks([collect, collect, info, info], in_process=in_process)
    assert not wrote.get("failed"), wrote
    assert wrote["changed"] and not again["changed"]
    assert wrote["run"] == again["run"] == fetched["run"]
    assert foreseen["run"].keys() == wrote["run"].keys()
    assert wrote["run"]["evaluation"]["metrics"] == {"accuracy": 0.97, "rows": 1201}
    assert [file["path"] for file in wrote["run"]["model"]["files"]] == [
        "1/saved_model.pb",
        "1/variables/variables.index",
    ]
    assert fetched["changed"] and not fetched_again["changed"]
    assert json.loads(Path(fetched["files"]["metrics.json"]).read_text())["accuracy"] == 0.97
    assert kubectl("get", "jobs,secrets", "-n", common["namespace"], "-o", "name") == ""
    gone = run_tasks(
        [{"mlops.ack.tfjob": {**training["mlops.ack.tfjob"], "state": "absent"}}] * 2, in_process=in_process
    )
    assert [result["changed"] for result in gone] == [True, False]


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize("policy", [{}, {"backoffLimit": 0}], ids=["pods stay", "the operator removes the pods"])
def test_a_worker_that_exits_1_is_named_with_its_last_lines(
    run_tasks: RunTasks, common: dict[str, Any], bucket: oss2.Bucket, policy: dict[str, Any]
) -> None:
    program = (
        "import json, os, time\n"
        "index = json.loads(os.environ['TF_CONFIG'])['task']['index']\n"
        "print('here is worker', index, flush=True)\n"
        "time.sleep(4 if index == 1 else 60)\n"
        "raise SystemExit('no such column: label')\n"
    )
    task = tfjob(common, "breaks", program, runPolicy=policy)
    first, again = run_tasks([task, task])
    failure = first["failure"]
    assert failure["code"] == "ContainerFailed", first["msg"]
    assert failure["details"]["pod"] == "breaks-worker-1"
    assert failure["details"]["exit_code"] == 1
    # A pod that the operator removes as it ends may say its last line between two looks; what was seen is kept.
    last = "here is worker 1" if policy else "no such column: label"
    assert last in first["msg"]
    assert again["failure"]["code"] in ("ContainerFailed", "JobFailed")
    assert last.encode() in bucket.get_object("mlops/runs/breaks/logs/breaks-worker-1.log").read()


@pytest.mark.usefixtures("operator")
def test_an_image_that_does_not_exist_ends_the_job_early_and_suspends_it(
    run_tasks: RunTasks, common: dict[str, Any]
) -> None:
    task = tfjob(common, "nowhere", "", tf_replica_specs=replicas("198.18.0.1:5000/no/such:1", ""))
    result, info = run_tasks(
        [task, {"mlops.ack.tfjob_info": {"kubeconfig": common["kubeconfig"], "namespace": common["namespace"]}}]
    )
    assert result["failure"]["code"] == "ImageNotFound", result["msg"]
    assert "198.18.0.1:5000/no/such:1" in result["msg"]
    assert result["failure"]["details"]["on_timeout"] == "suspend"
    assert [job["name"] for job in info["jobs"]] == ["nowhere"]


@pytest.mark.usefixtures("operator")
def test_a_pod_that_fits_no_node_is_told_after_its_grace(run_tasks: RunTasks, common: dict[str, Any]) -> None:
    specs = replicas(common["image"], "pass", resources={"requests": {"cpu": "900"}})
    result = run_tasks([tfjob(common, "huge", "", tf_replica_specs=specs, unschedulable_timeout=2)])[0]
    assert result["failure"]["code"] == "Unschedulable", result["msg"]


@pytest.mark.usefixtures("operator")
def test_memory_above_the_limit_is_told_as_such(run_tasks: RunTasks, common: dict[str, Any]) -> None:
    specs = replicas(
        common["image"], "b = bytearray(200 << 20); print(len(b))", resources={"limits": {"memory": "64Mi"}}
    )
    result = run_tasks([tfjob(common, "greedy", "", tf_replica_specs=specs)])[0]
    assert result["failure"]["code"] == "OutOfMemory", result["msg"]
    assert result["failure"]["details"]["exit_code"] == 137


@pytest.mark.usefixtures("operator")
def test_a_job_that_takes_too_long_is_suspended_and_then_resumed(
    run_tasks: RunTasks, common: dict[str, Any], kubectl: Any
) -> None:
    task = tfjob(common, "slow", "import time; print('start', flush=True); time.sleep(12)")
    late = run_tasks([{"mlops.ack.tfjob": {**task["mlops.ack.tfjob"], "wait_timeout": 5}}])[0]
    assert late["failure"]["code"] == "WaitTimeout"
    assert "was suspended" in late["msg"]
    resumed, again = run_tasks([task, task])
    assert not resumed.get("failed"), resumed["msg"]
    assert resumed["changed"] and resumed["job"]["state"] == "succeeded"
    assert not again["changed"]


@pytest.mark.usefixtures("operator")
def test_a_suspended_job_of_a_gang_waits_without_pods(
    run_tasks: RunTasks, common: dict[str, Any], kubectl: Any, namespace: str
) -> None:
    options = {"runPolicy": {"schedulingPolicy": {"minAvailable": 1, "queue": "vision"}}, "state": "suspended"}
    task = {"mlops.ack.tfjob": {**tfjob(common, "gang", "print(1)")["mlops.ack.tfjob"], **options}}
    made, again = run_tasks([task, task])
    assert (made["changed"], again["changed"]) == (True, False), (made, again)
    policy = json.loads(kubectl("get", "tfjob", "gang", "-n", namespace, "-o", "json"))["spec"]["runPolicy"]
    assert policy["suspend"] is True
    assert policy["schedulingPolicy"] == {"minAvailable": 1, "queue": "vision"}
    assert kubectl("get", "pods", "-n", namespace, "-l", "training.kubeflow.org/job-name=gang", "-o", "name") == ""


@pytest.mark.usefixtures("operator")
def test_a_job_that_a_queue_starts_is_waited_for_and_left_as_it_is(
    run_tasks: RunTasks, common: dict[str, Any], kubectl: Any, namespace: str
) -> None:
    queue = {"runPolicy": {"suspend": True}, "labels": {"kueue.x-k8s.io/queue-name": "vision"}}
    task = {"mlops.ack.tfjob": {**tfjob(common, "queued", "print(1)")["mlops.ack.tfjob"], **queue}}
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(run_tasks, [task, task])
        path = ("tfjob", "queued", "-n", namespace)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if "Suspended" in kubectl("get", *path, "--ignore-not-found", "-o", "yaml"):
                break
            time.sleep(0.5)
        assert kubectl("get", *path, "-o", "jsonpath={.metadata.labels.kueue\\.x-k8s\\.io/queue-name}") == "vision"
        kubectl("patch", *path, "--type=merge", "-p", '{"spec": {"runPolicy": {"suspend": false}}}')
        first, again = done.result()
    assert first["job"]["state"] == "succeeded", first
    assert (first["changed"], again["changed"]) == (True, False)


@pytest.mark.usefixtures("operator")
def test_an_existing_job_is_not_changed_into_another(run_tasks: RunTasks, common: dict[str, Any]) -> None:
    first, other = run_tasks([tfjob(common, "one", "print(1)"), tfjob(common, "one", "print(2)")])
    assert not first.get("failed"), first
    assert other["failure"]["code"] == "ImmutableField"
    assert "spec.tfReplicaSpecs.Worker" in other["msg"]
