# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The edge to a Prometheus: instant queries. Source: Prometheus HTTP API, /api/v1/query (2026-11)."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from ansible.module_utils.urls import open_url

from .failure import Failure

MOST_BYTES = 1_000_000


def address(url: str, where: str) -> str:
    """The URL without a slash at its end. Raises Failure `InvalidOption`."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Failure("InvalidOption", f"{where}.url is '{url}'; allowed is http:// or https:// and a host.")
    return url.rstrip("/")


def query(url: str, headers: Mapping[str, str], text: str, timeout_s: float, *, what: str = "a query") -> Any:
    """The answer's `data`: {resultType, result}. Raises Failure `PrometheusFailed`."""
    data = urlencode({"query": text}).encode()
    try:
        with open_url(
            f"{url}/api/v1/query", data=data, headers=dict(headers), method="POST", timeout=timeout_s
        ) as answer:
            body = answer.read(MOST_BYTES)
    except urllib.error.HTTPError as error:
        raise _failed(url, what, f"HTTP {error.code} {error.read(300).decode(errors='replace')}") from error
    except OSError as error:
        raise _failed(url, what, str(getattr(error, "reason", error))) from error
    try:
        return json.loads(body)["data"]
    except (ValueError, KeyError, TypeError) as error:
        shown = body[:120].decode(errors="replace")
        raise _failed(url, what, f"no answer of a Prometheus: {shown}") from error


def _failed(url: str, what: str, why: str) -> Failure:
    return Failure(
        "PrometheusFailed",
        f"{url} did not answer {what}: {why}.",
        hint="Check the url from the machine that runs the task, and the query in Prometheus itself.",
        retryable=True,
    )
