# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When objects are ready, when they never will be, and what their pods say."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._kube.diagnose import (
    _HINTS,
    GRACE_S,
    Patience,
    evidence,
    failure,
    troubles,
)
from ansible_collections.mlops.ack.plugins.module_utils._kube.kinds import Kind
from ansible_collections.mlops.ack.plugins.module_utils._kube.waits import (
    RULES,
    by_conditions,
    rule_for,
    wait_gone,
    wait_ready,
)
from tests.unit.plugins.module_utils._kube.fake_cluster import FakeClock, FakeCluster

Object = dict[str, Any]


def conditions(**kinds: str) -> Object:
    """status of conditions: Type="Status" or Type="Status:Reason"."""
    parts = ((kind, *text.partition(":")[::2]) for kind, text in kinds.items())
    return {"conditions": [{"type": kind, "status": status, "reason": reason} for kind, status, reason in parts]}


def replicas(*, generation: int = 1, observed: int = 1, spec: Object | None = None, **status: Any) -> Object:
    return {
        "metadata": {"generation": generation},
        "spec": {"replicas": 2, **(spec or {})},
        "status": {"observedGeneration": observed, **status},
    }


def plain(status: Object, spec: Object | None = None) -> Object:
    return {"metadata": {"generation": 2}, "spec": spec or {}, "status": status}


def route(**kinds: str) -> Object:
    return plain(
        {"parents": [conditions(Accepted="True", ResolvedRefs="True"), conditions(**kinds)]}, {"parentRefs": [1, 2]}
    )


