# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A kubeconfig file: fetched when there is none that will do, renewed in time, revoked when asked."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

try:
    from cryptography import x509

    MISSING = ""
except ImportError as error:  # said when a file must be judged
    MISSING = str(error)

from .._core.context import Context
from .._core.documents import document
from .._core.failure import Failure
from .._core.files import draft
from .._core.preflight import need
from .._core.resource import Change, Plan, Resource, State
from . import locate, shape
from .client import Transport

USABLE = ("running", "updating", "scaling", "removing", "draining", "upgrading", "migrating")
"""States of a cluster that answers. A kubeconfig of another one is an error of the API, or useless."""

SHORTEST_MIN, LONGEST_MIN = 15, 4320
"""Source: DescribeClusterUserKubeconfig, TemporaryDurationMinutes, read 2026-11-22."""


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


class Kubeconfig(Resource):
    """Fields: path, expiration (RFC 3339, UTC), cluster_id. The content never leaves the file.

    Beside the file lies `<file>.ack.json` with what the file cannot tell: {cluster_id, expiration, private, sha256}.
    """

    kind = "kubeconfig"

    def __init__(
        self,
        transport: Transport,
        params: Mapping[str, Any],
        context: Context,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._transport, self._params, self._context, self._now = transport, params, context, now
        self._path = Path(params["dest"])
        self._note = self._path.with_name(f"{self._path.name}.ack.json")
        self._cluster: dict[str, Any] | None = None

    def observe(self) -> State:
        """What lies there, when it is a kubeconfig of this cluster; `expiration` empty: nobody knows."""
        if self._params["state"] == "absent":
            self._cluster = locate.cluster(self._transport, self._params)
        else:
            self._cluster = locate.required(self._transport, self._params)
            self._refuse_unusable(self._cluster)
        if not self._path.is_file():
            return None
        data = self._path.read_bytes()
        note = self._read_note()
        if note.get("sha256") == hashlib.sha256(data).hexdigest():
            wanted = {"cluster_id": (self._cluster or {}).get("cluster_id"), "private": self._params["private"]}
            same = all(note.get(name) == value for name, value in wanted.items())
            return self._fields(str(note["expiration"]) if same else "")
        need("PyYAML and cryptography", MISSING)
        server, until = judge(data)
        if server not in shape.parsed((self._cluster or {}).get("master_url")).values():
            raise Failure(
                "ForeignFile",
                f"{self._path} is there already, and it is no kubeconfig of this cluster that this module wrote.",
                resource=f"file/{self._path}",
                hint="Choose another dest, or move the file away.",
            )
        return self._fields(rfc3339(until) if until else "")

    def _refuse_unusable(self, cluster: Mapping[str, Any]) -> None:
        state = cluster.get("state")
        if state not in USABLE:
            raise Failure(
                "ClusterNotRunning",
                f"Cluster {cluster['name']} is {state}, so its kubeconfig cannot be had.",
                resource=f"cluster/{cluster['name']}",
                hint="Wait until it runs: mlops.ack.ack_cluster does.",
                retryable=state == "initial",
                details={"state": state},
            )

    def plan(self, observed: State, desired: State) -> Plan:
        old = (observed or {}).get("expiration") or None
        if desired is None:
            if observed is None:
                return Plan("none", None)
            return Plan("delete", None, (Change("path", str(self._path), None),))
        if old:
            left = datetime.fromisoformat(old) - self._now()
            mode = self._path.stat().st_mode & 0o777
            if left > timedelta(minutes=self._params["renew_before_minutes"]) and mode == 0o600:
                return Plan("none", observed)
        after = {**self._fields(""), "expiration": None}  # only the service knows
        change = Change("expiration", old, f"in {self._params['duration_minutes']} minutes")
        return Plan("update" if observed else "create", after, (change,))

    def apply(self, plan: Plan) -> None:
        if plan.action == "delete":
            if self._cluster is not None and self._cluster.get("state") in USABLE:
                self._transport.call(
                    "RevokeK8sClusterKubeConfig",
                    f"revoke the kubeconfig of cluster {self._cluster['name']}",
                    ids={"cluster": self._cluster["cluster_id"]},
                )
            self._path.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)
            return
        cluster = self._cluster or {}
        answer = self._transport.call(
            "DescribeClusterUserKubeconfig",
            f"fetch the kubeconfig of cluster {cluster['name']}",
            ids={"cluster": cluster["cluster_id"]},
            query={
                "PrivateIpAddress": self._params["private"],
                "TemporaryDurationMinutes": self._params["duration_minutes"],
            },
        )
        text = str(answer["config"])
        self._context.secrets.add(text)
        note = {
            "cluster_id": cluster["cluster_id"],
            "expiration": answer["expiration"],
            "private": self._params["private"],
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
        }
        write(self._path, text)
        write(self._note, json.dumps(note, sort_keys=True) + "\n")

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
            "cluster_id": self._cluster["cluster_id"] if self._cluster else self._params["cluster_id"],
        }

    def _read_note(self) -> dict[str, Any]:
        try:
            found = json.loads(self._note.read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def judge(data: bytes) -> tuple[str, datetime | None]:
    """(server, end of the client certificate) of a kubeconfig's current context; no end where nothing tells it."""
    try:
        config = document(data)
        context = _named(config, "contexts", config["current-context"])["context"]
        server = _named(config, "clusters", context["cluster"])["cluster"]["server"]
        pem = _named(config, "users", context["user"])["user"].get("client-certificate-data")
        until = x509.load_pem_x509_certificate(base64.b64decode(pem)).not_valid_after_utc if pem else None
    except (KeyError, TypeError, ValueError, StopIteration):
        return "", None  # not a kubeconfig that we understand: it is replaced
    return str(server), until


def _named(config: Any, section: str, name: str) -> Any:
    return next(each for each in config[section] if each["name"] == name)


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write(path: Path, text: str) -> None:
    """A file that only its owner may read, whole or not at all."""
    with draft(path) as new:
        new.write_text(text)
        new.replace(path)
