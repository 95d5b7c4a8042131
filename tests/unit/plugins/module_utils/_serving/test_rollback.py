"""Going back: which release is meant, and that its record alone makes it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._oss.records import write_once
from ansible_collections.mlops.ack.plugins.module_utils._serving import rollback, run
from ansible_collections.mlops.ack.plugins.module_utils._serving.info import history
from ansible_collections.mlops.ack.plugins.module_utils._serving.rollback import choose, options_of, roll_back
from ansible_collections.mlops.ack.plugins.module_utils._serving.run import serve

from .builders import one, params
from .cluster import FakeCluster
from .test_release_steps import People


def entry(n: int, digest: str, **more: Any) -> dict[str, Any]:
    predictors = [{"name": "stable", "model_version": f"digits-{digest}", "traffic_percentage": 100}]
    return {"n": n, "rendered_digest": digest, "environment": "prod", "predictors": predictors, **more}


V1, V2, V3 = entry(1, "v1"), entry(2, "v2"), entry(3, "v3")


@pytest.mark.parametrize(
    ("known", "wanted", "found"),
    [
        pytest.param([V1, V2, V3], "previous", 2, id="the one before"),
        pytest.param([V1, V2, V3], "1", 1, id="a number"),
        pytest.param([V1, V2, entry(3, "v1", restores=1)], "2", 2, id="forward again"),
        pytest.param([V1, V2, V3, entry(4, "v2", restores=2)], "previous", 1, id="never to what was taken away"),
        pytest.param([V1, V2, entry(3, "v2")], "previous", 1, id="the same content again is no other release"),
        pytest.param([V1, V2, entry(3, "", predictors=[])], "previous", 2, id="out of nothing"),
    ],
)
def test_the_release_meant(known: list[dict[str, Any]], wanted: str, found: int) -> None:
    assert choose(known, wanted, "digits", "prod")["n"] == found


@pytest.mark.parametrize(
    ("known", "wanted", "code", "text"),
    [
        ([], "previous", "UnknownRelease", "digits has served nothing in prod"),
        ([V1], "previous", "UnknownRelease", "release 1, and nothing else before it"),
        ([V1, V2], "7", "UnknownRelease", "no release 7; there are 1 (stable digits-v1 100 %); 2 (stable"),
        ([V1, entry(2, "", predictors=[])], "2", "UnknownRelease", "nothing in release 2, which ended it"),
        ([V1], "last", "InvalidOption", "release is 'last'; allowed are 'previous' and the number"),
    ],
)
def test_a_release_that_is_not_there_is_refused(known: list[dict[str, Any]], wanted: str, code: str, text: str) -> None:
    with pytest.raises(Failure) as refused:
        choose(known, wanted, "digits", "prod")
    assert refused.value.code == code
    assert text in refused.value.message


def test_a_record_without_what_makes_it_is_refused() -> None:
    with pytest.raises(Failure, match="release its predictors"):
        options_of(V1)
    with pytest.raises(Failure, match="predictors"):
        options_of({**V1, "options": {"predictors": [{"name": "stable", "model_versoin": "digits-v1"}]}})


class Lab:
    """Whole runs of both modules' functions against a cluster and a folder."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from ansible_collections.mlops.ack.plugins.module_utils._oss.store import FolderStore

        self.cluster, self.store, self.people = FakeCluster(), FolderStore(folder), People()
        self.folder = folder
        for module in (run, rollback):
            monkeypatch.setattr(module, "connect", lambda params, context: self.cluster)
        monkeypatch.setattr(run, "KubeCluster", lambda client, *ignored: client)
        for number in (1, 2):
            self.version(number)

    def version(self, number: int, image: str = "") -> None:
        record = {"image": image or f"registry.test/digits@sha256:{number:064x}", "model_digest": f"sha256:{number}"}
        write_once(self.store, f"models/digits/versions/{number}/version.json", record)

    def context(self) -> Context:
        now = [0.0]

        def sleep(seconds: float) -> None:
            now[0] += seconds

        return Context(clock=lambda: now[0], sleep=sleep)

    def options(self, **more: Any) -> dict[str, Any]:
        place = {"store": {"path": str(self.folder)}, "wait": True, "wait_timeout": 60}
        return {"released_by": "alice", **place, "gate": {"timeout": "1m"}, **more}

    def serve(self, *predictors: dict[str, Any], approve: Any = lambda subject: None, **more: Any) -> Any:
        wanted = {**params(*predictors, **more), **self.options()}
        return serve(wanted, self.context(), self.store, self.people, approve).values["serving"]

    def back(self, release: str = "previous", **more: Any) -> Any:
        place = {"name": "digits", "namespace": "serving", "environment": "prod", "model": None}
        asked = {
            **place,
            **self.options(),
            "release": release,
            "reason": "nines are fours",
            "released_by": "bob",
            **more,
        }
        return roll_back(asked, self.context(), self.store)

    def versions(self) -> dict[str, int]:
        return {version: weight for (version, weight) in self._weights() if weight}

    def _weights(self) -> list[tuple[str, int]]:
        refs = self.cluster.of("HTTPRoute")[0]["spec"]["rules"][0]["backendRefs"]
        return [(ref["filters"][0]["responseHeaderModifier"]["set"][1]["value"], ref["weight"]) for ref in refs]

    def told(self) -> dict[str, Any]:
        asked = {**self.options(), "name": "digits", "namespace": "serving", "environment": "prod"}
        return history(self.cluster, asked, self.context())


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    return Lab(tmp_path, monkeypatch)


