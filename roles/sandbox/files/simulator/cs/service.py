# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state behind the API, and what every operation is given."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..clock import Clock
from ..errors import ServiceError
from ..faults import TASK_KINDS, Faults, Rule
from ..store import Document, Records
from .driver import Driver
from .tasks import Tasks
from .work import Work

# States in which a cluster takes orders about its node pools and addons.
OPERABLE = ("running", "scaling", "removing", "updating")


@dataclass
class Call:
    """One request, taken apart. `ids` are the placeholders of the path."""

    action: str
    method: str
    path: str
    ids: dict[str, str]
    query: dict[str, str]
    body: Any
    host: str = ""
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()).upper())

    def flag(self, name: str) -> bool:
        """A boolean of the query: SDKs write True, true or 1."""
        return self.query.get(name, "").lower() in ("true", "1")

    def number(self, name: str, default: int) -> int:
        text = self.query.get(name) or str(default)
        if not text.isdigit():
            raise ServiceError(400, "InvalidParameter", f"{name} {text!r} is not a number.")
        return int(text)

    def page(self, items: list[Any], default_size: int) -> tuple[list[Any], Document]:
        """One page of the items, and the `page_info` that goes with it."""
        number, size = self.number("page_number", 1), self.number("page_size", default_size)
        start = (max(number, 1) - 1) * size
        return items[start : start + size], {"page_number": number, "page_size": size, "total_count": len(items)}


class Service:
    """Clusters, node pools, addons, tasks and permissions on disk. Operations are functions of (service, call)."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        faults: Faults,
        region: str,
        driver: Driver | None,
        works: Mapping[str, Work],
    ) -> None:
        self.clock, self.faults, self.region, self.driver = clock, faults, region, driver
        self.clusters = Records(folder / "clusters")  # {cluster: the API's object, real: name or None, ...}
        self.nodepools = Records(folder / "nodepools")  # {cluster_id, pool: the API's object, state, nodes: [...]}
        self.addons = Records(folder / "addons")  # {cluster_id, addon: the API's object}
        self.permissions = Records(folder / "permissions")  # {permissions: [...]}, by user id
        self.tasks = Tasks(self, Records(folder / "tasks"), works)

    def cluster(self, call: Call) -> Document:
        """The record of the cluster in the path. Raises ErrorClusterNotFound."""
        return self.cluster_named(call.ids["cluster_id"])

    def cluster_named(self, cluster_id: str) -> Document:
        record = self.clusters.get(cluster_id)
        if record is None:
            raise ServiceError(404, "ErrorClusterNotFound", f"cluster {cluster_id} not found")
        return record

    def operable(self, call: Call, states: tuple[str, ...] = OPERABLE) -> Document:
        """The cluster's record when it is in one of the states. Raises ErrorClusterState otherwise."""
        record = self.cluster(call)
        state = record["cluster"]["state"]
        if state not in states:
            raise ServiceError(
                400, "ErrorClusterState", f"cluster state is {state}; {call.action} needs {', '.join(states)}"
            )
        return record

    def set_state(self, cluster_id: str, state: str) -> None:
        record = self.clusters.get(cluster_id)
        if record is not None:
            record["cluster"].update(state=state, updated=self.clock.china())
            self.clusters.put(cluster_id, record)

    def rest(self, cluster_id: str, task: Document) -> None:
        """Bring the cluster back to `running` when no other task keeps it busy."""
        record = self.clusters.get(cluster_id)
        if record and record["cluster"]["state"] in (*OPERABLE, "upgrading") and not self.tasks.busy(cluster_id, task):
            self.set_state(cluster_id, "running")

    def pools(self, cluster_id: str) -> list[Document]:
        return [record for record in self.nodepools if record["cluster_id"] == cluster_id]

    def installed(self, cluster_id: str) -> list[Document]:
        return [record for record in self.addons if record["cluster_id"] == cluster_id]

    def resize(self, cluster_id: str) -> None:
        """Keep the cluster's `size` equal to the number of its nodes."""
        record = self.clusters.get(cluster_id)
        if record is not None:
            record["cluster"]["size"] = sum(len(pool["nodes"]) for pool in self.pools(cluster_id))
            self.clusters.put(cluster_id, record)

    def task_fault(self, call: Call) -> Rule | None:
        seen = {"api": "cs", "action": call.action, "method": call.method, "path": call.path}
        return self.faults.take(TASK_KINDS, seen)


def new_id(prefix: str, digits: int) -> str:
    """An id of the service's looks: a prefix and hexadecimal digits."""
    return prefix + secrets.token_hex(digits // 2)
