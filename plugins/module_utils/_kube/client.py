# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The edge to a Kubernetes API: kubeconfig, requests, and the mapping of its errors."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from .._core.context import Context
from .._core.failure import Failure
from .._core.retry import TRIES, call
from .._core.spelling import nearest
from .._core.wait import Deadline
from .connection import Answer, Broken, Connection, open_direct
from .kinds import KNOWN, Kind, Ref, kind_of, require
from .shape import FIELD_MANAGER, Object

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
MANY = 10_000
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


class KubeClient:
    """One cluster. Every call has a deadline; reads and server-side applies are tried again where that is safe."""

    def __init__(self, connection: Connection, context: Context, request_timeout_s: float) -> None:
        self.context = context
        self._timeout_s = request_timeout_s
        self._limit: Deadline | None = None
        self._keeps_trying = False
        self._answered: list[bool] = []  # shared by bounded copies
        self._connection = connection
        self._discovered: dict[tuple[str, str], Kind] = {}
        self.host = connection.host

    def within(self, deadline: Deadline, *, keeps_trying: bool = True) -> KubeClient:
        """The same client, whose calls end with `deadline` (and never more than a second after it).

        Where the API has answered before and is away now, they are tried again until then: it may come back. Not
        `keeps_trying`: for a caller who has a patience of its own; a call ends after the request timeout.
        """
        bounded = copy.copy(self)
        bounded._limit, bounded._keeps_trying = deadline, keeps_trying
        return bounded

    # -- objects ---------------------------------------------------------------------------------------------------

    def learn(self, kinds: Iterable[Kind]) -> None:
        """Kinds that the cluster will know once their definitions are applied."""
        for kind in kinds:
            self._discovered[(kind.api_version, kind.kind)] = kind

    @property
    def trust(self) -> dict[str, Any]:
        """The `cluster` of a kubeconfig: where the API is, and how it is known to be the right one."""
        return self._connection.trust

    def serves(self, kind: Kind) -> bool:
        """Whether the cluster answers for this kind now."""
        found = self.request("GET", kind.root, missing_ok=True) or {"resources": []}
        return any(item["name"] == kind.plural for item in found["resources"])

    def kind(self, api_version: str, kind: str) -> Kind:
        """Raises Failure `UnknownKind` where neither the table nor the cluster knows it."""
        try:
            return kind_of(api_version, kind)
        except KeyError:
            pass
        if (api_version, kind) not in self._discovered:
            root = Kind(api_version, kind, "", False).root
            found = self.request("GET", root, missing_ok=True) or {"resources": []}
            for item in found["resources"]:
                if "/" not in item["name"]:
                    key = (api_version, item["kind"])
                    self._discovered[key] = Kind(api_version, item["kind"], item["name"], item["namespaced"])
        if (api_version, kind) not in self._discovered:
            meant = nearest(kind, {known for version, known in {**KNOWN, **self._discovered} if version == api_version})
            raise Failure(
                "UnknownKind",
                f"The cluster knows no {kind} in {api_version}.",
                resource=f"{kind}/{api_version}",
                hint=f"Did you mean '{meant}'?"
                if meant
                else "Install its CustomResourceDefinition first, or correct apiVersion and kind.",
            )
        return self._discovered[(api_version, kind)]

    def ref(self, manifest: Mapping[str, Any], namespace: str | None = None) -> Ref:
        """The address of a manifest; `namespace` serves where it names none."""
        api_version, kind_name, name = require(manifest)
        kind = self.kind(api_version, kind_name)
        place = (manifest["metadata"].get("namespace") or namespace or "default") if kind.namespaced else None
        return Ref(kind, place, name)

    def get(self, ref: Ref) -> Object | None:
        """The object, or None."""
        return self.request("GET", ref.path, missing_ok=True)

    def page(self, kind: Kind, namespace: str | None, limit: int) -> tuple[list[Object], bool]:
        """(the first `limit` objects by name, whether these are all)."""
        page = self.request("GET", kind.path(namespace), query={"limit": str(limit)}, missing_ok=True)
        return _items(kind, page or {}), not ((page or {}).get("metadata") or {}).get("continue")

    def list(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
        limit: int = 500,
        metadata_only: bool = False,
    ) -> list[Object]:
        """All objects that match, page by page; no namespace: all namespaces. A kind the cluster does not serve has
        none. `metadata_only` leaves everything but metadata on the server.
        """
        query: dict[str, str] = {"limit": str(limit)}
        if labels:
            query["labelSelector"] = labels
        if fields:
            query["fieldSelector"] = fields
        found: list[Object] = []
        while True:
            accept = METADATA if metadata_only else JSON
            page = self.request("GET", kind.path(namespace), query=query, missing_ok=True, accept=accept)
            if page is None:
                return found
            found += _items(kind, page)
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return found
            query["continue"] = token

    def apply(self, ref: Ref, manifest: Mapping[str, Any], *, dry_run: bool = False, force: bool = True) -> Object:
        """Server-side apply under our field manager. Returns the object as the server holds (or would hold) it."""
        query = {"fieldManager": FIELD_MANAGER, "force": str(force).lower()}
        if dry_run:
            query["dryRun"] = "All"
        answer = self.request("PATCH", ref.path, query=query, body=manifest, content_type=APPLY, safe=True)
        return answer or {}

    def create(self, ref: Ref, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Object:
        query = {"fieldManager": FIELD_MANAGER, **({"dryRun": "All"} if dry_run else {})}
        return self.request("POST", ref.kind.path(ref.namespace), query=query, body=manifest) or {}

    def merge(self, ref: Ref, patch: Mapping[str, Any]) -> Object:
        """JSON merge patch."""
        query = {"fieldManager": FIELD_MANAGER}
        return self.request("PATCH", ref.path, query=query, body=patch, content_type=MERGE, safe=True) or {}

    def delete(self, ref: Ref, *, propagation: str = "Background", grace_s: int | None = None) -> None:
        """Deleting what is not there is success."""
        body: Object = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        if grace_s is not None:
            body["gracePeriodSeconds"] = grace_s
        self.request("DELETE", ref.path, body=body, missing_ok=True, safe=True)

    def logs(
        self, namespace: str, pod: str, container: str = "", *, tail: int | None = 20, previous: bool = False
    ) -> str:
        """The last lines of a container's log; empty where the pod or its log is gone. tail None: the whole log."""
        query = {"container": container} if container else {}
        if tail is not None:
            query["tailLines"] = str(tail)
        if previous:
            query["previous"] = "true"
        path = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}/log"
        try:
            return self.text("GET", path, query=query)
        except Failure as failure:
            if failure.code in ("NotFound", "BadRequest"):
                return ""
            raise

    def service(
        self, namespace: str, name: str, port: int | str, path: str, *, method: str = "GET", body: Any = None
    ) -> tuple[int, str]:
        """(status, text) of one HTTP call to a Service, through the API server's proxy."""
        return self._proxied("services", namespace, name, port, path, method, body)

    def pod(self, namespace: str, name: str, port: int | str, path: str) -> tuple[int, str]:
        """(status, text) of one GET to a Pod, through the API server's proxy."""
        return self._proxied("pods", namespace, name, port, path, "GET", None)

    def _proxied(
        self, what: str, namespace: str, name: str, port: int | str, path: str, method: str, body: Any
    ) -> tuple[int, str]:
        target = f"/api/v1/namespaces/{quote(namespace)}/{what}/{quote(name)}:{port}/proxy/{path.lstrip('/')}"
        status, _headers, data = self._send(method, target, {}, body, JSON, self._deadline())
        return status, data.decode(errors="replace")

    # -- transport -------------------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = JSON,
        missing_ok: bool = False,
        safe: bool | None = None,
        accept: str = JSON,
    ) -> Object | None:
        """One JSON call. `safe`: may be sent twice (reads always are). None: a 404 where `missing_ok`."""
        deadline = self._deadline()
        again = safe if safe is not None else method == "GET"

        def attempt() -> Object | None:
            status, headers, data = self._send(
                method, path, query or {}, body, content_type, deadline, accept, safe=again
            )
            if status == 404 and missing_ok:
                return None
            if status >= 400:
                raise _failure(method, path, status, headers, data, again)
            return json.loads(data) if data else {}

        may_come_back = self._keeps_trying and self._answered
        return call(attempt, deadline, self.context, tries=MANY if may_come_back else TRIES)

    def text(self, method: str, path: str, *, query: Mapping[str, str] | None = None) -> str:
        """One call whose answer is plain text."""
        status, headers, data = self._send(method, path, query or {}, None, JSON, self._deadline())
        if status >= 400:
            raise _failure(method, path, status, headers, data, False)
        return data.decode(errors="replace")

    def _deadline(self) -> Deadline:
        seconds = self._timeout_s if self._limit is None else max(1.0, self._limit.remaining)
        return Deadline(seconds if self._keeps_trying else min(seconds, self._timeout_s), self.context.clock)

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Any,
        content_type: str,
        deadline: Deadline,
        accept: str = "application/json, */*",
        *,
        safe: bool = False,
    ) -> Answer:
        target = f"{path}?{urlencode(query)}" if query else path
        headers, data = {"Accept": accept}, None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = content_type
        total = max(0.05, min(self._timeout_s, deadline.remaining))
        try:
            answer = self._connection.send(method, target, headers, data, total)
        except Broken as broken:
            raise Failure(
                "Unreachable",
                f"The Kubernetes API at {self.host} did not answer {method} {path}: {broken}.",
                hint="Is the cluster running, and is this its kubeconfig?",
                retryable=safe or method == "GET",
            ) from broken
        finally:
            for secret in tuple(self._connection.secrets):
                self.context.secrets.add(secret)
        self._answered[:] = [True]
        return answer


