# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which operator's TFJob a cluster knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from .._core.failure import Failure
from .._kube.kinds import Kind, Ref, kind_of
from .render import Dialect

DEFINITION = kind_of("apiextensions.k8s.io/v1", "CustomResourceDefinition")
DEFINITIONS = ("tfjobs.kubeflow.org", "tfjobs.training.kubedl.io")

KUBEFLOW = Dialect("kubeflow.org/v1", nested=True, can_suspend=True)


class Reader(Protocol):
    def get(self, ref: Ref) -> dict[str, Any] | None: ...


def detect(cluster: Reader) -> Dialect:
    """The dialect by the schema of the CustomResourceDefinition.

    Who may not read definitions is taken to use today's Kubeflow operator. Raises Failure `MissingOperator`.
    """
    for name in DEFINITIONS:
        try:
            definition = cluster.get(Ref(DEFINITION, None, name))
        except Failure as failure:
            if failure.code == "Forbidden":
                return KUBEFLOW
            raise
        if definition:
            return of_definition(definition)
    raise Failure(
        "MissingOperator",
        f"The cluster knows no TFJob: it has none of {', '.join(DEFINITIONS)}.",
        resource="CustomResourceDefinition/tfjobs.kubeflow.org",
        hint="Install the training operator with mlops.ack.helm_release, or the role mlops.ack.cluster_init.",
    )


def of_definition(definition: Mapping[str, Any]) -> Dialect:
    spec = definition["spec"]
    version = next(each for each in spec["versions"] if each["served"])
    schema = version["schema"]["openAPIV3Schema"]["properties"].get("spec") or {}
    fields = schema.get("properties") or {}
    nested = "runPolicy" in fields
    policy = fields["runPolicy"].get("properties") or {} if nested else fields
    return Dialect(f"{spec['group']}/{version['name']}", nested, "suspend" in policy)


def kind(dialect: Dialect) -> Kind:
    return Kind(dialect.api_version, "TFJob", "tfjobs", True)