@pytest.mark.parametrize(
    ("kind", "live", "state"),
    [
        ("apps/Deployment", replicas(replicas=2, updatedReplicas=2, availableReplicas=2), "ready"),
        ("apps/Deployment", replicas(observed=0, replicas=2, updatedReplicas=2, availableReplicas=2), "waiting"),
        ("apps/Deployment", replicas(replicas=3, updatedReplicas=2, availableReplicas=3), "waiting"),
        ("apps/Deployment", replicas(replicas=2, updatedReplicas=2, availableReplicas=1), "waiting"),
        ("apps/Deployment", replicas(spec={"replicas": 0}), "ready"),
        ("apps/Deployment", replicas(**conditions(Progressing="False:ProgressDeadlineExceeded")), "failed"),
        ("apps/Deployment", replicas(**conditions(ReplicaFailure="True:FailedCreate")), "waiting"),
        ("apps/StatefulSet", replicas(readyReplicas=2, updatedReplicas=2), "ready"),
        ("apps/StatefulSet", replicas(readyReplicas=2, updatedReplicas=1, updateRevision="b"), "waiting"),
        (
            "apps/StatefulSet",
            replicas(
                readyReplicas=2,
                updatedReplicas=1,
                updateRevision="b",
                spec={"updateStrategy": {"rollingUpdate": {"partition": 1}}},
            ),
            "ready",
        ),
        ("apps/DaemonSet", replicas(desiredNumberScheduled=1, updatedNumberScheduled=1, numberAvailable=1), "ready"),
        ("apps/DaemonSet", replicas(desiredNumberScheduled=1, updatedNumberScheduled=1), "waiting"),
        ("apps/DaemonSet", replicas(observed=0), "waiting"),
        ("apps/ReplicaSet", replicas(availableReplicas=2), "ready"),
        ("batch/Job", plain(conditions(Complete="True")), "ready"),
        ("batch/Job", plain(conditions(Complete="True", Failed="True")), "failed"),
        ("batch/Job", plain(conditions(FailureTarget="True")), "failed"),
        ("batch/Job", plain({"active": 1}), "waiting"),
        ("batch/Job", plain({}, {"suspend": True}), "ready"),
        ("kubeflow.org/TFJob", plain(conditions(Succeeded="True", Failed="True")), "failed"),
        ("kubeflow.org/TFJob", plain(conditions(Succeeded="True", Suspended="False")), "ready"),
        ("kubeflow.org/TFJob", plain(conditions(Running="False", Created="True")), "waiting"),
        ("/Pod", plain({"phase": "Running", **conditions(Ready="True")}), "ready"),
        ("/Pod", plain({"phase": "Running", **conditions(Ready="False")}), "waiting"),
        ("/Pod", plain({"phase": "Succeeded"}), "ready"),
        ("/Pod", plain({"phase": "Failed"}), "failed"),
        ("/Node", plain(conditions(Ready="True")), "ready"),
        ("/Node", plain(conditions(Ready="Unknown")), "waiting"),
        ("/Namespace", plain({"phase": "Active"}), "ready"),
        ("/Namespace", plain({"phase": "Terminating"}), "failed"),
        ("/PersistentVolume", plain({"phase": "Bound"}), "ready"),
        ("/PersistentVolumeClaim", plain({"phase": "Bound"}), "ready"),
        ("/PersistentVolumeClaim", plain({"phase": "Pending"}), "waiting"),
        ("/PersistentVolumeClaim", plain({"phase": "Lost"}), "failed"),
        ("/Service", plain({}, {"type": "ClusterIP"}), "ready"),
        ("/Service", plain({}, {"type": "LoadBalancer"}), "waiting"),
        ("/Service", plain({"loadBalancer": {"ingress": [{"ip": "x"}]}}, {"type": "LoadBalancer"}), "ready"),
        ("networking.k8s.io/Ingress", plain({"loadBalancer": {}}), "waiting"),
        ("apiextensions.k8s.io/CustomResourceDefinition", plain(conditions(Established="True")), "ready"),
        ("apiextensions.k8s.io/CustomResourceDefinition", plain(conditions(NamesAccepted="False")), "failed"),
        ("apiregistration.k8s.io/APIService", plain(conditions(Available="False")), "waiting"),
        ("autoscaling/HorizontalPodAutoscaler", plain(conditions(AbleToScale="True", ScalingActive="True")), "ready"),
        (
            "autoscaling/HorizontalPodAutoscaler",
            plain(conditions(AbleToScale="True", ScalingActive="False:FailedGetResourceMetric")),
            "waiting",
        ),
        (
            "autoscaling/HorizontalPodAutoscaler",
            plain(conditions(AbleToScale="True", ScalingActive="False:InvalidSelector")),
            "failed",
        ),
        ("gateway.networking.k8s.io/GatewayClass", plain(conditions(Accepted="Unknown:Pending")), "waiting"),
        ("gateway.networking.k8s.io/Gateway", plain(conditions(Accepted="True", Programmed="True")), "ready"),
        ("gateway.networking.k8s.io/Gateway", plain(conditions(Accepted="False:InvalidParameters")), "failed"),
        ("gateway.networking.k8s.io/HTTPRoute", route(Accepted="True", ResolvedRefs="True"), "ready"),
        ("gateway.networking.k8s.io/HTTPRoute", route(Accepted="False:NoMatchingParent"), "failed"),
        (
            "gateway.networking.k8s.io/HTTPRoute",
            route(Accepted="True", ResolvedRefs="False:BackendNotFound"),
            "waiting",
        ),
        ("gateway.networking.k8s.io/HTTPRoute", plain({"parents": []}, {"parentRefs": [1]}), "waiting"),
        ("/ConfigMap", plain({}), "ready"),
    ],
)
def test_when_a_kind_is_ready(kind: str, live: Object, state: str) -> None:
    group, _slash, name = kind.rpartition("/")
    assert RULES[(group, name)](live).state == state


def test_a_condition_of_an_older_generation_says_nothing() -> None:
    live = plain({"conditions": [{"type": "Accepted", "status": "True", "observedGeneration": 1}]})
    assert by_conditions({"Accepted": "True"})(live).state == "waiting"


