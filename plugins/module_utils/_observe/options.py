# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of the modules that observe, and the edges that they name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core import prometheus as core
from .._core.context import Context
from .._core.credentials import credentials
from .._core.options import Spec
from .arrival import Prometheus
from .sls import Sls

TRAIT: Spec = {
    "type": {"type": "str", "required": True},
    "port": {"type": "str"},
    "path": {"type": "str"},
    "project": {"type": "str"},
    "logstore": {"type": "str"},
    "ttl": {"type": "int"},
    "predictors": {"type": "list", "elements": "str"},
}

OBSERVED: Spec = {
    "traits": {"type": "list", "elements": "dict", "options": TRAIT},
    "project": {"type": "str"},
    "prometheus": {
        "type": "dict",
        "options": {"url": {"type": "str", "required": True}, "headers": {"type": "dict", "no_log": True}},
    },
    "sls_endpoint": {"type": "str"},
}
"""Documented by the fragment mlops.ack.observed."""


def prometheus(params: Mapping[str, Any]) -> Prometheus | None:
    """None where the user names none. Raises Failure `InvalidOption`."""
    given = params["prometheus"]
    return Prometheus(core.address(given["url"], "prometheus"), given["headers"] or {}) if given else None


def sls(params: Mapping[str, Any], context: Context) -> Sls | None:
    """By `sls_endpoint`, else by `region`; None where neither is given."""
    endpoint = params["sls_endpoint"] or (params["region"] and f"https://{params['region']}.log.aliyuncs.com")
    return Sls(endpoint, credentials(params, context), params["request_timeout"]) if endpoint else None
