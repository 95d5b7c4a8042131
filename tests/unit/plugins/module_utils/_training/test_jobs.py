# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Transfers as Jobs: the URLs live in Secrets that go with them, and nothing is left behind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._training import jobs

from .fakes import PLACE, Bucket, TransferCluster


def transfer(bucket: Bucket, paths: tuple[str, ...] = ("a", "b")) -> jobs.Transfer:
    facts = {"size": 1, "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}  # of "x"
    bucket.objects.update({f"data/{path}": b"x" for path in paths})
    files = tuple({**facts, "path": path, "key": path, "url": bucket.url(f"data/{path}")} for path in paths)
    return jobs.Transfer("mlops-load-x", "load", "datasets/x", files)


def run(cluster: TransferCluster, work: jobs.Transfer, seconds: float = 60) -> list[Any]:
    return jobs.run(cluster, PLACE, work, Deadline(seconds, cluster.context.clock), cluster.context)


def test_the_files_are_in_the_volume_and_nothing_is_left(bucket: Bucket, cluster: TransferCluster) -> None:
    assert run(cluster, transfer(bucket))[-1]["written"] == 2
    assert (cluster.volume / "datasets/x/a").read_bytes() == b"x"
    assert cluster.left() == []


def test_secrets_belong_to_the_job_before_it_starts(bucket: Bucket, cluster: TransferCluster) -> None:
    run(cluster, transfer(bucket))
    job, secret = cluster.manifests
    assert job["spec"]["suspend"] is True
    assert secret["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]
    assert cluster.writes[:3] == [
        "create Job/ml/mlops-load-x",
        "create Secret/ml/mlops-load-x-0",
        "merge Job/ml/mlops-load-x",
    ]


def test_no_url_is_in_the_job_itself(bucket: Bucket, cluster: TransferCluster) -> None:
    run(cluster, transfer(bucket))
    assert "signature" not in json.dumps({**cluster.manifests[0], "spec": _without_program(cluster.manifests[0])})


def _without_program(job: Any) -> Any:
    spec = json.loads(json.dumps(job["spec"]))
    spec["template"]["spec"]["containers"][0]["command"][2] = ""
    return spec


def test_many_files_are_split_over_secrets(
    bucket: Bucket, cluster: TransferCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "FILES_PER_SECRET", 2)
    assert run(cluster, transfer(bucket, ("a", "b", "c")))[-1]["files"] == 3
    assert [each["kind"] for each in cluster.manifests] == ["Job", "Secret", "Secret"]
    assert cluster.left() == []


def test_what_an_interrupted_run_left_is_removed_first(bucket: Bucket, cluster: TransferCluster) -> None:
    work = transfer(bucket)
    ref = jobs.Ref(jobs.JOB, "ml", work.name)
    cluster.create(ref, jobs.manifest(PLACE, work, Deadline(60)))
    assert run(cluster, work)[-1]["event"] == "done"
    assert cluster.left() == []


def test_the_programs_own_error_is_the_failure(bucket: Bucket, cluster: TransferCluster) -> None:
    work = transfer(bucket)
    del bucket.objects["data/b"]
    with pytest.raises(Failure, match="b does not exist") as failed:
        run(cluster, work)
    assert (failed.value.code, failed.value.resource) == ("MissingObject", "object/b")
    assert cluster.left() == []


def test_an_image_that_does_not_exist_is_told_and_nothing_is_left(bucket: Bucket, cluster: TransferCluster) -> None:
    waiting = {"reason": "ErrImagePull", "message": "manifest unknown"}
    cluster.pod_status = {
        "phase": "Pending",
        "containerStatuses": [{"name": "transfer", "image": "python:3", "state": {"waiting": waiting}}],
    }
    with pytest.raises(Failure) as failed:
        run(cluster, transfer(bucket))
    assert failed.value.code == "ImageNotFound"
    assert cluster.left() == []


def test_the_deadline_holds(bucket: Bucket, cluster: TransferCluster) -> None:
    cluster.pod_status = {"phase": "Pending"}
    with pytest.raises(Failure) as failed:
        run(cluster, transfer(bucket), seconds=30)
    assert failed.value.code == "WaitTimeout"
    assert cluster.context.clock() < 32
    assert cluster.left() == []


@pytest.mark.parametrize(
    ("prefix", "begins"),
    [
        pytest.param("mlops-load-digits", "mlops-load-digits-", id="plain"),
        pytest.param("mlops-list-My_Run.1", "mlops-list-my-run-1-", id="only what names allow"),
        pytest.param("m" * 80, "m" * 54 + "-", id="cut"),
    ],
)
def test_names_of_jobs_are_valid_and_short(prefix: str, begins: str) -> None:
    name = jobs.name(prefix, "input")
    assert name.startswith(begins) and len(name) <= 63
    assert name == jobs.name(prefix, "input") != jobs.name(prefix, "other")


def test_a_transfer_whose_log_is_cut_off_is_run_again(
    bucket: Bucket, cluster: TransferCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "logs", lambda *_names, **_options: '{"event": "progress"}\n')
    with pytest.raises(Failure) as failed:
        run(cluster, transfer(bucket))
    assert (failed.value.code, failed.value.retryable) == ("TransferFailed", True)
