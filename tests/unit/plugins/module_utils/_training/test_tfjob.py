# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A training job: waited for until the first fact that decides, and told so that a person can act."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, State, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._kube.kinds import Kind, Ref, kind_of
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import FolderStore
from ansible_collections.mlops.ack.plugins.module_utils._training.render import Wish
from ansible_collections.mlops.ack.plugins.module_utils._training.tfjob import OnTimeout, Patience, TrainingJob
from ansible_collections.mlops.ack.plugins.module_utils._training.watch import WHOLE
from tests.unit.plugins.module_utils._kube.fake_cluster import FakeCluster

TFJOB, POD, EVENT = kind_of("kubeflow.org/v1", "TFJob"), kind_of("v1", "Pod"), kind_of("v1", "Event")
REF = Ref(TFJOB, "ml", "digits")
SCHEMA = {"openAPIV3Schema": {"properties": {"spec": {"properties": {"runPolicy": {"properties": {"suspend": {}}}}}}}}
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "tfjobs.kubeflow.org"},
    "spec": {"group": "kubeflow.org", "versions": [{"name": "v1", "served": True, "schema": SCHEMA}]},
}

Step = Callable[["Operator"], None]


class Operator(FakeCluster):
    """A cluster whose operator does one step of `script` each time the job is read after the first."""

    def __init__(self, *script: Step) -> None:
        super().__init__(DEFINITION)
        self.script = list(script)
        self.events: list[dict[str, Any]] = []

    def get(self, ref: Ref) -> dict[str, Any] | None:
        if ref == REF and self.objects.get(REF) and self.script:
            self.script.pop(0)(self)
        return super().get(ref)

    def list(self, kind: Kind, namespace: str | None = None, **options: Any) -> list[dict[str, Any]]:
        return self.events if kind == EVENT else super().list(kind, namespace, **options)

    def merge(self, ref: Ref, patch: Mapping[str, Any]) -> dict[str, Any]:
        self.writes.append(f"merge {ref} {dict(patch)}")
        self.objects[ref]["spec"].setdefault("runPolicy", {}).update(patch["spec"]["runPolicy"])
        return self.objects[ref]

    def delete(self, ref: Ref, *, propagation: str = "Background", grace_s: int | None = None) -> None:
        super().delete(ref)
        for other in [each for each in self.objects if each.kind == POD]:
            del self.objects[other]


def condition(*kinds: str) -> Step:
    def step(cluster: Operator) -> None:
        cluster.objects[REF]["status"] = {"conditions": [{"type": kind, "status": "True"} for kind in kinds]}

    return step


def pod(index: int, phase: str, log: str = "", **container: Any) -> Step:
    def step(cluster: Operator) -> None:
        name = f"digits-worker-{index}"
        labels = {
            "training.kubeflow.org/job-name": "digits",
            "training.kubeflow.org/replica-type": "worker",
            "training.kubeflow.org/replica-index": str(index),
            **({"training.kubeflow.org/job-role": "master"} if index == 0 else {}),
        }
        status = {"phase": phase, "containerStatuses": [{"name": "tensorflow", "image": "t", "state": container}]}
        cluster.objects[Ref(POD, "ml", name)] = {
            "metadata": {"name": name, "namespace": "ml", "labels": labels, "uid": f"u{index}"},
            "status": status,
        }
        cluster.log[name] = log

    return step


def ended(code: int, at: str = "2026-11-22T10:00:00Z", reason: str = "Error") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "finishedAt": at, "reason": reason}}


def together(*steps: Step) -> Step:
    def step(cluster: Operator) -> None:
        for each in steps:
            each(cluster)

    return step


def vanish(index: int) -> Step:
    def step(cluster: Operator) -> None:
        del cluster.objects[Ref(POD, "ml", f"digits-worker-{index}")]
        cluster.log.pop(f"digits-worker-{index}")

    return step


def run(
    cluster: Operator,
    store: FolderStore | None = None,
    *,
    state: str = "present",
    image: str = "t",
    wait: bool = True,
    timeout_s: float = 600,
    on_timeout: OnTimeout = "suspend",
    retry_failed: bool = False,
    check: bool = False,
    unreachable_s: float = 0,
    checkpoints: Any = None,
    run_policy: dict[str, Any] | None = None,
) -> Outcome:
    containers = [{"name": "tensorflow", "image": image}]
    replicas = {"Worker": {"replicas": 2, "template": {"spec": {"containers": containers}}}}
    wish = Wish("digits", "ml", "run-1", replicas, run_policy or {})
    patience = Patience(Deadline(timeout_s, cluster.context.clock), wait, 300, on_timeout, unreachable_s)
    cluster.context.check = check
    more: dict[str, Any] = {"store": store, "retry_failed": retry_failed, "checkpoints": checkpoints}
    job = TrainingJob(cluster, wish, patience, cluster.context, **more)  # type: ignore[arg-type]
    desired: State = None if state == "absent" else {"state": state}
    return reconcile(job, desired, cluster.context)


