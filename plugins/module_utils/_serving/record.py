# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The record of what serves in an environment: appended when that changes, never edited."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from .._core.failure import Failure
from .._oss import records
from .._oss.store import Store
from .predictor import Revision
from .routes import Object

SCHEMA = "mlops.ack/release/v1"
ATTEMPT = "mlops.ack/release-attempt/v1"

# What a release that was stopped says about the release itself; all else may have been the surroundings.
REFUSED = frozenset({"AnalysisFailed", "GateRejected"})


def prefix(model: str, environment: str) -> str:
    return f"models/{model}/environments/{environment}/releases"


def attempts_prefix(model: str, environment: str) -> str:
    return f"models/{model}/environments/{environment}/attempts"


def rendered_digest(revisions: Sequence[Revision], routes: Sequence[Object]) -> str:
    """`sha256:…` over all that decides about an answer: pod templates and routes, not the number of replicas."""
    templates = [
        obj for revision in revisions for obj in revision.objects if obj["kind"] in ("ConfigMap", "Deployment")
    ]
    text = json.dumps([templates, list(routes)], sort_keys=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def serves(revisions: Sequence[Revision]) -> list[dict[str, Any]]:
    """The predictors as a record names them."""
    return [
        {
            "name": revision.predictor.name,
            "model_version": str(revision.version.reference),
            "image": revision.version.image,
            "model_digest": revision.version.model_digest,
            "serving_image": revision.image,
            "traffic_percentage": revision.predictor.share,
        }
        for revision in revisions
    ]


def last(store: Store, model: str, environment: str, serving: str) -> dict[str, Any] | None:
    """The newest release of one tfserving, or None. Reads backwards: a long history costs one list."""
    start = f"{prefix(model, environment)}/"
    numbers = [item.key[len(start) :].removesuffix(".json") for item in store.list(start)]
    for number in sorted((int(number) for number in numbers if number.isdecimal()), reverse=True):
        record = records.read(store, f"{start}{number}.json")
        if record and record.get("serving") == serving:
            return record
    return None


def attempts(store: Store, model: str, environment: str, serving: str) -> list[dict[str, Any]]:
    """The releases of one tfserving that were brought back, by rising number."""
    return [each for each in records.history(store, attempts_prefix(model, environment)) if each["serving"] == serving]


def releases(store: Store, model: str, environment: str, serving: str) -> list[dict[str, Any]]:
    """All releases of one tfserving, by rising number."""
    return [each for each in records.history(store, prefix(model, environment)) if each.get("serving") == serving]


def is_same(record: Mapping[str, Any] | None, predictors: Sequence[Mapping[str, Any]], rendered: str) -> bool:
    """Whether `record` already says that exactly this serves."""
    if record is None:
        return not predictors
    return record.get("predictors") == list(predictors) and record.get("rendered_digest") == rendered


def model_of(store: Store, environment: str, serving: str, live: Sequence[str]) -> str | None:
    """The model that serves, or has served; None where none has. Raises Failure `AmbiguousName`."""
    if len(live) == 1:
        return live[0]
    marks = (item.key.split("/") for item in store.list("models/"))
    models = sorted({part[1] for part in marks if part[2:5] == ["environments", environment, "releases"]})
    found = [model for model in models if releases(store, model, environment, serving)]
    if len(found) > 1:
        raise Failure(
            "AmbiguousName",
            f"{serving} has served {', '.join(found)} in {environment}.",
            resource=f"tfserving/{serving}",
            hint="Set model.",
        )
    return found[0] if found else None


def refuse_altered(release: Mapping[str, Any] | None, revisions: Sequence[Revision]) -> None:
    """Raises Failure `RecordAltered` where a version's record says something else than when `release` served it."""
    for entry in (release or {}).get("predictors", []):
        for revision in revisions:
            version = revision.version
            known, found = (entry["image"], entry["model_digest"]), (version.image, version.model_digest)
            if entry["model_version"] == str(version.reference) and known != found:
                raise Failure(
                    "RecordAltered",
                    f"The record of {version.reference} says {' of '.join(found)}; release {(release or {})['n']}"
                    f" served {' of '.join(known)} under that name. A version is never changed.",
                    resource=f"model_version/{version.reference}",
                    hint="Find out who wrote the record, and restore it; register another model as a new version.",
                    details={"found": list(found), "served": list(known)},
                )


def new(
    *,
    environment: str,
    serving: str,
    namespace: str,
    predictors: Sequence[Mapping[str, Any]],
    rendered: str,
    decision: Mapping[str, Any] | None,
    replaces: int | None,
    by: str,
    reason: str = "",
    options: Mapping[str, Any] | None = None,
    undone: Mapping[str, Any] | None = None,
    restores: int | None = None,
) -> dict[str, Any]:
    """A release record; its number comes from `records.append`. `options` make the same release again. `restores`:
    the release that a rollback went back to; `undone`: number and rendered digest of the one it took away.
    """
    return {
        "schema": SCHEMA,
        "environment": environment,
        "serving": serving,
        "namespace": namespace,
        "predictors": list(predictors),
        "rendered_digest": rendered,
        "decision": decision,
        "replaces": replaces,
        "restores": restores,
        "undone": undone,
        "options": options,
        "reason": reason,
        "time": now(),
        "by": by,
    }


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def attempt(
    *,
    environment: str,
    serving: str,
    namespace: str,
    predictors: Sequence[Mapping[str, Any]],
    rendered: str,
    decision: Mapping[str, Any] | None,
    serves_on: int | None,
    step: int | None,
    code: str,
    reason: str,
    measurements: Sequence[Mapping[str, Any]],
    by: str,
) -> dict[str, Any]:
    """The record of a release that was brought back, and why. `serves_on`: the release that serves instead."""
    return {
        "schema": ATTEMPT,
        "outcome": "rolled_back",
        "environment": environment,
        "serving": serving,
        "namespace": namespace,
        "predictors": list(predictors),
        "rendered_digest": rendered,
        "decision": decision,
        "serves_on": serves_on,
        "step": step,
        "code": code,
        "reason": reason,
        "measurements": list(measurements),
        "time": now(),
        "by": by,
    }
