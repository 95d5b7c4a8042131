# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a set of manifests needs, and that it is written once and in order."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._kube.apply import apply_objects, plan_objects
from ansible_collections.mlops.ack.plugins.module_utils._kube.kinds import Ref
from ansible_collections.mlops.ack.plugins.module_utils._kube.objects import Objects, Wishes, parse, read
from tests.unit.plugins.module_utils._kube.fake_cluster import FakeCluster


def config(name: str, namespace: str = "t", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


def namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, "status": {"phase": "Active"}}


def bring(cluster: FakeCluster, *manifests: dict[str, Any], **wishes: Any) -> Outcome:
    wishes = {"wait": False, **wishes}
    return reconcile(Objects(cluster, manifests, Wishes(**wishes), cluster.context), {}, cluster.context)


def actions(outcome: Outcome) -> dict[str, str]:
    return {entry["name"]: entry["action"] for entry in outcome.values["objects"]["objects"]}


def known(entry: Any) -> Any:
    """A predicted entry without what only a real server will know."""
    metadata = {key: value for key, value in entry["resource"]["metadata"].items() if value is not None}
    return {**entry, "resource": {**entry["resource"], "metadata": metadata}}


def test_check_mode_says_what_the_run_does_and_a_second_run_does_nothing() -> None:
    manifests = [config("a", x="1"), namespace("t"), config("b", "u", x="1")]
    cluster = FakeCluster(namespace("u"), config("b", "u", x="0", y="kept"))
    cluster.context.check = True
    predicted = bring(cluster, *manifests)
    assert cluster.writes == []
    cluster.context.check = False
    made = bring(cluster, *manifests)
    assert (predicted.changed, predicted.diff) == (made.changed, made.diff)
    assert [known(entry) for entry in predicted.values["objects"]["objects"]] == made.values["objects"]["objects"]
    assert cluster.writes == ["apply Namespace/t", "apply ConfigMap/t/a", "apply ConfigMap/u/b"]
    again = bring(cluster, *manifests)
    assert not again.changed and len(cluster.writes) == 3
    assert actions(again) == {"t": "none", "a": "none", "b": "none"}


def test_a_field_that_left_the_manifest_leaves_the_object() -> None:
    cluster = FakeCluster()
    bring(cluster, config("a", x="1", y="2"))
    changed = bring(cluster, config("a", x="1"))
    assert changed.diff == {"before": {"ConfigMap/t/a data.y": "2"}, "after": {}}
    assert next(iter(cluster.objects.values()))["data"] == {"x": "1"}


def test_an_object_that_is_as_wished_is_read_once() -> None:
    cluster = FakeCluster()
    bring(cluster, config("a"))
    cluster.reads.clear()
    bring(cluster, config("a"), wait=True)
    assert cluster.reads == ["ConfigMap/t/a"]


def test_replicas_belong_to_the_autoscaler_while_there_is_one() -> None:
    def web(replicas: int) -> dict[str, Any]:
        metadata = {"name": "web", "namespace": "t"}
        return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"replicas": replicas}}

    cluster = FakeCluster()
    bring(cluster, web(1))
    ref = cluster.ref(web(1))
    scaled = {"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale"}
    cluster.objects[ref]["spec"]["replicas"] = 4
    cluster.objects[ref]["metadata"]["managedFields"].append({**scaled, "fieldsV1": {"f:spec": {"f:replicas": {}}}})
    assert bring(FakeCluster(cluster.objects[ref]), web(1)).changed, "no autoscaler: somebody scaled by hand"
    target = {"scaleTargetRef": {"kind": "Deployment", "name": "web"}}
    scaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": target}
    cluster = FakeCluster(cluster.objects[ref], {**scaler, "metadata": {"name": "web", "namespace": "t"}})
    outcome = bring(cluster, web(1))
    assert cluster.objects[ref]["spec"].get("replicas") != 1
    assert "Deployment/t/web spec.replicas" not in (outcome.diff or {})["after"]


def test_what_was_done_before_a_failure_is_told() -> None:
    def refuse(ref: Ref) -> None:
        if ref.name == "bad" and cluster.writes:
            raise Failure("Forbidden", "PATCH /api/v1/x: not allowed.")

    cluster = FakeCluster(refuse=refuse)
    plans = plan_objects(cluster, [config("bad"), namespace("t"), config("good")], "t")
    with pytest.raises(Failure, match=r"^ConfigMap/t/bad: not allowed") as failed:
        apply_objects(cluster, plans, cluster.context)
    assert failed.value.details["done"] == ["Namespace/t", "ConfigMap/t/good"]
    assert failed.value.details["not_done"] == ["ConfigMap/t/bad"]


