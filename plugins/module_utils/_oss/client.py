# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The edge to OSS: credentials, the SDK's sessions, tries, and the mapping of its errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

try:
    import oss2
    import oss2.models
    import requests
    import urllib3

    MISSING = ""
    models: Any = oss2.models
    SizedFile: Any = oss2.SizedFileAdapter
except ImportError as error:  # said when a client is made
    MISSING = str(error)

from .._core import retry
from .._core.context import Context
from .._core.credentials import credentials
from .._core.failure import Failure
from .._core.preflight import need
from .._core.wait import Deadline

T = TypeVar("T")

ABSENT = ("NoSuchBucket", "NoSuchKey")
THROTTLED = ("Throttling", "SlowDown", "QpsLimitExceeded", "RequestTimeout")
CONNECT_S = 10.0


@contextmanager
def doing(what: str, resource: str = "", *, safe: bool = True) -> Iterator[None]:
    """Turns an SDK error inside the block into a Failure that says what was being attempted.

    `safe`: the call may be sent twice, so a 5xx or a broken connection is retryable.
    """
    try:
        yield
    except oss2.exceptions.RequestError as error:
        raise _unreachable(what, resource, error.exception, safe) from error
    except (requests.RequestException, urllib3.exceptions.HTTPError, oss2.exceptions.InconsistentError) as error:
        raise _unreachable(what, resource, error, safe) from error
    except oss2.exceptions.ServerError as error:
        code = error.code or f"Http{error.status}"
        raise Failure(
            code,
            f"Failed to {what}: {(error.message or code).rstrip('.')}.",
            resource=resource,
            request_id=error.request_id or "",
            hint=HINTS.get(code, ""),
            retryable=any(word in code for word in THROTTLED) or (error.status >= 500 and safe),
            details={"status": error.status},
        ) from error
    except oss2.exceptions.ClientError as error:
        raise Failure("InvalidOption", f"Failed to {what}: {error}.", resource=resource) from error


HINTS: Mapping[str, str] = {
    "AccessDenied": "The key may not do this; check its RAM policy and the bucket's policy.",
    "BucketAlreadyExists": "Bucket names are global and another account has this one; choose another name.",
    "BucketNotEmpty": "Something wrote to it meanwhile; run again.",
    "InvalidAccessKeyId": "Check access_key_id.",
    "SignatureDoesNotMatch": "Check access_key_secret.",
    "RequestTimeTooSkewed": "Correct this machine's clock.",
    "PreconditionFailed": "The object was changed meanwhile; run again.",
    "InvalidDigest": "The file was altered while it was uploaded; run again.",
    "NoSuchBucket": "Create it with mlops.ack.oss_bucket, or correct the name.",
}


def _unreachable(what: str, resource: str, error: BaseException, safe: bool) -> Failure:
    return Failure(
        "Unreachable",
        f"Failed to {what}: {reason(error)}.",
        resource=resource,
        hint="Check oss_endpoint and the network.",
        retryable=safe,
    )


def reason(error: BaseException) -> str:
    """A network error in a person's words: what went wrong, and at which host and port."""
    request = getattr(error, "request", None)
    address = urlsplit(getattr(request, "url", "") or "").netloc
    place = f" at {address}" if address else ""
    chain = list(_chain(error))
    if any("NameResolution" in type(each).__name__ for each in chain) or any("gaierror" in str(each) for each in chain):
        return f"the host name of {address or 'the endpoint'} cannot be resolved"
    if any("Timeout" in type(each).__name__ or isinstance(each, TimeoutError) for each in chain):
        return f"no answer in time{place}"
    for each in reversed(chain):
        if isinstance(each, OSError) and each.strerror:
            return f"{each.strerror[0].lower()}{each.strerror[1:]}{place}"
    if any(isinstance(each, oss2.exceptions.InconsistentError) or "Incomplete" in str(each) for each in chain):
        return f"the answer broke off{place}"
    return f"{type(chain[-1]).__name__}{place}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was made of: its cause, or what it was raised over, or what it carries."""
    seen: set[int] = set()
    todo = [error]
    while todo:
        now = todo.pop(0)
        if id(now) in seen:
            continue
        seen.add(id(now))
        yield now
        carried = [each for each in (*now.args, getattr(now, "reason", None)) if isinstance(each, BaseException)]
        todo += [each for each in (now.__cause__, now.__context__, *carried) if each is not None]


class Oss:
    """One account's view of OSS in one region. Every call goes through `call`, on a bucket that `bucket` gives."""

    def __init__(self, auth: Any, endpoint: str, region: str, timeout_s: float, context: Context) -> None:
        self.endpoint, self.region, self.timeout_s, self.context = endpoint, region, timeout_s, context
        self._auth = auth
        self._session = oss2.Session(pool_size=16)

    def bucket(self, name: str, endpoint: str | None = None) -> Any:
        """The `oss2.Bucket`, reached at `endpoint` where that differs from the account's (for signed URLs)."""
        with doing(f"use bucket {name}"):
            return oss2.Bucket(
                self._auth,
                endpoint or self.endpoint,
                name,
                region=self.region,
                session=self._session,
                connect_timeout=(min(CONNECT_S, self.timeout_s), self.timeout_s),
                enable_crc=False,  # without its C extension oss2's CRC is unusably slow; digests are sha256 of our own
            )

    def buckets(self, prefix: str) -> Any:
        """All buckets of the account in the region whose name begins with `prefix`, as the SDK's objects."""
        service = oss2.Service(self._auth, self.endpoint, session=self._session, region=self.region)
        found: list[Any] = []
        marker = ""
        while True:
            page = self.call("list buckets", partial(service.list_buckets, prefix=prefix, marker=marker))
            found += page.buckets
            if not page.is_truncated:
                return found
            marker = page.next_marker

    def call(
        self,
        what: str,
        attempt: Callable[[], T],
        resource: str = "",
        *,
        safe: bool = True,
        deadline: Deadline | None = None,
    ) -> T:
        """One SDK call, tried again where that is safe, inside `deadline` (else the request timeout)."""

        def once() -> T:
            with doing(what, resource, safe=safe):
                return attempt()

        return retry.call(once, deadline or Deadline(self.timeout_s, self.context.clock), self.context)


def connect(params: Mapping[str, Any], context: Context) -> Oss:
    """A client from the OSS options. Raises Failure `MissingLibrary`, `MissingOption`, `MissingCredentials`."""
    need("oss2", MISSING)
    region = params.get("region")
    if not region:
        raise Failure("MissingOption", "region is not set.", hint="Set region, or ALIBABA_CLOUD_REGION.")
    endpoint = params.get("oss_endpoint") or f"https://oss-{region}.aliyuncs.com"
    auth = oss2.ProviderAuthV4(_Provider(params, context))
    return Oss(auth, endpoint, region, float(params.get("request_timeout") or 60), context)


class _Provider:
    """Asked by the SDK at each request, so that temporary credentials stay fresh."""

    def __init__(self, params: Mapping[str, Any], context: Context) -> None:
        self._credential = credentials(params, context)

    def get_credentials(self) -> Any:
        now = self._credential()
        return oss2.credentials.Credentials(now.access_key_id, now.access_key_secret, now.security_token or None)
