"""The training operator's chart: from kustomize manifests to templates, the same archive each time."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
import yaml

from ack_sandbox import chart

MANIFESTS = {
    "crds/kubeflow.org_tfjobs.yaml": {"kind": "CustomResourceDefinition"},
    "crds/kustomization.yaml": {"kind": "Kustomization"},
    "service.yaml": {"kind": "Service", "metadata": {}},
    "rbac/service-account.yaml": {"kind": "ServiceAccount", "metadata": {}},
    "rbac/role.yaml": {"kind": "ClusterRole", "metadata": {}},
    "rbac/cluster-role-binding.yaml": {
        "kind": "ClusterRoleBinding",
        "metadata": {},
        "subjects": [{"name": "training-operator"}],
    },
    "webhook/manifests.yaml": {
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "validating-webhook-configuration"},
        "webhooks": [{"clientConfig": {"service": {"name": "webhook-service", "namespace": "system", "path": "/x"}}}],
    },
    "deployment.yaml": {
        "kind": "Deployment",
        "metadata": {},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [{"image": "upstream", "readinessProbe": {}}]}}},
    },
}


@pytest.fixture
def manifests(tmp_path: Path) -> Path:
    for name, content in MANIFESTS.items():
        path = tmp_path / "manifests/base" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("---\n" + yaml.safe_dump(content))
    return tmp_path / "manifests"


def test_the_overlay_is_applied_and_values_have_their_places(manifests: Path) -> None:
    found = chart.files(manifests, "registry.example:5000/operator:1")
    assert [name for name in found if name.startswith("crds/")] == ["crds/kubeflow.org_tfjobs.yaml"]
    deployment = found["templates/deployment.yaml"]
    assert "image: {{ .Values.image }}" in deployment
    assert "replicas: {{ .Values.replicas }}" in deployment
    assert "initialDelaySeconds: {{ .Values.readinessProbe.initialDelaySeconds }}" in deployment
    assert "name: validator.training-operator.kubeflow.org" in found["templates/webhook.yaml"]
    assert "namespace: {{ .Release.Namespace }}" in found["templates/webhook.yaml"]
    assert "namespace: {{ .Release.Namespace }}" in found["templates/rbac.yaml"]
    assert yaml.safe_load(found["values.yaml"])["image"] == "registry.example:5000/operator:1"
    assert not any("_HERE" in text for text in found.values())


def test_the_same_chart_is_packed_to_the_same_bytes(manifests: Path) -> None:
    packed = chart.package(chart.files(manifests, "image"))
    assert packed == chart.package(chart.files(manifests, "image"))
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        assert "training-operator/Chart.yaml" in archive.getnames()
        assert {entry.mtime for entry in archive} == {0}
