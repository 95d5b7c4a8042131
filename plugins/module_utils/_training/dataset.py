# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A dataset: objects below a prefix of a bucket, named by their digest, recorded, and loaded into a volume.

Records: datasets/<name>/<hex>/manifest.json says what the digest stands for. datasets/<name>/listings/<hex>.json says
which digest a listing (keys, sizes, ETags) has, so that no object is read twice.
In the cluster the ConfigMap mlops-dataset-<name> holds `<12 hex of the digest>.<volume>` for each load that completed.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from .._core.context import Context
from .._core.failure import Failure
from .._core.resource import Change, Plan, Resource, State
from .._core.wait import Deadline
from .._kube.kinds import Ref, kind_of
from .._oss import records
from .._oss.digest import File, digest, manifest, of_file
from .._oss.store import Store
from .._oss.sync import Remote
from . import jobs
from .volume import identity

MANIFEST_SCHEMA = "mlops.ack/dataset/v1"
LISTING_SCHEMA = "mlops.ack/dataset-listing/v1"
CONFIG_MAP = kind_of("v1", "ConfigMap")
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")
READERS = 8
URL_SLACK_S = 600
LONGEST_URL_S = 7 * 24 * 3600


class Source(Protocol):
    """The objects below one prefix; paths are relative to it."""

    name: str

    def list(self) -> dict[str, Remote]: ...

    def sha256(self, path: str) -> str | None:
        """As noted when the object was uploaded; None where nobody did."""

    def download(self, path: str, place: Path) -> None: ...

    def url(self, path: str, expires_s: int) -> str:
        """A signed URL that a pod can GET."""


class Loaded(NamedTuple):
    """What of a dataset is there already."""

    in_volume: bool
    recorded: bool
    listed: bool


