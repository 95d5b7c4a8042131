"""Every secret option of every module, and tasks that use them, in success and in failure."""

from __future__ import annotations

import copy
import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from tests.conftest import REPO

MODULES = sorted(path.stem for path in (REPO / "plugins/modules").glob("*.py"))

CS = ("ack_addon", "ack_addon_info", "ack_cluster", "ack_cluster_info", "ack_kubeconfig", "ack_node_pool")
CS += ("ack_node_pool_info", "ack_attach_script", "design")
OSS = ("dataset", "gate", "gate_decision", "gate_info", "model_version", "model_version_info", "oss_bucket")
OSS += ("oss_bucket_info", "oss_object_info", "oss_sync", "tfjob", "tfserving", "tfserving_info", "tfserving_rollback")
OSS += ("training_attempt", "training_run", "training_run_info")
OBSERVE = ("observability", "observability_info")
LOCKED = ("ack_addon", "ack_cluster", "ack_node_pool", "dataset", "helm_release", "model_version", "tfjob", "tfserving")
LOCKED += ("tfserving_rollback", "training_run")

SECRETS: dict[str, set[str]] = {
    "access_key_secret": {*CS, *OSS, *OBSERVE},
    "security_token": {*CS, *OSS, *OBSERVE},
    "lock.access_key_secret": {*LOCKED},
    "lock.security_token": {*LOCKED},
    "signing_key": {"gate", "gate_decision", "gate_info", "model_version_info"},
    "gate.signing_key": {"tfserving"},
    "approval.signing_key": {"tfserving"},
    "registry_password": {"helm_release"},
    "registry.password": {"model_version"},
    "prometheus.headers": {*OBSERVE},
    "steps[].analysis.prometheus.headers": {"tfserving"},
}
"""option -> the modules that have it. A value that the specs mark `no_log` and this lacks fails a test."""

MAPPINGS = ("prometheus.headers", "steps[].analysis.prometheus.headers")
"""Those whose values are a mapping of secrets."""


def door(module: str) -> Any:
    return importlib.import_module(f"ansible_collections.mlops.ack.plugins.modules.{module}").MODULE


def secret_options(spec: Mapping[str, Mapping[str, Any]], path: str = "") -> Iterator[str]:
    """Paths of the options that a spec says must not be logged."""
    for name, option in spec.items():
        here = f"{path}{name}"
        if option.get("no_log"):
            yield here
        deeper = "[]." if option.get("type") == "list" else "."
        yield from secret_options(option.get("options") or {}, here + deeper)


def with_secrets(module: str, options: Mapping[str, Any], secret: Mapping[str, str]) -> dict[str, Any]:
    """These options, and a secret in each secret option that they leave open. `secret`: option -> its value."""
    filled = copy.deepcopy(dict(options))
    if filled.get("lock"):
        filled["lock"] |= {name: "{{ " + name + " }}" for name in ("region", "oss_endpoint", "access_key_id")}
    for path, modules in SECRETS.items():
        if module in modules:
            place: Any = filled
            *folders, last = path.split(".")
            for folder in folders:
                place = place.get(folder.removesuffix("[]")) if isinstance(place, dict) else None
                place = place[0] if isinstance(place, list) else place
            if isinstance(place, dict):
                value: Any = {"Authorization": secret[path]} if path in MAPPINGS else secret[path]
                place.setdefault(last, value)
    return {name: value for name, value in filled.items() if value is not None}


LOCK = {"name": "t/lock", "bucket": "t-locks", "wait_timeout": 5}
STORE = {"bucket": "t-store"}
NAMED = {"name": "digits", "namespace": "{{ namespace }}"}
SPECS = {"Worker": {"replicas": 1, "template": {"spec": {"containers": [{"name": "tensorflow", "image": "none"}]}}}}
GATE = {"name": "gate-{{ control }}", "environment": "prod", "store": STORE}
SERVED = {**NAMED, "environment": "prod", "store": STORE, "lock": LOCK}
VOLUME = {"namespace": "{{ namespace }}", "volume": {"emptyDir": {}}, "image": "none", "store": STORE, "lock": LOCK}
CLUSTER = {"cluster_name": "one"}
STEP = {"weight": 10, "analysis": {"prometheus": {"url": "http://127.0.0.1:9", "queries": {"a": "up"}}}}

