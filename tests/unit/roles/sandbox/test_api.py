# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading readiness: what was true before a restart does not count."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from ack_sandbox.api import node_is_ready, pod_is_ready, pod_trouble, workload_is_ready

SINCE = datetime.datetime(2026, 11, 22, 12, 0, 0, 700000, tzinfo=datetime.UTC)


def node(status: str, heartbeat: str) -> dict[str, Any]:
    return {"status": {"conditions": [{"type": "Ready", "status": status, "lastHeartbeatTime": heartbeat}]}}


@pytest.mark.parametrize(
    ("found", "ready"),
    [
        pytest.param(node("True", "2026-11-22T12:00:05Z"), True, id="a fresh heartbeat"),
        pytest.param(node("True", "2026-11-22T12:00:00Z"), True, id="in the same second"),
        pytest.param(node("True", "2026-11-22T11:59:59Z"), False, id="from before the restart"),
        pytest.param(node("False", "2026-11-22T12:00:05Z"), False, id="not ready"),
        pytest.param(node("Unknown", "2026-11-22T12:00:05Z"), False, id="its kubelet is silent"),
        pytest.param({}, False, id="no such node yet"),
    ],
)
def test_a_node_is_ready_when_its_kubelet_says_so_now(found: dict[str, Any], ready: bool) -> None:
    assert node_is_ready(found, SINCE) is ready


def pod(ready: str, *started: str) -> dict[str, Any]:
    statuses = [{"state": {"running": {"startedAt": time}}} for time in started]
    return {"status": {"conditions": [{"type": "Ready", "status": ready}], "containerStatuses": statuses}}


@pytest.mark.parametrize(
    ("found", "ready"),
    [
        pytest.param(pod("True", "2026-11-22T12:00:01Z"), True, id="started since"),
        pytest.param(pod("True", "2026-11-22T11:00:01Z"), False, id="ready before its node restarted"),
        pytest.param(pod("True", "2026-11-22T12:00:01Z", "2026-11-22T11:00:01Z"), False, id="one of two"),
        pytest.param(pod("False", "2026-11-22T12:00:01Z"), False, id="runs and is not ready"),
        pytest.param({"status": {"containerStatuses": [{"state": {"waiting": {}}}]}}, False, id="waits"),
        pytest.param({}, False, id="nothing known"),
    ],
)
def test_a_pod_is_ready_when_it_started_since(found: dict[str, Any], ready: bool) -> None:
    assert pod_is_ready(found, SINCE) is ready


def deployment(**status: int) -> dict[str, Any]:
    return {"metadata": {"generation": 2}, "spec": {"replicas": 2}, "status": {"observedGeneration": 2, **status}}


@pytest.mark.parametrize(
    ("workload", "ready"),
    [
        pytest.param(deployment(readyReplicas=2, updatedReplicas=2), True, id="all ready"),
        pytest.param(deployment(readyReplicas=1, updatedReplicas=2), False, id="one is missing"),
        pytest.param(deployment(readyReplicas=2, updatedReplicas=1), False, id="a rollout goes on"),
        pytest.param(deployment(readyReplicas=2, updatedReplicas=2, observedGeneration=1), False, id="not yet seen"),
        pytest.param(deployment(), False, id="just made"),
        pytest.param(
            {
                "status": {
                    "desiredNumberScheduled": 1,
                    "numberReady": 1,
                    "updatedNumberScheduled": 1,
                    "observedGeneration": 1,
                }
            },
            True,
            id="a daemon set",
        ),
        pytest.param({"status": {"desiredNumberScheduled": 0, "observedGeneration": 1}}, False, id="scheduled nowhere"),
    ],
)
def test_a_workload_is_ready_when_all_of_it_is(workload: dict[str, Any], ready: bool) -> None:
    assert workload_is_ready(workload) is ready


@pytest.mark.parametrize(
    ("status", "told"),
    [
        pytest.param({}, "", id="nothing is known yet"),
        pytest.param(
            {"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}, "", id="starting"
        ),
        pytest.param(
            {"initContainerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}}]},
            "ErrImagePull: not found",
            id="an image that is not there",
        ),
        pytest.param(
            {
                "conditions": [
                    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no cpu"}
                ]
            },
            "Unschedulable: no cpu",
            id="no room",
        ),
    ],
)
def test_what_is_wrong_with_a_pod(status: dict[str, Any], told: str) -> None:
    assert pod_trouble({"status": status}) == told
