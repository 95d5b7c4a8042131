# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Release records: what helm stores in the cluster about each revision. Reading them needs no helm program.

Source: helm 3 and 4, pkg/storage/driver (Secrets of type helm.sh/release.v1), 2026-11.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from .._core.failure import Failure
from .._core.spelling import refuse
from .._kube.kinds import Kind, Ref, kind_of
from .._kube.shape import Object

SECRET = kind_of("v1", "Secret")

PENDING = frozenset({"pending-install", "pending-upgrade", "pending-rollback"})
STATUSES = frozenset({"deployed", "failed", "superseded", "uninstalled", "uninstalling", "unknown"}) | PENDING

CHART_DIGEST = "mlops.ack chart"
"""Begins the description of revisions whose chart was local: such charts change without changing their version."""

_DIGEST = re.compile(re.escape(CHART_DIGEST) + r" (sha256:[0-9a-f]{64})")
_ROLLBACK = re.compile(r"^Rollback to (\d+)$")


class Reader(Protocol):
    """What reading records needs of a cluster."""

    def get(self, ref: Ref) -> Object | None: ...

    def list(
        self, kind: Kind, namespace: str | None = None, *, labels: str = "", metadata_only: bool = False
    ) -> list[Object]: ...


class Record(NamedTuple):
    """One revision. `values` are what the user gave. `manifest` is the rendered YAML. `updated`: RFC 3339."""

    name: str
    namespace: str
    revision: int
    status: str
    chart: str
    chart_version: str
    app_version: str
    values: dict[str, Any]
    updated: str
    description: str
    manifest: str

    @property
    def chart_digest(self) -> str:
        """Empty where this module did not install it from a local chart."""
        found = _DIGEST.search(self.description)
        return found[1] if found else ""


class Entry(NamedTuple):
    """A revision as its labels tell it: enough to choose which record to read."""

    name: str
    namespace: str
    revision: int
    status: str
    secret: str


def check_driver() -> None:
    """Raises Failure `InvalidOption` where helm is told to keep its records elsewhere."""
    driver = os.environ.get("HELM_DRIVER") or "secret"
    if driver not in ("secret", "secrets"):
        raise refuse("HELM_DRIVER", driver, ["secret"])


def entries(client: Reader, namespace: str | None, name: str = "") -> list[Entry]:
    """All revisions, oldest first; no namespace: everywhere."""
    check_driver()
    labels = "owner=helm" + (f",name={name}" if name else "")
    found = []
    for item in client.list(SECRET, namespace, labels=labels, metadata_only=True):
        metadata = item["metadata"]
        marks = metadata.get("labels") or {}
        if str(marks.get("version", "")).isdigit():
            found.append(
                Entry(
                    marks.get("name", ""),
                    metadata["namespace"],
                    int(marks["version"]),
                    marks.get("status", "unknown"),
                    metadata["name"],
                )
            )
    return sorted(found)


def newest(found: list[Entry]) -> list[Entry]:
    """The newest revision of each release."""
    return list({(entry.namespace, entry.name): entry for entry in found}.values())


def read(client: Reader, entry: Entry) -> Record | None:
    """The record; None when it was deleted meanwhile. Raises Failure `UnreadableRelease`."""
    secret = client.get(Ref(SECRET, entry.namespace, entry.secret))
    return None if secret is None else _decode(secret, entry)


def chart_digest(client: Reader, record: Record, all_entries: list[Entry]) -> str:
    """The digest of the record's chart; of a rollback that of the revision it went back to."""
    back = _ROLLBACK.match(record.description)
    if not back:
        return record.chart_digest
    source = next((entry for entry in all_entries if entry.revision == int(back[1])), None)
    found = read(client, source) if source else None
    return found.chart_digest if found else ""


def _decode(secret: Mapping[str, Any], entry: Entry) -> Record:
    try:
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        data = json.loads(gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed)
        info, metadata = data["info"], data["chart"]["metadata"]
        return Record(
            name=data["name"],
            namespace=data.get("namespace", entry.namespace),
            revision=int(data["version"]),
            status=info["status"],
            chart=metadata["name"],
            chart_version=metadata["version"],
            app_version=metadata.get("appVersion", ""),
            values=data.get("config") or {},
            updated=info.get("last_deployed", ""),
            description=info.get("description", ""),
            manifest=data.get("manifest", ""),
        )
    except (KeyError, ValueError, TypeError, OSError) as error:
        raise Failure(
            "UnreadableRelease",
            f"Secret {entry.namespace}/{entry.secret} is no release record of helm ({type(error).__name__}: {error}).",
            resource=f"release/{entry.namespace}/{entry.name}",
        ) from error
