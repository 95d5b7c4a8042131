# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A kubeconfig file for a ServiceAccount: a token with an end, renewed in time, never shown."""

from __future__ import annotations

import base64
import binascii
import json
import stat
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from .._core.context import Context
from .._core.documents import document
from .._core.failure import Failure
from .._core.files import draft
from .._core.resource import Change, Plan, Resource, State
from .kinds import Ref, kind_of

ACCOUNT = kind_of("v1", "ServiceAccount")
SHORTEST_MIN, LONGEST_MIN = 10, 525_600
"""Source: Kubernetes API, TokenRequest: 10 minutes at least. The server may give less than was asked for."""


class Cluster(Protocol):
    def get(self, ref: Ref) -> dict[str, Any] | None: ...
    def request(self, method: str, path: str, *, body: Any = None) -> dict[str, Any] | None: ...
    @property
    def trust(self) -> dict[str, Any]: ...


def check_times(params: Mapping[str, Any]) -> None:
    """Raises Failure `InvalidOption` for times that cannot be, or that would renew at every run."""
    minutes, before = params["duration_minutes"], params["renew_before_minutes"]
    if not SHORTEST_MIN <= minutes <= LONGEST_MIN:
        raise Failure("InvalidOption", f"duration_minutes is {minutes}; allowed are {SHORTEST_MIN} to {LONGEST_MIN}.")
    if not 0 <= before < minutes:
        raise Failure(
            "InvalidOption",
            f"renew_before_minutes is {before}; allowed are 0 to {minutes - 1}, less than duration_minutes.",
        )


def _now() -> datetime:
    return datetime.now(UTC)


class AccountKubeconfig(Resource):
    """Fields: path, expiration (RFC 3339, UTC), server, namespace, service_account. The token never leaves the file."""

    kind = "kubeconfig"

    def __init__(
        self, cluster: Cluster, params: Mapping[str, Any], context: Context, now: Callable[[], datetime] = _now
    ) -> None:
        self._cluster, self._params, self._context, self._now = cluster, params, context, now
        self._path = Path(params["dest"])
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
            raise Failure(
                "ForeignFile",
                f"{self._path} is there already, and it is no kubeconfig of {self._subject}.",
                resource=f"file/{self._path}",
                hint="Choose another dest, or move the file away.",
            )
        is_ours = place == self._place and (not self._uid or _uid(found) == self._uid)
        return self._fields(_rfc3339(datetime.fromtimestamp(found["exp"], UTC)) if is_ours else "")

    def plan(self, observed: State, desired: State) -> Plan:
        old = (observed or {}).get("expiration") or None
        if desired is None:
            if observed is None:
                return Plan("none", None)
            return Plan("delete", None, (Change("path", str(self._path), None),))
        if old:
            left = datetime.fromisoformat(old) - self._now()
            is_private = stat.S_IMODE(self._path.stat().st_mode) == 0o600
            if left > timedelta(minutes=self._params["renew_before_minutes"]) and is_private:
                return Plan("none", observed)
        after = {**self._fields(""), "expiration": None}  # only the server knows
        change = Change("expiration", old, f"in {self._params['duration_minutes']} minutes")
        return Plan("update" if observed else "create", after, (change,))

    def apply(self, plan: Plan) -> None:
        if plan.action == "delete":
            self._path.unlink(missing_ok=True)
            return
        asked = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 60 * self._params["duration_minutes"]},
        }
        answer = self._cluster.request("POST", f"{self._ref.path}/token", body=asked) or {}
        token = str(answer["status"]["token"])
        self._context.secrets.add(token)
        with draft(self._path) as new:
            new.write_text(json.dumps(self._content(token), indent=2) + "\n")  # JSON is YAML, and needs no library
            new.replace(self._path)

    def verify(self, plan: Plan, desired: State) -> State:
        if plan.action == "none" or desired is None:
            return super().verify(plan, desired)
        after = self.observe()
        if not after or not after["expiration"]:
            raise Failure("NotApplied", f"{self._path} was written and is not there any more, or is another's.")
        return after

    def _fields(self, expiration: str) -> dict[str, Any]:
        return {
            "path": str(self._path),
            "expiration": expiration,
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
        config = document(data)
        context = _named(config, "contexts", config["current-context"])["context"]
        cluster = _named(config, "clusters", context["cluster"])["cluster"]
        return dict(cluster), str(_named(config, "users", context["user"])["user"]["token"])
    except (KeyError, TypeError, ValueError, StopIteration):
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


def _named(config: Any, section: str, name: str) -> Any:
    return next(each for each in config[section] if each["name"] == name)


def _rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