def test_back_and_forward_again_from_records_alone(lab: Lab) -> None:
    first = lab.serve(one("stable", 1, batching={"batch_size": 8}, replicas=2), reason="begin")
    lab.serve(one("stable", 2))
    back = lab.back()
    assert back.changed
    serving = back.values["serving"]
    assert serving["predictors"][0]["revision"] == first["predictors"][0]["revision"], "the very same pods' content"
    assert serving["rendered_digest"] == first["rendered_digest"]
    assert lab.versions() == {"digits-v1": 100}
    told = lab.told()["releases"]
    assert [(each["n"], each["restores"], each["by"], each["reason"]) for each in told] == [
        (3, 1, "bob", "nines are fours"),
        (2, None, "alice", ""),
        (1, None, "alice", "begin"),
    ]
    assert not lab.back("1").changed, "a named release is gone back to once"
    lab.back("2")
    assert lab.versions() == {"digits-v2": 100}


def test_what_a_person_took_back_is_not_released_again_unasked(lab: Lab) -> None:
    lab.serve(one("stable", 1))
    lab.serve(one("stable", 2))
    lab.back()
    with pytest.raises(Failure, match="release 2 that bob took back") as refused:
        lab.serve(one("stable", 2))
    assert refused.value.code == "ReleaseRolledBack"
    assert "nines are fours" in refused.value.message
    lab.serve(one("stable", 2), retry=True)
    assert lab.versions() == {"digits-v2": 100}


def test_back_ends_a_release_that_is_under_way(lab: Lab) -> None:
    steps = [{"weight": 10, "pause": "person"}]
    lab.serve(one("stable", 1))
    with pytest.raises(Failure) as pending:
        lab.serve(one("stable", 2), steps=steps)
    assert pending.value.details["values"]["serving"]["under_way"]
    outcome = lab.back()
    assert lab.versions() == {"digits-v1": 100}
    assert outcome.values["serving"]["under_way"] is None
    assert lab.told()["releases"][0]["reason"] == "nines are fours"
    with pytest.raises(Failure, match="a release that bob took back"):
        lab.serve(one("stable", 2), steps=steps)


def test_out_of_nothing_without_naming_the_model(lab: Lab) -> None:
    lab.serve(one("stable", 1))
    lab.cluster.objects.clear()
    lab.back("1")
    assert lab.versions() == {"digits-v1": 100}


def test_a_version_that_is_recorded_otherwise_now_is_refused(lab: Lab) -> None:
    lab.serve(one("stable", 1))
    lab.serve(one("stable", 2))
    for number in (1, 2):
        lab.store.delete(f"models/digits/versions/{number}/version.json")
        lab.version(number, image=f"registry.test/digits@sha256:{99:064x}")
    lab.cluster.log.clear()
    for refused in (lab.back, lambda: lab.serve(one("stable", 2, 60), one("canary", 1, 40))):
        with pytest.raises(Failure, match="A version is never changed") as altered:
            refused()
        assert altered.value.code == "RecordAltered"
    assert lab.cluster.log == []


def test_a_decision_is_asked_for_by_bytes_and_recorded(lab: Lab) -> None:
    asked: list[Any] = []

    def approve(subject: Any) -> dict[str, Any]:
        asked.append(subject)
        return {"approvers": ["carol"], "record_key": "gates/prod/1.json"}

    serving = lab.serve(one("stable", 1, 90), one("canary", 2), approve=approve)
    digest = "image sha256:" + 63 * "0"
    assert asked == [
        {
            "stable": f"digits-v1 sha256:1 {digest}1 90 %",
            "canary": f"digits-v2 sha256:2 {digest}2 the rest of 100 %",
            "release": serving["rendered_digest"],
        }
    ]
    assert lab.told()["releases"][0]["approved_by"] == ["carol"]