def failing(cluster: Operator, store: FolderStore | None = None, **options: Any) -> Failure:
    with pytest.raises(Failure) as failed:
        run(cluster, store, **options)
    return failed.value


SUCCESS = [
    together(condition("Created", "Running"), pod(0, "Running", "step 1\n"), pod(1, "Running")),
    together(
        condition("Created", "Succeeded"), pod(0, "Succeeded", "step 2\n", **ended(0)), pod(1, "Succeeded", **ended(0))
    ),
]


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


def test_check_mode_writes_nothing_and_has_the_keys_of_the_run(store: FolderStore) -> None:
    cluster = Operator(*SUCCESS)
    predicted = run(cluster, store, check=True)
    assert (predicted.changed, cluster.writes, store.list("")) == (True, [], [])
    real: Any = run(cluster, store).values["job"]
    foreseen: Any = predicted.values["job"]
    assert foreseen.keys() == real.keys()
    assert (foreseen["state"], foreseen["log_keys"]) == (real["state"], real["log_keys"])


def test_a_job_that_succeeds_keeps_its_logs(store: FolderStore) -> None:
    outcome = run(Operator(*SUCCESS), store)
    assert outcome.changed
    assert store.get("runs/run-1/logs/digits-worker-0.log") == b"step 2\n"
    assert store.get("runs/run-1/logs/digits-worker-1.log") == b""


def test_the_second_run_writes_nothing(store: FolderStore) -> None:
    cluster = Operator(*SUCCESS)
    first = run(cluster, store)
    cluster.writes.clear()
    second = run(cluster, store)
    assert (second.changed, second.values, cluster.writes) == (False, first.values, [])


def test_logs_that_a_killed_run_did_not_keep_are_kept_by_the_next(store: FolderStore) -> None:
    cluster = Operator(*SUCCESS)
    run(cluster)
    assert run(cluster, store).changed
    assert not run(cluster, store).changed


def test_failure_wins_over_success() -> None:
    both = together(
        condition("Succeeded", "Failed"), pod(0, "Succeeded", **ended(0)), pod(1, "Failed", "oops\n", **ended(1))
    )
    assert failing(Operator(both)).code == "ContainerFailed"


def test_the_pod_that_failed_first_is_the_cause() -> None:
    script = together(
        condition("Created", "Failed"),
        pod(0, "Failed", "lost worker 1\n", **ended(134, "2026-11-22T10:00:09Z")),
        pod(1, "Failed", "no such column\n", **ended(1, "2026-11-22T10:00:05Z")),
    )
    failure = failing(Operator(script))
    assert (failure.details["pod"], failure.details["exit_code"]) == ("digits-worker-1", 1)
    assert failure.details["log"] == ["no such column"]
    assert "retry_failed" in failure.hint


def test_memory_is_told_before_what_followed_from_it() -> None:
    script = together(
        condition("Failed"),
        pod(0, "Failed", **ended(1, "2026-11-22T10:00:01Z")),
        pod(1, "Failed", **ended(137, "2026-11-22T10:00:01Z", "OOMKilled")),
    )
    assert failing(Operator(script)).code == "OutOfMemory"


def test_a_pod_that_was_deleted_is_told_by_what_was_seen_of_it(store: FolderStore) -> None:
    cluster = Operator(
        together(condition("Running"), pod(0, "Running"), pod(1, "Running", "epoch 3\n")),
        together(condition("Failed"), vanish(1)),
    )
    cluster.events = [
        {"message": "Created pod: digits-worker-1"},
        {"message": "Pod: ml.digits-worker-1 exited with code 1"},
    ]
    failure = failing(cluster, store)
    assert (failure.details["pod"], failure.details["exit_code"]) == ("digits-worker-1", 1)
    assert failure.details["log"] == ["epoch 3"]
    assert store.get("runs/run-1/logs/digits-worker-1.log") == b"epoch 3\n"


def being_deleted(index: int, at: str, grace_s: int = 30) -> Step:
    """`at`: Kubernetes notes when the grace ends, not when it began."""

    def step(cluster: Operator) -> None:
        metadata = cluster.objects[Ref(POD, "ml", f"digits-worker-{index}")]["metadata"]
        metadata.update(deletionTimestamp=at, deletionGracePeriodSeconds=grace_s)

    return step


