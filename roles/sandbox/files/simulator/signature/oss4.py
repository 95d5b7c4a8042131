# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""OSS4-HMAC-SHA256, the signature of OSS requests, in the header or in the URL.

Source: the signing code's observable output, oss2 2.19.1, replayed on 2026-11-22.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from ..clock import Clock
from ..errors import ServiceError

ALGORITHM = "OSS4-HMAC-SHA256"
SKEW_S = 15 * 60.0
LONGEST_URL_S = 7 * 24 * 3600
SIGNED_ALWAYS = ("content-type", "content-md5")


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a request says about its own signature."""

    credential: str
    signature: str
    additional: list[str]
    date: str
    payload: str


class Oss4Verifier:
    """Knows one key. `verify` tells signed from anonymous and refuses everything else."""

    def __init__(self, clock: Clock, key_id: str, secret: str, region: str) -> None:
        self._clock, self._key_id, self._secret, self._region = clock, key_id, secret, region

    def verify(self, method: str, target: str, headers: Mapping[str, str]) -> bool:
        """True: signed by the known key. False: anonymous. Raises ServiceError with the service's code otherwise."""
        query = dict(parse_qsl(urlsplit(target).query, keep_blank_values=True))
        authorization = headers.get("authorization", "")
        if authorization:
            claim = _from_header(authorization, headers)
        elif "x-oss-signature" in query:
            claim = _from_url(query)
        elif "Signature" in query or "OSSAccessKeyId" in query:
            raise _version_1()
        else:
            return False
        if "x-oss-security-token" in headers or "x-oss-security-token" in query:
            raise ServiceError(403, "InvalidSecurityToken", "The key is not a temporary one.")
        scope = claim.credential.split("/")
        if len(scope) != 5 or scope[3:] != ["oss", "aliyun_v4_request"]:
            raise ServiceError(400, "InvalidArgument", f"Invalid credential scope {claim.credential!r}.")
        if scope[0] != self._key_id:
            raise ServiceError(
                403, "InvalidAccessKeyId", "The OSS Access Key Id you provided does not exist in our records."
            )
        if scope[2] != self._region:
            raise ServiceError(400, "InvalidArgument", f"Invalid signing region: {scope[2]!r} is not {self._region!r}.")
        self._check_time(claim.date, query.get("x-oss-expires") if not authorization else None)
        if not hmac.compare_digest(self._sign(claim, scope, method, target, headers), claim.signature):
            raise ServiceError(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. "
                "Check your key and signing method.",
            )
        return True

    def _check_time(self, date: str, expires: str | None) -> None:
        try:
            stamp = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
            lifetime_s = None if expires is None else int(expires)
        except ValueError:
            raise ServiceError(400, "InvalidArgument", f"x-oss-date {date!r} or x-oss-expires is malformed.") from None
        now = self._clock.now()
        if lifetime_s is None:
            if abs(stamp - now) > SKEW_S:
                raise ServiceError(
                    403,
                    "RequestTimeTooSkewed",
                    "The difference between the request time and the current time is too large.",
                )
        elif not 0 < lifetime_s <= LONGEST_URL_S:
            raise ServiceError(
                400, "InvalidArgument", f"x-oss-expires {lifetime_s} is not between 1 and {LONGEST_URL_S}."
            )
        elif stamp - now > SKEW_S:
            raise ServiceError(403, "AccessDenied", "Request is not valid yet.")
        elif now > stamp + lifetime_s:
            raise ServiceError(403, "AccessDenied", "Request has expired.")

    def _sign(self, claim: _Claim, scope: list[str], method: str, target: str, headers: Mapping[str, str]) -> str:
        canonical = _canonical(claim, method, target, headers)
        text = "\n".join([ALGORITHM, claim.date, "/".join(scope[1:]), sha256(canonical.encode()).hexdigest()])
        key = ("aliyun_v4" + self._secret).encode()
        for part in scope[1:]:
            key = hmac.new(key, part.encode(), sha256).digest()
        return hmac.new(key, text.encode(), sha256).hexdigest()


def _from_header(authorization: str, headers: Mapping[str, str]) -> _Claim:
    algorithm, _space, rest = authorization.partition(" ")
    if algorithm == "OSS":
        raise _version_1()
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    if algorithm != ALGORITHM or "Credential" not in parts or "Signature" not in parts:
        raise ServiceError(400, "InvalidArgument", "The Authorization header is malformed.")
    additional = sorted(filter(None, parts.get("AdditionalHeaders", "").split(";")))
    date = headers.get("x-oss-date", "")
    return _Claim(
        parts["Credential"],
        parts["Signature"],
        additional,
        date,
        headers.get("x-oss-content-sha256", "UNSIGNED-PAYLOAD"),
    )


def _from_url(query: Mapping[str, str]) -> _Claim:
    if query.get("x-oss-signature-version") != ALGORITHM:
        raise ServiceError(400, "InvalidArgument", f"x-oss-signature-version is not {ALGORITHM}.")
    additional = sorted(filter(None, query.get("x-oss-additional-headers", "").split(";")))
    date = query.get("x-oss-date", "")
    return _Claim(query.get("x-oss-credential", ""), query["x-oss-signature"], additional, date, "UNSIGNED-PAYLOAD")


def _canonical(claim: _Claim, method: str, target: str, headers: Mapping[str, str]) -> str:
    url = urlsplit(target)
    pairs = sorted(
        (_quote(name), _quote(value))
        for name, value in parse_qsl(url.query, keep_blank_values=True)
        if name != "x-oss-signature"
    )
    signed = sorted(
        (name.lower(), value.strip())
        for name, value in headers.items()
        if name.lower().startswith("x-oss-") or name.lower() in SIGNED_ALWAYS or name.lower() in claim.additional
    )
    return "\n".join(
        [
            method,
            quote(unquote(url.path), safe="/~-_."),
            "&".join(f"{name}={value}" if value else name for name, value in pairs),
            "".join(f"{name}:{value}\n" for name, value in signed),
            ";".join(claim.additional),
            claim.payload,
        ]
    )


def _quote(text: str) -> str:
    return quote(text, safe="~-_.")


def _version_1() -> ServiceError:
    return ServiceError(403, "AccessDenied", "Signature version 1 is not accepted; sign with version 4.")
