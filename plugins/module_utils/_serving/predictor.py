# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One predictor as Kubernetes objects. Pure: same options and version, same objects, byte for byte."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._kube.overlay import overlay
from .._kube.placement import placed_template, resource_policy
from .autoscale import autoscaler
from .batching import METRICS_PATH, batching_file, monitoring_file
from .gpu import on_shared_gpu
from .shape import CONTAINER, Predictor, Serving, template_image
from .versions import Version

Object = dict[str, Any]

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "mlops.ack"
OWNER = "mlops.ack/owner"
PREDICTOR = "mlops.ack/predictor"
MODEL = "mlops.ack/model"
MODEL_VERSION = "mlops.ack/model-version"
REVISION = "mlops.ack/revision"
MODEL_DIGEST = "mlops.ack/model-digest"
MODEL_IMAGE = "mlops.ack/model-image"

REST_PORT = 8501
GRPC_PORT = 8500
CONFIG = "/etc/tfserving"
MODELS = "/models"

# Between "no longer in the endpoints" and SIGTERM: the gateway learns of it while the server still answers.
DRAIN_S = 5
GRACE_S = 30
# A large model may take long to load; the server opens its ports only then. 2 s * 450 = 15 min.
START_PERIOD_S, START_TRIES = 2, 450


@dataclass(frozen=True)
class Revision:
    """One predictor with one exact content: its objects share a name that no other content has.

    `replicas` are applied apart from `objects`, so that an autoscaler may own them.
    """

    predictor: Predictor
    version: Version
    name: str
    digest: str
    image: str
    objects: tuple[Object, ...]


def owner(serving_name: str) -> str:
    """Value of the ownership label: by it objects that are no longer wanted are found."""
    return f"tfserving.{serving_name}"


def ownership(serving_name: str) -> dict[str, str]:
    return {
        MANAGED_BY: MANAGER,
        OWNER: owner(serving_name),
        "app.kubernetes.io/name": "tfserving",
        "app.kubernetes.io/instance": serving_name,
    }


def render(serving: Serving, predictor: Predictor, version: Version, *, by_policy: bool = False) -> Revision:
    """A predictor's ConfigMap, Deployment, Service, and where they are asked for autoscaler, disruption budget and
    resource policy. by_policy: the cluster knows ResourcePolicy.
    """
    image = template_image(predictor.template) or serving.image
    files = _files(predictor)
    placed = placed_template(predictor.placement, CONTAINER, by_policy=by_policy)
    template = overlay(overlay(_template(serving, predictor, version, image), placed), predictor.template)
    digest = hashlib.sha256(json.dumps([files, template], sort_keys=True).encode()).hexdigest()[:8]
    name = f"{serving.name}-{predictor.name}-{digest}"
    selector = {
        "app.kubernetes.io/instance": serving.name,
        PREDICTOR: predictor.name,
        REVISION: digest,
    }
    labels = {**ownership(serving.name), **selector, MODEL: version.name, MODEL_VERSION: str(version.reference)}
    metadata = {"name": name, "namespace": serving.namespace, "labels": labels}
    template = overlay(
        template,
        {"metadata": {"labels": labels}, "spec": {"volumes": [{"name": "config", "configMap": {"name": name}}]}},
    )
    objects: list[Object] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": files},
        _deployment(metadata, selector, template, version),
        _service(metadata, selector),
    ]
    if predictor.auto_scale:
        objects.append(autoscaler(metadata, predictor.auto_scale))
    fewest = predictor.auto_scale.min_replicas if predictor.auto_scale else predictor.replicas
    if fewest > 1:
        objects.append(_disruption_budget(metadata, selector))
    if predictor.placement.burst and by_policy:
        objects.append(resource_policy(predictor.placement.burst, metadata, selector))
    return Revision(predictor, version, name, digest, image, tuple(objects))


def _files(predictor: Predictor) -> dict[str, str]:
    files = {"monitoring.txt": monitoring_file()}
    if predictor.batching:
        files["batching.txt"] = batching_file(predictor.batching)
    return files


