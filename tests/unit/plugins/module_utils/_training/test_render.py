# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From the user's words to a TFJob: both dialects, and every rule before the cluster sees it."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._training import dialect
from ansible_collections.mlops.ack.plugins.module_utils._training.dialect import KUBEFLOW
from ansible_collections.mlops.ack.plugins.module_utils._training.render import (
    Dialect,
    Wish,
    manifest,
    pod_names,
    policies,
    run_policy,
    variables,
)

KUBEDL = Dialect("training.kubedl.io/v1alpha1", nested=False, can_suspend=False)
CONTAINER = {"name": "tensorflow", "image": "tf:1"}


def spec(*containers: Any, **more: Any) -> dict[str, Any]:
    return {"template": {"spec": {"containers": list(containers or (CONTAINER,))}}, **more}


def wish(replicas: Any = None, **more: Any) -> Wish:
    given = {"Worker": spec(replicas=3)} if replicas is None else replicas
    options = {"name": "digits", "namespace": "ml", "run_id": "run-1", "replicas": given, "run_policy": {}, **more}
    return Wish(**options)


def container(found: dict[str, Any], kind: str = "Worker") -> dict[str, Any]:
    one: dict[str, Any] = found["spec"]["tfReplicaSpecs"][kind]["template"]["spec"]["containers"][0]
    return one


def test_kubeflow_has_policies_below_run_policy() -> None:
    found = manifest(wish(run_policy={"backoffLimit": 2}), KUBEFLOW, suspended=True)
    assert found["apiVersion"] == "kubeflow.org/v1"
    assert found["spec"]["runPolicy"] == {"backoffLimit": 2, "cleanPodPolicy": "Running", "suspend": True}


def test_kubedl_has_them_inline() -> None:
    found = manifest(wish(run_policy={"backoffLimit": 2}), KUBEDL)
    assert found["apiVersion"] == "training.kubedl.io/v1alpha1"
    assert (found["spec"]["backoffLimit"], found["spec"]["cleanPodPolicy"]) == (2, "Running")
    assert "runPolicy" not in found["spec"]


@pytest.mark.parametrize("word", ["minAvailable", "min_available"])
def test_gang_scheduling_reaches_the_job_of_either_operator(word: str) -> None:
    policy = run_policy({"scheduling_policy": {word: 3, "queue": "vision"}, "backoff_limit": None})
    expected = {"minAvailable": 3, "queue": "vision"}
    assert manifest(wish(run_policy=policy), KUBEFLOW)["spec"]["runPolicy"]["schedulingPolicy"] == expected
    assert manifest(wish(run_policy=policy), KUBEDL)["spec"]["schedulingPolicy"] == expected


def test_a_word_of_gang_scheduling_that_the_api_would_drop_is_refused() -> None:
    with pytest.raises(Failure, match="minAvailable"):
        run_policy({"scheduling_policy": {"minAvailble": 3}})


def test_no_backoff_limit_is_sent_unless_asked_for() -> None:
    assert "backoffLimit" not in manifest(wish(), KUBEFLOW)["spec"]["runPolicy"]


def test_volume_and_environment_reach_the_container_that_trains() -> None:
    side = {"name": "side", "image": "s:1"}
    found = manifest(
        wish(
            {"Worker": spec(CONTAINER, side)},
            volume={"persistentVolumeClaim": {"claimName": "t"}},
            dataset_path="datasets/d/1",
            output_path="runs/r/output",
            parameters={"EPOCHS": 8, "NAME": "x", "FAST": True},
        ),
        KUBEFLOW,
    )
    pod = found["spec"]["tfReplicaSpecs"]["Worker"]["template"]["spec"]
    assert {each["name"]: each["value"] for each in container(found)["env"]} == {
        "DATASET_DIR": "/mnt/dataset",
        "EPOCHS": "8",
        "FAST": "true",
        "NAME": "x",
        "OUTPUT_DIR": "/mnt/output",
        "RUN_ID": "run-1",
    }
    assert [(each["mountPath"], each["subPath"], each["readOnly"]) for each in container(found)["volumeMounts"]] == [
        ("/mnt/dataset", "datasets/d/1", True),
        ("/mnt/output", "runs/r/output", False),
    ]
    assert pod["volumes"] == [{"name": "mlops-data", "persistentVolumeClaim": {"claimName": "t"}}]
    assert pod["containers"][1] == side