FAILING: dict[str, dict[str, Any]] = {
    "ack_addon": {**CLUSTER, "name": "ack-arena", "lock": LOCK},
    "ack_addon_info": CLUSTER,
    "ack_cluster": {"name": "one", "vpc_id": "vpc-1", "vswitch_ids": ["vsw-1"], "lock": LOCK},
    "ack_cluster_info": {},
    "ack_kubeconfig": {**CLUSTER, "dest": "{{ work }}/none"},
    "ack_node_pool": {**CLUSTER, "name": "pool", "instance_types": ["a"], "vswitch_ids": ["b"], "lock": LOCK},
    "ack_node_pool_info": CLUSTER,
    "cluster_usage_info": {},
    "dataset": {**VOLUME, "name": "digits", "s3": {"bucket": "t-store", "prefix": "data"}},
    "design": {"src": ["{{ work }}/design.yaml"], "ask": True},
    "gate": {**GATE, "subject": {"a": "b"}, "policy": {"signed": True}},
    "gate_decision": {**GATE, "subject": {"a": "b"}, "decision": "approve", "reason": "r", "approver": "alice"},
    "gate_info": {"store": STORE},
    "helm_release": {
        **NAMED,
        "chart": "oci://127.0.0.1:9/none",
        "helm_binary": "{{ helm }}",
        "registry_username": "robot",
        "lock": LOCK,
    },
    "helm_release_info": {"namespace": "{{ namespace }}"},
    "k8s_info": {"kind": "Pod", "namespace": "{{ namespace }}"},
    "k8s_manifest": {
        "definition": [
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": "{{ manifest }}"}}
        ],
        "namespace": "{{ namespace }}",
    },
    "model_version": {
        "name": "digits",
        "run_id": "r1",
        "image_repo": "127.0.0.1:9/models/digits",
        "base_image": "127.0.0.1:9/base:1",
        "registry": {"username": "ci", "insecure": True},
        "store": STORE,
        "lock": LOCK,
    },
    "model_version_info": {"name": "digits", "store": STORE},
    "observability": {
        **NAMED,
        "traits": [{"type": "arms-logging", "project": "logs", "logstore": "logs"}],
        "prometheus": {"url": "http://127.0.0.1:9"},
        "sls_endpoint": "http://127.0.0.1:9",
        "wait_timeout": 3,
    },
    "observability_info": {
        **NAMED,
        "traits": [{"type": "arms-metrics"}],
        "prometheus": {"url": "http://127.0.0.1:9"},
        "sls_endpoint": "http://127.0.0.1:9",
    },
    "ack_attach_script": {**CLUSTER, "node_pool": "plant", "dest": "{{ work }}/none.sh"},
    "training_attempt": {"run_id": "r1", "environments": ["a"], "store": STORE},
    "oss_bucket": {"name": "t-none"},
    "oss_bucket_info": {"name": "t-none"},
    "oss_object_info": {"bucket": "t-none"},
    "oss_sync": {"bucket": "t-none", "path": "{{ work }}"},
    "service_account_kubeconfig": {
        "namespace": "{{ namespace }}",
        "service_account": "nobody",
        "dest": "{{ work }}/nobody",
    },
    "tfjob": {**NAMED, "tf_replica_specs": SPECS, "store": STORE, "lock": LOCK},
    "tfjob_info": {"namespace": "{{ namespace }}"},
    "tfserving": {
        **SERVED,
        "image": "none",
        "predictors": [{"name": "stable", "model_version": "digits-v1"}],
        "route": {"gateway": {"name": "contour", "namespace": "projectcontour"}},
        "steps": [STEP],
        "gate": {"name": "evaluate-serving"},
        "approval": {"gate": "evaluate-serving"},
    },
    "tfserving_info": {"namespace": "{{ namespace }}"},
    "tfserving_rollback": {**SERVED, "reason": "why not"},
    "training_run": {
        **VOLUME,
        "run_id": "r1",
        "model_name": "digits",
        "job": {"name": "one"},
        "dataset": {"name": "digits", "digest": "sha256:" + "a" * 64},
        "output_path": "runs/r1",
    },
    "training_run_info": {"run_id": "r1", "store": STORE},
}
"""What each module is asked for where its credentials are wrong, or whoever it asks is not there."""

