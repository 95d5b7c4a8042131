# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A wish for a Serverless cluster, and what stands in for it where the account gets none: an ACK Pro cluster whose pods
run without nodes, on elastic container instances (eci) or container compute service (acs).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from .._core.failure import Failure
from .._core.resource import Outcome

Params = Mapping[str, Any]

PROFILE = "Serverless"
REFUSED = "ServerlessRefused"
HINT = "Set serverless_fallback to eci or acs: pods without nodes in an ACK Pro cluster."
ADDON = "ack-virtual-node"
"""What runs pods without nodes in an ACK Pro cluster, of either kind. Source: ACK, virtual nodes, read 2026-11-22."""
POD_LABELS = {"eci": {"alibabacloud.com/eci": "true"}, "acs": {"alibabacloud.com/acs": "true"}}
"""What a pod, or its namespace, must be labelled with to run so."""
CNI = ("flannel", "terway-eniip")
ONLY_WITH_NODES = ("pod_cidr", "node_cidr_mask", "proxy_mode")
"""Options that only the cluster that stands in has a use for."""

_ABOUT_SERVERLESS = re.compile(r"serverless|\bask\b", re.IGNORECASE)


def reconcile(attempt: Callable[[Params], Outcome], params: Params) -> Outcome:
    """`attempt` with the options as they are, or where the account is refused and the user said so, with those of the
    stand-in. The result's `serverless` says which it was: {taken: profile | eci | acs, pod_labels}, or null.
    """
    fallback = params["serverless_fallback"]
    check(params)
    if params["profile"] != PROFILE or params["state"] == "absent":
        return _told(attempt(params), None)
    if not fallback:
        return _told(attempt(params), "profile")
    try:
        return _told(attempt(as_profile(params)), "profile")
    except Failure as failure:
        is_new = failure.code == REFUSED
        if not is_new and not _is_the_stand_in(failure):
            raise
    outcome = _told(attempt(instead(params, is_new=is_new)), fallback)
    if is_new:
        labels = ", ".join(f"{key}={value}" for key, value in POD_LABELS[fallback].items())
        name = params["name"] or params["cluster_id"]
        outcome.warnings += (
            f"The account gets no Serverless cluster. {name} is an ACK Pro cluster; label pods, or their namespace, "
            f"with {labels}.",
        )
    return outcome


def check(params: Params) -> None:
    """Raises Failure `InvalidOption`, `MissingOption` for a fallback that could not be taken."""
    fallback = params["serverless_fallback"]
    if not fallback or params["state"] == "absent":
        return
    if params["profile"] != PROFILE:
        found = params["profile"] or "not set"
        raise Failure("InvalidOption", f"serverless_fallback is '{fallback}', but profile is '{found}'.")
    if params["cluster_spec"] == "ack.standard":
        raise Failure(
            "InvalidOption",
            "cluster_spec is 'ack.standard'; pods without nodes need an ACK Pro cluster.",
            hint="Set cluster_spec to ack.pro.small or larger, or leave it out.",
        )
    if not _names(params) & set(CNI) and not params["pod_cidr"]:
        raise Failure(
            "MissingOption",
            "pod_cidr is not set, and addons names no network plug-in; the ACK Pro cluster of serverless_fallback "
            "needs one of them.",
            hint=f"Set pod_cidr (for flannel), or name one of {', '.join(CNI)} in addons.",
        )


def as_profile(params: Params) -> dict[str, Any]:
    """The options without those that only the stand-in has a use for."""
    kept = [each for each in params["addons"] or [] if each["name"] not in (*CNI, ADDON)]
    return {**params, **dict.fromkeys(ONLY_WITH_NODES), "addons": kept or None}


def instead(params: Params, *, is_new: bool) -> dict[str, Any]:
    """The options of the stand-in. One that is there already keeps its cluster_spec and its network plug-in where none
    is set.
    """
    more = [ADDON] if ADDON not in _names(params) else []
    more += ["flannel"] if is_new and not _names(params) & set(CNI) else []
    return {
        **params,
        "profile": "Default",
        "cluster_spec": params["cluster_spec"] or ("ack.pro.small" if is_new else None),
        "addons": [*(params["addons"] or []), *({"name": name, "version": None, "config": None} for name in more)],
    }


def refusal(failure: Failure) -> Failure | None:
    """What a refused creation means, when it is the kind of cluster that is refused; the service's code is in details.

    ACK does not document the code, so it is told by the word.
    """
    status = int(failure.details.get("status") or 0)
    about = f"{failure.code} {failure.message}"
    if failure.retryable or not 400 <= status < 500 or failure.code.startswith("InvalidParameter"):
        return None
    if not _ABOUT_SERVERLESS.search(about):
        return None
    return Failure(
        REFUSED,
        f"ACK refuses the account a Serverless cluster: {failure.message}",
        request_id=failure.request_id,
        hint=HINT,
        details={"service_code": failure.code},
    )


def _is_the_stand_in(failure: Failure) -> bool:
    """Whether the cluster is there, and is what an earlier run made instead."""
    changes = failure.details.get("changes") or []
    return failure.code == "ImmutableField" and any(
        change["field"] == "profile" and change["before"] == "Default" for change in changes
    )


def _names(params: Params) -> set[str]:
    return {each["name"] for each in params["addons"] or []}


def _told(outcome: Outcome, taken: str | None) -> Outcome:
    labels = POD_LABELS.get(taken or "", {})
    outcome.values["serverless"] = None if taken is None else {"taken": taken, "pod_labels": labels}
    return outcome
