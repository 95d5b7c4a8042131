"""A whole release against a cluster that is a dict: its order, what a failure leaves, what a second run does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._kube.kinds import Ref, kind_of
from ansible_collections.mlops.ack.plugins.module_utils._oss import records
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import FolderStore, Store
from ansible_collections.mlops.ack.plugins.module_utils._serving.plan import Desired
from ansible_collections.mlops.ack.plugins.module_utils._serving.resource import TfServing

from .builders import desired, one
from .cluster import FakeCluster, predictor_of

STABLE, CANARY = one("stable", 1, 90), one("canary", 2, 10)
COUNTED = {"requests": 100}
HOW = ("decision", "approve", "by", "retry", "reason", "restores")


class Lab:
    """A tfserving named digits; each `run` is one run of the module."""

    def __init__(self, store: Store) -> None:
        self.cluster, self.store = FakeCluster(), store

    def run(self, *predictors: dict[str, Any], check: bool = False, wait: bool = True, **more: Any) -> Outcome:
        how = {key: more.pop(key) for key in HOW if key in more}
        wish = desired(*predictors, **more) if predictors else None
        return self.wish(wish, check=check, wait=wait, **how)

    def wish(self, wish: Desired | None, *, check: bool = False, wait: bool = True, **how: Any) -> Outcome:
        self.cluster.log.clear()
        now = [0.0]

        def sleep(seconds: float) -> None:
            now[0] += seconds

        context = Context(check=check, clock=lambda: now[0], sleep=sleep)
        serving = TfServing(
            self.cluster,
            self.store,
            "serving",
            "digits",
            "prod",
            wish,
            context,
            deadline=Deadline(60, context.clock) if wait else None,
            connect=self.cluster.connect,
            **how,
        )
        outcome = reconcile(serving, None, context)
        outcome.warnings += serving.warnings
        return outcome

    def releases(self) -> list[dict[str, Any]]:
        return records.history(self.store, "models/digits/environments/prod/releases")


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(FolderStore(tmp_path))


def position(log: list[str], text: str) -> int:
    return next(index for index, line in enumerate(log) if text in line)


# -- one release -------------------------------------------------------------------------------------------------------


def test_check_mode_predicts_what_the_run_makes_and_a_second_run_does_nothing(lab: Lab) -> None:
    predicted = lab.run(STABLE, CANARY, check=True, verify=COUNTED)
    assert (lab.cluster.log, lab.releases()) == ([], [])
    made = lab.run(STABLE, CANARY, verify=COUNTED)
    assert predicted.changed and made.changed
    assert predicted.diff == made.diff
    assert predicted.values["serving"].keys() == made.values["serving"].keys()
    assert _comparable(predicted) == _comparable(made)
    probes = lab.cluster.probes
    again = lab.run(STABLE, CANARY, verify=COUNTED)
    assert not again.changed
    assert lab.cluster.log == []
    assert lab.cluster.probes == probes
    assert len(lab.releases()) == 1
    assert lab.run(STABLE, CANARY, check=True).changed is False


def test_only_what_changes_something_needs_an_approval(lab: Lab) -> None:
    alone = one("stable", 1, 100)

    def expired() -> dict[str, Any]:
        raise Failure("NotApproved", "The approval has expired.")

    lab.run(alone, approve=lambda: {"approvers": ["bob"]})
    assert lab.releases()[0]["decision"] == {"approvers": ["bob"]}
    assert not lab.run(alone, approve=expired).changed
    for check in (True, False):
        with pytest.raises(Failure, match="expired"):
            lab.run(STABLE, CANARY, approve=expired, check=check)
        assert lab.cluster.log == []
    lab.cluster.objects.popitem()
    with pytest.raises(Failure, match="expired"):
        lab.run(alone, approve=expired)


def _comparable(outcome: Outcome) -> dict[str, Any]:
    """What check mode can know: not what was counted, and not the record's number."""
    serving = dict(outcome.values["serving"])
    predictors = [{**entry, "observed_percentage": None} for entry in serving["predictors"]]
    return {**serving, "predictors": predictors, "split": None, "release": None}