AT_HAND = {"store": {"path": "{{ work }}/store"}, "lock": None, "kubeconfig": "{{ kubeconfig }}"}
FURTHER: list[tuple[str, dict[str, Any]]] = [
    ("gate", {**FAILING["gate"], "store": AT_HAND["store"]}),
    (
        "helm_release",
        {**FAILING["helm_release"], "lock": None, "kubeconfig": AT_HAND["kubeconfig"], "plain_http": True},
    ),
    ("model_version", {**FAILING["model_version"], "store": AT_HAND["store"], "lock": None}),
    (
        "observability",
        {**FAILING["observability"], "traits": [{"type": "arms-metrics"}], "kubeconfig": AT_HAND["kubeconfig"]},
    ),
    ("tfserving", {**FAILING["tfserving"], **AT_HAND}),
]
"""Failures that are met later: what stood in the way of the others is right here."""

HERE = {"cs": CS, "oss": OSS}
"""Which modules get the endpoint of which API."""

RIGHT: list[tuple[str, dict[str, Any]]] = [
    ("oss_bucket", {"name": "t-locks"}),
    ("oss_bucket", {"name": "t-store"}),
    ("oss_sync", {"bucket": "t-store", "prefix": "data", "path": "{{ work }}/files"}),
    ("oss_bucket_info", {"name": "t-store"}),
    ("oss_object_info", {"bucket": "t-store"}),
    ("ack_cluster", FAILING["ack_cluster"]),
    ("ack_cluster_info", {"name": "one", "resources": True}),
    ("ack_node_pool", {**FAILING["ack_node_pool"], "desired_size": 1}),
    ("ack_node_pool_info", CLUSTER),
    ("ack_addon", FAILING["ack_addon"]),
    ("ack_addon_info", CLUSTER),
    ("ack_kubeconfig", {**CLUSTER, "dest": "{{ work }}/kubeconfig"}),
    ("gate_decision", FAILING["gate_decision"]),
    ("gate", FAILING["gate"]),
    ("gate_info", FAILING["gate_info"]),
    ("k8s_manifest", FAILING["k8s_manifest"]),
    ("k8s_info", {"kind": "Secret", "namespace": "{{ namespace }}", "name": "s"}),
    (
        "service_account_kubeconfig",
        {"namespace": "{{ namespace }}", "service_account": "default", "dest": "{{ work }}/account"},
    ),
    (
        "helm_release",
        {
            **NAMED,
            "name": "{{ control }}",
            "chart": "{{ work }}/chart",
            "helm_binary": "{{ helm }}",
            "values": {"auth": {"password": "{{ helm_values }}"}},
            "registry_password": None,
            "lock": LOCK,
        },
    ),
    ("helm_release_info", {"namespace": "{{ namespace }}"}),
    ("tfjob", {**FAILING["tfjob"], "state": "suspended"}),
    ("tfjob", {**FAILING["tfjob"], "state": "absent", "tf_replica_specs": None}),
    (
        "dataset",
        {
            **FAILING["dataset"],
            "image": "{{ image }}",
            "volume": {"hostPath": {"path": "/var/lib/mlops-tests/{{ namespace }}", "type": "DirectoryOrCreate"}},
            "wait_timeout": 240,
        },
    ),
]
"""What works, one after the other, with the right credentials: the same options, and the same secrets."""
