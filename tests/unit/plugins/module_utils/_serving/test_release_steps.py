"""A release in steps against a cluster that is a dict: its weights, its pauses, its way back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import GRACE_S, Deadline
from ansible_collections.mlops.ack.plugins.module_utils._oss import records
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import FolderStore

from .builders import one
from .test_resource import Lab

OLD, NEW = one("stable", 1), one("stable", 2)
WEIGHTS = [{"weight": weight} for weight in (10, 25, 50, 90)]
HEALTHY = {"digits-v1": {"requests": 90}, "digits-v2": {"requests": 10}}
GOOD = {"interval": "10s", "success_condition": "new.error_rate <= 0.01 and new.p99_ms <= 2 * old.p99_ms"}


class People:
    """A gate whose answers a test writes down: by subject, what they say."""

    def __init__(self) -> None:
        self.says: dict[str, str] = {}
        self.asked: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []

    def is_approved(self, subject: Mapping[str, Any]) -> bool:
        return self._answer(subject) == "approve"

    def ask(self, subject: Mapping[str, Any], evidence: Mapping[str, Any]) -> None:
        self.asked.append((subject, evidence))
        if self._answer(subject) != "approve":
            raise Failure("GatePending", "Nobody has decided.")

    def _answer(self, subject: Mapping[str, Any]) -> str:
        answer = self.says.get(str(subject["step"]), "")
        if answer == "reject":
            raise Failure("GateRejected", "Rejected by bob: too slow.")
        return answer


class StepLab(Lab):
    def __init__(self, folder: Path) -> None:
        super().__init__(FolderStore(folder))
        self.people = People()
        self.cluster.traffic = {name: dict(each) for name, each in HEALTHY.items()}

    def wish(self, wish: Any, **how: Any) -> Any:
        self.cluster.seen.clear()
        return super().wish(wish, gate=self.people, **how)

    def attempts(self) -> list[dict[str, Any]]:
        return records.history(self.store, "models/digits/environments/prod/attempts")

    def route(self) -> dict[str, Any]:
        return self.cluster.of("HTTPRoute")[0]


@pytest.fixture
def lab(tmp_path: Path) -> StepLab:
    return StepLab(tmp_path)


def shares(lab: StepLab) -> list[tuple[int, int]]:
    return [(each.get("stable digits-v1", 0), each.get("stable digits-v2", 0)) for each in lab.cluster.seen]


def test_traffic_goes_step_by_step_to_what_is_declared(lab: StepLab) -> None:
    lab.run(OLD, steps=WEIGHTS)
    assert shares(lab) == [(100, 0)], "the first release has nothing to step away from"
    lab.run(NEW, steps=WEIGHTS)
    assert shares(lab) == [(100, 0), (90, 10), (75, 25), (50, 50), (10, 90), (0, 100), (0, 100)]
    assert "mlops.ack/previous" not in lab.route()["metadata"].get("annotations", {})
    again = lab.run(NEW, steps=WEIGHTS)
    assert not again.changed and lab.cluster.log == []


def test_a_pause_for_a_person_ends_the_run_and_the_next_goes_on_from_there(lab: StepLab) -> None:
    steps = [{"weight": 10, "pause": "person"}, {"weight": 50}, {"weight": 90, "pause": "person"}]
    lab.run(OLD)
    predicted = lab.run(NEW, steps=steps, check=True)
    shown = {each["model_version"]: each["traffic_percentage"] for each in predicted.values["serving"]["predictors"]}
    assert shown == {"digits-v1": 90, "digits-v2": 10}
    with pytest.raises(Failure) as pending:
        lab.run(NEW, steps=steps)
    assert pending.value.code == "GatePending"
    told = pending.value.details["values"]
    assert told["changed"]
    weights = {each["model_version"]: each["traffic_percentage"] for each in told["serving"]["predictors"]}
    assert weights == {"digits-v1": 90, "digits-v2": 10}
    assert lab.people.asked[0][0]["step"] == "10 %"
    assert lab.people.asked[0][1]["serves"] == {"stable": "digits-v2"}
    assert len(lab.releases()) == 1 and lab.attempts() == []

    with pytest.raises(Failure) as still:
        lab.run(NEW, steps=steps)
    assert lab.cluster.log == [], "waiting costs no write"
    assert not still.value.details["values"]["changed"]

    lab.people.says["10 %"] = "approve"
    with pytest.raises(Failure):
        lab.run(NEW, steps=steps)
    assert shares(lab) == [(50, 50), (10, 90)]
    lab.people.says["90 %"] = "approve"
    lab.run(NEW, steps=steps)
    assert shares(lab) == [(0, 100), (0, 100)]
    assert len(lab.releases()) == 2


def test_a_rejection_brings_everything_back_and_is_not_tried_again(lab: StepLab) -> None:
    steps = [{"weight": 10, "pause": "person"}]
    lab.run(one("stable", 1, 70), one("second", 3))
    before = lab.route()["spec"]["rules"][0]["backendRefs"]
    with pytest.raises(Failure):
        lab.run(NEW, steps=steps)
    lab.people.says["10 %"] = "reject"
    with pytest.raises(Failure) as rejected:
        lab.run(NEW, steps=steps)
    assert rejected.value.code == "GateRejected"
    assert lab.route()["spec"]["rules"][0]["backendRefs"][:2] == before, "also from a later run"
    (attempt,) = lab.attempts()
    assert (attempt["code"], attempt["step"], attempt["serves_on"]) == ("GateRejected", 10, 1)
    with pytest.raises(Failure, match="too slow") as refused:
        lab.run(NEW, steps=steps)
    assert refused.value.code == "ReleaseRolledBack"
    lab.people.says.clear()
    with pytest.raises(Failure) as asked_again:
        lab.run(NEW, steps=steps, retry=True)
    assert asked_again.value.code == "GatePending"
    assert lab.people.asked[-1][0]["attempt"] == 2, "an old decision does not count for a new attempt"
    with pytest.raises(Failure) as waiting:
        lab.run(NEW, steps=steps)
    assert waiting.value.code == "GatePending", "what is under way goes on without being told again"


def test_numbers_let_a_good_release_pass(lab: StepLab) -> None:
    lab.run(OLD)
    lab.run(NEW, steps=[{"weight": 10, "analysis": GOOD}, {"weight": 100, "analysis": GOOD}])
    assert lab.people.asked == []
    assert lab.releases()[-1]["predictors"][0]["model_version"] == "digits-v2"


@pytest.mark.parametrize(
    ("traffic", "word"),
    [({"requests": 10, "errors": 4}, "new.error_rate 0.4"), ({"requests": 10, "ms": 9}, "new.p99_ms 8.9")],
    ids=["errors", "slow"],
)
def test_bad_numbers_bring_the_previous_weights_back_at_once(
    lab: StepLab, traffic: dict[str, int], word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    extended: list[float] = []
    monkeypatch.setattr(Deadline, "extend", lambda self, seconds: extended.append(seconds))
    lab.run(OLD)
    lab.cluster.traffic["digits-v2"] = traffic
    with pytest.raises(Failure, match="The previous weights are back") as failed:
        lab.run(NEW, steps=[{"weight": 10, "analysis": {**GOOD, "count": 5}}, {"weight": 50}])
    assert failed.value.code == "AnalysisFailed"
    assert word in failed.value.message
    assert shares(lab) == [(100, 0), (90, 10), (100, 0)]
    assert extended == [GRACE_S], "that may take longer than the release"
    assert len(failed.value.details["measurements"]) == 1, "one failure is enough"
    (attempt,) = lab.attempts()
    assert attempt["outcome"] == "rolled_back"
    assert attempt["measurements"] == failed.value.details["measurements"]
    assert failed.value.details["attempt"] == attempt["n"]
    with pytest.raises(Failure, match="from 10 %"):
        lab.run(NEW, steps=WEIGHTS)
    assert lab.cluster.log == []
    lab.cluster.traffic["digits-v2"] = {"requests": 10}
    lab.run(NEW, steps=WEIGHTS, retry=True)
    lab.run(OLD)
    lab.run(NEW)
    assert len(lab.releases()) == 4, "what has served since may be released again"


def test_some_failures_are_tolerated(lab: StepLab) -> None:
    lab.run(OLD)
    lab.cluster.traffic["digits-v2"] = {"requests": 10, "errors": 4}
    with pytest.raises(Failure) as failed:
        lab.run(NEW, steps=[{"weight": 10, "analysis": {**GOOD, "count": 5, "failure_limit": 2}}])
    assert len(failed.value.details["measurements"]) == 3


@pytest.mark.parametrize(
    ("analysis", "traffic"),
    [
        pytest.param(GOOD, None, id="no data"),
        pytest.param({**GOOD, "min_requests": 50}, {"requests": 10}, id="too little data"),
        pytest.param(
            {"success_condition": "new.error_rate < 0.1", "failure_condition": "new.error_rate > 0.5"},
            {"requests": 10, "errors": 2},
            id="between the conditions",
        ),
        pytest.param(
            {
                "success_condition": "prometheus.errors < 1",
                "prometheus": {"url": "http://127.0.0.1:9", "queries": {"errors": "up"}},
            },
            {"requests": 10},
            id="a Prometheus that does not answer",
        ),
    ],
)
def test_what_decides_nothing_is_a_persons_to_decide(
    lab: StepLab, analysis: dict[str, Any], traffic: dict[str, int] | None
) -> None:
    steps = [{"weight": 10, "analysis": analysis}, {"weight": 50}]
    lab.run(OLD)
    if traffic is None:
        del lab.cluster.traffic["digits-v2"]
    else:
        lab.cluster.traffic["digits-v2"] = traffic
    with pytest.raises(Failure) as pending:
        lab.run(NEW, steps=steps)
    assert pending.value.code == "GatePending"
    assert "inconclusive" in lab.people.asked[0][1]["undecided"]
    assert shares(lab)[-1] == (90, 10), "neither forward nor back"
    lab.people.says["10 %"] = "approve"
    lab.run(NEW, steps=steps)
    assert shares(lab)[0] == (50, 50)


def test_another_wish_under_way_begins_from_what_served(lab: StepLab) -> None:
    steps = [{"weight": 50, "pause": "person"}]
    lab.run(OLD)
    with pytest.raises(Failure):
        lab.run(NEW, steps=steps)
    with pytest.raises(Failure):
        lab.run(one("stable", 3), steps=steps)
    assert lab.cluster.seen[-1] == {"stable digits-v3": 50, "stable digits-v1": 50, "stable digits-v2": 0}
    lab.people.says["50 %"] = "reject"
    with pytest.raises(Failure):
        lab.run(one("stable", 3), steps=steps)
    assert lab.cluster.seen[-1]["stable digits-v1"] == 100


def test_going_back_in_the_inventory_goes_back(lab: StepLab) -> None:
    steps = [{"weight": 50, "pause": "person"}]
    lab.run(OLD)
    with pytest.raises(Failure):
        lab.run(NEW, steps=steps)
    lab.run(OLD, steps=steps)
    assert lab.cluster.seen[-1] == {"stable digits-v1": 100}
    assert len(lab.cluster.of("Deployment")) == 1


def test_two_kinds_of_routes_share_no_weights(lab: StepLab) -> None:
    lab.run(OLD)
    with pytest.raises(Failure, match="HTTPRoute to VirtualService"):
        lab.run(NEW, steps=WEIGHTS, route={"type": "istio", "gateway": {"name": "public"}})


@pytest.mark.parametrize("kind", ["istio", "alb"])
def test_other_gateways_take_steps_too(lab: StepLab, kind: str) -> None:
    steps = [{"weight": 10, "pause": "person"}]
    route = {"type": kind, "gateway": {"name": "public"}, "hostnames": ["digits.test"]}
    lab.run(OLD, route=route)
    with pytest.raises(Failure) as pending:
        lab.run(NEW, steps=steps, route=route)
    told = pending.value.details["values"]["serving"]["predictors"]
    assert {each["model_version"]: each["traffic_percentage"] for each in told} == {"digits-v1": 90, "digits-v2": 10}
    lab.people.says["10 %"] = "reject"
    with pytest.raises(Failure):
        lab.run(NEW, steps=steps, route=route)
    live = [each for each in lab.cluster.objects.values() if each["kind"] in ("VirtualService", "Ingress")]
    assert len(live) == 1
    assert "digits-stable" in str(live[0]["spec"])
    assert "mlops.ack/previous" not in str(live)


def test_a_gate_that_cannot_be_recorded_does_not_hide_why(lab: StepLab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.run(OLD)
    lab.cluster.traffic["digits-v2"] = {"requests": 10, "errors": 10}

    def lost(*ignored: Any) -> int:
        raise Failure("Unreachable", "OSS does not answer.")

    monkeypatch.setattr(records, "append", lost)
    with pytest.raises(Failure, match=r"weights are back\. That could not be recorded") as failed:
        lab.run(NEW, steps=[{"weight": 10, "analysis": GOOD}])
    assert failed.value.code == "AnalysisFailed"


def test_weights_that_cannot_be_brought_back_are_told_and_brought_back_by_the_next_run(
    lab: StepLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [{"weight": 10, "analysis": GOOD}]
    lab.run(OLD)
    lab.cluster.traffic["digits-v2"] = {"requests": 10, "errors": 10}
    write = lab.cluster.apply

    def once(manifests: Any) -> None:
        if shares(lab)[-1:] == [(90, 10)]:
            raise Failure("Unreachable", "The API does not answer.")
        write(manifests)

    monkeypatch.setattr(lab.cluster, "apply", once)
    with pytest.raises(Failure, match="could not be brought back: The API does not answer") as failed:
        lab.run(NEW, steps=steps)
    assert failed.value.code == "AnalysisFailed"
    monkeypatch.undo()
    with pytest.raises(Failure, match="The previous weights are back"):
        lab.run(NEW, steps=steps)
    assert shares(lab)[-1] == (100, 0)
