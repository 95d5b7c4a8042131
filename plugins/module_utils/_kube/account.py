# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A kubeconfig file for a ServiceAccount: a token with an end, renewed in time, never shown."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from .._core.context import Context
from .._core.documents import current_context
from .._core.failure import Failure
from .._core.resource import Plan, State
from .._core.secret_file import KubeconfigFile, now
from .._core.times import stamp
from .kinds import Ref, kind_of

ACCOUNT = kind_of("v1", "ServiceAccount")


class Cluster(Protocol):
    def get(self, ref: Ref) -> dict[str, Any] | None: ...
    def request(self, method: str, path: str, *, body: Any = None) -> dict[str, Any] | None: ...
    @property
    def trust(self) -> dict[str, Any]: ...


class AccountKubeconfig(KubeconfigFile):
    """Fields: path, expiration, server, namespace, service_account. No note: a token tells of itself."""

    shortest_min, longest_min = 10, 525_600
    """Source: Kubernetes API, TokenRequest: 10 minutes at least. The server may give less than was asked for."""

    def __init__(
        self, cluster: Cluster, params: Mapping[str, Any], context: Context, now: Callable[[], datetime] = now
    ) -> None:
        super().__init__(params, now)
        self._cluster, self._context = cluster, context
        self._place = {**cluster.trust, **({"server": params["server"]} if params["server"] else {})}
        self._ref = Ref(ACCOUNT, params["namespace"], params["service_account"])
        self._uid = ""

    @property
    def _subject(self) -> str:
        return f"system:serviceaccount:{self._params['namespace']}:{self._params['service_account']}"

    def observe(self) -> State:
        """What lies there, when it is this account's; `expiration` empty: it has to be made anew."""
        if self._params["state"] == "present":
            account = self._cluster.get(self._ref)
            if account is None:
                raise Failure(
                    "NotFound",
                    f"There is no {self._ref}, so it can have no kubeconfig.",
                    resource=str(self._ref),
                    hint="Create it first; the role mlops.ack.workspace does.",
                )
            self._uid = account["metadata"]["uid"]
        if not self._path.is_file():
            return None
        place, token = read(self._path.read_bytes())
        self._context.secrets.add(token)
        found = claims(token)
        if found.get("sub") != self._subject:
            raise self.foreign(f"it is no kubeconfig of {self._subject}")
        is_ours = place == self._place and (not self._uid or _uid(found) == self._uid)
        return self._fields(stamp(datetime.fromtimestamp(found["exp"], UTC)) if is_ours else "")

    def apply(self, plan: Plan) -> None:
        if plan.action == "delete":
            self.remove()
            return
        asked = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 60 * self._params["duration_minutes"]},
        }
        answer = self._cluster.request("POST", f"{self._ref.path}/token", body=asked) or {}
        token = str(answer["status"]["token"])
        self._context.secrets.add(token)
        self.write(json.dumps(self._content(token), indent=2) + "\n")  # JSON is YAML, and needs no library

    def _fields(self, told: str) -> dict[str, Any]:
        return {
            "path": str(self._path),
            "expiration": told,
            "server": self._place["server"],
            "namespace": self._params["namespace"],
            "service_account": self._params["service_account"],
        }

    def _content(self, token: str) -> dict[str, Any]:
        name, user = self._params["namespace"], self._params["service_account"]
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "contexts": [{"name": name, "context": {"cluster": name, "user": user, "namespace": name}}],
            "clusters": [{"name": name, "cluster": self._place}],
            "users": [{"name": user, "user": {"token": token}}],
        }


def read(data: bytes) -> tuple[dict[str, Any], str]:
    """(cluster, token) of a kubeconfig's current context; empty where it is none, or has no token."""
    try:
        cluster, user = current_context(data)
        return cluster, str(user["token"])
    except (KeyError, ValueError):
        return {}, ""


def claims(token: str) -> dict[str, Any]:
    """What a token says of itself; nothing where it is no token with a subject and an end. It is not verified here."""
    try:
        part = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("exp"), (int, float)) else {}


def _uid(found: Mapping[str, Any]) -> str:
    return str(((found.get("kubernetes.io") or {}).get("serviceaccount") or {}).get("uid") or "")
