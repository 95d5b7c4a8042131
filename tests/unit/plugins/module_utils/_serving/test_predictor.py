"""What a predictor is rendered to."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._serving.predictor import has_status, render

from .builders import by_kind, one, revision, serving, version


def server(predictor: dict[str, Any], **more: Any) -> dict[str, Any]:
    spec = by_kind(revision(predictor, **more))["Deployment"]["spec"]["template"]["spec"]
    return spec["containers"][0]  # type: ignore[no-any-return]


def test_all_objects_of_a_revision_share_one_name_and_the_ownership_labels() -> None:
    rendered = revision(one("stable", 1, replicas=2, auto_scale={"min_replicas": 2, "max_replicas": 5}))
    assert rendered.name == f"digits-stable-{rendered.digest}"
    assert [obj["kind"] for obj in rendered.objects] == [
        "ConfigMap",
        "Deployment",
        "Service",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
    ]
    for obj in rendered.objects:
        labels = obj["metadata"]["labels"]
        assert (obj["metadata"]["name"], obj["metadata"]["namespace"]) == (rendered.name, "serving")
        assert labels["app.kubernetes.io/managed-by"] == "mlops.ack"
        assert labels["mlops.ack/owner"] == "tfserving.digits"
        assert labels["mlops.ack/model-version"] == "digits-v1"


def test_pods_and_service_find_each_other_and_nobody_else() -> None:
    objects = by_kind(revision(one("stable", 1, replicas=2)))
    selector = objects["Service"]["spec"]["selector"]
    assert objects["Deployment"]["spec"]["selector"]["matchLabels"] == selector
    assert objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == selector
    assert selector.items() <= objects["Deployment"]["spec"]["template"]["metadata"]["labels"].items()


def test_the_model_comes_from_its_own_image_by_digest() -> None:
    spec = by_kind(revision(one("stable", 1)))["Deployment"]["spec"]["template"]["spec"]
    copy = spec["initContainers"][0]
    assert copy["image"].startswith("registry.test/digits@sha256:")
    assert copy["command"] == ["cp", "-r", "/models/.", "/mnt/models/"]
    assert spec["containers"][0]["volumeMounts"][0] == {"name": "models", "mountPath": "/models", "readOnly": True}
    assert spec["volumes"][0] == {"name": "models", "emptyDir": {}}


def test_the_server_gets_its_model_and_its_metrics_file() -> None:
    assert server(one("stable", 1))["args"] == [
        "--port=8500",
        "--rest_api_port=8501",
        "--model_name=digits",
        "--model_base_path=/models/digits",
        "--monitoring_config_file=/etc/tfserving/monitoring.txt",
    ]


def test_batching_brings_its_file_and_its_flags() -> None:
    predictor = one("stable", 1, batching={"batch_size": 32})
    assert "--enable_batching=true" in server(predictor)["args"]
    assert "--batching_parameters_file=/etc/tfserving/batching.txt" in server(predictor)["args"]
    objects = by_kind(revision(predictor))
    assert "max_batch_size { value: 32 }" in objects["ConfigMap"]["data"]["batching.txt"]
    volume = objects["Deployment"]["spec"]["template"]["spec"]["volumes"][-1]
    assert volume == {"name": "config", "configMap": {"name": objects["ConfigMap"]["metadata"]["name"]}}


@pytest.mark.parametrize(
    ("changed", "is_new_revision"),
    [
        pytest.param(one("stable", 2), True, id="another version"),
        pytest.param(one("stable", 1, batching={"batch_size": 8}), True, id="batching"),
        pytest.param(one("stable", 1, resources={"limits": {"cpu": "1"}}), True, id="resources"),
        pytest.param(one("stable", 1, template={"spec": {"priorityClassName": "high"}}), True, id="template"),
        pytest.param(one("stable", 1, replicas=4), False, id="replicas"),
        pytest.param(one("stable", 1, auto_scale={"max_replicas": 4}), False, id="autoscaling"),
        pytest.param(one("stable", 1, 100), False, id="the same share, said aloud"),
    ],
)
def test_what_decides_about_answers_makes_a_new_revision(changed: dict[str, Any], is_new_revision: bool) -> None:
    assert (revision(changed).digest != revision(one("stable", 1)).digest) is is_new_revision


def test_a_registry_secret_pulls_the_images() -> None:
    rendered = by_kind(revision(one("stable", 1), registry_secret="pull"))
    assert rendered["Deployment"]["spec"]["template"]["spec"]["imagePullSecrets"] == [{"name": "pull"}]


def test_replicas_are_written_apart_so_that_an_autoscaler_may_own_them() -> None:
    assert "replicas" not in by_kind(revision(one("stable", 1, replicas=3)))["Deployment"]["spec"]


@pytest.mark.parametrize(
    ("predictor", "has_budget"),
    [
        pytest.param(one("a", 1), False, id="one pod"),
        pytest.param(one("a", 1, replicas=2), True, id="two pods"),
        pytest.param(one("a", 1, replicas=3, auto_scale={"max_replicas": 9}), False, id="may shrink to one"),
        pytest.param(one("a", 1, auto_scale={"min_replicas": 2, "max_replicas": 9}), True, id="never below two"),
    ],
)
def test_a_disruption_budget_is_for_more_than_one_pod(predictor: dict[str, Any], has_budget: bool) -> None:
    assert ("PodDisruptionBudget" in by_kind(revision(predictor))) is has_budget


def test_an_autoscaler_gets_limits_and_metrics_as_given() -> None:
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
    }
    scale = {"min_replicas": 1, "max_replicas": 10, "metrics": [metric]}
    rendered = revision(one("a", 1, auto_scale=scale))
    assert by_kind(rendered)["HorizontalPodAutoscaler"]["spec"] == {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": rendered.name},
        "minReplicas": 1,
        "maxReplicas": 10,
        "metrics": [metric],
    }


def test_an_autoscaler_without_metrics_leaves_the_default_to_the_api() -> None:
    rendered = by_kind(revision(one("a", 1, auto_scale={"max_replicas": 10})))
    assert "metrics" not in rendered["HorizontalPodAutoscaler"]["spec"]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("tensorflow/serving:1.11.0", False),
        ("tensorflow/serving:1.11.1-gpu", False),
        ("registry:5000/tensorflow/serving:1.12.0", True),
        ("tensorflow/serving:2.19.1", True),
        ("tensorflow/serving:latest", True),
        ("tensorflow/serving", True),
        ("registry:5000/tensorflow/serving", True),
        ("tensorflow/serving@sha256:" + "1" * 64, True),
        ("tensorflow/serving:1.11.0@sha256:" + "1" * 64, False),
    ],
)
def test_old_servers_are_known_by_their_tag(image: str, expected: bool) -> None:
    assert has_status(image) is expected


def test_an_old_server_is_probed_by_its_port() -> None:
    assert server(one("a", 1))["readinessProbe"]["httpGet"]["path"] == "/v1/models/digits"
    assert "tcpSocket" in server(one("a", 1), image="tensorflow/serving:1.11.0")["readinessProbe"]


def test_a_template_is_laid_over_by_name_and_flag() -> None:
    template = {
        "metadata": {"annotations": {"k8s.aliyun.com/eci-use-specs": "ecs.c6.large"}},
        "spec": {
            "containers": [
                {
                    "name": "tensorflow",
                    "image": "tensorflow/serving:2.18.0",
                    "args": ["--rest_api_timeout_in_ms=5000", "--port=9000"],
                    "env": [{"name": "TF_CPP_MIN_LOG_LEVEL", "value": "1"}],
                },
                {"name": "sidecar", "image": "busybox"},
            ],
            "tolerations": [{"key": "edge", "operator": "Exists"}],
        },
    }
    rendered = revision(one("a", 1, template=template))
    pod = by_kind(rendered)["Deployment"]["spec"]["template"]
    tensorflow, sidecar = pod["spec"]["containers"]
    assert rendered.image == tensorflow["image"] == "tensorflow/serving:2.18.0"
    assert "--port=8500" not in tensorflow["args"]
    assert tensorflow["args"][-2:] == ["--rest_api_timeout_in_ms=5000", "--port=9000"]
    assert "--model_name=digits" in tensorflow["args"]
    assert tensorflow["readinessProbe"]
    assert sidecar == {"name": "sidecar", "image": "busybox"}
    assert pod["spec"]["tolerations"] == [{"key": "edge", "operator": "Exists"}]
    assert pod["metadata"]["annotations"]["prometheus.io/port"] == "8501"
    assert pod["metadata"]["annotations"]["k8s.aliyun.com/eci-use-specs"] == "ecs.c6.large"


def test_the_same_wish_renders_to_the_same_bytes() -> None:
    assert revision(one("a", 1, batching={"batch_size": 4})) == revision(one("a", 1, batching={"batch_size": 4}))


def test_bursting_is_a_policy_of_its_own_where_the_cluster_knows_it() -> None:
    wanted = serving(one("a", 1, burst={"keep_local": 2}))
    (predictor,) = wanted.predictors
    rendered = by_kind(render(wanted, predictor, version(predictor.version), by_policy=True))
    selector = rendered["Deployment"]["spec"]["selector"]["matchLabels"]
    assert rendered["ResourcePolicy"]["spec"]["selector"] == selector
    assert "tolerations" not in rendered["Deployment"]["spec"]["template"]["spec"]
    assert rendered["ResourcePolicy"]["metadata"]["labels"]["mlops.ack/owner"] == "tfserving.digits"


def test_bursting_is_the_pods_own_preference_elsewhere() -> None:
    rendered = by_kind(revision(one("a", 1, burst={"to": "eci"})))
    assert "ResourcePolicy" not in rendered
    assert rendered["Deployment"]["spec"]["template"]["spec"]["tolerations"][0]["key"] == "virtual-kubelet.io/provider"


def test_whole_cards_in_a_template_and_a_part_beside_them_are_refused() -> None:
    limits = {"name": "tensorflow", "resources": {"limits": {"nvidia.com/gpu": 1}}}
    with pytest.raises(Failure, match="together"):
        serving(one("a", 1, gpu_memory=8, template={"spec": {"containers": [limits]}}))
    with pytest.raises(Failure, match="together"):
        serving(one("a", 1, gpu_memory=8, resources={"limits": {"nvidia.com/gpu": 1}}))
