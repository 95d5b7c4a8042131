# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From options to one run of tfserving."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from .._core.context import Context
from .._core.resource import Outcome, reconcile
from .._core.times import seconds
from .._core.wait import Deadline
from .._kube.client import KubeClient, connect
from .._kube.placement import RESOURCE_POLICY
from .._oss.store import Store
from . import shape
from .cluster import KubeCluster
from .options import SERVING
from .plan import Desired, desire
from .predictor import render
from .release import Gatekeeper
from .resource import TfServing
from .subject import subject
from .versions import read_version


def serve(
    params: Mapping[str, Any],
    context: Context,
    store: Store,
    gate: Gatekeeper,
    approve: Callable[[Mapping[str, Any]], Mapping[str, Any] | None],
) -> Outcome:
    """Reads everything that could refuse (options, records) before anything is written. `approve`: the decision about
    a subject; raises where there has to be one. What serves already needs none: decisions expire, releases do not.
    """
    shape.label("name", params["name"])
    client = connect(params, context)
    desired = wish(params, store, client) if params["state"] == "present" else None
    how = {"reason": params["reason"], "retry": params["retry"], "gate": gate}
    if desired is None:
        return release(params, context, store, client, None, **how)
    contents = {str(each.version.reference): each.version._asdict() for each in desired.revisions}
    about = {**subject(params["predictors"], contents), "release": desired.rendered_digest}
    return release(params, context, store, client, desired, approve=cache(lambda: approve(about)), **how)


def release(
    params: Mapping[str, Any],
    context: Context,
    store: Store,
    client: KubeClient,
    desired: Desired | None,
    **how: Any,
) -> Outcome:
    """One run of the engine. `how`: what TfServing takes besides."""
    deadline = Deadline(_longest_s(params, desired), context.clock) if params["wait"] else None
    serving = TfServing(
        KubeCluster(client, params["namespace"], context, deadline),
        store,
        params["namespace"],
        params["name"],
        params["environment"],
        desired,
        context,
        deadline=deadline,
        decision=params.get("decision"),
        by=params["released_by"] or str(context.variables.get("awx_user_name") or "") or getpass.getuser(),
        **how,
    )
    outcome = reconcile(serving, None, context)
    outcome.warnings += serving.warnings
    return outcome


def _longest_s(params: Mapping[str, Any], desired: Desired | None) -> float:
    """`wait_timeout` is for what is waited for; steps hold as long as they say, and people think."""
    steps = desired.serving.steps if desired else ()
    people = seconds("gate.timeout", params["gate"]["timeout"]) if steps else 0
    return float(params["wait_timeout"] + sum(step.longest_s + people for step in steps))


def wish(params: Mapping[str, Any], store: Store, client: KubeClient) -> Desired:
    """The options, checked, with the versions' records, rendered for what the cluster knows."""
    serving = shape.serving(params)
    bursts = any(each.placement.burst for each in serving.predictors)
    by_policy = bursts and client.serves(RESOURCE_POLICY)
    revisions = [
        render(serving, each, read_version(store, each.version), by_policy=by_policy) for each in serving.predictors
    ]
    return desire(serving, revisions, {name: _plain(params[name], SERVING[name]) for name in RECORDED})


RECORDED = ("image", "registry_secret", "predictors", "route", "verify", "golden")
"""Options that make the same release again."""


def _plain(value: Any, option: Mapping[str, Any]) -> Any:
    """An option's value under canonical names only: validation leaves aliases beside them."""
    known = option.get("options")
    if known is None or value is None:
        return value
    if isinstance(value, list):
        return [_plain(each, {**option, "elements": None}) for each in value]
    return {name: _plain(value.get(name), each) for name, each in known.items()}
