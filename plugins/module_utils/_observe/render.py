# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Traits as Kubernetes objects. Pure: same wish, same objects.

Source: Prometheus operator API v1; ARMS documentation (annotation for discovery); Simple Log Service documentation,
"ClusterAliyunPipelineConfig parameters" (2026-11).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from .._kube.kinds import Kind, Ref, kind_of
from .dashboard import dashboard
from .queries import DECLARED, PREDICTOR_LABEL, alerts
from .shape import Logging, Metrics, Target, Wish

Object = dict[str, Any]

POD_MONITOR = kind_of("monitoring.coreos.com/v1", "PodMonitor")
RULE = kind_of("monitoring.coreos.com/v1", "PrometheusRule")
CONFIG_MAP = kind_of("v1", "ConfigMap")
COLLECTION = kind_of("telemetry.alibabacloud.com/v1alpha1", "ClusterAliyunPipelineConfig")

MANAGED_BY, OWNER = "app.kubernetes.io/managed-by", "mlops.ack/owner"

# Labels of the pods, as their makers set them: tfserving, and the training operator.
INSTANCE, PREDICTOR, MODEL_VERSION = "app.kubernetes.io/instance", "mlops.ack/predictor", "mlops.ack/model-version"
JOB_NAME, REPLICA_TYPE = "training.kubeflow.org/job-name", "training.kubeflow.org/replica-type"


def owner(target: Target) -> str:
    return f"observability.{target.kind}.{target.name}"


def selector(target: Target) -> dict[str, str]:
    """The labels by which the pods are found."""
    return {INSTANCE if target.kind == "tfserving" else JOB_NAME: target.name}


def render(wish: Wish) -> list[Object]:
    """All objects of the traits."""
    found: list[Object] = []
    if wish.metrics:
        found += [_monitor(wish.target, wish.metrics), _rules(wish), _dashboard(wish)]
    if wish.logging:
        found.append(_collection(wish.target, wish.logging))
    return found


def possible(target: Target) -> list[Ref]:
    """Everything that some traits of this target would make: what of it is not wanted is taken away."""
    name = _name(target)
    return [
        Ref(POD_MONITOR, target.namespace, name),
        Ref(RULE, target.namespace, name),
        Ref(CONFIG_MAP, target.namespace, f"{name}-dashboard"),
        Ref(COLLECTION, None, f"{target.namespace}-{name}"),
    ]


def environment(logging: Logging) -> list[dict[str, str]]:
    """The variables by which a container asks for the same where the cluster knows no collection resource."""
    key = f"aliyun_logs_{logging.logstore}"
    return [
        {"name": key, "value": "stdout"},
        {"name": f"{key}_project", "value": logging.project},
        {"name": f"{key}_ttl", "value": str(logging.ttl_days)},
    ]


def job_label(target: Target) -> str:
    """The label `job` that Prometheus gives to what a PodMonitor finds."""
    return f"{target.namespace}/{_name(target)}"


def _name(target: Target) -> str:
    return f"{target.kind}-{target.name}"


def _metadata(kind: Kind, name: str, target: Target, **more: Any) -> Object:
    labels = {MANAGED_BY: "mlops.ack", OWNER: owner(target), **more.pop("labels", {})}
    place = {"namespace": target.namespace} if kind.namespaced else {}
    return {"name": name, **place, "labels": labels, **more}


def _object(kind: Kind, metadata: Mapping[str, Any], **fields: Any) -> Object:
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": dict(metadata), **fields}


def _monitor(target: Target, metrics: Metrics) -> Object:
    metadata = _metadata(POD_MONITOR, _name(target), target, annotations={"arms.prometheus.io/discovery": "true"})
    kept = [PREDICTOR, MODEL_VERSION] if target.kind == "tfserving" else [REPLICA_TYPE]
    endpoint = {"port": metrics.port, "path": metrics.path, "interval": f"{metrics.interval_s}s"}
    pods: Object = {"matchLabels": selector(target)}
    if metrics.predictors:
        pods["matchExpressions"] = [{"key": PREDICTOR, "operator": "In", "values": list(metrics.predictors)}]
    spec = {
        "selector": pods,
        "podTargetLabels": kept,
        "podMetricsEndpoints": [endpoint],
    }
    return _object(POD_MONITOR, metadata, spec=spec)


def _rules(wish: Wish) -> Object:
    target = wish.target
    recorded = [
        {"record": DECLARED, "expr": f"vector({share:g})", "labels": {"serving": target.name, PREDICTOR_LABEL: name}}
        for name, share in sorted(target.declared.items())
    ]
    groups = [{"name": f"{target.namespace}.{_name(target)}", "rules": [*recorded, *alerts(wish, job_label(target))]}]
    metadata = _metadata(RULE, _name(target), target, annotations={"arms.prometheus.io/discovery": "true"})
    return _object(RULE, metadata, spec={"groups": groups})


def _dashboard(wish: Wish) -> Object:
    content = dashboard(wish.target, job_label(wish.target))
    metadata = _metadata(CONFIG_MAP, f"{_name(wish.target)}-dashboard", wish.target, labels={"grafana_dashboard": "1"})
    text = json.dumps(content, indent=1, sort_keys=True)
    return _object(CONFIG_MAP, metadata, data={f"{_name(wish.target)}.json": text})


def _collection(target: Target, logging: Logging) -> Object:
    labels = {key: f"^{re.escape(value)}$" for key, value in selector(target).items()}
    if logging.predictors:
        labels[PREDICTOR] = f"^({'|'.join(map(re.escape, logging.predictors))})$"
    filters = {"K8sNamespaceRegex": f"^{re.escape(target.namespace)}$", "IncludeK8sLabel": labels}
    spec = {
        "project": {"name": logging.project},
        "logstores": [{"name": logging.logstore, "ttl": logging.ttl_days}],
        "config": {
            "inputs": [
                {
                    "Type": "input_container_stdio",
                    "IgnoringStdout": False,
                    "IgnoringStderr": False,
                    "ContainerFilters": filters,
                }
            ],
            "flushers": [{"Type": "flusher_sls", "Logstore": logging.logstore}],
        },
    }
    name = f"{target.namespace}-{_name(target)}"
    return _object(COLLECTION, _metadata(COLLECTION, name, target), spec=spec)