def test_an_object_that_is_being_deleted_is_waited_for_and_made_again() -> None:
    leaving = config("a", x="1")
    leaving["metadata"]["deletionTimestamp"] = "2026-11-22T10:00:00Z"
    cluster = FakeCluster(leaving)
    plans = plan_objects(cluster, [config("a", x="1")], "t")
    assert [(plan.action, plan.is_leaving) for plan in plans] == [("create", True)]
    cluster.objects.clear()
    apply_objects(cluster, plans, cluster.context)
    assert cluster.writes == ["apply ConfigMap/t/a"]


def test_prune_takes_only_what_the_owner_left_behind() -> None:
    cluster = FakeCluster()
    bring(cluster, config("one"), config("two"), owner="set")
    bring(cluster, config("three"), owner="other")
    bring(cluster, config("four"))
    outcome = bring(cluster, config("one"), owner="set", prune=True)
    assert actions(outcome) == {"one": "none", "two": "delete"}
    assert sorted(ref.name for ref in cluster.objects) == ["four", "one", "three"]
    assert not bring(cluster, config("one"), owner="set", prune=True).changed


def test_absent_deletes_backwards_and_a_second_time_nothing() -> None:
    cluster = FakeCluster()
    bring(cluster, namespace("t"), config("a"))
    cluster.writes.clear()
    unknown = {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w"}}
    gone = bring(cluster, namespace("t"), config("a"), unknown, present=False, wait=True)
    assert gone.changed and cluster.writes == ["delete ConfigMap/t/a", "delete Namespace/t"]
    assert not bring(cluster, namespace("t"), config("a"), present=False).changed


def test_a_kind_that_nobody_can_wait_for_is_refused_before_any_write() -> None:
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.org"},
        "spec": {
            "group": "example.org",
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [{"name": "v1", "served": True}],
        },
    }
    widget = {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w"}}
    cluster = FakeCluster()
    with pytest.raises(Failure) as refused:
        bring(cluster, definition, widget, wait=True)
    assert (refused.value.code, cluster.writes) == ("UnknownWait", [])


def test_check_mode_goes_on_where_an_earlier_task_would_have_made_the_kind() -> None:
    cluster = FakeCluster(check=True)
    widget = {"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "w"}}
    assert actions(bring(cluster, widget)) == {"w": "create"}
    cluster.context.check = False
    with pytest.raises(Failure, match="knows no Widget"):
        bring(cluster, widget)


@pytest.mark.parametrize(
    ("definition", "told"),
    [
        pytest.param({"kind": "ConfigMap", "metadata": {"name": "x"}}, "has no apiVersion", id="no apiVersion"),
        pytest.param([config("a"), {"apiVersion": "v1", "kind": "Pod"}], "number 2 .* metadata.name", id="no name"),
        pytest.param([config("a"), config("a")], "given twice", id="twice"),
        pytest.param("a: [", "is no YAML", id="no YAML"),
        pytest.param("just text", "holds str", id="no mapping"),
        pytest.param([1], "holds int", id="a number"),
    ],
)
def test_a_bad_manifest_is_named(definition: Any, told: str) -> None:
    with pytest.raises(Failure, match=told):
        bring(FakeCluster(), *parse(definition))


def test_manifests_come_as_text_lists_and_files(tmp_path: Any) -> None:
    text = "apiVersion: v1\nkind: ConfigMapList\nitems:\n- {kind: A}\n- {kind: B}\n---\n---\nkind: C\n"
    assert [item["kind"] for item in parse([text, {"kind": "D"}])] == ["A", "B", "C", "D"]
    (tmp_path / "b.yml").write_text("kind: B")
    (tmp_path / "a.json").write_text('{"kind": "A"}')
    (tmp_path / "notes.txt").write_text("no manifest")
    assert [item["kind"] for item in read([str(tmp_path), str(tmp_path / "b.yml")])] == ["A", "B", "B"]
    (tmp_path / "empty").mkdir()
    for missing in ("none.yml", "empty"):
        with pytest.raises(Failure, match=missing):
            read([str(tmp_path / missing)])
