# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a ResourcePolicy lets pods go in the sandbox."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from ack_sandbox.resource_policy import COST, POLICIES, Admission, placed, policy_of, review

UNITS = [{"resource": "ecs", "max": 1}, {"resource": "eci"}]


def policy(name: str = "p", units: list[dict[str, Any]] | None = None, **selector: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"selector": selector or {"app": "x"}, "units": units or UNITS}}


def pod(admission: str = "", **spec: Any) -> dict[str, Any]:
    notes = {"scheduling.alibabacloud.com/admission": admission} if admission else {}
    return {"metadata": {"labels": {"app": "x", "z": "1"}, "annotations": notes}, "spec": spec, "status": {}}


class Cluster:
    """The API server, with one namespace."""

    def __init__(self, *pods: dict[str, Any]) -> None:
        self.pods = list(pods)

    def items(self, path: str) -> list[dict[str, Any]]:
        return [policy()] if path == POLICIES.format("n") else self.pods

    def get(self, path: str) -> dict[str, Any] | None:
        return self.pods[0]


def request(uid: str, thing: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"uid": uid, "namespace": "n", "object": thing, **more}


def changed(patch: list[dict[str, Any]]) -> dict[str, Any]:
    return {step["path"]: step["value"] for step in patch}


@pytest.mark.parametrize(
    ("policies", "found"),
    [
        pytest.param([], None, id="none"),
        pytest.param([policy("other", app="y")], None, id="of others"),
        pytest.param([policy("b"), policy("a", z="1")], "a", id="the first by name"),
    ],
)
def test_which_policy_selects_a_pod(policies: list[dict[str, Any]], found: str | None) -> None:
    selected = policy_of(pod(), policies)
    assert (selected and selected["metadata"]["name"]) == found


def test_a_pod_within_the_first_units_max_prefers_the_nodes_and_may_burst() -> None:
    patch, local = placed(pod(), policy(), 0, "uid")
    assert local
    assert changed(patch)["/spec/tolerations"][-1]["key"] == "virtual-kubelet.io/provider"
    assert "/spec/nodeSelector" not in changed(patch)
    preferred = changed(patch)["/spec/affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert preferred[0]["preference"]["matchExpressions"][0]["operator"] == "NotIn"


def test_a_pod_beyond_it_has_to_burst_with_the_labels_of_its_unit() -> None:
    acs = [UNITS[0], {"resource": "acs", "podLabels": {"class": "gpu"}}]
    patch, local = placed(pod(nodeSelector={"zone": "a"}), policy(units=acs), 1, "uid")
    assert not local
    assert changed(patch)["/spec/nodeSelector"] == {"zone": "a", "type": "virtual-kubelet"}
    assert changed(patch)["/metadata/labels"] == {"app": "x", "z": "1", "class": "gpu"}


def test_a_unit_without_max_sends_nobody_away() -> None:
    assert placed(pod(), policy(units=[{"resource": "ecs"}, {"resource": "eci"}]), 99, "uid")[1]


def test_what_was_let_in_a_moment_ago_counts_before_it_is_listed() -> None:
    cluster = Cluster()
    admission = Admission(cluster)  # type: ignore[arg-type]
    first, second = (admission.patch(request(uid, pod())) for uid in ("1", "2"))
    assert "/spec/nodeSelector" not in changed(first) and "/spec/nodeSelector" in changed(second)
    cluster.pods = [pod("1", nodeName="virtual-kubelet-cn-hangzhou-h")]  # the first found no place on the nodes
    assert "/spec/nodeSelector" not in changed(admission.patch(request("3", pod())))


def test_a_dry_run_takes_no_place() -> None:
    admission = Admission(Cluster())  # type: ignore[arg-type]
    admission.patch(request("1", pod(), dryRun=True))
    assert "/spec/nodeSelector" not in changed(admission.patch(request("2", pod())))


@pytest.mark.parametrize(
    ("admitted", "node", "cost"),
    [
        pytest.param("1", "virtual-kubelet-cn-hangzhou-h", "-100", id="burst"),
        pytest.param("1", "ack-prod", None, id="on a node"),
        pytest.param("", "virtual-kubelet-cn-hangzhou-h", None, id="without a policy"),
    ],
)
def test_what_burst_is_the_first_to_be_given_up(admitted: str, node: str, cost: str | None) -> None:
    binding = {"metadata": {}, "target": {"name": node}}
    bound = request("9", binding, name="x-1", subResource="binding")
    patch = Admission(Cluster(pod(admitted))).patch(bound)  # type: ignore[arg-type]
    assert changed(patch).get("/metadata/annotations", {}).get(COST) == cost


def test_the_answer_allows_whatever_it_changes() -> None:
    answer = review({"uid": "7"}, [{"op": "add", "path": "/x", "value": 1}])["response"]
    assert answer["allowed"] and answer["uid"] == "7"
    assert json.loads(base64.b64decode(answer["patch"]))[0]["path"] == "/x"
    assert "patch" not in review({"uid": "7"}, [])["response"]
