from __future__ import annotations

from typing import Any

from ansible_collections.mlops.ack.plugins.module_utils._oss.records import append, write_once
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import Store
from ansible_collections.mlops.ack.plugins.module_utils._registry.lineage import (
    releases_of,
    serving,
    stories,
    versions_of,
)


def version(number: int) -> dict[str, Any]:
    return {
        "name": "digits",
        "version": number,
        "model_digest": f"sha256:{number}",
        "run_id": f"r{number}",
        "dataset": {"name": "digits"},
        "metrics": {"accuracy": number},
    }


def release(n: int, serving_name: str = "digits", **shares: int) -> dict[str, Any]:
    """`v1=90, v2=10`: what serves with which share."""
    return {
        "n": n,
        "serving": serving_name,
        "time": f"2026-11-{n:02}T00:00:00Z",
        "by": "alice",
        "decision": {"status": "approved"},
        "predictors": [
            {"name": name, "model_version": f"digits-{name}", "traffic_percentage": share}
            for name, share in shares.items()
        ],
    }


def gate(number: int, status: str = "approved") -> dict[str, Any]:
    return {
        "environment": "prod",
        "name": "evaluate-model",
        "status": status,
        "approvers": ["bob"],
        "subject": {"model_digest": f"sha256:{number}"},
    }


VERSIONS = [version(1), version(2), version(3), version(4)]


def test_the_state_of_a_version_is_told_from_what_was_recorded() -> None:
    releases = {"dev": [release(1, v1=100), release(2, v2=100)], "prod": [release(1, v2=90)]}
    told = stories(VERSIONS, releases, [gate(3), gate(2), gate(4, "rejected")])
    assert {each["reference"]: each["state"] for each in told} == {
        "digits-v1": "retired",
        "digits-v2": "serving",
        "digits-v3": "approved",
        "digits-v4": "candidate",
    }
    assert [each["served"] for each in told] == [["dev"], ["dev", "prod"], [], []]
    assert [each["environment"] for each in told[1]["serves"]] == ["dev", "prod"]
    assert told[2]["approvals"][0]["approvers"] == ["bob"]


def test_a_serving_names_what_it_replaced() -> None:
    assert serving([release(1, v1=100), release(2, v1=90, v2=10)], VERSIONS)[0]["before"] == {"digits-v1": 100}
    assert serving([release(1, v1=100)], VERSIONS)[0]["before"] == {}


def test_since_is_the_beginning_of_the_unbroken_service() -> None:
    releases = [release(1, v1=100), release(2, v2=100), release(3, v1=90, v2=10), release(4, v1=50, v2=50)]
    found = serving(releases, VERSIONS)[0]
    assert (found["release"], found["since"], found["by"]) == (4, "2026-11-04T00:00:00Z", "alice")
    assert [each["since"] for each in found["predictors"]] == ["2026-11-03T00:00:00Z", "2026-11-02T00:00:00Z"]
    assert [each["run_id"] for each in found["predictors"]] == ["r1", "r2"]


def test_servings_of_one_environment_are_told_apart_and_an_empty_release_ends_one() -> None:
    releases = [release(1, "a", v1=100), release(2, "b", v2=100), release(3, "a")]
    assert [each["serving"] for each in serving(releases, VERSIONS)] == ["b"]
    assert stories(VERSIONS, {"prod": releases}, [])[0]["state"] == "retired"


def test_a_version_without_a_record_is_told_without_its_origin() -> None:
    assert serving([release(1, v9=100)], VERSIONS)[0]["predictors"][0]["dataset"] is None


def test_records_are_read_from_the_store(store: Store) -> None:
    assert (versions_of(store, "digits"), releases_of(store, "digits")) == ([], {})
    for number in (10, 9):
        write_once(store, f"models/digits/versions/{number}/version.json", version(number))
    append(store, "models/digits/environments/prod/releases", {"serving": "a", "predictors": []})
    append(store, "models/digits/environments/dev/releases", {"serving": "a", "predictors": []})
    assert [each["version"] for each in versions_of(store, "digits")] == [9, 10]
    assert {name: len(found) for name, found in releases_of(store, "digits").items()} == {"dev": 1, "prod": 1}