def test_the_result_says_where_and_how_it_serves(lab: Lab) -> None:
    serving = lab.run(STABLE, CANARY, verify=COUNTED).values["serving"]
    assert serving["url"] == "http://203.0.113.7/v1/models/digits:predict"
    assert serving["hostnames"] == ["digits.test"]
    assert serving["split"]["observed"] == {"stable": 90.0, "canary": 10.0}
    assert [entry["observed_percentage"] for entry in serving["predictors"]] == [90.0, 10.0]
    assert [entry["state"] for entry in serving["predictors"]] == ["ready", "ready"]
    assert serving["release"] == 1
    assert lab.cluster.request.host == "digits.test"
    assert lab.cluster.request.path == "/v1/models/digits:predict"


def test_traffic_comes_after_the_predictors_and_old_ones_go_after_it(lab: Lab) -> None:
    lab.run(one("stable", 1))
    lab.run(one("stable", 2))
    log = lab.cluster.log
    new = position(log, "apply Deployment/digits-stable-")
    gone = position(log, "delete Deployment/digits-stable-")
    known, moved, final = [index for index, line in enumerate(log) if line == "apply HTTPRoute/digits"]
    assert new < known < moved < final < gone
    assert len(lab.cluster.of("Deployment")) == 1
    assert len(lab.cluster.of("ConfigMap")) == 1


def test_a_changed_share_moves_traffic_and_nothing_else(lab: Lab) -> None:
    lab.run(STABLE, CANARY)
    outcome = lab.run(one("stable", 1, 50), one("canary", 2, 50))
    assert lab.cluster.log == ["apply HTTPRoute/digits"]
    assert lab.cluster.weights() == {"stable": 50, "canary": 50}
    assert outcome.diff is not None
    assert outcome.diff["before"]["predictors.canary.traffic_percentage"] == 10
    assert outcome.diff["after"]["predictors.canary.traffic_percentage"] == 50


def test_a_removed_predictor_disappears(lab: Lab) -> None:
    lab.run(STABLE, CANARY)
    outcome = lab.run(one("canary", 2))
    assert [predictor_of(obj) for obj in lab.cluster.of("Deployment")] == ["canary"]
    assert outcome.diff is not None
    assert "predictors.stable" in outcome.diff["before"]


def test_a_dark_predictor_runs_and_gets_nothing(lab: Lab) -> None:
    lab.run(one("stable", 1, 100), one("canary", 2, 0), verify=COUNTED)
    assert lab.cluster.weights() == {"stable": 100, "canary": 0}
    lab.cluster.wrong = {"canary"}
    with pytest.raises(Failure, match="golden request"):
        lab.run(STABLE, CANARY)
    assert lab.cluster.weights() == {"stable": 100, "canary": 0}


def test_another_kind_of_route_replaces_the_first(lab: Lab) -> None:
    lab.run(one("stable", 1))
    lab.run(one("stable", 1), route={"type": "istio", "gateway": {"name": "public"}})
    assert lab.cluster.of("HTTPRoute") == []
    assert len(lab.cluster.of("VirtualService")) == 1


# -- what a failure leaves ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fault", "code"), [("broken", "CrashLoop"), ("wrong", "GoldenMismatch")])
def test_a_predictor_that_does_not_prove_itself_gets_no_traffic(lab: Lab, fault: str, code: str) -> None:
    lab.run(one("stable", 1))
    getattr(lab.cluster, fault).add("canary")
    with pytest.raises(Failure) as failed:
        lab.run(STABLE, CANARY)
    assert failed.value.code == code
    assert lab.cluster.weights() == {"stable": 100}
    assert len(lab.releases()) == 1
    getattr(lab.cluster, fault).clear()
    lab.run(STABLE, CANARY)
    assert lab.cluster.weights() == {"stable": 90, "canary": 10}


