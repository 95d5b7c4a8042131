# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""In which order objects are written: what others need comes first. Deleting goes backwards."""

from __future__ import annotations

from .kinds import Kind

_RANKS: tuple[tuple[str, ...], ...] = (
    ("Namespace",),
    ("CustomResourceDefinition",),
    (
        "PriorityClass",
        "StorageClass",
        "RuntimeClass",
        "IngressClass",
        "PersistentVolume",
        "ResourceQuota",
        "LimitRange",
    ),
    ("ServiceAccount", "ClusterRole", "Role"),
    ("ClusterRoleBinding", "RoleBinding"),
    ("ConfigMap", "Secret", "PersistentVolumeClaim", "NetworkPolicy"),
    ("Service", "GatewayClass"),
    ("Pod", "ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Gateway"),
    ("PodDisruptionBudget", "HorizontalPodAutoscaler", "Ingress", "HTTPRoute", "APIService"),
    ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"),
)
_RANK = {kind: number for number, kinds in enumerate(_RANKS) for kind in kinds}
LAST = len(_RANKS)

NAMESPACE = _RANK["Namespace"]
DEFINITION = _RANK["CustomResourceDefinition"]


def rank(kind: Kind) -> int:
    """Smaller is written earlier. Kinds that are not Kubernetes' own come last: their controllers come before them."""
    own = kind.group == "" or "." not in kind.group or kind.group.endswith(".k8s.io")
    return _RANK.get(kind.kind, LAST) if own else LAST