def test_spellings_of_types_and_fields_are_normalised() -> None:
    found = manifest(wish({"worker": spec(restart_policy="OnFailure", replicas="2"), "ps": spec()}), KUBEFLOW)
    assert set(found["spec"]["tfReplicaSpecs"]) == {"Worker", "PS"}
    worker = found["spec"]["tfReplicaSpecs"]["Worker"]
    assert (worker["restartPolicy"], worker["replicas"]) == ("OnFailure", 2)


def test_pods_are_named_as_the_operator_names_them() -> None:
    found = pod_names(wish({"Chief": spec(), "Worker": spec(replicas=2)}))
    assert found == ["digits-chief-0", "digits-worker-0", "digits-worker-1"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param({"name": "1digits"}, "with a letter first", id="a name that starts with a digit"),
        pytest.param({"name": "Digits"}, "lower-case", id="a name with capitals"),
        pytest.param({"name": "d" * 60}, "54 is the most", id="a name whose pods' names are too long"),
        pytest.param({"run_id": "a/b"}, "run_id", id="a run id that is no key"),
        pytest.param({"replicas": {}}, "is empty", id="no replica type"),
        pytest.param({"replicas": {"Wroker": spec()}}, "mean 'Worker'", id="a type that is misspelt"),
        pytest.param({"replicas": {"Worker": spec(), "worker": spec()}}, "Worker twice", id="a type twice"),
        pytest.param({"replicas": {"Chief": spec(), "Master": spec()}}, "one of them", id="two chiefs"),
        pytest.param({"replicas": {"Chief": spec(replicas=2)}}, "allows 1 only", id="a chief twice"),
        pytest.param({"replicas": {"Worker": spec(replicas=0)}}, "above 0", id="no replicas"),
        pytest.param({"replicas": {"Worker": spec(replicas="many")}}, "above 0", id="replicas in words"),
        pytest.param({"replicas": {"Worker": spec(restartPolicy="never")}}, "mean 'Never'", id="a restart policy"),
        pytest.param({"replicas": {"Worker": spec(replica=2)}}, "mean 'replicas'", id="a field that is misspelt"),
        pytest.param({"replicas": {"Worker": {}}}, "template", id="no template"),
        pytest.param({"replicas": {"Worker": spec({"name": "tensorflow"})}}, "no image", id="no image"),
        pytest.param(
            {"replicas": {"Worker": spec({"name": "tensoflow", "image": "x"})}},
            "Rename 'tensoflow'",
            id="no container of the right name",
        ),
        pytest.param({"parameters": {"A-B": 1}}, "no name of an environment variable", id="a parameter's name"),
        pytest.param({"parameters": {"TF_CONFIG": "x"}}, "set by this module", id="a parameter that is taken"),
        pytest.param({"volume": {}, "dataset_path": "x"}, None, id="no volume, no mount"),
        pytest.param(
            {"volume": {"emptyDir": {}, "nfs": {}}, "dataset_path": "x"}, "exactly one volume source", id="two volumes"
        ),
        pytest.param({"volume": {"emptyDir": {}}, "dataset_path": "/x"}, "relative", id="a path that is absolute"),
        pytest.param({"volume": {"emptyDir": {}}, "output_path": "../x"}, "relative", id="a path that escapes"),
        pytest.param(
            {
                "replicas": {"Worker": spec({**CONTAINER, "env": [{"name": "EPOCHS", "value": "1"}]})},
                "parameters": {"EPOCHS": 2},
            },
            "keep one",
            id="a variable that is given twice",
        ),
    ],
)
def test_what_the_operator_would_refuse_or_ignore_is_refused_first(change: dict[str, Any], told: str | None) -> None:
    if told is None:
        assert "volumeMounts" not in container(manifest(wish(**change), KUBEFLOW))
        return
    with pytest.raises(Failure) as refused:
        manifest(wish(**change), KUBEFLOW)
    assert refused.value.code == "InvalidOption"
    assert told in str(refused.value)


