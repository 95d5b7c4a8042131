# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Faults that tests ask for: rules matched against requests, each used up after `times` matches."""

from __future__ import annotations

import asyncio
import difflib
import re
from dataclasses import asdict, dataclass, field
from typing import Any

from aiohttp import web

from .errors import ServiceError

HTTP_KINDS = ("refuse", "throttle", "http500", "http503", "reset", "hang", "half")
TASK_KINDS = ("task_fail", "task_forever", "success_but_unchanged", "stock_shortage")
MATCH_FIELDS = ("api", "action", "method", "path")
HANG_S = 600.0


class ConnectionCut(Exception):
    """The connection was ended on purpose: there is nobody to answer."""


@dataclass
class Rule:
    """One fault. `match`: api (cs, oss), action, method: equal; path: a regular expression. times None: for ever."""

    kind: str
    match: dict[str, str] = field(default_factory=dict)
    times: int | None = None
    retry_after_ms: int | None = None
    code: str | None = None  # the error code to give instead of the kind's own

    def fits(self, request: dict[str, str]) -> bool:
        return all(
            re.search(wanted, request[name]) if name == "path" else wanted == request[name]
            for name, wanted in self.match.items()
        )


class Faults:
    """The rules in force, in order; the first that fits is taken."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []

    def replace(self, rules: list[dict[str, Any]]) -> None:
        """Put these rules in force instead of the old ones. Raises ServiceError 400 for a rule that means nothing."""
        parsed = []
        for rule in rules:
            _known("field", rule, tuple(Rule.__dataclass_fields__))
            _known("match field", rule.get("match", {}), MATCH_FIELDS)
            _known("kind", [str(rule.get("kind"))], HTTP_KINDS + TASK_KINDS)
            parsed.append(Rule(**rule))
        self._rules = parsed

    def listing(self) -> list[dict[str, Any]]:
        return [asdict(rule) for rule in self._rules]

    def take(self, kinds: tuple[str, ...], request: dict[str, str]) -> Rule | None:
        """The first rule of these kinds that fits the request, one use of it spent."""
        for rule in self._rules:
            if rule.kind in kinds and rule.times != 0 and rule.fits(request):
                if rule.times is not None:
                    rule.times -= 1
                return rule
        return None


async def play(rule: Rule, request: web.BaseRequest, throttling_code: str, throttling_status: int) -> None:
    """Do what an HTTP fault says before the operation is reached; `half` is left to the answer.

    Raises ServiceError for an error answer, ConnectionCut when the connection is gone.
    """
    if rule.kind == "throttle":
        headers = {"x-acs-retry-after": str(rule.retry_after_ms)} if rule.retry_after_ms else {}
        raise ServiceError(
            throttling_status, rule.code or throttling_code, "Request was denied due to flow control.", headers
        )
    if rule.kind == "refuse":
        raise ServiceError(403, rule.code or "Forbidden", "The account may not do this.")
    if rule.kind == "http500":
        raise ServiceError(
            500, rule.code or "InternalError", "The request processing has failed due to some unknown error."
        )
    if rule.kind == "http503":
        raise ServiceError(503, rule.code or "ServiceUnavailable", "The service is temporarily unavailable.")
    if rule.kind == "hang":
        await _until_closed(request, HANG_S)
    if rule.kind in ("reset", "hang"):
        cut(request)


def cut(request: web.BaseRequest) -> None:
    """End the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    raise ConnectionCut


async def _until_closed(request: web.BaseRequest, at_most_s: float) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + at_most_s
    while loop.time() < end and request.transport is not None and not request.transport.is_closing():
        await asyncio.sleep(0.05)


def _known(what: str, found: Any, allowed: tuple[str, ...]) -> None:
    for name in found:
        if name not in allowed:
            near = difflib.get_close_matches(name, allowed, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise ServiceError(400, "InvalidFault", f"Unknown {what} {name!r}; allowed: {', '.join(allowed)}.{hint}")
