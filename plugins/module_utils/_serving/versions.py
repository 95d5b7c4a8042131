# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Model versions as the registry's records tell them. Nothing is served that has no record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .._core.failure import Failure
from .._core.spelling import nearest
from .._oss import records
from .._oss.store import Store
from .shape import ModelVersion


class Golden(NamedTuple):
    """One request with a known answer. `tolerance` is absolute, for floating-point numbers."""

    request: Any
    expected: Any
    tolerance: float


class Version(NamedTuple):
    """`image` is pinned (`repo@sha256:…`); `model_digest` is over the model's files."""

    reference: ModelVersion
    image: str
    model_digest: str
    golden: Golden | None

    @property
    def name(self) -> str:
        return self.reference.name


def read_version(store: Store, wanted: ModelVersion) -> Version:
    """Raises Failure `UnknownModelVersion` that lists what exists, `InvalidRecord` where a record lacks its image."""
    record = records.read(store, f"models/{wanted.name}/versions/{wanted.number}/version.json")
    if record is None:
        raise _unknown(store, wanted)
    image = str(record.get("image") or "")
    if "@sha256:" not in image:
        raise Failure(
            "InvalidRecord",
            f"The record of {wanted} in {store.name} has the image '{image}', which is not pinned by a digest.",
            resource=f"model_version/{wanted}",
        )
    return Version(wanted, image, str(record.get("model_digest") or ""), _golden(record.get("golden")))


def _golden(record: Mapping[str, Any] | None) -> Golden | None:
    if not record:
        return None
    return Golden(record["request"], record["expected"], float(record.get("tolerance") or 0))


def _unknown(store: Store, wanted: ModelVersion) -> Failure:
    prefix = f"models/{wanted.name}/versions/"
    exist = sorted({int(number) for item in store.list(prefix) if (number := _part(item.key, 3)).isdecimal()})
    if exist:
        have = f"{wanted.name} has {', '.join(f'v{number}' for number in exist)}"
        hint = f"Did you mean {wanted.name}-v{exist[-1]}?"
    else:
        models = sorted({_part(item.key, 1) for item in store.list("models/")})
        have = f"there is no model '{wanted.name}'" + (
            f"; there are {', '.join(models)}" if models else " and no other"
        )
        meant = nearest(wanted.name, models)
        hint = f"Did you mean '{meant}'?" if meant else "Register it first with mlops.ack.model_version."
    return Failure(
        "UnknownModelVersion",
        f"No version {wanted} in {store.name}: {have}.",
        resource=f"model_version/{wanted}",
        hint=hint,
        details={"model": wanted.name, "versions": exist},
    )


def _part(key: str, index: int) -> str:
    parts = key.split("/")
    return parts[index] if len(parts) > index else ""
