# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The script with which a machine joins an edge node pool: a file that holds a token."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from .._core.context import Context
from .._core.failure import Failure
from .._core.resource import Change, Plan, Resource, State
from . import locate
from .client import Transport
from .kubeconfig import rfc3339, write


def _now() -> datetime:
    return datetime.now(UTC)


class AttachScript(Resource):
    """Fields: path, node_pool_id, fetched (RFC 3339, UTC). The content never leaves the file.

    Beside the file lies `<file>.ack.json`: {cluster_id, node_pool_id, arch, options, fetched, sha256}.
    """

    kind = "attach_script"

    def __init__(
        self, transport: Transport, params: Mapping[str, Any], context: Context, now: Callable[[], datetime] = _now
    ) -> None:
        self._transport, self._params, self._context, self._now = transport, params, context, now
        self._path = Path(params["dest"])
        self._note = self._path.with_name(f"{self._path.name}.ack.json")
        self._for: dict[str, Any] = {}

    def observe(self) -> State:
        """What lies there, when this module wrote it; `fetched` empty: for another pool, or in other words."""
        if self._params["state"] == "present":
            self._for = self._wanted()
        if not self._path.is_file():
            return None
        note = self._read_note()
        if note.get("sha256") != hashlib.sha256(self._path.read_bytes()).hexdigest():
            raise Failure(
                "ForeignFile",
                f"{self._path} is there already, and this module did not write it.",
                resource=f"file/{self._path}",
                hint="Choose another dest, or move the file away.",
            )
        same = all(note.get(name) == value for name, value in self._for.items())
        return self._fields(str(note["fetched"]) if same else "", str(note["node_pool_id"]))

    def plan(self, observed: State, desired: State) -> Plan:
        if desired is None:
            return Plan("delete", None, (Change("path", str(self._path), None),)) if observed else Plan("none", None)
        old = (observed or {}).get("fetched") or None
        if old and self._path.stat().st_mode & 0o777 == 0o600:
            age = self._now() - datetime.fromisoformat(old)
            if age < timedelta(minutes=self._params["renew_after_minutes"]):
                return Plan("none", observed)
        after = {**self._fields("", self._for["node_pool_id"]), "fetched": None}  # only then is it known
        return Plan("update" if observed else "create", after, (Change("fetched", old, "now"),))

    def apply(self, plan: Plan) -> None:
        if plan.action == "delete":
            self._path.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)
            return
        options = self._params["options"]
        body = {
            "nodepool_id": self._for["node_pool_id"],
            "arch": self._params["arch"],
            "one_time_token": True,
            **({"options": json.dumps(options, sort_keys=True)} if options else {}),
        }
        what = f"fetch the attach script of node pool {self._params['node_pool']}"
        answer = self._transport.call(
            "DescribeClusterAttachScripts", what, ids={"cluster": self._for["cluster_id"]}, body=body
        )
        text = str(answer)
        if text.startswith('"'):  # the SDK takes the answer for text, the API's documentation for a JSON string
            text = str(json.loads(text))
        self._context.secrets.add(text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        write(self._path, text)
        write(self._note, json.dumps({**self._for, "fetched": rfc3339(self._now()), "sha256": digest}) + "\n")

    def verify(self, plan: Plan, desired: State) -> State:
        if plan.action == "none" or desired is None:
            return super().verify(plan, desired)
        after = self.observe()
        if not after or not after["fetched"]:
            raise Failure("NotApplied", f"{self._path} was written and is not there any more, or is another's.")
        return after

    def _wanted(self) -> dict[str, Any]:
        """For whom the script is. Raises Failure `NodePoolNotFound`, `NotAnEdgePool`."""
        cluster = locate.required(self._transport, self._params)
        name = self._params["node_pool"]
        found = self._transport.call(
            "DescribeClusterNodePools", f"read node pool {name}", ids={"cluster": cluster["cluster_id"]}
        )
        infos = [each["nodepool_info"] for each in found.get("nodepools") or []]
        info = next((each for each in infos if each["name"] == name), None)
        if info is None:
            raise Failure(
                "NodePoolNotFound",
                f"Cluster {cluster['name']} has no node pool {name}. Node pools:"
                f" {', '.join(sorted(each['name'] for each in infos)) or 'none'}.",
                resource=f"node_pool/{name}",
                hint="Create it first: mlops.ack.ack_node_pool with type edge does.",
            )
        if info.get("type") != "edge":
            raise Failure(
                "NotAnEdgePool",
                f"Node pool {name} is of type {info.get('type')}; a machine joins one of type edge.",
                resource=f"node_pool/{name}",
                hint="Name a node pool that was created with type edge.",
            )
        options = json.dumps(self._params["options"] or {}, sort_keys=True)
        return {
            "cluster_id": cluster["cluster_id"],
            "node_pool_id": info["nodepool_id"],
            "arch": self._params["arch"],
            "options": options,
        }

    def _fields(self, fetched: str, node_pool_id: str) -> dict[str, Any]:
        return {"path": str(self._path), "node_pool_id": node_pool_id, "fetched": fetched}

    def _read_note(self) -> dict[str, Any]:
        try:
            found = json.loads(self._note.read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