def test_run_policy_takes_only_what_was_set() -> None:
    assert run_policy({"backoff_limit": 1, "clean_pod_policy": None}) == {"backoffLimit": 1}


def test_parameters_become_text() -> None:
    assert variables({"A": 0.1, "B": [1, 2], "C": "c", "D": None}) == {"A": "0.1", "B": "[1, 2]", "C": "c", "D": "null"}


def definition(group: str, version: str, fields: dict[str, Any]) -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"properties": {"spec": {"properties": fields}}}}
    return {"spec": {"group": group, "versions": [{"name": version, "served": True, "schema": schema}]}}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(
            definition("kubeflow.org", "v1", {"runPolicy": {"properties": {"suspend": {}}}}), KUBEFLOW, id="today's"
        ),
        pytest.param(
            definition("kubeflow.org", "v1", {"runPolicy": {"properties": {}}}),
            Dialect("kubeflow.org/v1", nested=True, can_suspend=False),
            id="before it could suspend",
        ),
        pytest.param(
            definition("kubeflow.org", "v1", {"cleanPodPolicy": {}}),
            Dialect("kubeflow.org/v1", nested=False, can_suspend=False),
            id="the first one",
        ),
        pytest.param(definition("training.kubedl.io", "v1alpha1", {"cleanPodPolicy": {}}), KUBEDL, id="KubeDL's"),
    ],
)
def test_the_definition_tells_the_dialect(found: dict[str, Any], expected: Dialect) -> None:
    assert dialect.of_definition(found) == expected


def test_a_part_of_a_gpu_reaches_the_container_that_trains() -> None:
    side = {"name": "side", "image": "s:1"}
    found = manifest(wish({"Worker": spec(CONTAINER, side, gpuMemory=8)}), KUBEFLOW)
    template = found["spec"]["tfReplicaSpecs"]["Worker"]["template"]
    limits = [each.get("resources") for each in template["spec"]["containers"]]
    assert limits == [{"limits": {"aliyun.com/gpu-mem": "8"}}, None]
    assert "gpuMemory" not in found["spec"]["tfReplicaSpecs"]["Worker"]


def test_a_spot_worker_is_started_again_and_cannot_be_told_otherwise() -> None:
    found = manifest(wish({"Worker": spec(spot={})}), KUBEFLOW)
    assert found["spec"]["tfReplicaSpecs"]["Worker"]["restartPolicy"] == "ExitCode"
    with pytest.raises(Failure, match="taken back"):
        manifest(wish({"Worker": spec(spot={}, restart_policy="Never")}), KUBEFLOW)


def test_workers_that_burst_are_found_by_their_policy() -> None:
    bursting = wish({"Worker": spec(burst={"keepLocal": 1}), "PS": spec()}, by_policy=True)
    (policy,) = policies(bursting)
    assert policy["metadata"]["name"] == "digits-worker"
    selector = policy["spec"]["selector"]
    template = manifest(bursting, KUBEFLOW)["spec"]["tfReplicaSpecs"]["Worker"]["template"]
    assert selector == {"mlops.ack/run-id": "run-1", "training.kubeflow.org/replica-type": "worker"}
    assert template["metadata"]["labels"] == {"mlops.ack/run-id": "run-1"}
    assert policies(bursting._replace(by_policy=False)) == []


def test_an_unknown_field_of_a_replica_names_what_was_meant() -> None:
    with pytest.raises(Failure, match="gpuMemory"):
        manifest(wish({"Worker": spec(gpuMemry=8)}), KUBEFLOW)
