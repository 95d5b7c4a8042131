# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A training run: what a job left in the volume, collected into the store and put on record once.

runs/<run_id>/output/<path> are the files; runs/<run_id>/run.json names what went in and what came out.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .._core.context import Context
from .._core.failure import Failure
from .._core.resource import Change, Plan, Resource, State, differences
from .._core.wait import Deadline
from .._oss import records
from .._oss.digest import File, digest, manifest
from .._oss.store import Item, Store
from . import jobs
from .dataset import LONGEST_URL_S, URL_SLACK_S

SCHEMA = "mlops.ack/run/v1"
METRICS = "metrics.json"
EVALUATION = (METRICS, "evaluation.html", "golden.json")
"""Files of the output that tell how good the model is; the first one must be there."""
MODEL = "model/"
MODEL_FILE = "saved_model.pb"

RUN_ID = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")

Event = dict[str, Any]


class Inputs(NamedTuple):
    """What went in. job: as `state.summary` gives it (or parts of it). dataset: name and digest, and what else is known
    of it. launched: what `launcher` tells. attempts: the environments that were tried, as `attempts.told` gives them.
    """

    run_id: str
    model_name: str
    job: Mapping[str, Any]
    dataset: Mapping[str, Any]
    created_by: str | None = None
    launched: Mapping[str, Any] | None = None
    attempts: Sequence[Mapping[str, Any]] = ()


class TrainingRun(Resource):
    """Result: the record."""

    kind = "run"

    def __init__(
        self,
        cluster: jobs.Cluster,
        store: Store,
        place: jobs.Place,
        inputs: Inputs,
        output_path: str,
        deadline: Deadline,
        context: Context,
        *,
        pod_endpoint: str | None = None,
    ) -> None:
        self._cluster, self._store, self._place, self._inputs = cluster, store, place, inputs
        self._output_path, self._deadline, self._context = output_path.strip("/"), deadline, context
        self._pod_endpoint = pod_endpoint

    def desired(self) -> dict[str, Any]:
        """What is known before anything is collected; the rest of the record is None until then."""
        job, dataset = self._inputs.job, self._inputs.dataset
        return {
            "schema": SCHEMA,
            "run_id": self._inputs.run_id,
            "model_name": self._inputs.model_name,
            "created": job.get("created"),
            "created_by": self._inputs.created_by,
            "launcher": dict(self._inputs.launched) if self._inputs.launched else None,
            "finished": job.get("finished"),
            "namespace": self._place.namespace,
            "job": {key: job.get(key) for key in ("name", "image", "image_id", "replicas", "parameters", "log_keys")},
            "dataset": {key: value for key, value in dataset.items() if value is not None},
            "conditions": list(job.get("conditions") or []),
            "attempts": list(self._inputs.attempts),
            "output": None,
            "model": None,
            "evaluation": None,
        }

    def observe(self) -> State:
        return read(self._store, self._inputs.run_id)

    def plan(self, observed: State, desired: State) -> Plan:
        """Raises Failure `RunConflict` where the run id names another model or dataset."""
        wanted = dict(desired or {})
        if observed is None:
            return Plan("create", wanted, (Change("run", None, self._inputs.run_id),), work=wanted)
        asked = {
            "model_name": wanted["model_name"],
            "dataset": {key: wanted["dataset"][key] for key in ("name", "digest")},
        }
        if other := differences(observed, asked):
            raise Failure(
                "RunConflict",
                f"Run {self._inputs.run_id} is on record for another "
                + ", ".join(f"{each.field} ({each.before}, not {each.after})" for each in other)
                + ".",
                resource=f"run/{self._inputs.run_id}",
                hint="Choose another run_id; the filter mlops.ack.run_id makes one from the inputs.",
                details={"changes": [each._asdict() for each in other]},
            )
        return Plan("none", observed)

    def apply(self, plan: Plan) -> None:
        listed = self._list()
        check(listed, self._output_path)
        self._send(listed)
        self._verify_stored(listed)
        record = {**plan.work, "created": plan.work["created"] or now(), **self._result(listed)}
        records.write_once(self._store, key(self._inputs.run_id), record)

    def verify(self, plan: Plan, desired: State) -> State:
        found = self.observe()
        if found is None:
            raise Failure(
                "NotApplied",
                f"The record of run {self._inputs.run_id} was written, but {self._store.name} does not have it.",
                resource=f"run/{self._inputs.run_id}",
                hint="Run again.",
                retryable=True,
            )
        return found

    # -- collecting ----------------------------------------------------------------------------------------------------

    def _list(self) -> list[Event]:
        """The files of the output folder: path, size, sha256, md5."""
        name = jobs.name(f"mlops-list-{self._inputs.run_id}", self._output_path)
        events = jobs.run(
            self._cluster, self._place, jobs.Transfer(name, "list", self._output_path), self._deadline, self._context
        )
        listed = [event for event in events if event["event"] == "file"]
        if len(listed) != events[-1]["files"]:
            raise Failure(
                "TransferFailed",
                f"The listing of {self._output_path} is cut off: {len(listed)} of {events[-1]['files']} lines came.",
                resource=f"run/{self._inputs.run_id}",
                hint="Run again; if it stays so, pack small files together.",
                retryable=True,
            )
        return listed

    def _send(self, listed: Iterable[Event]) -> None:
        """Those that are not in the store yet, by signed URLs."""
        have = self._stored()
        expires_s = min(LONGEST_URL_S, int(self._deadline.remaining) + URL_SLACK_S)
        due = []
        for each in listed:
            target = self._key(each["path"])
            if not same(have.get(target), each):
                url = self._store.url(target, "PUT", expires_s, self._pod_endpoint)
                facts = {field: each[field] for field in ("path", "size", "sha256", "md5")}
                due.append({**facts, "key": target, "url": url})
        name = jobs.name(f"mlops-send-{self._inputs.run_id}", self._output_path)
        if not due:
            jobs.clear(self._cluster, self._place, name, self._deadline, self._context)
        else:
            work = jobs.Transfer(name, "send", self._output_path, tuple(due))
            jobs.run(self._cluster, self._place, work, self._deadline, self._context)

    def _verify_stored(self, listed: Iterable[Event]) -> None:
        have = self._stored()
        wrong = [each["path"] for each in listed if not same(have.get(self._key(each["path"])), each)]
        if wrong:
            raise Failure(
                "NotApplied",
                f"{len(wrong)} files are not in {self._store.name} as they are in the volume, for example {wrong[0]}.",
                resource=f"object/{self._key(wrong[0])}",
                hint="Does something else write to this prefix? Run again.",
                retryable=True,
                details={"files": wrong},
            )

    def _result(self, listed: Iterable[Event]) -> dict[str, Any]:
        """`output`, `model` and `evaluation` of the record."""
        files = [File(each["path"], each["size"], each["sha256"]) for each in listed]
        model = [file._replace(path=file.path.removeprefix(MODEL)) for file in files if file.path.startswith(MODEL)]
        evaluation = [file for file in files if file.path in EVALUATION]
        return {
            "output": manifest(files),
            "model": manifest(model),
            "evaluation": {
                "digest": digest(evaluation),
                "metrics": self._metrics(),
                "files": [file._asdict() for file in sorted(evaluation)],
            },
        }

    def _metrics(self) -> dict[str, Any]:
        data = self._store.get(self._key(METRICS)) or b""
        try:
            metrics = json.loads(data)
        except ValueError as error:
            raise self._no_metrics(f"is not JSON ({error})") from error
        if not isinstance(metrics, dict):
            raise self._no_metrics(f"is a {type(metrics).__name__}, not a mapping")
        return metrics

    def _no_metrics(self, why: str) -> Failure:
        return Failure(
            "InvalidOutput",
            f"{METRICS} of run {self._inputs.run_id} {why}.",
            resource=f"object/{self._key(METRICS)}",
            hint='The training program writes it, for example {"accuracy": 0.97}.',
        )

    def _stored(self) -> dict[str, Item]:
        return {item.key: item for item in self._store.list(output_key(self._inputs.run_id, ""))}

    def _key(self, path: str) -> str:
        return output_key(self._inputs.run_id, path)


