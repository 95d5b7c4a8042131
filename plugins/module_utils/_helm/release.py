# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A helm release: one plan gives the prediction, the diff and the commands."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from .._core.context import Context
from .._core.documents import documents
from .._core.failure import Failure
from .._core.resource import Change, Plan, Resource, State
from .._core.secrets import MASK
from .._core.wait import Deadline, Seen, Wait, until
from .._kube.kinds import Ref
from .._kube.shape import changes_between, is_same
from .._kube.waits import Client as WaitClient
from .._kube.waits import wait_ready
from . import records
from .chart import Chart, Metadata, resolve
from .command import PrivateFile
from .records import CHART_DIGEST, PENDING, Record
from .values import masked, secrets_of

PENDING_GRACE_S = 20.0  # an operation whose caller was killed a moment ago ends within this, or never

WAITED = frozenset(
    {
        "APIService",
        "CustomResourceDefinition",
        "DaemonSet",
        "Deployment",
        "Job",
        "PersistentVolumeClaim",
        "Pod",
        "ReplicaSet",
        "Service",
        "StatefulSet",
    }
)
"""Kinds of a chart that are waited for; the others are there as soon as they are written."""


class Client(records.Reader, WaitClient, Protocol):  # type: ignore[misc]
    """What a release needs of a cluster."""

    def ref(self, manifest: Mapping[str, Any], namespace: str | None = None) -> Ref: ...
    def within(self, deadline: Deadline) -> Client: ...


class Program(Protocol):
    """What a release needs of helm."""

    def run(self, words: Sequence[str], deadline: Deadline, *, what: str) -> str: ...


class Wishes(NamedTuple):
    """What the user wants. `values` None: those of the installed release. `recover`: none, upgrade, rollback or
    reinstall, for a release that failed or was interrupted. `revision`: in place of chart and values, those of a kept
    revision; 0: none.
    """

    name: str
    namespace: str
    present: bool = True
    chart: Chart | None = None
    values: dict[str, Any] | None = None
    create_namespace: bool = False
    wait: bool = True
    wait_timeout_s: float = 300.0
    atomic: bool = False
    recover: str = "upgrade"
    history_max: int = 10
    skip_crds: bool = False
    revision: int = 0


class Observed(NamedTuple):
    """`record`: the newest revision. `digest`: of its chart. `deployed`: the newest revision that was once complete,
    to which a rollback would go. `target`: the wished revision; `target_digest`: of its chart.
    """

    record: Record | None = None
    digest: str = ""
    deployed: Record | None = None
    target: Record | None = None
    target_digest: str = ""

    @property
    def status(self) -> str:
        return self.record.status if self.record else "uninstalled"


class Work(NamedTuple):
    """The commands of a plan, in order, and what they need: where the chart is, what it is, the merged values, the
    revision that a rollback goes to.
    """

    steps: tuple[str, ...] = ()
    chart: Chart | None = None
    metadata: Metadata | None = None
    values: Mapping[str, Any] = {}
    revision: int = 0