def test_an_unknown_kind_is_never_waited_for_in_silence() -> None:
    with pytest.raises(Failure, match="wait_conditions") as refused:
        rule_for(Kind("example.org/v1", "Widget", "widgets", True))
    assert refused.value.code == "UnknownWait"


# -- pods --------------------------------------------------------------------------------------------------------------


def pod(name: str = "p", phase: str = "Pending", labels: Object | None = None, **container: Any) -> Object:
    statuses = [{"name": "c", "image": "i", "state": {}, **container}] if container else []
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "t", "labels": labels or {}},
        "status": {"phase": phase, "containerStatuses": statuses},
    }


def waiting(reason: str, message: str = "") -> Object:
    return {"state": {"waiting": {"reason": reason, "message": message}}}


def ended(code: int, reason: str = "Error") -> Object:
    return {"terminated": {"exitCode": code, "reason": reason}}


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        pytest.param(pod(**waiting("ErrImagePull", "x: not found")), "ImageNotFound", id="no such image"),
        pytest.param(pod(**waiting("InvalidImageName")), "ImageNotFound", id="no image name"),
        pytest.param(pod(**waiting("ImagePullBackOff", "dial tcp: timeout")), "ImagePullFailed", id="registry away"),
        pytest.param(pod(**waiting("CreateContainerConfigError")), "ContainerRefused", id="no config map"),
        pytest.param(pod(**waiting("CrashLoopBackOff"), restartCount=1), None, id="one crash"),
        pytest.param(
            pod(**waiting("CrashLoopBackOff"), restartCount=3, lastState=ended(2)), "CrashLoop", id="crash loop"
        ),
        pytest.param(
            pod(**waiting("CrashLoopBackOff"), restartCount=3, lastState=ended(137, "OOMKilled")),
            "OutOfMemory",
            id="crash loop for memory",
        ),
        pytest.param(pod(phase="Failed", state=ended(7)), "ContainerFailed", id="exit code"),
        pytest.param(pod(phase="Failed", state=ended(137, "OOMKilled")), "OutOfMemory", id="out of memory"),
        pytest.param(pod(phase="Running", state=ended(1)), None, id="a container that is restarted"),
        pytest.param(pod(phase="Failed"), "ContainerFailed", id="failed without a reason"),
        pytest.param(pod(phase="Succeeded", state=ended(0)), None, id="done"),
        pytest.param(pod(phase="Running", state={"running": {}}), None, id="running"),
    ],
)
def test_what_a_pod_says(found: Object, reason: str | None) -> None:
    assert [trouble.reason for trouble in troubles([found])] == ([reason] if reason else [])


def test_a_pod_that_fits_nowhere_and_one_that_was_evicted() -> None:
    unschedulable = pod()
    unschedulable["status"]["conditions"] = [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes: no gpu"}
    ]
    evicted = pod("e", phase="Failed")
    evicted["status"].update(reason="Evicted", message="The node was low on memory")
    gone = pod("gone", phase="Failed")
    gone["metadata"]["deletionTimestamp"] = "now"
    found = troubles([unschedulable, evicted, gone])
    assert [(trouble.reason, trouble.pod) for trouble in found] == [("Evicted", "e"), ("Unschedulable", "p")]
    assert "no gpu" in found[1].line


def test_every_reason_has_a_grace_and_a_hint() -> None:
    assert GRACE_S.keys() == _HINTS.keys()


def test_patience_ends_only_for_the_same_trouble() -> None:
    clock = FakeClock()
    patience = Patience(clock, {"ImagePullFailed": 30})
    away = troubles([pod(**waiting("ImagePullBackOff", "timeout"))])
    assert patience.over(away) is None
    clock.sleep(20)
    assert patience.over([]) is None, "healed"
    assert patience.over(away) is None
    clock.sleep(30)
    assert patience.over(away) == away[0]


