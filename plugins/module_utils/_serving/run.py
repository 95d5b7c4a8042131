# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From options to one run of tfserving."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import Any

from .._core.context import Context
from .._core.resource import Outcome, reconcile
from .._core.wait import Deadline
from .._kube.client import KubeClient, connect
from .._kube.placement import RESOURCE_POLICY
from .._oss.store import Store, open_store
from . import shape
from .cluster import KubeCluster
from .plan import Desired, desire
from .predictor import render
from .resource import TfServing
from .versions import read_version


def serve(params: Mapping[str, Any], context: Context) -> Outcome:
    """Reads everything that could refuse (options, records) before anything is written."""
    shape.label("name", params["name"])
    store = open_store(params, context)
    client = connect(params, context)
    desired = wish(params, store, client) if params["state"] == "present" else None
    deadline = Deadline(params["wait_timeout"], context.clock) if params["wait"] else None
    serving = TfServing(
        KubeCluster(client, params["namespace"], context, deadline),
        store,
        params["namespace"],
        params["name"],
        params["environment"],
        desired,
        context,
        deadline=deadline,
        decision=params["decision"],
        by=params["released_by"] or str(context.variables.get("awx_user_name") or "") or getpass.getuser(),
    )
    outcome = reconcile(serving, None, context)
    outcome.warnings += serving.warnings
    return outcome


def wish(params: Mapping[str, Any], store: Store, client: KubeClient) -> Desired:
    """The options, checked, with the versions' records, rendered for what the cluster knows."""
    serving = shape.serving(params)
    bursts = any(each.placement.burst for each in serving.predictors)
    by_policy = bursts and client.serves(RESOURCE_POLICY)
    revisions = [
        render(serving, each, read_version(store, each.version), by_policy=by_policy) for each in serving.predictors
    ]
    return desire(serving, revisions)