def _deployment(metadata: Object, selector: Mapping[str, str], template: Object, version: Version) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {**metadata, "annotations": {MODEL_DIGEST: version.model_digest, MODEL_IMAGE: version.image}},
        "spec": {
            "selector": {"matchLabels": dict(selector)},
            "progressDeadlineSeconds": START_PERIOD_S * START_TRIES + 300,
            "revisionHistoryLimit": 0,  # a revision is a Deployment of its own; going back is a release
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": template,
        },
    }


def _template(serving: Serving, predictor: Predictor, version: Version, image: str) -> Object:
    spec: Object = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": GRACE_S,
        "initContainers": [_copy(version)],
        "containers": [_server(predictor, version, image)],
        "volumes": [{"name": "models", "emptyDir": {}}],
    }
    if serving.registry_secret:
        spec["imagePullSecrets"] = [{"name": serving.registry_secret}]
    annotations = {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(REST_PORT),
        "prometheus.io/path": METRICS_PATH,
        MODEL_DIGEST: version.model_digest,
    }
    return {"metadata": {"annotations": annotations}, "spec": spec}


_CONFINED: Object = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def _copy(version: Version) -> Object:
    """The model's image carries the files; pods that start later than the release get the very same ones."""
    return {
        "name": "model",
        "image": version.image,
        "command": ["cp", "-r", f"{MODELS}/.", "/mnt/models/"],
        "volumeMounts": [{"name": "models", "mountPath": "/mnt/models"}],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
        "securityContext": _CONFINED,
    }


def _server(predictor: Predictor, version: Version, image: str) -> Object:
    # The image's own entry point would add a model name and path of its own.
    args = [
        f"--port={GRPC_PORT}",
        f"--rest_api_port={REST_PORT}",
        f"--model_name={version.name}",
        f"--model_base_path={MODELS}/{version.name}",
        f"--monitoring_config_file={CONFIG}/monitoring.txt",
    ]
    if predictor.batching:
        args += ["--enable_batching=true", f"--batching_parameters_file={CONFIG}/batching.txt"]
    command = ["tensorflow_model_server"]
    return {
        "name": CONTAINER,
        "image": image,
        "command": on_shared_gpu(command) if predictor.placement.gpu_memory else command,
        "args": args,
        "ports": [{"name": "http", "containerPort": REST_PORT}, {"name": "grpc", "containerPort": GRPC_PORT}],
        "resources": dict(predictor.resources),
        "volumeMounts": [
            {"name": "models", "mountPath": MODELS, "readOnly": True},
            {"name": "config", "mountPath": CONFIG, "readOnly": True},
        ],
        "startupProbe": {
            "tcpSocket": {"port": "http"},
            "periodSeconds": START_PERIOD_S,
            "failureThreshold": START_TRIES,
        },
        "readinessProbe": {**_ready(version, image), "periodSeconds": 5, "timeoutSeconds": 3, "failureThreshold": 2},
        "livenessProbe": {"tcpSocket": {"port": "http"}, "periodSeconds": 20, "timeoutSeconds": 5},
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(DRAIN_S)]}}},
        "securityContext": _CONFINED,
    }


def _ready(version: Version, image: str) -> Object:
    if has_status(image):
        return {"httpGet": {"path": f"/v1/models/{version.name}", "port": "http"}}
    return {"tcpSocket": {"port": "http"}}


def has_status(image: str) -> bool:
    """Whether this TF Serving has GET /v1/models/<name>: 1.12 and later. An image without a version is taken as new.

    Source: tensorflow/serving, tags 1.11.0 and 1.12.0.
    """
    tag = re.search(r":v?(\d+)\.(\d+)[^/]*$", image.partition("@")[0])
    return not tag or (int(tag[1]), int(tag[2])) >= (1, 12)


def _service(metadata: Object, selector: Mapping[str, str]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {
            "selector": dict(selector),
            "ports": [
                {"name": "http", "port": REST_PORT, "targetPort": "http", "protocol": "TCP"},
                {"name": "grpc", "port": GRPC_PORT, "targetPort": "grpc", "protocol": "TCP"},
            ],
        },
    }


def _disruption_budget(metadata: Object, selector: Mapping[str, str]) -> Object:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata,
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": dict(selector)}},
    }