class Release(Resource):
    """State: name, namespace, status, revision, chart, chart_version, app_version, values (secrets masked), updated."""

    kind = "release"

    def __init__(self, client: Client, helm: Program, wishes: Wishes, context: Context) -> None:
        self._helm, self._wishes, self._context = helm, wishes, context
        self._deadline = Deadline(wishes.wait_timeout_s, context.clock)
        self._client = client.within(self._deadline)
        self._seen = Observed()
        for _path, secret in secrets_of(wishes.values or {}):
            context.secrets.add(secret)

    # -- observe -------------------------------------------------------------------------------------------------------

    def observe(self) -> State:
        self._seen = self._read()
        if self._seen.status in PENDING and not self._context.check:
            self._seen = self._await_pending()
        record = self._seen.record
        return None if record is None or record.status == "uninstalled" else shown(record)

    def _read(self) -> Observed:
        found = records.entries(self._client, self._wishes.namespace, self._wishes.name)
        record = records.read(self._client, found[-1]) if found else None
        if record is None:
            return Observed()
        for _path, secret in secrets_of(record.values):
            self._context.secrets.add(secret)
        complete = [entry for entry in found[:-1] if entry.status in ("deployed", "superseded")]
        deployed = records.read(self._client, complete[-1]) if complete and record.status != "deployed" else None
        seen = Observed(record, records.chart_digest(self._client, record, found), deployed)
        return self._with_target(seen, found) if self._wishes.revision else seen

    def _with_target(self, seen: Observed, found: list[records.Entry]) -> Observed:
        """With the revision that is wished for. Raises Failure `RevisionNotFound`."""
        complete = {entry.revision: entry for entry in found if entry.status in ("deployed", "superseded")}
        entry = complete.get(self._wishes.revision)
        target = records.read(self._client, entry) if entry else None
        if target is None:
            kept = ", ".join(map(str, complete)) or "none"
            raise Failure(
                "RevisionNotFound",
                f"Release {self} has no complete revision {self._wishes.revision}; those that helm keeps: {kept}.",
                resource=f"release/{self}",
                hint="Correct revision, or set chart and values; history_max says how many revisions are kept.",
                details={"revisions": list(complete)},
            )
        return seen._replace(target=target, target_digest=records.chart_digest(self._client, target, found))

    def _await_pending(self) -> Observed:
        def look() -> Seen:
            seen = self._read()
            return Seen("pending" if seen.status in PENDING else "settled", seen.status, seen)

        deadline = Deadline(min(PENDING_GRACE_S, self._deadline.remaining), self._context.clock)
        try:
            settled = until(Wait(frozenset({"settled"})), look, deadline, self._context, what=str(self))
        except Failure as still:
            if still.code != "WaitTimeout":
                raise
            return self._seen
        found: Observed = settled.value
        return found

    # -- plan ----------------------------------------------------------------------------------------------------------

    def plan(self, observed: State, desired: State) -> Plan:
        seen, wishes = self._seen, self._wishes
        if not wishes.present:
            if observed is None:
                return Plan("none", None, work=Work())
            return Plan("delete", None, (Change("release", str(self), None),), work=Work(("uninstall",)))
        if wishes.revision:
            return self._plan_return(observed)
        steps, base = recovery(seen, wishes.recover, str(self))
        values = wishes.values if wishes.values is not None else base.values if base else {}
        metadata = self._metadata(base)
        if "upgrade" not in steps and self._differs(base, metadata, values):
            steps = (*steps, "upgrade")
        if not steps:
            return Plan("none", observed, work=Work(values=values))
        chart = self._pinned(base)
        if "upgrade" in steps and metadata is None:
            metadata = self._resolve(chart)
        after = self._predict(base, metadata, values, predicted_revision(seen, steps))
        changes = self._changes(observed, after, values, metadata)
        action: Literal["create", "update"] = "create" if observed is None else "update"
        revision = seen.deployed.revision if seen.deployed else 0
        return Plan(action, after, changes, work=Work(steps, chart, metadata, values, revision))

    def _plan_return(self, observed: State) -> Plan:
        """Back to a kept revision; nothing, where the release is already as it was then."""
        seen = self._seen
        record, target = seen.record, seen.target
        if record is None or target is None:
            raise Failure(
                "RevisionNotFound",
                f"There is no release {self} to go back with.",
                resource=f"release/{self}",
                hint="Set chart, and leave revision out.",
            )
        recovery(seen, self._wishes.recover, str(self))  # refuses what must not be touched
        if record.status == "deployed" and _is_as(record, target):
            return Plan("none", observed, work=Work(values=record.values))
        metadata = Metadata(target.chart, target.chart_version, target.app_version, seen.target_digest)
        after = self._predict(record, metadata, target.values, record.revision + 1)
        changes = self._changes(observed, after, target.values, metadata)
        if not changes:  # the templates differ, of a chart that changed without a new version
            changes = (Change("manifest", f"of revision {record.revision}", f"of revision {target.revision}"),)
        work = Work(("rollback",), metadata=metadata, values=target.values, revision=target.revision)
        return Plan("update" if observed else "create", after, changes, work=work)

    @property
    def _chart(self) -> Chart:
        if self._wishes.chart is None:
            raise Failure("MissingOption", "chart is not set.", hint="Set chart, or state: absent.")
        return self._wishes.chart

    def _metadata(self, base: Record | None) -> Metadata | None:
        """What the chart is now. None: it is the installed one, as far as can be known without asking its registry."""
        chart = self._chart
        if chart.is_local or base is None or base.chart != chart.name or (chart.version and not chart.is_exact):
            return self._resolve(chart)
        version = chart.version.removeprefix("v")
        is_installed = version in ("", base.chart_version.removeprefix("v"))
        return None if is_installed and chart.digest in ("", self._digest(base)) else self._resolve(chart)

    def _digest(self, base: Record) -> str:
        return self._seen.digest if base is self._seen.record else base.chart_digest

    def _differs(self, base: Record | None, metadata: Metadata | None, values: Mapping[str, Any]) -> bool:
        if base is None or not is_same(values, base.values):
            return True
        if metadata is None:
            return False
        installed = self._digest(base)
        return (base.chart, base.chart_version.removeprefix("v")) != (
            metadata.name,
            metadata.version.removeprefix("v"),
        ) or bool(metadata.digest and installed and metadata.digest != installed)

    def _pinned(self, base: Record | None) -> Chart:
        """The chart in the installed version, where the user names none: changed values do not move it."""
        chart = self._chart
        is_free = not chart.version and not chart.digest and not chart.is_local
        is_same_chart = base is not None and base.chart == chart.name
        return chart._replace(version=base.chart_version) if base is not None and is_same_chart and is_free else chart

    def _changes(
        self, observed: State, after: State, values: Mapping[str, Any], metadata: Metadata | None
    ) -> tuple[Change, ...]:
        changes = [Change(*found) for found in changes_between(_compared(observed), _compared(after))]
        record = self._seen.record
        if record is not None and observed is not None:
            before, wanted = dict(secrets_of(record.values)), dict(secrets_of(values))
            changes += [
                Change(f"values.{path}", MASK, f"{MASK} (another value)")
                for path, text in wanted.items()
                if before.get(path, text) != text
            ]
            digest = self._digest(record)
            if metadata is not None and metadata.digest and digest and metadata.digest != digest:
                changes.append(Change("chart_digest", digest, metadata.digest))
        return tuple(changes)

    def _resolve(self, chart: Chart) -> Metadata:
        def show(chart: Chart) -> str:
            what = f"reading chart {chart.reference}"
            return self._helm.run(["show", "chart", *chart.arguments], self._deadline, what=what)

        return resolve(chart, show)

    def _predict(
        self, base: Record | None, metadata: Metadata | None, values: Mapping[str, Any], revision: int
    ) -> State:
        """The state after the run; `updated` is known only then."""
        chart = metadata
        if chart is None and base is not None:
            chart = Metadata(base.chart, base.chart_version, base.app_version)
        if chart is None:
            raise AssertionError("without a release there is always a chart")
        return {
            "name": self._wishes.name,
            "namespace": self._wishes.namespace,
            "status": "deployed",
            "revision": revision,
            "chart": chart.name,
            "chart_version": chart.version,
            "app_version": chart.app_version,
            "values": masked(values),
            "updated": None,
        }

    # -- apply ---------------------------------------------------------------------------------------------------------

    def apply(self, plan: Plan) -> None:
        work: Work = plan.work
        try:
            for step in work.steps:
                self._do(step, work)
        except Failure as problem:
            problem.resource = problem.resource or f"release/{self}"
            if problem.code == "WaitTimeout":
                problem.details["status"] = self._read().status
            raise self._undone(problem) from problem

    def _do(self, step: str, work: Work) -> None:
        wishes = self._wishes
        place = ["--namespace", wishes.namespace]
        what = f"{step} of release {self}"
        self._context.progress(f"{what}: starting")
        if step == "upgrade":
            self._upgrade(work, place, what)
            return
        limit = ["--timeout", f"{max(1, int(self._deadline.remaining))}s"]
        if step == "rollback":
            words = ["rollback", wishes.name, str(work.revision), "--history-max", str(wishes.history_max)]
            self._helm.run([*words, *place, *limit], self._deadline, what=what)
        else:
            waiting = ["--wait"] if wishes.wait else []
            self._helm.run(["uninstall", wishes.name, *place, *limit, *waiting], self._deadline, what=what)

    def _upgrade(self, work: Work, place: list[str], what: str) -> None:
        wishes = self._wishes
        chart, digest = work.chart or self._chart, work.metadata.digest if work.metadata else ""
        words = ["upgrade", "--install", wishes.name, *chart.arguments, *place, "--reset-values"]
        words += ["--history-max", str(wishes.history_max), "--timeout", f"{max(1, int(self._deadline.remaining))}s"]
        words += ["--create-namespace"] if wishes.create_namespace else []
        words += ["--skip-crds"] if wishes.skip_crds else []
        words += ["--description", f"{CHART_DIGEST} {digest}"] if digest else []
        with PrivateFile(json.dumps(work.values)) as path:
            self._helm.run([*words, "--values", path], self._deadline, what=what)

    def _undone(self, problem: Failure) -> Failure:
        """With `atomic`: the failure, after the release is back where it was."""
        if not self._wishes.atomic:
            return problem
        before = self._seen
        good = before.record if before.status == "deployed" else before.deployed
        words = ["rollback", self._wishes.name, str(good.revision)] if good else ["uninstall", self._wishes.name]
        deadline = Deadline(60.0, self._context.clock)  # the deadline of the run may be over: undoing is not part of it
        try:
            self._helm.run([*words, "--namespace", self._wishes.namespace], deadline, what=f"undoing release {self}")
            problem.details["undone"] = f"rolled back to revision {good.revision}" if good else "uninstalled"
        except Failure as worse:
            problem.details["undone"] = f"no: {worse.message}"
        return problem

    # -- verify --------------------------------------------------------------------------------------------------------

    def verify(self, plan: Plan, desired: State) -> State:
        """Reads back, and waits until what the chart made is ready; also when this run wrote nothing."""
        seen = self._read() if plan.action != "none" else self._seen
        record = seen.record
        if not self._wishes.present:
            if record is not None and record.status != "uninstalled":
                raise self._not_applied(record, "is still there")
            return None
        if record is None or record.status != "deployed":
            raise self._not_applied(record, f"is {seen.status}")
        if not is_same(record.values, plan.work.values):
            raise self._not_applied(record, "has other values")
        if self._wishes.wait:
            try:
                self._wait(record)
            except Failure as problem:
                raise (self._undone(problem) if plan.action != "none" else problem) from problem
        return shown(record)

    def _wait(self, record: Record) -> None:
        refs = [
            ref for manifest in waited_for(record.manifest) if (ref := self._client.ref(manifest, record.namespace))
        ]
        if refs:
            wait_ready(self._client, refs, self._deadline, self._context, what=f"release {self}")

    def _not_applied(self, record: Record | None, how: str) -> Failure:
        text = f": {record.description}" if record and record.description else ""
        return Failure(
            "NotApplied",
            f"helm ended without an error, but release {self} {how}{text}.",
            resource=f"release/{self}",
            hint="Did somebody else change it at the same time? Run again.",
            retryable=True,
        )

    def __str__(self) -> str:
        return f"{self._wishes.namespace}/{self._wishes.name}"


