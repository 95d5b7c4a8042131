# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The vocabulary of the documents: which words may stand where, and what kind of value they have.

A word may be written in camelCase, snake_case or kebab-case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from .._core.options import Spec
from .._kube.placement import PLACEMENT
from .._serving.options import PREDICTOR, ROUTE

Type = Literal["any", "text", "whole", "flag", "list", "map"]


@dataclass(frozen=True)
class Shape:
    """A mapping. `unknown`: may hold other words too, which are somebody else's to check."""

    fields: Mapping[str, Field]
    unknown: bool = False


class Field(NamedTuple):
    """`inside`: of the mapping, or of each mapping in the list."""

    type: Type = "any"
    required: bool = False
    inside: Shape | None = None
    choices: tuple[str, ...] = ()


TEXT, WHOLE, FLAG, LIST, MAP, ANY = (Field(kind) for kind in ("text", "whole", "flag", "list", "map", "any"))
NAME = Field("text", required=True)
OPEN = Shape({}, unknown=True)


def texts(words: str) -> dict[str, Field]:
    return dict.fromkeys(words.split(), TEXT)


def of_spec(spec: Spec) -> Shape:
    """The shape of a module's options, by the camelCase spelling where there is one."""
    types: dict[str, Type] = {"str": "text", "int": "whole", "bool": "flag", "list": "list", "dict": "map"}
    fields = {}
    for name, option in spec.items():
        inside = of_spec(option["options"]) if "options" in option else None
        word = next(iter(option.get("aliases", ())), name)
        choices = tuple(option.get("choices", ()))
        fields[word] = Field(types.get(option.get("type", "str"), "any"), bool(option.get("required")), inside, choices)
    return Shape(fields)


POOL = Shape(
    {
        **texts("type interconnect_mode gpu_share_mode system_disk_category image_type key_pair spot_strategy"),
        "name": NAME,
        "instance_types": LIST,
        "vswitch_ids": LIST,
        "system_disk_size": WHOLE,
        "data_disks": LIST,
        "desired_size": WHOLE,
        "auto_scaling": MAP,
        "labels": MAP,
        "taints": LIST,
        "spot_price_limits": MAP,
        "management": MAP,
    }
)

CLUSTER_OPTIONS: dict[str, Field] = {
    **texts("name cluster_spec vpc_id pod_cidr service_cidr proxy_mode serverless_fallback version"),
    "vswitch_ids": LIST,
    "zone_ids": LIST,
    "node_cidr_mask": WHOLE,
    "endpoint_public_access": FLAG,
    "snat_entry": FLAG,
    "enable_rrsa": FLAG,
    "addons": LIST,
    "tags": MAP,
    "deletion_protection": FLAG,
    "maintenance_window": MAP,
    "control_plane_log": MAP,
}
"""Options of ack_cluster that a document may set; a test holds them to the module's."""

BUCKET_OPTIONS: dict[str, Field] = {
    **texts("acl storage_class"),
    "block_public_access": FLAG,
    "encryption": MAP,
    "lifecycle": LIST,
    "versioning": FLAG,
    "tags": MAP,
}

RELEASE_OPTIONS: dict[str, Field] = {
    **texts("chart namespace version"),
    "plain_http": FLAG,
    "values": MAP,
    "atomic": FLAG,
    "skip_crds": FLAG,
    "wait_timeout": WHOLE,
}

PROFILES = {"ACK": "Default", "ASK": "Serverless", "Edge": "Edge"}
"""Values of `resource`, and the profile of ack_cluster that each is."""

FRAMEWORKS = ("TFServing",)

_MODEL = Shape({"modelName": NAME, "version": WHOLE, "imageRepo": TEXT})
_DATASET = Shape(
    {
        "name": TEXT,
        "digest": TEXT,
        "s3": Field("map", required=True, inside=Shape({"bucket": NAME, "prefix": TEXT})),
    }
)
_RUN_POLICY = Shape(
    {
        "cleanPodPolicy": TEXT,
        "backoffLimit": WHOLE,
        "activeDeadlineSeconds": WHOLE,
        "ttlSecondsAfterFinished": WHOLE,
        "schedulingPolicy": MAP,
    }
)
_REPLICA = Shape(
    {
        **of_spec(PLACEMENT).fields,
        "replicas": WHOLE,
        "restartPolicy": TEXT,
        "template": Field("map", required=True, inside=OPEN),
    }
)
_REPLICAS = Shape({kind: Field("map", inside=_REPLICA) for kind in ("Chief", "Master", "Worker", "PS", "Evaluator")})

