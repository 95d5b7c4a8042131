# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where objects live in the API. Known kinds need no discovery request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from .._core.failure import Failure


class Kind(NamedTuple):
    """`api_version` as in a manifest ("v1", "apps/v1")."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    @property
    def group(self) -> str:
        """Empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def root(self) -> str:
        return f"/api/{self.api_version}" if "/" not in self.api_version else f"/apis/{self.api_version}"

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """URL path of a collection, or of one object. No namespace: all of them."""
        scope = f"/namespaces/{quote(namespace)}" if self.namespaced and namespace else ""
        return f"{self.root}{scope}/{self.plural}" + (f"/{quote(name)}" if name else "")


class Ref(NamedTuple):
    """One object's address."""

    kind: Kind
    namespace: str | None
    name: str

    @property
    def path(self) -> str:
        return self.kind.path(self.namespace, self.name)

    def __str__(self) -> str:
        place = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind.kind}/{place}{self.name}"


def _table(api_version: str, namespaced: bool, **plurals: str) -> dict[tuple[str, str], Kind]:
    return {(api_version, kind): Kind(api_version, kind, plural, namespaced) for kind, plural in plurals.items()}


KNOWN: dict[tuple[str, str], Kind] = {
    **_table("v1", False, Namespace="namespaces", Node="nodes", PersistentVolume="persistentvolumes"),
    **_table(
        "v1",
        True,
        ConfigMap="configmaps",
        Endpoints="endpoints",
        Event="events",
        LimitRange="limitranges",
        PersistentVolumeClaim="persistentvolumeclaims",
        Pod="pods",
        ResourceQuota="resourcequotas",
        Secret="secrets",
        Service="services",
        ServiceAccount="serviceaccounts",
    ),
    **_table(
        "apps/v1",
        True,
        DaemonSet="daemonsets",
        Deployment="deployments",
        ReplicaSet="replicasets",
        StatefulSet="statefulsets",
    ),
    **_table("autoscaling/v2", True, HorizontalPodAutoscaler="horizontalpodautoscalers"),
    **_table("batch/v1", True, CronJob="cronjobs", Job="jobs"),
    **_table("policy/v1", True, PodDisruptionBudget="poddisruptionbudgets"),
    **_table("networking.k8s.io/v1", True, Ingress="ingresses", NetworkPolicy="networkpolicies"),
    **_table("rbac.authorization.k8s.io/v1", True, Role="roles", RoleBinding="rolebindings"),
    **_table(
        "rbac.authorization.k8s.io/v1", False, ClusterRole="clusterroles", ClusterRoleBinding="clusterrolebindings"
    ),
    **_table("storage.k8s.io/v1", False, StorageClass="storageclasses"),
    **_table("scheduling.k8s.io/v1", False, PriorityClass="priorityclasses"),
    **_table("apiextensions.k8s.io/v1", False, CustomResourceDefinition="customresourcedefinitions"),
    **_table("apiregistration.k8s.io/v1", False, APIService="apiservices"),
    **_table(
        "admissionregistration.k8s.io/v1",
        False,
        MutatingWebhookConfiguration="mutatingwebhookconfigurations",
        ValidatingWebhookConfiguration="validatingwebhookconfigurations",
    ),
    **_table("gateway.networking.k8s.io/v1", True, Gateway="gateways", HTTPRoute="httproutes"),
    **_table("gateway.networking.k8s.io/v1", False, GatewayClass="gatewayclasses"),
    **_table("kubeflow.org/v1", True, TFJob="tfjobs"),
    **_table("monitoring.coreos.com/v1", True, PodMonitor="podmonitors", PrometheusRule="prometheusrules"),
    **_table("telemetry.alibabacloud.com/v1alpha1", False, ClusterAliyunPipelineConfig="clusteraliyunpipelineconfigs"),
    **_table("scheduling.alibabacloud.com/v1alpha1", True, ResourcePolicy="resourcepolicies"),
}


def kind_of(api_version: str, kind: str) -> Kind:
    """A kind from the table. Raises KeyError where it is not there; the client then asks the cluster."""
    return KNOWN[(api_version, kind)]


def defined_by(definition: Mapping[str, Any]) -> list[Kind]:
    """The kinds that a CustomResourceDefinition manifest brings, one a version."""
    spec = definition.get("spec") or {}
    names, group = spec.get("names") or {}, spec.get("group")
    return [
        Kind(
            f"{group}/{version['name']}", names.get("kind", ""), names.get("plural", ""), spec.get("scope") != "Cluster"
        )
        for version in spec.get("versions") or []
        if version.get("served", True)
    ]


def require(manifest: Mapping[str, Any], index: int = 0) -> tuple[str, str, str]:
    """(apiVersion, kind, name) of a manifest; Failure `InvalidManifest` names what is missing and where."""
    metadata = manifest.get("metadata") or {}
    values = {
        "apiVersion": manifest.get("apiVersion"),
        "kind": manifest.get("kind"),
        "metadata.name": metadata.get("name"),
    }
    missing = [field for field, value in values.items() if not isinstance(value, str) or not value]
    if missing:
        known = "/".join(str(value) for value in values.values() if value) or "no known field"
        raise Failure(
            "InvalidManifest",
            f"Manifest number {index + 1} ({known}) has no {', '.join(missing)}.",
            hint="Every Kubernetes object needs apiVersion, kind and metadata.name.",
            details={"index": index, "missing": missing},
        )
    return values["apiVersion"], values["kind"], values["metadata.name"]  # type: ignore[return-value]
