# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The edge to the ACK (CS) API: credentials, exact bodies, tries, and the mapping of the SDK's errors."""

from __future__ import annotations

import copy
import ipaddress
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol
from urllib.parse import quote, urlsplit
from urllib.request import proxy_bypass

try:
    from alibabacloud_credentials.models import CredentialModel
    from alibabacloud_cs20151215.client import Client
    from alibabacloud_tea_openapi import utils_models
    from darabonba.runtime import RuntimeOptions

    MISSING = ""
    for _name in ("darabonba-core", "alibabacloud-tea", "credentials"):
        # These write to stderr at import's choice, which a module's caller takes for part of the result.
        logging.getLogger(_name).handlers.clear()
except ImportError as error:  # said when a client is made
    MISSING = str(error)

from .._core.context import Context
from .._core.credentials import credentials
from .._core.failure import Failure
from .._core.preflight import need
from .._core.retry import call as retry
from .._core.wait import Deadline
from .operations import OPERATIONS

VERSION = "2015-12-15"
CONNECT_S = 5.0

THROTTLED = ("Throttling", "QPS Limit Exceeded")
"""Parts of an error code that mean: not now. The HTTP status is not told by the documentation."""

HINTS: Mapping[str, str] = {
    "InvalidAccessKeyId.NotFound": "Check access_key_id.",
    "SignatureDoesNotMatch": "Check access_key_secret.",
    "InvalidTimeStamp.Expired": "Correct this machine's clock.",
    "Forbidden.RAM": "Give the RAM user or role the permission (AliyunCSFullAccess has all of them).",
    "NoPermission": "Give the RAM user or role the permission (AliyunCSFullAccess has all of them).",
    "ErrorCheckAcl": "Give the RAM user the cluster's RBAC role, or the permission in RAM.",
    "QuotaExceeded": "Raise the quota in the Quota Center, or delete what is no longer needed.",
    "InsufficientBalance": "Top up the account.",
    "ErrorClusterState": "Another change is going on; run again when it has ended.",
}


class Transport(Protocol):
    """One call of the API; tests hold a dict behind it."""

    def call(
        self,
        action: str,
        what: str,
        *,
        ids: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        deadline: Deadline | None = None,
    ) -> Any:
        """The response's JSON or text (None for an operation without one).

        `what` is the phrase after "Failed to". `ids` fill the path. Query values that are bool, list or dict are sent
        as the API wants them. `deadline` covers the tries too; without it the request timeout does.
        """


class Ack:
    """`Transport` over the SDK. The SDK's own request models are not used: they send `[]` for every list that is unset,
    which may clear it.
    """

    def __init__(self, client: Any, protocol: str, bypass_proxy: bool, timeout_s: float, context: Context) -> None:
        self._client, self._protocol, self._bypass_proxy = client, protocol, bypass_proxy
        self._timeout_s, self._context = timeout_s, context
        self._limit: Deadline | None = None
        self._place: str = client._endpoint

    def within(self, deadline: Deadline) -> Ack:
        """The same client, whose calls are tried until `deadline` (and never more than a second after it)."""
        bounded = copy.copy(self)
        bounded._limit = deadline
        return bounded

    def call(
        self,
        action: str,
        what: str,
        *,
        ids: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        deadline: Deadline | None = None,
    ) -> Any:
        operation = OPERATIONS[action]
        params = utils_models.Params(
            action=action,
            version=VERSION,
            protocol=self._protocol,
            pathname=operation.path.format(**{name: quote(each, safe="") for name, each in (ids or {}).items()}),
            method=operation.method,
            auth_type="AK",
            style="ROA",
            req_body_type="json",
            body_type=operation.answers,
        )
        texts = {name: _text(value) for name, value in (query or {}).items() if value is not None}
        until = deadline or self._deadline()

        def attempt() -> Any:
            read_ms = int(1000 * max(0.05, min(self._timeout_s, until.remaining)))
            runtime = RuntimeOptions(read_timeout=read_ms, connect_timeout=min(read_ms, int(1000 * CONNECT_S)))
            request = utils_models.OpenApiRequest(headers={}, query=texts, body=body)
            try:
                with environment(bypass_proxy=self._bypass_proxy):
                    answer = self._client.call_api(params, request, runtime)
            except Exception as error:  # the SDK's own, and what it lets through
                raise failure_of(error, what, place=self._place, safe=operation.safe) from error
            return answer.get("body")

        return retry(attempt, until, self._context, tries=100 if deadline else 6)

    def _deadline(self) -> Deadline:
        seconds = self._timeout_s if self._limit is None else max(1.0, self._limit.remaining)
        return Deadline(seconds, self._context.clock)


