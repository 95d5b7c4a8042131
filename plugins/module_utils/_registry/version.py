# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A model version: an immutable record, and the image that holds its files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from .._core.context import Context
from .._core.failure import Failure
from .._core.launcher import user
from .._core.resource import Change, Plan, Resource, State
from .._oss.records import Record, read, write_once
from .._oss.store import Store
from .build import ImageApi, Workshop
from .image import Image
from .reference import Reference, at, parse
from .source import Model, golden_of, model_of, run_record

SCHEMA = "mlops.ack/model-version/v1"
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,51}[a-z0-9])?")
RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
FILE = "version.json"


class Wanted(NamedTuple):
    """version None: the one that has this model already, else the next free number."""

    name: str
    run_id: str
    image_repo: Reference
    base_image: Reference
    created_by: str
    version: int | None = None


def wanted(params: Mapping[str, Any], context: Context) -> Wanted:
    """What the options ask for. Raises Failure `InvalidOption`."""
    name, number = params["name"], params["version"]
    if not NAME.fullmatch(name):
        raise _invalid("name", name, "1 to 53 of a-z, 0-9 and '-', a letter or digit first and last")
    if not RUN.fullmatch(params["run_id"]):
        raise _invalid("run_id", params["run_id"], "letters, digits, '.', '_' and '-'")
    if number is not None and number < 1:
        raise _invalid("version", number, "1 or more")
    repo = parse("image_repo", params["image_repo"])
    if repo.tag or repo.digest:
        raise _invalid(
            "image_repo", params["image_repo"], "a repository without tag and digest: the version is the tag"
        )
    created_by = params["created_by"] or user(context) or "unknown"
    return Wanted(name, params["run_id"], repo, parse("base_image", params["base_image"]), created_by, number)


def _invalid(field: str, found: object, allowed: str) -> Failure:
    return Failure(
        "InvalidOption",
        f"{field} is '{found}'; it must be {allowed}.",
        details={"field": field, "found": found},
    )


