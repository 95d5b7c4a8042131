# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a user asks for, checked and in one spelling: the options of tfserving as values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from .._core.failure import Failure
from .._core.spelling import nearest
from .._kube.placement import Placement, placement, refuse_both
from . import steps
from .batching import Batching
from .steps import Step
from .traffic import shares

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
REFERENCE = re.compile(r"(?P<name>.+)-v(?P<number>[1-9][0-9]*)")

# A Service's name is a DNS label of 63; "<serving>-<predictor>-<8 of the revision>" has to fit.
LONGEST_NAMES = 63 - len("-") - len("-12345678")


class ModelVersion(NamedTuple):
    """One immutable version of a model; `str` gives the design's spelling, `digits-v1`."""

    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.name}-v{self.number}"


class AutoScale(NamedTuple):
    """`metrics` are HorizontalPodAutoscaler v2's own; None leaves the API's default (80 % CPU)."""

    min_replicas: int
    max_replicas: int
    metrics: tuple[Mapping[str, Any], ...] | None


@dataclass(frozen=True)
class Predictor:
    """One model version behind one share of the traffic. `share` is an integer percentage."""

    name: str
    version: ModelVersion
    replicas: int
    share: int
    auto_scale: AutoScale | None
    batching: Batching | None
    resources: Mapping[str, Any]
    placement: Placement
    template: Mapping[str, Any]


class Route(NamedTuple):
    """Where clients come in. `path` is the prefix they use; TF Serving itself knows none."""

    type: str
    gateway_name: str
    gateway_namespace: str
    hostnames: tuple[str, ...]
    path: str


class Verify(NamedTuple):
    """How the split is counted. No requests: it is only read back. `tolerance` in percentage points."""

    requests: int
    endpoint: str
    host: str
    tolerance: float
    always: bool


@dataclass(frozen=True)
class Serving:
    """A whole tfserving as asked for."""

    name: str
    namespace: str
    environment: str
    image: str
    registry_secret: str
    predictors: tuple[Predictor, ...]
    route: Route
    verify: Verify
    golden: bool
    steps: tuple[Step, ...] = ()

    @property
    def model_name(self) -> str:
        return self.predictors[0].version.name


def serving(params: Mapping[str, Any]) -> Serving:
    """The options as one value. Raises Failure `InvalidOption` or `MissingOption` with the field that is wrong."""
    label("name", params["name"])
    if params["steps"] and not params.get("wait", True):
        raise Failure("InvalidOption", "steps need to wait: who does not wait cannot take the next one.")
    given: Sequence[Mapping[str, Any]] = params["predictors"] or ()
    if not given:
        raise Failure("MissingOption", "predictors is empty.", hint="Give at least one predictor, or state: absent.")
    percentages = shares({name: entry["traffic_percentage"] for name, entry in _by_name(given).items()})
    predictors = tuple(_predictor(entry, percentages[entry["name"]], params["name"]) for entry in given)
    models = sorted({predictor.version.name for predictor in predictors})
    if len(models) > 1:
        raise Failure(
            "InvalidOption",
            f"predictors serve versions of {len(models)} models: {', '.join(models)}.",
            hint="Clients address one model under one URL; use one tfserving for each model.",
        )
    return Serving(
        name=params["name"],
        namespace=params["namespace"],
        environment=params["environment"],
        image=_image(params["image"], predictors),
        registry_secret=params["registry_secret"] or "",
        predictors=predictors,
        route=_route(params["route"] or {}),
        verify=_verify(params["verify"] or {}, (params["route"] or {}).get("type") or "gateway_api"),
        golden=params["golden"],
        steps=steps.of(params["steps"] or (), [entry["name"] for entry in given]),
    )


def label(field: str, value: str) -> str:
    """Raises Failure `InvalidOption` where `value` cannot be a DNS label."""
    if not LABEL.fullmatch(value) or len(value) > 63:
        raise Failure(
            "InvalidOption",
            f"{field} is '{value}'; allowed are 1 to 63 of a-z, 0-9 and '-', a letter or digit at both ends.",
        )
    return value


def reference(value: Any) -> ModelVersion:
    """`digits-v1`, or {model_name, version} in either spelling. Raises Failure `InvalidOption`."""
    if isinstance(value, str) and (found := REFERENCE.fullmatch(value)):
        return ModelVersion(found["name"], int(found["number"]))
    if isinstance(value, Mapping):
        name, number = value.get("model_name", value.get("modelName")), value.get("version")
        if isinstance(name, str) and name and str(number).isdecimal() and int(str(number)) > 0:
            return ModelVersion(name, int(str(number)))
    raise Failure(
        "InvalidOption",
        f"model_version is {value!r}; allowed are '<model>-v<number>' and {{model_name, version}}.",
        hint="For example digits-v1, or {model_name: digits, version: 1}.",
    )


