# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is changed in the projects' own manifests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ack_sandbox import addons
from ack_sandbox.settings import Settings

CONTOUR, ENVOY = "198.18.0.1:5000/contour@sha256:aa", "198.18.0.1:5000/envoy@sha256:bb"


def workload(kind: str, *images: str) -> dict[str, Any]:
    pod = {"containers": [{"name": image, "image": image, "readinessProbe": {}} for image in images], "affinity": {}}
    return {"kind": kind, "metadata": {"name": "x"}, "spec": {"replicas": 2, "template": {"spec": pod}}}


def test_every_image_is_one_of_ours() -> None:
    documents = [
        workload("Deployment", "ghcr.io/projectcontour/contour:v1"),
        workload("DaemonSet", "ghcr.io/projectcontour/contour:v1", "docker.io/envoyproxy/envoy:v1"),
    ]
    changed = addons.contour(documents, CONTOUR, ENVOY)
    images = [c["image"] for d in changed for c in d["spec"]["template"]["spec"]["containers"]]
    assert images == [CONTOUR, CONTOUR, ENVOY]
    assert changed[0]["spec"]["replicas"] == 1
    assert changed[0]["spec"]["template"]["spec"]["containers"][0]["args"] == ["--disable-leader-election"]


def test_the_manifests_given_stay_as_they_are() -> None:
    documents = [workload("Deployment", "contour:v1")]
    addons.contour(documents, CONTOUR, ENVOY)
    assert documents == [workload("Deployment", "contour:v1")]


def test_no_load_balancer_is_waited_for() -> None:
    spec = {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}
    service = {"kind": "Service", "metadata": {"name": "envoy"}, "spec": spec}
    assert addons.contour([service], CONTOUR, ENVOY)[0]["spec"] == {"type": "ClusterIP"}


def test_the_gateway_is_of_our_class() -> None:
    documents = [
        {"kind": "GatewayClass", "metadata": {"name": "example"}},
        {"kind": "Gateway", "metadata": {"name": "contour"}, "spec": {"gatewayClassName": "example"}},
    ]
    changed = addons.gateway(documents)
    assert changed[0]["metadata"]["name"] == changed[1]["spec"]["gatewayClassName"] == addons.GATEWAY_CLASS


def test_dns_listens_at_the_address_that_the_kubelet_tells_pods(tmp_path: Path) -> None:
    settings = Settings(cache=tmp_path, state=tmp_path)
    documents = addons.coredns(settings, settings.clusters["dev"], "image@sha256:00")
    (service,) = [document for document in documents if document["kind"] == "Service"]
    assert service["spec"]["clusterIP"] == "198.18.33.10"
    assert "@" not in str(documents).replace("image@sha256:00", "")


def test_metrics_server_checks_the_kubelets_certificate() -> None:
    documents = [workload("Deployment", "metrics-server:master"), {"kind": "Service", "metadata": {}, "spec": {}}]
    deployment, service = addons.metrics_server(documents, "image@sha256:00")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert not any("insecure" in flag for flag in container["args"])
    assert any(flag.startswith("--kubelet-certificate-authority=") for flag in container["args"])
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"] == labels


def test_the_digest_changes_with_what_is_applied(tmp_path: Path) -> None:
    (tmp_path / "crd.yaml").write_text("a")
    before = addons.Manifests((tmp_path,), "x", "y").digest
    assert addons.Manifests((tmp_path,), "x", "z").digest != before
    (tmp_path / "crd.yaml").write_text("b")
    assert addons.Manifests((tmp_path,), "x", "y").digest != before
