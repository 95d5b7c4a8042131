# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ACS3-HMAC-SHA256, the signature of CS requests.

Source: the signing code's observable output, alibabacloud-tea-openapi 0.4.6, replayed on 2026-11-22.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import parse_qsl, quote, urlsplit

from ..clock import Clock
from ..errors import ServiceError

ALGORITHM = "ACS3-HMAC-SHA256"
SKEW_S = 15 * 60.0
MUST_BE_SIGNED = (
    "host",
    "x-acs-action",
    "x-acs-content-sha256",
    "x-acs-date",
    "x-acs-signature-nonce",
    "x-acs-version",
)


class Acs3Verifier:
    """Accepts a request that the one known key signed within the last 15 minutes, once."""

    def __init__(self, clock: Clock, key_id: str, secret: str) -> None:
        self._clock, self._key_id, self._secret = clock, key_id, secret
        self._nonces: dict[str, float] = {}

    def verify(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> None:
        """Raises ServiceError with the gateway's code when anything about the signature is wrong."""
        algorithm, _space, rest = headers.get("Authorization", "").partition(" ")
        if not rest:
            raise ServiceError(400, "MissingAccessKeyId", "The Authorization header is missing or has no credential.")
        if algorithm != ALGORITHM:
            raise ServiceError(400, "IncompleteSignature", f"Signature algorithm {algorithm!r} is not {ALGORITHM}.")
        parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
        if parts.get("Credential") != self._key_id:
            raise ServiceError(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
        if "x-acs-security-token" in headers:
            raise ServiceError(400, "InvalidSecurityToken.MismatchWithAccessKey", "The key is not a temporary one.")
        signed = parts.get("SignedHeaders", "").split(";")
        unsigned = [name for name in MUST_BE_SIGNED if name not in signed or name not in headers]
        if unsigned:
            raise ServiceError(400, "IncompleteSignature", f"Not signed or missing: {', '.join(unsigned)}.")
        self._check_time(headers["x-acs-date"])
        canonical = _canonical(method, target, headers, signed, body)
        text = f"{algorithm}\n{sha256(canonical.encode()).hexdigest()}"
        expected = hmac.new(self._secret.encode(), text.encode(), sha256).hexdigest()
        if not hmac.compare_digest(expected, parts.get("Signature", "")):
            raise ServiceError(400, "SignatureDoesNotMatch", "Specified signature does not match our calculation.")
        self._use_nonce(headers["x-acs-signature-nonce"])

    def _check_time(self, text: str) -> None:
        try:
            stamp = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
        except ValueError:
            raise ServiceError(
                400, "InvalidTimeStamp.Format", f"x-acs-date {text!r} is not YYYY-MM-DDThh:mm:ssZ."
            ) from None
        if abs(stamp - self._clock.now()) > SKEW_S:
            raise ServiceError(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")

    def _use_nonce(self, nonce: str) -> None:
        # A nonce need not be remembered longer than its date is accepted: the skew before now and the skew after.
        now = self._clock.now()
        self._nonces = {old: seen for old, seen in self._nonces.items() if now - seen < 2 * SKEW_S}
        if nonce in self._nonces:
            raise ServiceError(400, "SignatureNonceUsed", "Specified signature nonce was used already.")
        self._nonces[nonce] = now


def _canonical(method: str, target: str, headers: Mapping[str, str], signed: list[str], body: bytes) -> str:
    url = urlsplit(target)
    pairs = sorted(parse_qsl(url.query, keep_blank_values=True))
    query = "&".join(f"{name}={quote(value, safe='~')}" for name, value in pairs)
    lines = "".join(f"{name}:{headers.get(name, '').strip()}\n" for name in signed)
    return "\n".join([method, url.path or "/", query, lines, ";".join(signed), sha256(body).hexdigest()])
