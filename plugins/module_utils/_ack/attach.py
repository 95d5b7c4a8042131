# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The script with which a machine joins an edge node pool: a file that holds a token."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from .._core.context import Context
from .._core.failure import Failure
from .._core.resource import Plan, State
from .._core.secret_file import SecretFile, now
from .._core.times import stamp
from . import locate
from .client import Transport


class AttachScript(SecretFile):
    """Fields: path, node_pool_id, fetched. Its note: {cluster_id, node_pool_id, arch, options, fetched}."""

    kind = "attach_script"
    told = "fetched"

    def __init__(
        self, transport: Transport, params: Mapping[str, Any], context: Context, now: Callable[[], datetime] = now
    ) -> None:
        super().__init__(params, now)
        self._transport, self._context = transport, context
        self._for: dict[str, Any] = {}

    def observe(self) -> State:
        """What lies there, when this module wrote it; `fetched` empty: for another pool, or in other words."""
        is_wanted = self._params["state"] == "present"
        if is_wanted:
            self._for = self._wanted()
        if not self._path.is_file():
            return None
        note = self.noted()
        if not note:
            raise self.foreign("this module did not write it")
        if not is_wanted:
            self._for = note
        same = all(note.get(name) == value for name, value in self._for.items())
        return self._fields(str(note["fetched"]) if same else "")

    def _serves(self, told: datetime) -> bool:
        return self._now() - told < timedelta(minutes=self._params["renew_after_minutes"])

    def _promise(self) -> str:
        return "now"

    def apply(self, plan: Plan) -> None:
        if plan.action == "delete":
            self.remove()
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
        self.write(text, {**self._for, "fetched": stamp(self._now())})

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

    def _fields(self, told: str) -> dict[str, Any]:
        return {"path": str(self._path), "node_pool_id": str(self._for["node_pool_id"]), "fetched": told}