class Dataset(Resource):
    """Result: name, digest, count, size (bytes), path (in the volume), manifest_key (in the store). Without cluster and
    place it is named and recorded, and loaded nowhere.
    """

    kind = "dataset"

    def __init__(
        self,
        cluster: jobs.Cluster | None,
        source: Source,
        store: Store,
        place: jobs.Place | None,
        name: str,
        deadline: Deadline,
        context: Context,
        *,
        pin: str | None = None,
    ) -> None:
        if not NAME.fullmatch(name):
            raise Failure(
                "InvalidOption",
                f"name is '{name}'; allowed are up to 40 of a-z, 0-9 and '-', with a letter or digit at both ends.",
                details={"field": "name", "found": name},
            )
        self._cluster, self._source, self._store, self._place = cluster, source, store, place
        self._name, self._deadline, self._context, self._pin = name, deadline, context, pin
        self._files: list[File] = []
        self._listing_key = self._volume = ""
        self._is_listed = False

    def desired(self) -> dict[str, Any]:
        """What the bucket holds now. Raises Failure `EmptyDataset`, and for a pinned digest `MissingObject`,
        `AlteredObject` or `DatasetChanged`.
        """
        found = self._source.list()
        if not found:
            raise Failure(
                "EmptyDataset",
                f"{self._source.name} holds no objects; there is nothing to train on.",
                resource=f"dataset/{self._name}",
                hint="Correct s3.bucket and s3.prefix, or upload the data with mlops.ack.oss_sync.",
            )
        self._files = self._known(found) or self._read(found)
        now = digest(self._files)
        if self._pin and now != self._pin:
            raise self._changed(now, self._pin)
        hex_digest = now.partition(":")[2]
        return {
            "name": self._name,
            "digest": now,
            "count": len(self._files),
            "size": sum(file.size for file in self._files),
            "path": f"datasets/{self._name}/{hex_digest[:12]}",
            "manifest_key": manifest_key(self._name, now),
        }

    def observe(self) -> State:
        """Which parts of the dataset of this digest are there, each as a fact."""
        now = digest(self._files)
        return Loaded(
            in_volume=self._is_in_volume(now),
            recorded=self._is_listed or records.read(self._store, manifest_key(self._name, now)) is not None,
            listed=self._is_listed,
        )._asdict()

    def plan(self, observed: State, desired: State) -> Plan:
        there, wanted = Loaded(**(observed or {})), desired or {}
        changes = []
        if not (there.recorded and there.listed):
            changes.append(Change("manifest_key", None, wanted["manifest_key"]))
        if not there.in_volume:
            changes.append(Change("path", None, wanted["path"]))
        return Plan("create" if changes else "none", desired, tuple(changes), work=there)

    def apply(self, plan: Plan) -> None:
        """Load, then record: what could not be loaded as promised is never on record."""
        wanted: Mapping[str, Any] = plan.after or {}
        into = None if plan.work.in_volume or not (self._cluster and self._place) else (self._cluster, self._place)
        if into:
            self._load(*into, wanted)
        record = {"schema": MANIFEST_SCHEMA, "name": self._name, **manifest(self._files)}
        records.write_once(self._store, wanted["manifest_key"], record)
        listing = {"schema": LISTING_SCHEMA, "source": self._source.name, "digest": wanted["digest"]}
        records.write_once(self._store, self._listing_key, listing)
        if into:
            self._remember(*into, wanted)
        self._is_listed = True

    def verify(self, plan: Plan, desired: State) -> State:
        there = Loaded(**(self.observe() or {})) if plan.action != "none" else plan.work
        if not (there.in_volume and there.recorded):
            raise Failure(
                "NotApplied",
                f"Dataset {self._name} was loaded, but the cluster or the store does not remember it.",
                resource=f"dataset/{self._name}",
                hint="Run again.",
                retryable=True,
            )
        return plan.after

    # -- what the bucket holds -----------------------------------------------------------------------------------------

    def _known(self, found: Mapping[str, Remote]) -> list[File]:
        """The files by what was recorded for this very listing; empty where nothing was."""
        text = json.dumps([self._source.name, sorted([path, *remote] for path, remote in found.items())])
        self._listing_key = f"datasets/{self._name}/listings/{hashlib.sha256(text.encode()).hexdigest()}.json"
        listing = records.read(self._store, self._listing_key)
        record = records.read(self._store, manifest_key(self._name, listing["digest"])) if listing else None
        self._is_listed = record is not None
        return [File(**file) for file in record["files"]] if record else []

    def _read(self, found: Mapping[str, Remote]) -> list[File]:
        """The files, each with the SHA-256 that was noted at its upload, else by reading the object once."""
        with tempfile.TemporaryDirectory(prefix="mlops-dataset-") as folder:

            def one(number: int, path: str) -> File:
                sha256 = self._source.sha256(path)
                if sha256 is None:
                    place = Path(folder, str(number))
                    self._source.download(path, place)
                    sha256 = of_file(place)
                    place.unlink()
                return File(path, found[path].size, sha256)

            self._context.progress(f"dataset {self._name}: computing the digest of {len(found)} objects")
            with ThreadPoolExecutor(READERS) as pool:
                return list(pool.map(one, range(len(found)), sorted(found)))

    def _changed(self, now: str, pin: str) -> Failure:
        """Why the digest is not the pinned one, as exactly as the records permit."""
        record = records.read(self._store, manifest_key(self._name, pin))
        facts: dict[str, Any] = {"expected": pin, "found": now}
        code, why = "DatasetChanged", f"{self._store.name} has no record of the pinned one"
        if record:
            before = {file["path"]: file["sha256"] for file in record["files"]}
            after = {file.path: file.sha256 for file in self._files}
            facts["missing"] = sorted(before.keys() - after.keys())
            facts["added"] = sorted(after.keys() - before.keys())
            facts["altered"] = [
                {"key": path, "expected": before[path], "found": after[path]}
                for path in sorted(before.keys() & after.keys())
                if before[path] != after[path]
            ]
            if facts["missing"]:
                code, why = "MissingObject", f"{', '.join(facts['missing'][:3])} is missing"
            elif facts["altered"]:
                first = facts["altered"][0]
                code = "AlteredObject"
                why = f"{first['key']} has sha256 {first['found']} instead of {first['expected']}"
            else:
                why = f"{', '.join(facts['added'][:3])} was added"
        return Failure(
            code,
            f"{self._source.name} is not the dataset that was pinned: {why} (digest {now} instead of {pin}).",
            resource=f"dataset/{self._name}",
            hint="Restore the objects, or set digest to the new one if the change is meant.",
            details=facts,
        )

    # -- the volume ----------------------------------------------------------------------------------------------------

    def _is_in_volume(self, now: str) -> bool:
        """Whether this dataset was loaded; where nobody asks for a volume, nothing is missing there."""
        if not (self._cluster and self._place):
            return True
        self._volume = identity(self._cluster, self._place)
        remembered = (self._cluster.get(self._config_map(self._place)) or {}).get("data") or {}
        return self._entry(now) in remembered

    def _load(self, cluster: jobs.Cluster, place: jobs.Place, wanted: Mapping[str, Any]) -> None:
        expires_s = min(LONGEST_URL_S, int(self._deadline.remaining) + URL_SLACK_S)
        files = tuple(
            {**file._asdict(), "key": file.path, "url": self._source.url(file.path, expires_s)} for file in self._files
        )
        work = jobs.Transfer(
            jobs.name(f"mlops-load-{self._name}", wanted["digest"], self._volume), "load", wanted["path"], files
        )
        jobs.run(cluster, place, work, self._deadline, self._context)

    def _config_map(self, place: jobs.Place) -> Ref:
        return Ref(CONFIG_MAP, place.namespace, f"mlops-dataset-{self._name}")

    def _entry(self, now: str) -> str:
        return f"{now.partition(':')[2][:12]}.{self._volume}"

    def _remember(self, cluster: jobs.Cluster, place: jobs.Place, wanted: Mapping[str, Any]) -> None:
        ref = self._config_map(place)
        data = {self._entry(wanted["digest"]): json.dumps({"digest": wanted["digest"], "path": wanted["path"]})}
        if cluster.get(ref) is None:
            head = {"name": ref.name, "namespace": ref.namespace, "labels": jobs.LABELS}
            cluster.create(ref, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": head, "data": data})
        else:
            cluster.merge(ref, {"data": data})


def manifest_key(name: str, digest_text: str) -> str:
    return f"datasets/{name}/{digest_text.partition(':')[2]}/manifest.json"