def test_a_failure_holds_the_last_lines_and_the_events() -> None:
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e", "namespace": "t"},
        "reason": "BackOff",
        "message": "again",
    }
    cluster = FakeCluster(event)
    cluster.log["p"] = "one\ntwo\n"
    told = failure("Job/t/x", evidence(cluster, troubles([pod(phase="Failed", state=ended(7))])[0]))
    assert told.code == "ContainerFailed" and "exited with 7" in str(told) and "one | two" in str(told)
    assert told.details["log"] == ["one", "two"] and told.details["events"] == ["BackOff: again"]


# -- the wait itself ---------------------------------------------------------------------------------------------------


def job(name: str, **status: str) -> Object:
    spec = {"selector": {"matchLabels": {"job": name}}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "t"},
        "spec": spec,
        "status": conditions(**status),
    }


def test_all_are_waited_for_and_the_first_failure_ends_it() -> None:
    cluster = FakeCluster(job("a", Complete="True"), job("b", Failed="True:BackoffLimitExceeded"), job("c"))
    refs = list(cluster.objects)
    with pytest.raises(Failure) as failed:
        wait_ready(cluster, refs, Deadline(60, cluster.context.clock), cluster.context)
    assert failed.value.code == "NotReady" and "Job/t/b" in str(failed.value)
    assert "BackoffLimitExceeded" in str(failed.value)


def test_the_pod_that_failed_is_the_reason() -> None:
    cluster = FakeCluster(job("a"), pod(labels={"job": "a"}, **waiting("ErrImagePull", "not found")))
    with pytest.raises(Failure) as failed:
        wait_ready(cluster, list(cluster.objects)[:1], Deadline(60, cluster.context.clock), cluster.context)
    assert failed.value.code == "ImageNotFound" and failed.value.details["pod"] == "p"


def test_a_rollout_is_judged_by_its_newest_pods() -> None:
    web = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "t", "generation": 1},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}},
        "status": {"observedGeneration": 1},
    }
    old = pod("old", labels={"app": "web", "pod-template-hash": "1"}, **waiting("ErrImagePull", "not found"))
    new = pod("new", labels={"app": "web", "pod-template-hash": "2"}, state={"running": {}})
    old["metadata"]["creationTimestamp"], new["metadata"]["creationTimestamp"] = "2026-01-01", "2026-01-02"
    cluster = FakeCluster(web, old, new)
    with pytest.raises(Failure) as failed:
        wait_ready(cluster, list(cluster.objects)[:1], Deadline(5, cluster.context.clock), cluster.context)
    assert failed.value.code == "WaitTimeout"
    assert failed.value.details["not_ready"][0]["object"] == "Deployment/t/web"


def test_a_claim_that_waits_for_its_first_pod_is_ready() -> None:
    storage = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "disk"},
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": "t"},
        "spec": {"storageClassName": "disk"},
        "status": {"phase": "Pending"},
    }
    cluster = FakeCluster(claim, storage)
    assert wait_ready(cluster, list(cluster.objects)[:1], Deadline(1, cluster.context.clock), cluster.context)


def test_an_api_that_is_away_for_a_moment_is_no_failure() -> None:
    cluster = FakeCluster(job("a", Complete="True"))
    reads = cluster.get
    answers: list[Any] = [Failure("Unreachable", "no answer", retryable=True)]

    def get(ref: Any) -> Any:
        if answers:
            raise answers.pop()
        return reads(ref)

    cluster.get = get  # type: ignore[method-assign]
    assert wait_ready(cluster, list(cluster.objects), Deadline(60, cluster.context.clock), cluster.context)


def test_what_holds_an_object_is_named() -> None:
    held = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "finalizers": ["example.org/keep"]}}
    cluster = FakeCluster(held)
    with pytest.raises(Failure, match=r"example\.org/keep"):
        wait_gone(cluster, list(cluster.objects), Deadline(3, cluster.context.clock), cluster.context)
    assert cluster.context.clock() <= 5
    cluster.objects.clear()
    wait_gone(cluster, [cluster.ref(held)], Deadline(3, cluster.context.clock), cluster.context)
