"""What the tests of serving build: options as the argument spec would give them, versions, live objects."""

from __future__ import annotations

from typing import Any

from ansible_collections.mlops.ack.plugins.module_utils._core.options import validator
from ansible_collections.mlops.ack.plugins.module_utils._serving import shape
from ansible_collections.mlops.ack.plugins.module_utils._serving.options import SERVING
from ansible_collections.mlops.ack.plugins.module_utils._serving.plan import Desired, desire
from ansible_collections.mlops.ack.plugins.module_utils._serving.predictor import Revision, render
from ansible_collections.mlops.ack.plugins.module_utils._serving.shape import ModelVersion, Serving
from ansible_collections.mlops.ack.plugins.module_utils._serving.versions import Golden, Version

GOLDEN = Golden({"instances": [[0.0]]}, {"predictions": [{"digit": 7}]}, 0.001)
ROUTE = {"gateway": {"name": "public", "namespace": "gateways"}, "hostnames": ["digits.test"]}


def params(*predictors: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Validated options, every one of them present."""
    given = {
        "name": "digits",
        "namespace": "serving",
        "environment": "prod",
        "image": "tensorflow/serving:2.19.1",
        "route": ROUTE,
        "predictors": list(predictors) or [one("stable", 1)],
        **more,
    }
    checked = validator(SERVING).validate(given)
    assert not checked.error_messages, checked.error_messages
    return checked.validated_parameters  # type: ignore[no-any-return]


def one(name: str, number: int, share: int | None = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "model_version": f"digits-v{number}", "traffic_percentage": share, **more}


def version(reference: ModelVersion, golden: Golden | None = GOLDEN) -> Version:
    image = f"registry.test/{reference.name}@sha256:{reference.number:064x}"
    return Version(reference, image, f"sha256:{reference.number:064x}", golden)


def serving(*predictors: dict[str, Any], **more: Any) -> Serving:
    return shape.serving(params(*predictors, **more))


def revision(predictor: dict[str, Any], golden: Golden | None = GOLDEN, **more: Any) -> Revision:
    """The only predictor of a tfserving, rendered."""
    wanted = serving(predictor, **more)
    return render(wanted, wanted.predictors[0], version(wanted.predictors[0].version, golden))


def desired(*predictors: dict[str, Any], **more: Any) -> Desired:
    wanted = serving(*predictors, **more)
    return desire(wanted, [render(wanted, each, version(each.version)) for each in wanted.predictors])


def by_kind(revision: Revision) -> dict[str, Any]:
    return {obj["kind"]: obj for obj in revision.objects}
