# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a decision about a release is bound to: the bytes that each predictor serves, and its share. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Contents = Mapping[str, Mapping[str, Any]]
"""Version records by reference (`digits-v1`), each with `model_digest` and `image`."""


def reference(predictor: Mapping[str, Any]) -> str:
    """`<model>-v<n>`, from either way of writing it."""
    version = predictor.get("model_version") or predictor.get("modelVersion")
    if isinstance(version, Mapping):
        return f"{version.get('model_name') or version.get('modelName')}-v{version['version']}"
    return str(version)


def subject(predictors: Sequence[Mapping[str, Any]], contents: Contents) -> dict[str, str]:
    """One line a predictor, in the user's words and by digest: another model, image or share is another subject."""
    found = {}
    for predictor in predictors:
        wanted = reference(predictor)
        version, share = contents[wanted], _share(predictor)
        image = str(version["image"]).rpartition("@")[2]
        found[str(predictor["name"])] = f"{wanted} {version['model_digest']} image {image} {share} %"
    return found


def _share(predictor: Mapping[str, Any]) -> Any:
    shares = (predictor.get(name) for name in ("traffic_percentage", "trafficPercentage"))
    return next((share for share in shares if share is not None), "the rest of 100")
