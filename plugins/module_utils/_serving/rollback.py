# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Going back to a release that served: from its record alone, whoever made it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._core.context import Context
from .._core.failure import Failure
from .._core.options import validator
from .._core.resource import Outcome
from .._kube.client import connect
from .._oss.store import Store
from . import record, shape
from .live import read
from .options import SERVING
from .routes import under_way
from .run import RECORDED, release, wish

PREVIOUS = "previous"
Release = Mapping[str, Any]


def roll_back(params: Mapping[str, Any], context: Context, store: Store) -> Outcome:
    """Bring a recorded release back, with all the proofs of a release but the people's. Nothing is built or trained.

    Raises Failure `UnknownRelease`, `InvalidRecord`, `RecordAltered`, and what a release raises.
    """
    shape.label("name", params["name"])
    if not params["reason"].strip():
        raise Failure("MissingOption", "reason is empty; the record of a rollback says why.", hint="Set reason.")
    client = connect(params, context)
    name, environment = params["name"], params["environment"]
    live = read(client, params["namespace"], name)
    model = params["model"] or record.model_of(store, environment, name, live.models)
    known = record.releases(store, model, environment, name) if model else []
    is_under_way = bool(under_way(live.routes))
    target = choose(known, params["release"], name, environment, is_under_way)
    asked = {**params, **options_of(target), "steps": None, "decision": target.get("decision")}
    desired = wish(asked, store, client)
    record.refuse_altered(target, desired.revisions)
    context.progress(f"release {target['n']} of {target['time']}: {serves(target)}")
    return release(asked, context, store, client, desired, reason=params["reason"], restores=target["n"])


def choose(known: Sequence[Release], wanted: str, name: str, environment: str, is_under_way: bool = False) -> Release:
    """The release meant: a number, or `previous`: the one before a release that is under way, else the newest before
    the one that serves now that was another. What a rollback took away is not gone back to.

    Raises Failure `UnknownRelease`, `InvalidOption`.
    """
    if not known:
        raise _none(name, environment, "nothing")
    by_number = {each["n"]: each for each in known}
    if wanted == PREVIOUS and is_under_way and known[-1]["predictors"]:
        return known[-1]
    if wanted == PREVIOUS:
        now = known[-1]
        while now.get("restores") in by_number:
            now = by_number[now["restores"]]
        earlier = [
            each
            for each in known
            if each["n"] < now["n"] and each["predictors"] and each["rendered_digest"] != now["rendered_digest"]
        ]
        if not earlier:
            raise _none(name, environment, f"release {now['n']}, and nothing else before it")
        return earlier[-1]
    if not wanted.isdecimal():
        raise Failure("InvalidOption", f"release is '{wanted}'; allowed are '{PREVIOUS}' and the number of a release.")
    if int(wanted) not in by_number:
        raise _none(name, environment, f"no release {wanted}; there are {listed(known)}")
    target = by_number[int(wanted)]
    if not target["predictors"]:
        raise _none(name, environment, f"nothing in release {wanted}, which ended it; there are {listed(known)}")
    return target


def listed(known: Sequence[Release]) -> str:
    return "; ".join(f"{each['n']} ({serves(each)})" for each in known if each["predictors"])


def serves(release: Release) -> str:
    return ", ".join(
        f"{each['name']} {each['model_version']} {each['traffic_percentage']} %" for each in release["predictors"]
    )


def options_of(target: Release) -> dict[str, Any]:
    """What makes the release again. Raises Failure `InvalidRecord`."""
    where = f"release/{target['environment']}/{target['n']}"
    given = target.get("options")
    if not given:
        raise Failure(
            "InvalidRecord",
            f"The record of release {target['n']} does not hold what makes it again.",
            resource=where,
            hint="It was made by an older version of this collection: release its predictors with mlops.ack.tfserving.",
        )
    checked = validator({name: SERVING[name] for name in RECORDED}).validate(dict(given))
    if checked.error_messages:
        raise Failure(
            "InvalidRecord",
            f"The options in the record of release {target['n']} cannot be used: {'; '.join(checked.error_messages)}.",
            resource=where,
        )
    return dict(checked.validated_parameters)


def _none(name: str, environment: str, what: str) -> Failure:
    return Failure(
        "UnknownRelease",
        f"{name} has served {what} in {environment}.",
        resource=f"tfserving/{name}",
        hint="mlops.ack.tfserving_info lists the releases.",
    )