def connect(params: Mapping[str, Any], context: Context) -> Ack:
    """A client from the CS options. Raises Failure `MissingLibrary`, `MissingOption`, `MissingCredentials`."""
    need("alibabacloud-cs20151215", MISSING)
    region = params.get("region")
    if not region:
        raise Failure("MissingOption", "region is not set.", hint="Set region, or ALIBABA_CLOUD_REGION.")
    protocol, host = address(params.get("cs_endpoint") or "")
    config = utils_models.Config(
        credential=_Credential(credentials(params, context)),
        region_id=region,
        protocol=protocol,
        user_agent="mlops.ack",
        **({"endpoint": host} if host else {}),
    )
    name = host.rpartition(":")[0] or host
    bypass = bool(name) and (is_loopback(name) or bool(proxy_bypass(name)))
    return Ack(Client(config), protocol, bypass, float(params.get("request_timeout") or 60), context)


def address(endpoint: str) -> tuple[str, str]:
    """(protocol, host:port) of the option cs_endpoint. Without a scheme a loopback address is HTTP, all else HTTPS."""
    if "://" in endpoint:
        url = urlsplit(endpoint)
        return url.scheme.upper(), url.netloc
    return ("HTTP" if is_loopback(endpoint.rpartition(":")[0]) else "HTTPS"), endpoint


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class _Credential:
    """Asked by the SDK at each request, so that temporary credentials stay fresh."""

    def __init__(self, now: Any) -> None:
        self._now = now

    def get_credential(self) -> Any:
        found = self._now()
        return CredentialModel(
            access_key_id=found.access_key_id,
            access_key_secret=found.access_key_secret,
            security_token=found.security_token or None,
            type="sts" if found.security_token else "access_key",
            provider_name="static_sts" if found.security_token else "static_ak",
        )


@contextmanager
def environment(*, bypass_proxy: bool) -> Iterator[None]:
    """Without the variables that the SDK obeys and should not: `DEBUG=sdk` prints headers into a module's output, and
    proxies are used for hosts that NO_PROXY names too.
    """
    names = ["DEBUG"]
    if bypass_proxy:
        names += ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"]
    kept = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, (list, dict)) else str(value)


_CAUSE = re.compile(r"\[Errno -?\d+\] ([^'\")]+)")


def failure_of(error: Exception, what: str, *, place: str, safe: bool) -> Failure:
    """What an error of the SDK means. `place`: host and port that were called. `safe`: the call may be sent twice.

    `details.uncertain`: the service may have done it all the same. Absence is told by its own codes only, never by
    the status 404, which also comes for an unknown access key.
    """
    code = getattr(error, "code", None)
    if not code:
        return Failure(
            "Unreachable",
            f"Failed to {what}: {_reason(error, place)}.",
            hint="Check cs_endpoint and the network.",
            retryable=safe,
            details={"uncertain": True},
        )
    data = getattr(error, "data", None) or {}
    status = int(getattr(error, "status_code", None) or data.get("statusCode") or 0)
    message = data.get("message") or data.get("Message") or str(getattr(error, "message", "") or code)
    throttled = any(word in code for word in THROTTLED)
    broken = status >= 500 or code == "ServiceUnavailable"
    details: dict[str, Any] = {"status": status}
    if broken:
        details["uncertain"] = True
    if getattr(error, "retry_after", None):
        details["retry_after_s"] = float(error.retry_after) / 1000  # type: ignore[attr-defined]
    return Failure(
        str(code),
        f"Failed to {what}: {str(message).rstrip('.')}.",
        request_id=str(getattr(error, "request_id", None) or data.get("requestId") or data.get("RequestId") or ""),
        hint=next((hint for name, hint in HINTS.items() if str(code).startswith(name)), ""),
        retryable=throttled or (broken and safe),
        details=details,
    )


def _reason(error: Exception, place: str) -> str:
    """A broken connection in a person's words. The SDK gives the text of the cause, not the cause."""
    text = str(getattr(error, "inner_exception", None) or error)
    if "NameResolution" in text or "getaddrinfo" in text:
        return f"the host name of {place} cannot be resolved"
    if "timed out" in text.lower() or "timeout" in text.lower():
        return f"no answer in time at {place}"
    if cause := _CAUSE.search(text):
        return f"{cause[1][0].lower()}{cause[1][1:]} at {place}"
    if any(word in text.lower() for word in ("remote", "aborted", "incomplete", "broken")):
        return f"the connection was cut at {place}"
    return f"{place} gave an answer that cannot be read ({text[:200]})"
