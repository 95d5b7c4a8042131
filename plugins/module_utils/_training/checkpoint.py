# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Checkpoints of a run: kept in the bucket while it trains, and brought back where it goes on.

runs/<run_id>/checkpoints/<n>.json names the files of one; runs/<run_id>/checkpoints/files/<sha256> is their content,
so that what two checkpoints share is stored once. Only files of the newest two are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core.context import Context
from .._core.failure import Failure
from .._core.wait import Deadline
from .._oss import records
from .._oss.digest import File, digest
from .._oss.store import Store
from . import jobs
from .dataset import LONGEST_URL_S, URL_SLACK_S
from .render import Wish, image, replica_specs
from .run import now, same
from .transfer import SNAPSHOT
from .volume import source

SCHEMA = "mlops.ack/checkpoint/v1"
KEPT = 2  # the newest may be read while the next one replaces it
KEEP_S = 600  # what one keeping may take; a training that goes on is not to wait for it

Event = dict[str, Any]


class Checkpoints:
    """The checkpoint folder of one run in one volume. every_s: how often it is kept while the job runs."""

    def __init__(
        self,
        cluster: jobs.Cluster,
        store: Store,
        place: jobs.Place,
        run_id: str,
        folder: str,
        every_s: float,
        context: Context,
        *,
        pod_endpoint: str | None = None,
    ) -> None:
        self._cluster, self._store, self._place = cluster, store, place
        self._run_id, self._folder, self._every_s = run_id, folder.strip("/"), every_s
        self._snapshot = self._folder + SNAPSHOT
        self._context, self._pod_endpoint = context, pod_endpoint
        self._due_at: float | None = None  # the job has not been seen running yet

    def restore(self, deadline: Deadline) -> int | None:
        """Bring the newest checkpoint into the volume; its number, or None where there is none.

        A folder that holds files already is left alone: what this volume has is newer than what was kept of it.
        """
        kept = last(self._store, self._run_id)
        if kept is None or self._list("list", self._folder, deadline):
            return None
        expires_s = min(LONGEST_URL_S, int(deadline.remaining) + URL_SLACK_S)
        files = tuple(
            {**file, "key": key, "url": self._store.url(key, "GET", expires_s, self._pod_endpoint)}
            for file in kept["files"]
            if (key := file_key(self._run_id, file["sha256"]))
        )
        self._context.progress(f"run {self._run_id}: goes on from checkpoint {kept['n']} of {kept['time']}")
        self._run("load", self._folder, files, deadline)
        return int(kept["n"])

    def keep_when_due(self) -> None:
        """For each look at a running job. A checkpoint that could not be kept is told, and the training goes on."""
        clock = self._context.clock()
        if self._due_at is None:
            self._due_at = clock + self._every_s
        elif clock >= self._due_at:
            self.keep()
            self._due_at = self._context.clock() + self._every_s

    def keep_last(self) -> None:
        """What a job that is given up left; nothing where it never ran."""
        if self._due_at is not None:
            self.keep()

    def keep(self) -> None:
        """Put the folder's files into the store, and on record where they are other than the last ones."""
        try:
            if number := self._keep(Deadline(KEEP_S, self._context.clock)):
                self._context.progress(f"run {self._run_id}: checkpoint {number} is in {self._store.name}")
        except Failure as failure:
            self._context.progress(f"run {self._run_id}: no checkpoint was kept ({failure.code}: {failure.message})")

    def _keep(self, deadline: Deadline) -> int | None:
        listed = self._list("snap", self._snapshot, deadline)
        files = [File(each["path"], each["size"], each["sha256"]) for each in listed]
        kept = last(self._store, self._run_id)
        if not files or (kept and kept["digest"] == digest(files)):
            return None
        self._send(listed, deadline)
        record = {
            "schema": SCHEMA,
            "run_id": self._run_id,
            "time": now(),
            "digest": digest(files),
            "files": [file._asdict() for file in sorted(files)],
        }
        number = records.append(self._store, prefix(self._run_id), record)
        self._forget()
        return number

    def _send(self, listed: list[Event], deadline: Deadline) -> None:
        have = {item.key: item for item in self._store.list(file_key(self._run_id, ""))}
        expires_s = min(LONGEST_URL_S, int(deadline.remaining) + URL_SLACK_S)
        due = []
        for each in listed:
            key = file_key(self._run_id, each["sha256"])
            if not same(have.get(key), each):
                facts = {field: each[field] for field in ("path", "size", "sha256", "md5")}
                due.append({**facts, "key": key, "url": self._store.url(key, "PUT", expires_s, self._pod_endpoint)})
        if due:
            self._run("send", self._snapshot, tuple(due), deadline)

    def _forget(self) -> None:
        """Delete files that none of the newest checkpoints names."""
        newest = records.history(self._store, prefix(self._run_id))[-KEPT:]
        named = {file_key(self._run_id, file["sha256"]) for record in newest for file in record["files"]}
        for item in self._store.list(file_key(self._run_id, "")):
            if item.key not in named:
                self._store.delete(item.key)

    def _list(self, verb: str, folder: str, deadline: Deadline) -> list[Event]:
        try:
            events = self._run(verb, folder, (), deadline)
        except Failure as failure:
            if failure.code == "MissingFile":  # nobody has made the folder yet
                return []
            raise
        return [event for event in events if event["event"] == "file"]

    def _run(self, verb: str, folder: str, files: tuple[Mapping[str, Any], ...], deadline: Deadline) -> list[Event]:
        name = jobs.name(f"mlops-checkpoint-{self._run_id}", verb, folder)
        work = jobs.Transfer(name, verb, folder, files)
        return jobs.run(self._cluster, self._place, work, deadline, self._context)


def checkpoints(
    params: Mapping[str, Any], cluster: jobs.Cluster, store: Store | None, wish: Wish, context: Context
) -> Checkpoints | None:
    """What the option `checkpoint` asks for; None where it is not set, or where the job goes.

    Raises Failure `InvalidOption` where the store is no bucket.
    """
    given = params["checkpoint"]
    if not given or store is None or params["state"] == "absent":
        return None
    if (params["store"] or {}).get("path"):
        raise Failure(
            "InvalidOption",
            f"checkpoint needs a bucket, and store.path is {params['store']['path']}; pods cannot write there.",
            hint="Set store.bucket.",
        )
    place = jobs.Place(wish.namespace, given["image"] or image(replica_specs(wish)), source(wish.volume or {}))
    endpoint, every_s = given["pod_oss_endpoint"], given["every"]
    return Checkpoints(cluster, store, place, wish.run_id, given["path"], every_s, context, pod_endpoint=endpoint)


def last(store: Store, run_id: str) -> dict[str, Any] | None:
    """The newest checkpoint's record, or None."""
    found = records.history(store, prefix(run_id))
    return found[-1] if found else None


def prefix(run_id: str) -> str:
    return f"runs/{run_id}/checkpoints"


def file_key(run_id: str, sha256: str) -> str:
    return f"{prefix(run_id)}/files/{sha256}"
