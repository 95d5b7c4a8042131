# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a TFJob's status means."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._training import state


def job(*conditions: tuple[str, str], **status: Any) -> dict[str, Any]:
    listed = [
        {"type": kind, "status": value, "lastTransitionTime": "2026-11-22T10:01:00Z"} for kind, value in conditions
    ]
    replicas = {"Worker": {"replicas": 2, "template": {"spec": {"containers": [{"name": "tensorflow", "image": "t"}]}}}}
    return {
        "metadata": {"name": "digits", "namespace": "ml", "labels": {"mlops.ack/run-id": "r"}},
        "spec": {"tfReplicaSpecs": replicas},
        "status": {"conditions": listed, **status},
    }


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        pytest.param([], "new", id="before the operator saw it"),
        pytest.param([("Created", "True")], "created", id="created"),
        pytest.param([("Created", "True"), ("Running", "True")], "running", id="running"),
        pytest.param([("Created", "True"), ("Restarting", "True")], "restarting", id="restarting"),
        pytest.param([("Created", "True"), ("Running", "False"), ("Succeeded", "True")], "succeeded", id="succeeded"),
        pytest.param([("Succeeded", "True"), ("Running", "False")], "succeeded", id="the last one does not decide"),
        pytest.param([("Succeeded", "True"), ("Failed", "True")], "failed", id="failure wins over success"),
        pytest.param([("Failed", "True"), ("Succeeded", "True")], "failed", id="in whichever order"),
        pytest.param([("Created", "True"), ("Running", "False"), ("Suspended", "True")], "suspended", id="suspended"),
        pytest.param(
            [("Created", "True"), ("Running", "True"), ("Suspended", "False")], "running", id="after it was resumed"
        ),
        pytest.param([("Created", "True"), ("Queuing", "True")], "queuing", id="KubeDL's queue"),
    ],
)
def test_the_state_is_what_the_conditions_weigh(conditions: list[tuple[str, str]], expected: str) -> None:
    assert state.state(job(*conditions)) == expected


def test_a_summary_counts_pods_and_seconds() -> None:
    status = {"replicaStatuses": {"Worker": {"succeeded": 2}}, "startTime": "2026-11-22T10:00:30Z"}
    found = state.summary(
        job(("Succeeded", "True"), completionTime="2026-11-22T10:00:52Z", **status), [pod(1), pod(0)], ()
    )
    assert found["seconds"] == 22
    assert found["replicas"] == {"Worker": {"replicas": 2, "active": 0, "succeeded": 2, "failed": 0}}
    assert [each["index"] for each in found["pods"]] == [0, 1]
    assert (found["run_id"], found["image"], found["image_id"]) == ("r", "t", "t@sha256:1")


def test_a_failed_job_ended_when_it_failed() -> None:
    found = state.summary(job(("Failed", "True"), startTime="2026-11-22T10:00:30Z"), [], ())
    assert (found["finished"], found["seconds"]) == ("2026-11-22T10:01:00Z", 30)


@pytest.mark.parametrize("prefix", ["training.kubeflow.org/", ""], ids=["Kubeflow's labels", "KubeDL's labels"])
def test_pods_are_read_by_the_labels_of_either_operator(prefix: str) -> None:
    found = pod(2)
    found["metadata"]["labels"] = {f"{prefix}replica-type": "worker", f"{prefix}replica-index": "2"}
    assert (state.pod(found)["type"], state.pod(found)["index"]) == ("worker", 2)


def pod(index: int) -> dict[str, Any]:
    labels = {"training.kubeflow.org/replica-type": "worker", "training.kubeflow.org/replica-index": str(index)}
    ended = {"exitCode": 0, "reason": "Completed"}
    return {
        "metadata": {"name": f"digits-worker-{index}", "labels": labels},
        "status": {
            "phase": "Succeeded",
            "containerStatuses": [{"name": "tensorflow", "imageID": "t@sha256:1", "state": {"terminated": ended}}],
        },
    }
