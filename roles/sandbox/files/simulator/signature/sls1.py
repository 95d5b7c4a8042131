# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The HMAC-SHA1 signature of Simple Log Service.

Source: Simple Log Service documentation, "Request signatures" (2026-11).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl, urlsplit

from ..clock import Clock
from ..errors import ServiceError

SKEW_S = 15 * 60.0
VERSION, METHOD = "0.6.0", "hmac-sha1"


class Sls1Verifier:
    """Accepts a request that the one known key signed within the last 15 minutes."""

    def __init__(self, clock: Clock, key_id: str, secret: str) -> None:
        self._clock, self._key_id, self._secret = clock, key_id, secret

    def verify(self, method: str, target: str, headers: Mapping[str, str]) -> None:
        """Raises ServiceError with the service's code when anything about the signature is wrong."""
        scheme, _space, rest = headers.get("Authorization", "").partition(" ")
        key_id, _colon, signature = rest.partition(":")
        if scheme != "LOG" or not signature:
            raise ServiceError(401, "SignatureNotMatch", "The Authorization header is missing or is not LOG.")
        if headers.get("x-log-apiversion") != VERSION or headers.get("x-log-signaturemethod") != METHOD:
            raise ServiceError(400, "InvalidAPIVersion", f"x-log-apiversion must be {VERSION}, the method {METHOD}.")
        if key_id != self._key_id:
            raise ServiceError(401, "Unauthorized", "AccessKeyId not found.")
        self._check_time(headers.get("Date", ""))
        expected = hmac.new(self._secret.encode(), _canonical(method, target, headers).encode(), hashlib.sha1)
        if not hmac.compare_digest(base64.b64encode(expected.digest()).decode(), signature):
            raise ServiceError(401, "SignatureNotMatch", "signature doesn't match")

    def _check_time(self, text: str) -> None:
        try:
            stamp = parsedate_to_datetime(text).replace(tzinfo=UTC).timestamp()
        except (TypeError, ValueError):
            raise ServiceError(400, "InvalidDateFormat", f"Date {text!r} is not RFC 1123.") from None
        if abs(stamp - self._clock.now()) > SKEW_S:
            raise ServiceError(400, "RequestTimeTooSkewed", "Request time exceeds server time more than 15 minutes.")


def _canonical(method: str, target: str, headers: Mapping[str, str]) -> str:
    url = urlsplit(target)
    pairs = sorted(parse_qsl(url.query, keep_blank_values=True))
    resource = url.path + ("?" + "&".join(f"{name}={value}" for name, value in pairs) if pairs else "")
    lowered = {name.lower(): value.strip() for name, value in headers.items()}
    ours = sorted((n, v) for n, v in lowered.items() if n.startswith(("x-log-", "x-acs-")))
    lines = "".join(f"{name}:{value}\n" for name, value in ours)
    return "\n".join(
        [method, lowered.get("content-md5", ""), lowered.get("content-type", ""), lowered.get("date", ""), ""]
    ) + (lines + resource)
