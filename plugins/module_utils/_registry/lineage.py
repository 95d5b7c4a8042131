# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What became of the versions of a model: told from records, never stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._oss.records import Record, history
from .._oss.store import Store
from .version import numbers, version_record

Releases = Mapping[str, Sequence[Record]]
"""Release records by environment, by rising number."""


def versions_of(store: Store, name: str) -> list[Record]:
    """The version records of a model, by rising number."""
    found = (version_record(store, name, number) for number in numbers(store, name))
    return [record for record in found if record is not None]


def releases_of(store: Store, name: str) -> Releases:
    """The release records of a model in every environment that it was ever released to."""
    start = f"models/{name}/environments/"
    environments = sorted({item.key[len(start) :].split("/")[0] for item in store.list(start)})
    return {each: history(store, f"{start}{each}/releases") for each in environments}


def serving(releases: Sequence[Record], versions: Sequence[Record]) -> list[dict[str, Any]]:
    """What serves in one environment now, one entry for each serving: since when, who released it by which decision,
    what it replaced (`before`: shares by version), and of each predictor what its model was trained on. An empty
    release ends a serving.
    """
    trained = {reference(each): each for each in versions}
    found = []
    for name in sorted({str(each["serving"]) for each in releases}):
        own = [each for each in releases if each["serving"] == name]
        last = own[-1]
        if last["predictors"]:
            found.append(
                {
                    "serving": name,
                    "namespace": last.get("namespace"),
                    "release": last["n"],
                    "since": last["time"],
                    "by": last.get("by"),
                    "decision": last.get("decision"),
                    "before": _shares(own[-2]) if len(own) > 1 else {},
                    "predictors": [
                        {
                            **{key: each.get(key) for key in ("name", "model_version", "traffic_percentage", "image")},
                            "since": _since(own, each["model_version"]),
                            **_origin(trained.get(each["model_version"]) or {}),
                        }
                        for each in last["predictors"]
                    ],
                }
            )
    return found


def stories(versions: Sequence[Record], releases: Releases, gates: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each version record with `reference`, `state`, `serves` (where it serves now), `served` (environments that had
    it) and `approvals` (of `gates`, those whose subject is this model and that are approved).

    state: `serving` where it serves anywhere; `retired` where it did and does no longer; `approved`; else `candidate`.
    """
    now = {environment: serving(found, versions) for environment, found in releases.items()}
    told = []
    for record in versions:
        name = reference(record)
        serves = [
            {
                "environment": environment,
                "serving": each["serving"],
                "since": predictor["since"],
                "traffic_percentage": predictor["traffic_percentage"],
            }
            for environment, found in now.items()
            for each in found
            for predictor in each["predictors"]
            if predictor["model_version"] == name
        ]
        served = sorted(
            environment for environment, found in releases.items() if any(_has(each, name) for each in found)
        )
        approvals = [
            {
                key: gate.get(key)
                for key in ("environment", "name", "source", "approvers", "reason", "decided", "expires")
            }
            for gate in gates
            if gate["status"] == "approved" and gate["subject"].get("model_digest") == record["model_digest"]
        ]
        state = "serving" if serves else "retired" if served else "approved" if approvals else "candidate"
        told.append(
            {**record, "reference": name, "state": state, "serves": serves, "served": served, "approvals": approvals}
        )
    return told


def reference(record: Mapping[str, Any]) -> str:
    return f"{record['name']}-v{record['version']}"


def _since(releases: Sequence[Record], name: str) -> str | None:
    """When the version began to serve without a break until now."""
    since = None
    for each in reversed(releases):
        if not _has(each, name):
            break
        since = each["time"]
    return since


def _shares(release: Mapping[str, Any]) -> dict[str, Any]:
    return {each["model_version"]: each.get("traffic_percentage") for each in release["predictors"]}


def _has(release: Mapping[str, Any], name: str) -> bool:
    return any(each["model_version"] == name for each in release["predictors"])


def _origin(record: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("run_id", "dataset", "training_image", "trained_by", "model_digest", "metrics")
    return {key: record.get(key) for key in kept}