def check(listed: Iterable[Mapping[str, Any]], folder: str) -> None:
    """Raises Failure `InvalidOutput` that says which files of a trained model are missing, and what there is."""
    paths = [each["path"] for each in listed]
    missing = []
    if METRICS not in paths:
        missing.append(METRICS)
    if not any(path.startswith(MODEL) and path.endswith(f"/{MODEL_FILE}") for path in paths):
        missing.append(f"{MODEL}<number>/{MODEL_FILE}")
    if missing:
        found = ", ".join(paths[:10]) + (f" and {len(paths) - 10} more" if len(paths) > 10 else "")
        raise Failure(
            "InvalidOutput",
            f"The output folder {folder} has no {' and no '.join(missing)}; it has {found or 'no files'}.",
            resource=f"folder/{folder}",
            hint="The training program writes its SavedModel and metrics below $OUTPUT_DIR.",
            details={"missing": missing, "found": paths},
        )


def same(item: Item | None, each: Mapping[str, Any]) -> bool:
    """Whether an object is this file: OSS names the content of an object put in one piece by its MD5."""
    return item is not None and item.size == each["size"] and item.etag.strip('"').lower() == each["md5"]


def read(store: Store, run_id: str) -> dict[str, Any] | None:
    """The record of a run, or None."""
    if not RUN_ID.fullmatch(run_id):
        raise Failure(
            "InvalidOption",
            f"run_id is '{run_id}'; allowed are up to 63 letters, digits, '-', '_' and '.'.",
            details={"field": "run_id", "found": run_id},
        )
    return records.read(store, key(run_id))


def key(run_id: str) -> str:
    return f"runs/{run_id}/run.json"


def output_key(run_id: str, path: str) -> str:
    return f"runs/{run_id}/output/{path}"


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