PROPERTIES: dict[str, Shape] = {
    "k8s-cluster": Shape(
        {
            **CLUSTER_OPTIONS,
            "provider": Field("text", choices=("alibaba",)),
            "resource": Field("text", required=True, choices=tuple(PROFILES)),
            "env": TEXT,
            "nodePools": Field("list", inside=POOL),
        }
    ),
    "helm-chart": Shape(
        {**RELEASE_OPTIONS, "repo": NAME, "chart": NAME, "create-namespace": FLAG, "env": TEXT, "name": TEXT}
    ),
    "s3-bucket": Shape({**BUCKET_OPTIONS, "provider": Field("text", choices=("alibaba",)), "bucket": NAME}),
    "tfjob": Shape(
        {
            "modelVersion": Field("map", required=True, inside=_MODEL),
            "dataset": Field("map", inside=_DATASET),
            "parameters": MAP,
            "runPolicy": Field("map", inside=_RUN_POLICY),
            "tfReplicaSpecs": Field("map", required=True, inside=_REPLICAS),
            "namespace": TEXT,
            "volume": MAP,
        }
    ),
    "tfserving": Shape(
        {
            "framework": Field("text", choices=FRAMEWORKS),
            "predictors": Field("list", required=True, inside=of_spec(PREDICTOR)),
            "route": Field("map", inside=of_spec(ROUTE)),
            "image": TEXT,
            "endpoint": TEXT,
            "namespace": TEXT,
        }
    ),
}
"""Component types, and what each may say of itself."""

TRAITS = ("arms-logging", "arms-metrics")

_COMPONENT_STEP = Shape({"component": NAME})
STEP_PROPERTIES: dict[str, Shape] = {
    "terraform-apply": _COMPONENT_STEP,
    "helm-apply": _COMPONENT_STEP,
    "ml-model-training": Shape({"component": NAME, "dataset": Field("map", inside=_DATASET), "env": TEXT}),
    "suspend": Shape({"message": TEXT, "duration": TEXT}),
    "ml-model-checkpoint": Shape({"modelVersion": Field("map", required=True, inside=_MODEL)}),
    "ml-model-serving": Shape({"component": NAME, "env": NAME}),
}
"""Step types, and what each may be given."""

APPLIES: dict[str, tuple[str, ...]] = {
    "terraform-apply": ("k8s-cluster", "s3-bucket"),
    "helm-apply": ("helm-chart",),
    "ml-model-training": ("tfjob",),
    "ml-model-serving": ("tfserving",),
}
"""Which types of components a step of a type can apply."""

COMPONENT = Shape(
    {
        "name": NAME,
        "type": Field("text", required=True, choices=tuple(PROPERTIES)),
        "properties": MAP,
        "traits": Field(
            "list",
            inside=Shape({"name": TEXT, "type": Field("text", required=True, choices=TRAITS), "properties": MAP}),
        ),
    }
)
STEP = Shape(
    {
        "name": NAME,
        "type": Field("text", required=True, choices=tuple(STEP_PROPERTIES)),
        "properties": MAP,
        "timeout": TEXT,
        "meta": MAP,
    }
)
WORKFLOW = Shape({"steps": Field("list", required=True, inside=STEP)})
BODY = Shape(
    {
        "components": Field("list", required=True, inside=COMPONENT),
        "workflow": Field("map", required=True, inside=WORKFLOW),
    }
)
SPECS: dict[str, Shape] = {
    "Application": BODY,
    "Initializer": Shape(
        {"appTemplate": Field("map", required=True, inside=Shape({"spec": Field("map", required=True, inside=BODY)}))}
    ),
}
"""Kinds of documents, and their `spec`."""

API_VERSION = "core.oam.dev/v1beta1"
DOCUMENT = Shape(
    {
        "apiVersion": Field("text", required=True, choices=(API_VERSION,)),
        "kind": Field("text", required=True, choices=tuple(SPECS)),
        "metadata": Field("map", inside=Shape({"name": TEXT, "namespace": TEXT}, unknown=True)),
        "spec": Field("map", required=True),
    }
)

WITHOUT_MEANING: dict[str, str] = {
    "dependsOn": "Steps run in the order they are written.",
    "externalRevision": "Components are read from these documents.",
    "if": "A step that is not wanted is left out.",
    "inputs": "Steps hand their results on by themselves.",
    "mode": "Steps run in the order they are written.",
    "outputs": "Steps hand their results on by themselves.",
    "policies": "Environments come from the inventory, and a step's env names one.",
    "subSteps": "Steps run in the order they are written.",
}
"""Words of KubeVela that have no counterpart here, and what takes their place."""
