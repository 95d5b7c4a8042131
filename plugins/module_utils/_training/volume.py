# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The volume of a training job: options of the modules that run on it, and knowing one from another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Protocol

from .._core.failure import Failure
from .._core.options import Spec
from .._kube.kinds import Ref, kind_of
from .jobs import Place

CLAIM = kind_of("v1", "PersistentVolumeClaim")

TRANSFER: Spec = {
    "namespace": {"type": "str", "required": True},
    "volume": {"type": "dict", "required": True},
    "image": {"type": "str", "required": True},
    "node_selector": {"type": "dict"},
    "tolerations": {"type": "list", "elements": "dict"},
    "pod_oss_endpoint": {"type": "str"},
}
"""Where a transfer runs; documented by the fragment mlops.ack.transfer."""


class Reader(Protocol):
    def get(self, ref: Ref) -> dict[str, Any] | None: ...


def place(params: Mapping[str, Any], image: str | None = None) -> Place:
    """Where the options say that transfers run."""
    tolerations = tuple(params["tolerations"] or ())
    return Place(
        params["namespace"], image or params["image"], source(params["volume"]), params["node_selector"], tolerations
    )


def source(volume: Mapping[str, Any]) -> Mapping[str, Any]:
    """A volume source as given, without a `name`. Raises Failure `InvalidOption` unless it is one."""
    kinds = [key for key in volume if key != "name"]
    if len(kinds) != 1 or not isinstance(volume[kinds[0]], Mapping):
        raise Failure(
            "InvalidOption",
            f"volume holds {', '.join(kinds) or 'nothing'}; it needs exactly one volume source.",
            hint="For example {persistentVolumeClaim: {claimName: training}}.",
            details={"field": "volume", "found": kinds},
        )
    return {kinds[0]: volume[kinds[0]]}


def identity(cluster: Reader, where: Place) -> str:
    """Eight hex digits, the same for the same volume: a claim that was deleted and made again is another one.

    Raises Failure `MissingVolume` for a claim that is not there.
    """
    claim = (where.volume.get("persistentVolumeClaim") or {}).get("claimName")
    uid = ""
    if claim:
        found = cluster.get(Ref(CLAIM, where.namespace, claim))
        if found is None:
            raise Failure(
                "MissingVolume",
                f"There is no PersistentVolumeClaim {claim} in namespace {where.namespace}.",
                resource=f"PersistentVolumeClaim/{where.namespace}/{claim}",
                hint="Create it first (mlops.ack.k8s_manifest), or correct volume.",
            )
        uid = found["metadata"]["uid"]
    text = json.dumps([where.volume, uid], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