def _by_name(given: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for entry in given:
        name = label("predictors[].name", entry["name"])
        if name in found:
            raise Failure(
                "InvalidOption", f"predictors names '{name}' twice.", hint="Give each predictor its own name."
            )
        found[name] = entry
    return found


def _predictor(entry: Mapping[str, Any], share: int, serving_name: str) -> Predictor:
    where = f"predictors[{entry['name']}]"
    if len(serving_name) + len(entry["name"]) > LONGEST_NAMES:
        raise Failure(
            "InvalidOption",
            f"name '{serving_name}' and predictor '{entry['name']}' have"
            f" {len(serving_name) + len(entry['name'])} characters together; allowed are {LONGEST_NAMES}.",
        )
    replicas = entry["replicas"]
    if replicas is not None and replicas < 0:
        raise Failure("InvalidOption", f"{where}.replicas is {replicas}; allowed are 0 and more.")
    if replicas == 0 and share > 0:
        raise Failure(
            "InvalidOption",
            f"{where} has no replicas and {share} % of the traffic.",
            hint="Give it replicas, or traffic_percentage: 0.",
        )
    scale = _auto_scale(entry["auto_scale"], where)
    return Predictor(
        name=entry["name"],
        version=reference(entry["model_version"]),
        replicas=replicas if replicas is not None else scale.min_replicas if scale else 1,
        share=share,
        auto_scale=scale,
        batching=Batching.of(entry["batching"], f"{where}.batching") if entry["batching"] else None,
        resources=entry["resources"] or DEFAULT_RESOURCES,
        placement=_placement(entry, where),
        template=_template(entry["template"] or {}, where),
    )


# Utilization-based scaling needs a request; TensorFlow alone takes the memory.
DEFAULT_RESOURCES: Mapping[str, Any] = {"requests": {"cpu": "100m", "memory": "512Mi"}}


def _auto_scale(given: Mapping[str, Any] | None, where: str) -> AutoScale | None:
    if not given:
        return None
    low, high, metrics = given["min_replicas"], given["max_replicas"], given["metrics"]
    if not 1 <= low <= high:
        raise Failure(
            "InvalidOption",
            f"{where}.auto_scale has min_replicas {low} and max_replicas {high};"
            " allowed are 1 and more, the maximum not below the minimum.",
        )
    return AutoScale(low, high, None if metrics is None else tuple(metrics))


def _placement(entry: Mapping[str, Any], where: str) -> Placement:
    found = placement(entry, where)
    asked = {*found.limits, *((entry["resources"] or {}).get("limits") or {}), *_template_limits(entry["template"])}
    refuse_both(asked, where)
    return found


def _template_limits(template: Mapping[str, Any] | None) -> set[str]:
    containers = ((template or {}).get("spec") or {}).get("containers") or []
    return {name for each in containers for name in (each.get("resources") or {}).get("limits") or {}}


TEMPLATE_FIELDS = ("metadata", "spec")


def _template(template: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    for field in template:
        if field not in TEMPLATE_FIELDS:
            meant = nearest(field, TEMPLATE_FIELDS)
            raise Failure(
                "InvalidOption",
                f"{where}.template has '{field}'; a PodTemplateSpec has metadata and spec.",
                hint=f"Did you mean '{meant}'?" if meant else "",
            )
    return template


def _image(image: str | None, predictors: Sequence[Predictor]) -> str:
    """The serving image; may be left out where every predictor's template names one."""
    for predictor in predictors:
        if not image and not template_image(predictor.template):
            raise Failure(
                "MissingOption",
                f"image is not set, and the template of predictor {predictor.name} names none.",
                hint="Set image, for example tensorflow/serving:2.19.1.",
            )
    return image or ""


def template_image(template: Mapping[str, Any]) -> str:
    """The image that a partial pod template gives to the serving container, or nothing."""
    for container in (template.get("spec") or {}).get("containers") or []:
        if container.get("name") == CONTAINER:
            return str(container.get("image") or "")
    return ""


CONTAINER = "tensorflow"


def _route(given: Mapping[str, Any]) -> Route:
    gateway = given.get("gateway") or {}
    kind = given.get("type") or "gateway_api"
    if kind != "alb" and not gateway.get("name"):
        raise Failure(
            "MissingOption",
            f"route.gateway.name is not set; route.type {kind} needs the gateway that clients reach.",
            hint="Name it, with its namespace where that is another one.",
        )
    path = given.get("path") or "/"
    if not path.startswith("/"):
        raise Failure("InvalidOption", f"route.path is '{path}'; it has to begin with '/'.")
    return Route(
        type=kind,
        gateway_name=gateway.get("name") or "",
        gateway_namespace=gateway.get("namespace") or "",
        hostnames=tuple(given.get("hostnames") or ()),
        path=path.rstrip("/") or "/",
    )


def _verify(given: Mapping[str, Any], route_type: str) -> Verify:
    requests, tolerance = given.get("requests") or 0, given.get("tolerance")
    if requests < 0:
        raise Failure("InvalidOption", f"verify.requests is {requests}; allowed are 0 and more.")
    if requests and route_type == "alb":
        raise Failure(
            "InvalidOption",
            "verify.requests needs another route.type than alb: an ALB Ingress does not tell which predictor answered.",
            hint="Set verify.requests to 0.",
        )
    return Verify(
        requests=requests,
        endpoint=(given.get("endpoint") or "").rstrip("/"),
        host=given.get("host") or "",
        tolerance=3.0 if tolerance is None else float(tolerance),
        always=bool(given.get("always")),
    )