def test_a_split_that_is_not_observed_brings_the_previous_weights_back(lab: Lab) -> None:
    lab.run(one("stable", 1))
    lab.cluster.skew = "stable"
    with pytest.raises(Failure, match="The previous weights are back") as failed:
        lab.run(STABLE, CANARY, verify=COUNTED)
    assert failed.value.code == "SplitNotObserved"
    assert lab.cluster.weights() == {"stable": 100, "canary": 0}, "what is on its way to the canary still arrives"
    assert len(lab.releases()) == 1
    lab.cluster.skew = ""
    lab.run(STABLE, CANARY, verify=COUNTED)
    assert lab.cluster.weights() == {"stable": 90, "canary": 10}


def test_a_release_that_cannot_be_recorded_brings_the_previous_weights_back(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.run(one("stable", 1))

    def refuse(key: str, data: bytes, *, overwrite: bool = False) -> bool:
        raise Failure("QuotaExceeded", f"Failed to write {key}.")

    with monkeypatch.context() as full:
        full.setattr(lab.store, "put", refuse)
        with pytest.raises(Failure, match="The previous weights are back"):
            lab.run(STABLE, CANARY)
    assert lab.cluster.weights() == {"stable": 100, "canary": 0}
    assert len(lab.releases()) == 1
    lab.run(STABLE, CANARY)
    assert lab.cluster.weights() == {"stable": 90, "canary": 10}
    assert len(lab.releases()) == 2


def test_a_first_split_that_is_not_observed_leaves_no_route(lab: Lab) -> None:
    lab.cluster.skew = "stable"
    with pytest.raises(Failure):
        lab.run(STABLE, CANARY, verify=COUNTED)
    assert lab.cluster.of("HTTPRoute") == []


def test_a_release_killed_before_its_record_is_finished_by_the_next_run(lab: Lab) -> None:
    lab.run(STABLE, CANARY)
    lab.store.delete("models/digits/environments/prod/releases/1.json")
    outcome = lab.run(STABLE, CANARY, verify=COUNTED)
    assert outcome.changed
    assert lab.cluster.log == []
    assert outcome.values["serving"]["split"]["requests"] == 100, "nobody knows whether it was counted"
    assert len(lab.releases()) == 1


def test_without_waiting_traffic_is_left_to_the_next_run(lab: Lab) -> None:
    lab.run(one("stable", 1))
    lab.cluster.not_yet = {"canary"}
    started = lab.run(STABLE, CANARY, wait=False)
    assert "canary: not ready yet" in started.warnings[0]
    assert lab.cluster.weights() == {"stable": 100}
    assert len(lab.releases()) == 1
    for obj in lab.cluster.of("Deployment"):
        obj["status"].update(readyReplicas=1, availableReplicas=1)
    assert lab.run(STABLE, CANARY, wait=False).warnings == ()
    assert lab.cluster.weights() == {"stable": 90, "canary": 10}


# -- replicas ----------------------------------------------------------------------------------------------------------


def replicas(lab: Lab) -> int:
    return int(lab.cluster.of("Deployment")[0]["spec"]["replicas"])


def test_replicas_are_kept_as_asked(lab: Lab) -> None:
    lab.run(one("stable", 1, replicas=3))
    assert replicas(lab) == 3
    lab.run(one("stable", 1, replicas=2))
    assert lab.cluster.log[0].startswith("scale ")
    assert replicas(lab) == 2
    assert len(lab.releases()) == 1, "the number of pods is not what serves"


def test_an_autoscaler_keeps_its_number(lab: Lab) -> None:
    scale = {"min_replicas": 1, "max_replicas": 10}
    lab.run(one("stable", 1, replicas=3, auto_scale=scale))
    assert replicas(lab) == 3
    deployment = lab.cluster.of("Deployment")[0]
    deployment["spec"]["replicas"] = 7
    lab.cluster._settle(deployment)
    assert not lab.run(one("stable", 1, replicas=3, auto_scale=scale)).changed
    assert replicas(lab) == 7


def test_a_new_revision_under_load_begins_with_as_many_pods(lab: Lab) -> None:
    scale = {"min_replicas": 1, "max_replicas": 10}
    lab.run(one("stable", 1, auto_scale=scale))
    deployment = lab.cluster.of("Deployment")[0]
    deployment["spec"]["replicas"] = 7
    lab.cluster._settle(deployment)
    lab.run(one("stable", 2, auto_scale=scale))
    assert replicas(lab) == 7


def test_more_pods_come_before_the_traffic_and_fewer_after_it(lab: Lab) -> None:
    lab.run(one("stable", 1, 90, replicas=3), one("canary", 2, 10))
    lab.run(one("stable", 1, 10), one("canary", 2, 90, replicas=3))
    log = lab.cluster.log
    assert (
        position(log, "scale digits-canary-") < position(log, "apply HTTPRoute") < position(log, "scale digits-stable-")
    )


# -- records -----------------------------------------------------------------------------------------------------------


def test_a_release_is_recorded_with_what_decided_it(lab: Lab) -> None:
    lab.run(STABLE, CANARY, decision={"gate": "evaluate-serving", "n": 1}, by="alice")
    lab.run(one("stable", 1), by="bob")
    first, second = lab.releases()
    assert first["schema"] == "mlops.ack/release/v1"
    assert (first["environment"], first["serving"], first["by"], first["replaces"]) == ("prod", "digits", "alice", None)
    assert first["decision"] == {"gate": "evaluate-serving", "n": 1}
    assert [(each["name"], each["model_version"], each["traffic_percentage"]) for each in first["predictors"]] == [
        ("stable", "digits-v1", 90),
        ("canary", "digits-v2", 10),
    ]
    assert first["predictors"][0]["image"].startswith("registry.test/digits@sha256:")
    assert first["rendered_digest"].startswith("sha256:")
    assert (second["replaces"], second["by"], second["decision"]) == (1, "bob", None)


def test_absent_takes_the_route_first_and_records_that_nothing_serves(lab: Lab) -> None:
    lab.run(STABLE, CANARY)
    assert lab.run(check=True).changed
    outcome = lab.run()
    assert outcome.values["serving"] is None
    assert lab.cluster.log[0] == "delete HTTPRoute/digits"
    assert lab.cluster.objects == {}
    assert lab.releases()[-1]["predictors"] == []
    again = lab.run()
    assert not again.changed
    assert len(lab.releases()) == 2


def test_objects_of_others_are_left_alone(lab: Lab) -> None:
    other = {"metadata": {"name": "mine", "labels": {"mlops.ack/owner": "digits"}}}
    lab.cluster.objects[_ref("mine")] = {**other, "kind": "ConfigMap"}
    lab.run(one("stable", 1))
    lab.run()
    assert list(lab.cluster.objects) == [_ref("mine")]


def _ref(name: str) -> Ref:
    return Ref(kind_of("v1", "ConfigMap"), "serving", name)


# -- counting ----------------------------------------------------------------------------------------------------------


def test_always_counts_in_every_run(lab: Lab) -> None:
    lab.run(STABLE, CANARY)
    outcome = lab.run(STABLE, CANARY, verify={"requests": 100, "always": True})
    assert not outcome.changed
    assert outcome.values["serving"]["split"]["requests"] == 100


def test_without_golden_request_the_models_state_is_asked(lab: Lab) -> None:
    lab.cluster.wrong = {"stable", "canary"}
    lab.run(STABLE, CANARY, golden=False, verify=COUNTED)
    assert lab.cluster.request.body is None
    assert lab.cluster.request.path == "/v1/models/digits"


def test_endpoint_and_host_may_be_given(lab: Lab) -> None:
    verify = {"requests": 100, "endpoint": "http://198.51.100.1:8080/", "host": "inner.test"}
    route = {"gateway": {"name": "public"}, "hostnames": ["*.test"], "path": "/vision/"}
    outcome = lab.run(STABLE, CANARY, verify=verify, route=route)
    request = lab.cluster.request
    assert (request.endpoint, request.host) == ("http://198.51.100.1:8080", "inner.test")
    assert outcome.values["serving"]["url"] == "http://198.51.100.1:8080/vision/v1/models/digits:predict"