class ModelVersion(Resource):
    """Records are never edited and tags never moved; a missing image is pushed again, byte for byte."""

    kind = "model_version"

    def __init__(
        self,
        store: Store,
        registry: Callable[[str], ImageApi],
        wanted: Wanted,
        workspace: Path,
        context: Context,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store, self._wanted, self._now = store, wanted, now
        self._images = registry(wanted.image_repo.host)
        self._workshop = Workshop(store, registry, workspace, context)

    def observe(self) -> State:
        """record: the version's, or None. found, tagged: what the registry has under its digest and its tag. run,
        model, golden: what it is made of. image, base: built where they have to be pushed.
        """
        wanted = self._wanted
        run = run_record(self._store, wanted.run_id)
        model = model_of(run)
        number, record = self._number(model)
        repository = wanted.image_repo.repository
        state: dict[str, Any] = {"number": number, "record": record, "model": model, "found": None}
        state["tagged"] = self._images.digest(repository, _tag(number))
        if record is not None:
            if record["model_digest"] != model.digest or not record["image"].startswith(f"{wanted.image_repo.place}@"):
                return state  # `plan` refuses it
            state["found"] = self._images.digest(repository, record["image"].rpartition("@")[2])
            if state["found"] is None and record["run_id"] != wanted.run_id:
                run = run_record(self._store, record["run_id"])  # the image says which run it is of
        if state["found"] is None:
            base = self._workshop.base(at(record["base_image"]) if record else wanted.base_image)
            image = self._workshop.build(wanted.name, number, run, model, base)
            state.update(run=run, golden=golden_of(self._store, run), base=base, image=image)
            if record is None:
                state["found"] = self._images.digest(repository, image.digest)
        return state

    def plan(self, observed: State, desired: State) -> Plan:
        """The state itself says all that is wished: `desired` is not looked at."""
        seen = observed or {}
        wanted, record, number = self._wanted, seen["record"], seen["number"]
        tag = f"{wanted.image_repo.place}:{_tag(number)}"
        if record is not None:
            self._refuse_changes(record, seen["model"])
        after = record or self._record(seen)
        digest = after["image"].rpartition("@")[2]
        if seen["tagged"] not in (None, digest):
            raise Failure(
                "TagMoved",
                f"The tag {tag} points to {seen['tagged']}, but {wanted.name}-v{number} is {digest}.",
                resource=f"image/{tag}",
                hint="Something else pushed there. Tags of versions are never moved: remove that tag, or take another "
                "image_repo or version.",
                details={"tag": tag, "found": seen["tagged"], "wanted": digest},
            )
        changes = [Change("image", None, after["image"])] if seen["found"] is None else []
        if seen["tagged"] is None:
            changes.append(Change("image_tag", None, tag))
        if record is None:
            changes.append(Change("record", None, {key: after[key] for key in ("name", "version", "model_digest")}))
        elif (image := seen.get("image")) is not None and image.digest != digest:
            raise Failure(
                "VersionExists",
                f"The image of {wanted.name}-v{number} is gone, and cannot be made again: the record says {digest}, "
                f"the same files make {image.digest} now.",
                resource=f"model_version/{wanted.name}-v{number}",
                hint="Restore the image from a copy of the registry, or register the run as a new version.",
            )
        shown = {**after, "reference": f"{wanted.name}-v{number}"}
        if not changes:
            return Plan("none", shown)
        return Plan("create" if record is None else "update", shown, tuple(sorted(changes)), work=seen)

    def apply(self, plan: Plan) -> None:
        after, seen = plan.after or {}, plan.work
        repository, tag = self._wanted.image_repo.repository, _tag(seen["number"])
        if seen["found"] is None:
            self._workshop.push(self._wanted.image_repo, seen["image"], seen["base"], at(after["base_image"]))
        if seen["tagged"] is None:
            found = self._images.manifest(repository, after["image"].rpartition("@")[2])
            self._images.put_manifest(repository, tag, found[1] if found else b"")
        if seen["record"] is None:
            record = {key: value for key, value in after.items() if key != "reference"}
            try:
                write_once(self._store, _key(self._wanted.name, seen["number"]), record)
            except Failure as failure:
                failure.hint = (
                    f"{failure.hint} The image {after['image_tag']} is pushed; {after['reference']} is not registered, "
                    "and nothing serves it. Run again to register it."
                ).strip()
                raise

    def verify(self, plan: Plan, desired: State) -> State:
        """The record and both names of the image, read back."""
        if plan.action == "none":
            return plan.after
        after, wanted = dict(plan.after or {}), self._wanted
        repository, digest = wanted.image_repo.repository, after["image"].rpartition("@")[2]
        reference = after.pop("reference")
        number = after["version"]
        found = {
            "image": self._images.digest(repository, digest) == digest,
            "image_tag": self._images.digest(repository, _tag(number)) == digest,
            "record": read(self._store, _key(wanted.name, number)) == after,
        }
        lost = [name for name, is_there in found.items() if not is_there]
        if lost:
            raise Failure(
                "NotApplied",
                f"The {' and '.join(lost)} of {reference} cannot be read back as written.",
                resource=f"model_version/{reference}",
                hint="Run again; if it stays so, look at the registry's and the bucket's policies.",
                retryable=True,
            )
        return plan.after

    # -- reading ---------------------------------------------------------------------------------------------------

    def _number(self, model: Model) -> tuple[int, Record | None]:
        """The version meant, and its record."""
        if self._wanted.version is not None:
            return self._wanted.version, version_record(self._store, self._wanted.name, self._wanted.version)
        known = numbers(self._store, self._wanted.name)
        for number in reversed(known):
            record = version_record(self._store, self._wanted.name, number)
            if record is not None and record.get("model_digest") == model.digest:
                return number, record
        return (known[-1] + 1 if known else 1), None

    def _refuse_changes(self, record: Record, model: Model) -> None:
        name = f"{self._wanted.name}-v{record['version']}"
        if record["model_digest"] != model.digest:
            raise Failure(
                "VersionExists",
                f"{name} is the model {record['model_digest']} of run {record['run_id']}; the run "
                f"{self._wanted.run_id} made {model.digest}. A version is never changed.",
                resource=f"model_version/{name}",
                hint="Leave version out to get the next free number.",
                details={"registered": record["model_digest"], "wanted": model.digest},
            )
        place = self._wanted.image_repo.place
        if not record["image"].startswith(f"{place}@"):
            raise Failure(
                "VersionExists",
                f"{name} is at {record['image']}; image_repo is {place}. A version is never changed.",
                resource=f"model_version/{name}",
                hint=f"Set image_repo to {record['image'].rpartition('@')[0]}.",
            )

    def _record(self, seen: Mapping[str, Any]) -> Record:
        wanted, run, model, number = self._wanted, seen["run"], seen["model"], seen["number"]
        image: Image = seen["image"]
        evaluation = run.get("evaluation") or {}
        return {
            "schema": SCHEMA,
            "name": wanted.name,
            "version": number,
            "created": self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "created_by": wanted.created_by,
            "run_id": wanted.run_id,
            "dataset": run.get("dataset"),
            "model_digest": model.digest,
            "evaluation_digest": evaluation.get("digest"),
            "image": f"{wanted.image_repo.place}@{image.digest}",
            "image_tag": f"{wanted.image_repo.place}:{_tag(number)}",
            "base_image": f"{wanted.base_image.place}@{seen['base'].digest}",
            "training_image": _training_image(run.get("job") or {}),
            "trained_by": run.get("created_by"),
            "metrics": evaluation.get("metrics"),
            "golden": seen["golden"],
            "files": [file._asdict() for file in model.files],
            "size": model.size,
        }


def numbers(store: Store, name: str) -> list[int]:
    """The versions of a model that have a record, rising."""
    found = (key.split("/") for key, _size, _etag in store.list(f"models/{name}/versions/"))
    return sorted(int(parts[3]) for parts in found if len(parts) == 5 and parts[3].isdigit() and parts[4] == FILE)


def version_record(store: Store, name: str, number: int) -> Record | None:
    return read(store, _key(name, number))


def _training_image(job: Mapping[str, Any]) -> str | None:
    """What the node really ran, by digest where the run knows it: a tag may have moved since."""
    ran = str(job.get("image_id") or "").rpartition("://")[2]
    return ran if "@sha256:" in ran else job.get("image")


def _key(name: str, number: int) -> str:
    return f"models/{name}/versions/{number}/{FILE}"


def _tag(number: int) -> str:
    return f"v{number}"