def _items(kind: Kind, page: Mapping[str, Any]) -> list[Object]:
    """A list's items with what they leave out."""
    return [{**item, "apiVersion": kind.api_version, "kind": kind.kind} for item in page.get("items") or []]


def connect(params: Mapping[str, Any], context: Context) -> KubeClient:
    """A client from the KUBE options. Raises Failure `MissingLibrary`, `InvalidKubeconfig`."""
    opened = context.connections or open_direct
    connection = opened(params.get("kubeconfig"), params.get("context"))
    return KubeClient(connection, context, float(params.get("request_timeout") or 60))


_CODES: Mapping[int, str] = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    422: "Invalid",
    429: "Throttled",
}

# Refusals that mean something narrower than their status says: (status, text, code, retryable).
_NARROWER: tuple[tuple[int, re.Pattern[str], str, bool], ...] = (
    (403, re.compile(r"because it is being terminated"), "NamespaceTerminating", False),
    (403, re.compile(r"error looking up service account|no API token found"), "Forbidden", True),  # a new namespace
    (404, re.compile(r'^namespaces "[^"]+" not found'), "NamespaceMissing", False),
    (422, re.compile(r"immutable|may not change fields|updates to \S+ spec .*forbidden"), "ImmutableField", False),
)

_HINTS: Mapping[str, str] = {
    "Unauthorized": "The credentials of the kubeconfig were refused; fetch a new one with mlops.ack.ack_kubeconfig.",
    "Forbidden": "The user of the kubeconfig lacks this permission in the cluster's RBAC.",
    "ImmutableField": "Delete the object first (state: absent), or keep the present value.",
    "NamespaceMissing": "Create the namespace first: its manifest may stand in the same task.",
    "NamespaceTerminating": "Wait until the namespace is gone, then run again.",
}


def _failure(method: str, path: str, status: int, headers: Mapping[str, str], data: bytes, safe: bool) -> Failure:
    code = _CODES.get(status, "ServerError" if status >= 500 else "BadRequest")
    try:
        message = json.loads(data).get("message", "")
    except (ValueError, AttributeError):
        message = data[:300].decode(errors="replace")
    retryable = status == 429 or (status >= 500 and safe)
    for at, text, narrower, again in _NARROWER:
        if status == at and text.search(message):
            code, retryable = narrower, again
    details: Object = {"status": status}
    if headers.get("retry-after", "").isdigit():
        details["retry_after_s"] = int(headers["retry-after"])
    return Failure(
        code,
        f"{method} {path}: {str(message).strip().rstrip('.') or status}.",
        hint="" if retryable else _HINTS.get(code, ""),
        retryable=retryable,
        details=details,
    )
