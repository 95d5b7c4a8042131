# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The training operator's Helm chart, assembled from the operator module's own manifests, and pushed to the registry.

Upstream ships kustomize bases only. The chart holds the same objects; what kustomize would patch (namespace, webhook
service, image) becomes a template, and what people tune becomes a value.
Source: kubeflow training-operator 1.9.3, manifests/base and manifests/overlays/standalone.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from .images.layer import Layer, digest_of, json_bytes, manifest
from .images.push import Registry
from .progress import Report
from .settings import Settings

NAME = "training-operator"
VERSION = "1.9.3"
CONFIG_TYPE = "application/vnd.cncf.helm.config.v1+json"
CONTENT_TYPE = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"

METADATA = {
    "apiVersion": "v2",
    "name": NAME,
    "description": "Runs TFJobs and the other jobs of kubeflow.org/v1",
    "type": "application",
    "version": VERSION,
    "appVersion": VERSION,
    "home": "https://github.com/kubeflow/training-operator",
}

VALUES = """\
# The operator's image, by digest or tag.
image: {image}
# One is enough; with more, the others stand by for a leader that fails.
replicas: 1
resources: {{}}
# Seconds. Upstream waits 10 before the first look, and 15 between looks.
readinessProbe:
  initialDelaySeconds: 10
  periodSeconds: 15
"""

# Words that survive yaml.dump and then become template expressions.
EXPRESSIONS = {
    "NAMESPACE_HERE": "{{ .Release.Namespace }}",
    "IMAGE_HERE": "{{ .Values.image }}",
    "REPLICAS_HERE": "{{ .Values.replicas }}",
    "RESOURCES_HERE": "{{ .Values.resources | toJson }}",
    "ARGS_HERE": '{{ ternary (list "--leader-elect") list (gt (int .Values.replicas) 1) | toJson }}',
    "DELAY_HERE": "{{ .Values.readinessProbe.initialDelaySeconds }}",
    "PERIOD_HERE": "{{ .Values.readinessProbe.periodSeconds }}",
}


@dataclass(frozen=True, slots=True)
class Chart:
    """An `images.layer.Artefact`: helm's OCI artefact is the packaged chart as its one layer."""

    repository: str
    tag: str
    layers: tuple[Layer, ...]

    @property
    def config_blob(self) -> bytes:
        return json_bytes(METADATA)

    @property
    def manifest_blob(self) -> bytes:
        return manifest(self.config_blob, CONFIG_TYPE, self.layers, CONTENT_TYPE)


def files(manifests: Path, image: str) -> dict[str, str]:
    """Path inside the chart -> text. `manifests` is the operator module's folder of that name."""
    base = manifests / "base"
    templates = {
        "rbac": _load(base, "rbac/service-account.yaml", "rbac/role.yaml", "rbac/cluster-role-binding.yaml"),
        "service": _load(base, "service.yaml"),
        "deployment": _load(base, "deployment.yaml"),
        "webhook": _load(base, "webhook/manifests.yaml"),
        "secret": [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"{NAME}-webhook-cert"}}],
    }
    found = {
        "Chart.yaml": yaml.safe_dump(METADATA, sort_keys=True),
        "values.yaml": VALUES.format(image=image),
    }
    for path in sorted((base / "crds").glob("kubeflow.org_*.yaml")):
        found[f"crds/{path.name}"] = path.read_text()
    for name, objects in templates.items():
        found[f"templates/{name}.yaml"] = "---\n".join(_template(item) for item in objects)
    return found


def package(contents: Mapping[str, str]) -> bytes:
    """The files as helm packages them; equal files give equal bytes."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, text in sorted(contents.items()):
            entry = tarfile.TarInfo(f"{NAME}/{path}")
            entry.size, entry.mode = len(text.encode()), 0o644
            archive.addfile(entry, io.BytesIO(text.encode()))
    return gzip.compress(plain.getvalue(), mtime=0)


def push_all(settings: Settings, binaries: Path, report: Report) -> dict[str, Any]:
    """Every chart of the sandbox: name -> {"ref": "oci://…", "version"}. What is in the registry is not sent again."""
    content = package(files(binaries / "manifests" / NAME, f"{settings.registry}/{NAME}:{VERSION}"))
    path = settings.host_state / "charts" / f"{NAME}-{VERSION}.tgz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    chart = Chart(f"charts/{NAME}", VERSION, (Layer(path, digest_of(content), len(content)),))
    with Registry(settings.registry) as registry:
        if registry.push(chart):
            report(f"chart {NAME} {VERSION}: pushed")
    return {NAME: {"ref": f"oci://{settings.registry}/charts/{NAME}", "version": VERSION}}


def _load(base: Path, *names: str) -> list[dict[str, Any]]:
    return [item for name in names for item in yaml.safe_load_all((base / name).read_text()) if item]


def _template(item: dict[str, Any]) -> str:
    """One object with what differs between installations turned into expressions."""
    metadata = item["metadata"]
    match item["kind"]:
        case "ValidatingWebhookConfiguration":
            metadata["name"] = f"validator.{NAME}.kubeflow.org"
            for webhook in item["webhooks"]:
                webhook["clientConfig"]["service"].update(name=NAME, namespace="NAMESPACE_HERE")
        case "ClusterRole":
            pass
        case "ClusterRoleBinding":
            for subject in item["subjects"]:
                subject["namespace"] = "NAMESPACE_HERE"
        case kind:
            metadata["namespace"] = "NAMESPACE_HERE"
            if kind == "Deployment":
                _open_deployment(item)
    text = yaml.safe_dump(item, sort_keys=False, width=1000)
    for word, expression in EXPRESSIONS.items():
        text = text.replace(word, expression)
    return text


def _open_deployment(deployment: dict[str, Any]) -> None:
    deployment["spec"]["replicas"] = "REPLICAS_HERE"
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container.update(image="IMAGE_HERE", resources="RESOURCES_HERE", args="ARGS_HERE")
    container["readinessProbe"].update(initialDelaySeconds="DELAY_HERE", periodSeconds="PERIOD_HERE")