def shown(record: Record) -> dict[str, Any]:
    """A record as results show it."""
    return {
        "name": record.name,
        "namespace": record.namespace,
        "status": record.status,
        "revision": record.revision,
        "chart": record.chart,
        "chart_version": record.chart_version,
        "app_version": record.app_version,
        "values": masked(record.values),
        "updated": record.updated,
    }


def _is_as(record: Record, other: Record) -> bool:
    """Whether two revisions made the same of the cluster."""
    return record.manifest == other.manifest and is_same(record.values, other.values) and (
        (record.chart, record.chart_version) == (other.chart, other.chart_version)
    )  # fmt: skip


def _compared(state: State) -> dict[str, Any]:
    """What of a state a diff shows: not what counts or stamps."""
    return {
        key: value for key, value in (state or {}).items() if key not in ("revision", "updated", "name", "namespace")
    }


def recovery(seen: Observed, recover: str, what: str) -> tuple[tuple[str, ...], Record | None]:
    """(steps that make the release fit for an upgrade, the revision that is then the present one).

    Raises Failure `ReleasePending` or `ReleaseFailed` where `recover` forbids the steps.
    """
    record = seen.record
    if record is None or seen.status == "uninstalled":
        return (), None
    if seen.status == "uninstalling":  # an interrupted uninstall: there is nothing to go back to
        return ("uninstall",), None
    if seen.status not in PENDING and seen.status != "failed":
        return (), record
    if seen.status == "failed" and recover == "upgrade":
        return ("upgrade",), record
    if recover == "rollback" and seen.deployed:
        return ("rollback",), seen.deployed
    if recover in ("rollback", "reinstall"):
        return ("uninstall",), None
    is_pending = seen.status in PENDING
    raise Failure(
        "ReleasePending" if is_pending else "ReleaseFailed",
        f"Release {what} is {seen.status} since {record.updated}: {record.description.rstrip('.') or 'no reason'}.",
        resource=f"release/{what}",
        hint="If no helm works on it any more, set recover to rollback or reinstall."
        if is_pending
        else "Set recover to upgrade, rollback or reinstall.",
        retryable=is_pending,
        details={"status": seen.status, "revision": record.revision, "description": record.description},
    )


def predicted_revision(seen: Observed, steps: tuple[str, ...]) -> int:
    """helm counts each rollback and upgrade; an uninstall starts again."""
    revision = seen.record.revision if seen.record and seen.status != "uninstalled" else 0
    for step in steps:
        revision = 0 if step == "uninstall" else revision + 1
    return revision


def waited_for(manifest: str) -> list[dict[str, Any]]:
    """The objects of a rendered chart whose readiness is waited for. A Job that deletes itself is not."""
    found = []
    for item in documents(manifest):
        if isinstance(item, dict) and item.get("kind") in WAITED:
            spec = item.get("spec") or {}
            if item["kind"] != "Job" or spec.get("ttlSecondsAfterFinished") is None:
                found.append(item)
    return found
