# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one run writes, decided before anything is written. Pure: from what lives and what is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .._core.failure import Failure
from .._core.resource import Change, differences
from .._kube.apply import ObjectPlan
from .._kube.capacity import Ask
from .._kube.kinds import Ref
from .._kube.placement import RESOURCE_POLICY
from . import record as records
from . import routes
from .live import AUTOSCALER, Live
from .predictor import Revision
from .routes import Backend, Object
from .shape import AutoScale, Serving
from .steps import Shift, Step, shift


class Scale(NamedTuple):
    """A Deployment's replicas, written apart from the rest of it, so that an autoscaler can own them."""

    name: str
    replicas: int
    is_up: bool


class Stage(NamedTuple):
    """One step on the way: what then has which weight, and how that is written."""

    step: Step
    weights: Mapping[str, int]
    route: tuple[ObjectPlan, ...]


@dataclass(frozen=True)
class Desired:
    """All that is wanted, rendered. `options`: those that make it, for the record."""

    serving: Serving
    revisions: tuple[Revision, ...]
    routes: tuple[Object, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rendered_digest(self) -> str:
        return records.rendered_digest(self.revisions, self.routes)

    @property
    def backends(self) -> list[Backend]:
        return routes.backends(self.routes)

    @property
    def objects(self) -> list[Object]:
        """Everything but the routes."""
        return [obj for revision in self.revisions for obj in revision.objects]


@dataclass(frozen=True)
class Work:
    """The steps of a release in their order; what is empty is not done.

    `prepare` and `scales`: the new predictors, which nobody asks yet. `unproven`: those of them that must answer before
    they get traffic. `warm`: the present route with the new ones at weight 0. `stages`: the steps that are left, of
    `shift`. `switch`: the wanted route with the old ones at weight 0. `route`: the wanted route. `stale`: what has no
    traffic any more. `record`: what then serves. `before`: the routes before this release, to go back to.
    """

    prepare: tuple[ObjectPlan, ...] = ()
    scales: tuple[Scale, ...] = ()
    unproven: tuple[Revision, ...] = ()
    warm: tuple[ObjectPlan, ...] = ()
    stages: tuple[Stage, ...] = ()
    switch: tuple[ObjectPlan, ...] = ()
    route: tuple[ObjectPlan, ...] = ()
    stale: tuple[Ref, ...] = ()
    record: Mapping[str, Any] | None = None
    before: tuple[Object, ...] = ()
    shift: Shift | None = None

    @property
    def is_needed(self) -> bool:
        steps = [step for step in (*self.prepare, *self.route) if step.action != "none"]
        return bool(steps or self.scales or self.stale or self.record is not None)

    @property
    def moves_traffic(self) -> bool:
        return any(step.action != "none" for step in self.route)


def desire(serving: Serving, revisions: Sequence[Revision], options: Mapping[str, Any] | None = None) -> Desired:
    """The route over the revisions, in the order in which the user names the predictors."""
    backends = [
        Backend(each.predictor.name, str(each.version.reference), each.name, each.predictor.share) for each in revisions
    ]
    rendered = routes.render(serving.route, serving.name, serving.namespace, backends)
    return Desired(serving, tuple(revisions), tuple(rendered), options or {})


def shifting(desired: Desired, live: Live) -> Shift | None:
    """The traffic to move, where the user wants that in steps and something serves already.

    Raises Failure `InvalidOption` where the steps would lead from one kind of route to another.
    """
    before = routes.before(live.routes)
    moved = shift(_weights(routes.backends(before)), _weights(desired.backends))
    if not desired.serving.steps or not sum(moved.base.values()):
        return None
    kinds, wanted = ({route["kind"] for route in each} for each in (before, desired.routes))
    if kinds != wanted:
        raise Failure(
            "InvalidOption",
            f"steps cannot lead from {' and '.join(sorted(kinds))} to {' and '.join(sorted(wanted))}: two gateways"
            " share no weights.",
            hint="Change the route's type in a run without steps.",
        )
    return moved


def under_way(desired: Desired, live: Live, weights: Mapping[str, int]) -> list[Object]:
    """The wanted route with other weights, and with the back ends that are on their way out. It remembers the route
    before the release.
    """
    before = routes.before(live.routes)
    known = {backend.service: backend for backend in (*routes.backends(before), *live.backends, *desired.backends)}
    order = [backend.service for backend in desired.backends]
    order += [service for service in known if service not in order]
    serving = desired.serving
    rendered = routes.render(
        serving.route,
        serving.name,
        serving.namespace,
        [known[service]._replace(weight=weights.get(service, 0)) for service in order],
    )
    return routes.marked(rendered, before, desired.rendered_digest)


def has_begun(moved: Shift, live: Live) -> bool:
    """Whether an earlier run has given traffic to what is new."""
    return moved.share(_weights(live.backends)) > moved.share(moved.base)


def _weights(backends: Sequence[Backend]) -> dict[str, int]:
    return {backend.service: backend.weight for backend in backends}


def at_stage(entries: Sequence[Mapping[str, Any]], desired: Desired, stage: Stage, live: Live) -> list[dict[str, Any]]:
    """The predictors while a stage waits: the wanted ones with its weights, and those on their way out."""
    names = [revision.name for revision in desired.revisions]
    found = [
        {**entry, "traffic_percentage": stage.weights.get(name, 0)} for entry, name in zip(entries, names, strict=True)
    ]
    for entry in live.predictors():
        service = f"{live.name}-{entry['name']}-{entry['revision']}"
        if service not in names:
            found.append({**entry, "traffic_percentage": stage.weights.get(service)})
    return sorted(found, key=lambda entry: (-(entry["traffic_percentage"] or 0), entry["name"]))


def stages(desired: Desired, live: Live, moved: Shift | None) -> list[tuple[Step, dict[str, int]]]:
    """The steps that are left, each with its weights."""
    if moved is None:
        return []
    return [(step, moved.at(step.weight)) for step in moved.ahead(desired.serving.steps, _weights(live.backends))]


def scales(desired: Desired, live: Live) -> tuple[Scale, ...]:
    """The replicas to write."""
    found = []
    for revision in desired.revisions:
        deployment = live.deployment(revision.name)
        wanted, now = replicas(revision, live), deployment["spec"].get("replicas", 1) if deployment else 1
        if wanted != now:
            found.append(Scale(revision.name, wanted, wanted > now))
    return tuple(found)


def replicas(revision: Revision, live: Live) -> int:
    """How many replicas a revision should have now.

    With an autoscaler: at first as many as the predictor's present revision has, so that a release under load does not
    begin with too few; then whatever the autoscaler made of it.
    """
    scale = revision.predictor.auto_scale
    if scale is None:
        return revision.predictor.replicas
    deployment = live.deployment(revision.name)
    if deployment is not None and Ref(AUTOSCALER, live.namespace, revision.name) in live.objects:
        return int(deployment["spec"].get("replicas", 1))
    now: list[int] = [entry["replicas"] for entry in live.predictors() if entry["name"] == revision.predictor.name]
    return min(max([revision.predictor.replicas, scale.min_replicas, *now]), scale.max_replicas)


def asks(desired: Desired, live: Live) -> list[Ask]:
    """What new pods will ask of the cluster's GPUs and virtual node."""
    return [
        Ask(
            f"predictor {each.predictor.name}",
            replicas(each, live),
            each.predictor.placement,
            any(obj["kind"] == RESOURCE_POLICY.kind for obj in each.objects),
        )
        for each in desired.revisions
        if live.deployment(each.name) is None
    ]


def unproven(desired: Desired, live: Live) -> tuple[Revision, ...]:
    """Revisions that nobody has asked yet, or that get traffic again after they had none."""
    weights = {backend.service: backend.weight for backend in live.backends}
    return tuple(
        revision
        for revision in desired.revisions
        if revision.predictor.replicas
        and (revision.name not in weights or (revision.predictor.share and not weights[revision.name]))
    )


def stale(desired: Desired | None, live: Live) -> tuple[Ref, ...]:
    """Owned objects that are not wanted, in the order in which they are taken away."""
    kept = set()
    if desired is not None:
        kept = {(obj["kind"], obj["metadata"]["name"]) for obj in (*desired.objects, *desired.routes)}
    return tuple(ref for ref in live.objects if (ref.kind.kind, ref.name) not in kept)


def changes(desired: Desired, live: Live, work: Work) -> tuple[Change, ...]:
    """What differs, first in the user's words, then by object."""
    before, after = _summary_of_live(live), _summary(desired, live)
    found = list(differences(before, after))
    gone = before["predictors"].keys() - after["predictors"].keys()
    found += [Change(f"predictors.{name}", before["predictors"][name], None) for name in sorted(gone)]
    for step in (*work.prepare, *work.route):
        found += step.changes
    found += [Change(str(ref), "present", None) for ref in work.stale]
    if work.record is not None:
        found.append(Change("release", work.record["replaces"], "the next"))
    return tuple(found)


_SHOWN = ("model_version", "image", "serving_image", "revision", "replicas", "traffic_percentage", "auto_scale")


def _summary_of_live(live: Live) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    for entry in live.predictors():  # with most traffic first: a leftover revision does not hide it
        found.setdefault(entry["name"], {field: entry[field] for field in _SHOWN})
    return {"predictors": found, "hostnames": hostnames(live.routes)}


def _summary(desired: Desired, live: Live) -> dict[str, Any]:
    entries = [predicted(revision, live) for revision in desired.revisions]
    return {
        "predictors": {entry["name"]: {field: entry[field] for field in _SHOWN} for entry in entries},
        "hostnames": list(desired.serving.route.hostnames),
    }


def predicted(revision: Revision, live: Live) -> dict[str, Any]:
    """A predictor as it will be, with the same keys as `live.predictor` gives."""
    number = replicas(revision, live)
    return {
        "name": revision.predictor.name,
        "model_version": str(revision.version.reference),
        "image": revision.version.image,
        "model_digest": revision.version.model_digest,
        "serving_image": revision.image,
        "revision": revision.digest,
        "replicas": number,
        "ready_replicas": number,
        "traffic_percentage": revision.predictor.share,
        "observed_percentage": None,
        "auto_scale": _limits(revision.predictor.auto_scale),
        "state": "ready" if number else "idle",
    }


def _limits(scale: AutoScale | None) -> dict[str, int] | None:
    return scale and {"min_replicas": scale.min_replicas, "max_replicas": scale.max_replicas}


def hostnames(objects: Sequence[Mapping[str, Any]]) -> list[str]:
    """The host names of route objects of any type."""
    for obj in objects:
        spec = obj["spec"]
        match obj["kind"]:
            case "HTTPRoute":
                return list(spec.get("hostnames") or [])
            case "VirtualService":
                return [host for host in spec.get("hosts") or [] if host != "*"]
            case "Ingress":
                return [rule["host"] for rule in spec.get("rules") or [] if rule.get("host")]
    return []


def path(objects: Sequence[Mapping[str, Any]]) -> str:
    """The prefix that clients use, without a slash at its end."""
    for obj in objects:
        match obj["kind"]:
            case "HTTPRoute":
                return str(obj["spec"]["rules"][0]["matches"][0]["path"]["value"]).rstrip("/")
            case "VirtualService":
                return str(obj["spec"]["http"][0]["match"][0]["uri"]["prefix"]).rstrip("/")
            case "Ingress":
                return str(obj["spec"]["rules"][0]["http"]["paths"][0]["path"]).partition("(")[0].rstrip("/")
    return ""