def test_a_pod_that_ended_because_it_was_deleted_is_not_the_cause() -> None:
    victim = pod(0, "Failed", "here is worker 0\n", **ended(143, "2026-11-22T10:00:06Z"))
    cluster = Operator(
        together(condition("Running"), pod(0, "Running"), pod(1, "Running", "no such column\n")),
        together(condition("Failed"), vanish(1), victim, being_deleted(0, "2026-11-22T10:00:35Z")),
    )
    cluster.events = [{"message": "Pod: ml.digits-worker-1 exited with code 1"}]
    failure = failing(cluster)
    assert (failure.details["pod"], failure.details["exit_code"]) == ("digits-worker-1", 1)


def test_a_pod_that_failed_and_was_then_deleted_is_the_cause() -> None:
    script = together(
        condition("Failed"),
        pod(0, "Failed", **ended(1, "2026-11-22T10:00:01Z")),
        being_deleted(0, "2026-11-22T10:00:35Z"),
    )
    assert failing(Operator(script)).details["pod"] == "digits-worker-0"


def test_an_image_that_does_not_exist_ends_the_wait_at_once_and_suspends_the_job() -> None:
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "manifest unknown"}}
    cluster = Operator(condition("Created"), together(pod(0, "Pending", **waiting)))
    failure = failing(cluster)
    assert (failure.code, failure.details["on_timeout"]) == ("ImageNotFound", "suspend")
    assert cluster.context.clock() < 5
    assert cluster.objects[REF]["spec"]["runPolicy"]["suspend"] is True


@pytest.mark.parametrize(
    ("on_timeout", "last_write", "told"),
    [
        ("suspend", "merge TFJob/ml/digits {'spec': {'runPolicy': {'suspend': True}}}", "was suspended"),
        ("delete", "delete TFJob/ml/digits", "was deleted"),
        ("keep", "apply TFJob/ml/digits", "goes on"),
    ],
)
def test_after_the_deadline_the_job_costs_nothing_unless_kept(
    on_timeout: OnTimeout, last_write: str, told: str
) -> None:
    cluster = Operator(condition("Running"))
    failure = failing(cluster, timeout_s=20, on_timeout=on_timeout)
    assert (failure.code, cluster.writes[-1]) == ("WaitTimeout", last_write)
    assert told in failure.message
    assert cluster.context.clock() < 22


def test_logs_that_cannot_be_had_do_not_keep_a_job_from_being_suspended(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Operator(condition("Running"), together(pod(0, "Running")))

    def logs(*_where: str, tail: int) -> str:
        if tail == WHOLE:
            raise Failure("Unreachable", "no logs now.")
        return ""

    monkeypatch.setattr(cluster, "logs", logs)
    failure = failing(cluster, timeout_s=20)
    assert failure.code == "WaitTimeout"
    assert "Its logs could not be kept: no logs now." in failure.hint
    assert "was suspended" in failure.message
    assert cluster.objects[REF]["spec"]["runPolicy"]["suspend"] is True


def test_a_suspended_job_is_resumed_and_waited_for() -> None:
    cluster = Operator(condition("Running"))
    failing(cluster, timeout_s=20)
    condition("Created", "Suspended")(cluster)
    cluster.script = [lambda cluster: None, lambda cluster: None, *SUCCESS]
    outcome = run(cluster)
    assert outcome.changed
    assert outcome.values["job"]["state"] == "succeeded"


def test_a_job_is_resumed_only_when_the_pods_of_before_are_gone() -> None:
    """The operator takes a pod that is still ending for one of the resumed job, and fails the job."""
    cluster = Operator(condition("Running"))
    failing(cluster, timeout_s=20)
    suspended = len(cluster.writes)
    together(pod(0, "Running"), being_deleted(0, "2026-11-22T10:00:35Z"), condition("Created", "Suspended"))(cluster)
    looks: list[int] = []
    listed = cluster.list

    def list_and_note(kind: Kind, namespace: str | None = None, **options: Any) -> list[dict[str, Any]]:
        looks.append(len(cluster.writes) - suspended)
        if len(looks) == 4:
            vanish(0)(cluster)
            cluster.script = list(SUCCESS)
        return listed(kind, namespace, **options)

    cluster.list = list_and_note  # type: ignore[method-assign]
    assert run(cluster).values["job"]["state"] == "succeeded"
    assert looks[:4] == [0, 0, 0, 0]


def test_suspending_waits_until_the_pods_are_gone() -> None:
    cluster = Operator(condition("Running"))
    run(cluster, wait=False)
    cluster.script = [lambda cluster: None, lambda cluster: None, condition("Suspended")]
    outcome = run(cluster, state="suspended")
    assert (outcome.changed, outcome.values["job"]["state"]) == (True, "suspended")
    assert not run(cluster, state="suspended").changed


def test_a_failed_job_is_told_again_and_run_again_when_asked() -> None:
    broken = together(condition("Failed"), pod(0, "Failed", **ended(1)))
    cluster = Operator(broken)
    failing(cluster)
    writes = list(cluster.writes)
    assert failing(cluster).code == "ContainerFailed"
    assert cluster.writes == writes
    cluster.script = [lambda cluster: None, *SUCCESS]
    assert run(cluster, retry_failed=True).values["job"]["state"] == "succeeded"


def test_another_spec_under_the_same_name_is_refused() -> None:
    cluster = Operator(*SUCCESS)
    run(cluster)
    failure = failing(cluster, image="other")
    assert failure.code == "ImmutableField"
    assert "spec.tfReplicaSpecs.Worker" in failure.message


def test_a_job_that_somebody_deletes_is_told() -> None:
    cluster = Operator(condition("Running"), lambda cluster: cluster.objects.pop(REF) and None)
    assert failing(cluster).code == "JobDeleted"


def test_a_job_that_somebody_suspends_is_told() -> None:
    def suspend(cluster: Operator) -> None:
        cluster.objects[REF]["spec"]["runPolicy"]["suspend"] = True
        condition("Suspended")(cluster)

    assert failing(Operator(condition("Running"), suspend)).code == "JobSuspended"


def test_absent_is_absent_once() -> None:
    cluster = Operator(*SUCCESS)
    run(cluster)
    assert [run(cluster, state="absent").changed for _time in range(2)] == [True, False]


def test_a_cluster_without_operator_says_so() -> None:
    cluster = Operator()
    cluster.objects.clear()
    assert failing(cluster).code == "MissingOperator"


def silent(cluster: Operator) -> None:
    raise Failure("Unreachable", "No answer.")


def test_a_cluster_that_is_away_for_a_while_is_waited_for() -> None:
    cluster = Operator(condition("Created"), silent, silent, condition("Succeeded"))
    assert run(cluster, unreachable_s=60).changed
    away = Operator(condition("Created"), silent, silent, condition("Succeeded"))
    assert failing(away, unreachable_s=0).code == "Unreachable"


class Kept:
    """Says what is asked of checkpoints."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def restore(self, deadline: Deadline) -> None:
        self.asked.append("restore")

    def keep_when_due(self) -> None:
        self.asked.append("look")

    def keep_last(self) -> None:
        self.asked.append("last")


def test_a_new_job_gets_the_last_checkpoint_and_one_that_is_given_up_leaves_one() -> None:
    kept = Kept()
    run(Operator(condition("Created"), condition("Running"), condition("Succeeded")), checkpoints=kept)
    assert kept.asked == ["restore", "look"]
    given_up = Kept()
    running = Operator(*[condition("Running")] * 40)
    failing(running, timeout_s=5, checkpoints=given_up)
    assert given_up.asked[0] == "restore" and given_up.asked[-1] == "last"


def test_a_job_that_is_there_gets_no_checkpoint() -> None:
    cluster = Operator(condition("Created"), condition("Succeeded"))
    run(cluster)
    kept = Kept()
    run(cluster, checkpoints=kept)
    assert kept.asked == []


def start(cluster: Operator) -> None:
    """What a queue does."""
    cluster.objects[REF]["spec"]["runPolicy"]["suspend"] = False


def test_a_job_that_a_queue_starts_is_made_suspended_waited_for_and_never_resumed() -> None:
    cluster = Operator(condition("Suspended"), condition("Suspended"), start, condition("Succeeded"))
    queued = {"suspend": True}
    assert run(cluster, run_policy=queued).changed
    assert not [write for write in cluster.writes if write.startswith("merge")]
    assert not run(cluster, run_policy=queued).changed


def test_a_suspended_job_of_a_queue_is_left_as_it_is() -> None:
    cluster = Operator(condition("Suspended"))
    run(cluster, run_policy={"suspend": True}, wait=False)
    assert cluster.objects[REF]["spec"]["runPolicy"]["suspend"] is True
    cluster.writes.clear()
    assert not run(cluster, run_policy={"suspend": True}, wait=False).changed
    assert cluster.writes == []
