# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A release: one plan for prediction, diff and commands; every state that helm may have left behind."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._helm.chart import Chart
from ansible_collections.mlops.ack.plugins.module_utils._helm.info import releases
from ansible_collections.mlops.ack.plugins.module_utils._helm.release import Release, Wishes, waited_for
from tests.unit.plugins.module_utils._kube.fake_cluster import FakeCluster

OCI = Chart("oci://registry/charts/web", "1.0.0")


class FakeHelm:
    """Writes release records into a FakeCluster as helm does, and remembers what it was asked."""

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster, self.asked, self.values = cluster, [], {}  # type: ignore[var-annotated]
        self.refuse: dict[str, Failure] = {}
        self.newest = "1.0.0"

    def run(self, words: Sequence[str], deadline: Deadline, *, what: str) -> str:
        verb = words[0]
        if verb == "show":
            version = words[words.index("--version") + 1] if "--version" in words else self.newest
            self.asked.append(f"show {version}")
            return f"name: web\nversion: {self.newest if '^' in version else version}\nappVersion: '9'\n"
        self.asked.append(verb)
        if verb in self.refuse:
            raise self.refuse.pop(verb)
        if verb == "uninstall":
            for ref in [ref for ref in self.cluster.objects if ref.name.startswith("sh.helm")]:
                del self.cluster.objects[ref]
        elif verb == "rollback":
            source = self.release(int(words[2]))
            version = source["chart"]["metadata"]["version"]
            self.record(source["config"], version=version, description=f"Rollback to {words[2]}")
        else:
            path = words[words.index("--values") + 1]
            version = words[words.index("--version") + 1] if "--version" in words else self.newest
            description = words[words.index("--description") + 1] if "--description" in words else "Install complete"
            self.record(json.loads(Path(path).read_text()), version=version, description=description)
            self.values = json.loads(Path(path).read_text())
        return ""

    def revisions(self) -> list[Any]:
        return sorted(
            (ref for ref in self.cluster.objects if ref.name.startswith("sh.helm")), key=lambda ref: int(ref.name[-1])
        )

    def release(self, revision: int) -> dict[str, Any]:
        secret = self.cluster.objects[self.revisions()[revision - 1]]
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        return json.loads(gzip.decompress(packed))  # type: ignore[no-any-return]

    def record(
        self,
        config: dict[str, Any] | None = None,
        *,
        status: str = "deployed",
        version: str = "1.0.0",
        description: str = "Install complete",
    ) -> None:
        for ref in self.revisions():
            labels = self.cluster.objects[ref]["metadata"]["labels"]
            if labels["status"] == "deployed" and status == "deployed":
                labels["status"] = "superseded"
        number = len(self.revisions()) + 1
        data = {
            "name": "web",
            "namespace": "t",
            "version": number,
            "info": {"status": status, "description": description, "last_deployed": "2026-11-22T10:00:00Z"},
            "chart": {"metadata": {"name": "web", "version": version, "appVersion": "9"}},
            "config": config,
            "manifest": "",
        }
        packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(data).encode()))).decode()
        labels = {"owner": "helm", "name": "web", "status": status, "version": str(number)}
        name = f"sh.helm.release.v1.web.v{number}"
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "t", "labels": labels}}
        self.cluster.objects[self.cluster.ref(secret)] = {**secret, "data": {"release": packed}}


@pytest.fixture
def helm() -> FakeHelm:
    return FakeHelm(FakeCluster())


def bring(helm: FakeHelm, *, check: bool = False, **wishes: Any) -> Outcome:
    helm.asked.clear()
    context = helm.cluster.context
    context.check = check
    wishes = {"chart": OCI, **wishes}
    return reconcile(Release(helm.cluster, helm, Wishes("web", "t", **wishes), context), {}, context)


def without_time(outcome: Outcome) -> Any:
    release = outcome.values["release"]
    return outcome.changed, outcome.diff, {**release, "updated": None} if release else None


def both(helm: FakeHelm, **wishes: Any) -> Outcome:
    """The run, after check mode has been seen to predict it and to write nothing."""
    predicted = bring(helm, check=True, **wishes)
    assert not {"upgrade", "uninstall", "rollback"} & set(helm.asked)
    made = bring(helm, **wishes)
    assert without_time(predicted) == without_time(made)
    return made


def test_installed_once_then_left_alone(helm: FakeHelm) -> None:
    made = both(helm, values={"a": 1})
    assert made.changed and helm.asked == ["show 1.0.0", "upgrade"]
    again = bring(helm, values={"a": 1.0})
    assert not again.changed and helm.asked == [] and again.diff == {"before": {}, "after": {}}


@pytest.mark.parametrize(
    ("wishes", "asked", "after"),
    [
        pytest.param({}, [], None, id="unset values stay"),
        pytest.param({"values": {}}, ["show 1.0.0", "upgrade"], {}, id="empty values remove"),
        pytest.param({"values": {"a": True}}, ["show 1.0.0", "upgrade"], {"values.a": True}, id="true is not 1"),
        pytest.param(
            {"values": {"a": 1, "b": None}}, ["show 1.0.0", "upgrade"], {"values.b": "null"}, id="a null is a value"
        ),
        pytest.param(
            {"chart": OCI._replace(version="1.1.0")},
            ["show 1.1.0", "upgrade"],
            {"chart_version": "1.1.0"},
            id="another version",
        ),
        pytest.param({"chart": OCI._replace(version="v1.0.0")}, [], None, id="the same version, written differently"),
        pytest.param({"chart": OCI._replace(version="")}, [], None, id="no version: the installed one"),
        pytest.param({"chart": OCI._replace(version="^1.0")}, ["show ^1.0"], None, id="a range is looked up"),
    ],
)
def test_only_a_difference_is_written(
    helm: FakeHelm, wishes: dict[str, Any], asked: list[str], after: dict[str, Any] | None
) -> None:
    helm.record({"a": 1})
    made = both(helm, **wishes)
    assert helm.asked == asked and made.changed == ("upgrade" in asked)
    assert made.diff is not None and made.diff["after"] == (after or {})


def test_changed_values_do_not_move_a_free_version(helm: FakeHelm) -> None:
    helm.record({"a": 1}, version="0.9.0")
    helm.newest = "2.0.0"
    made = both(helm, chart=OCI._replace(version=""), values={"a": 2})
    assert made.values["release"]["chart_version"] == "0.9.0"


def test_a_changed_secret_is_told_but_not_shown(helm: FakeHelm) -> None:
    helm.record({"password": "hunter2-old", "more": {"token": "t1"}})
    made = both(helm, values={"password": "hunter2-new", "more": {"token": "t1"}})
    assert made.diff == {
        "before": {"values.password": "********"},
        "after": {"values.password": "******** (another value)"},
    }
    assert helm.values["password"] == "hunter2-new" and "hunter2" not in str(made)


def test_a_local_chart_is_compared_by_its_files(helm: FakeHelm, tmp_path: Path) -> None:
    (tmp_path / "Chart.yaml").write_text("name: web\nversion: 1.0.0\nappVersion: '9'\n")
    chart = Chart(str(tmp_path))
    both(helm, chart=chart, values={"a": 1})
    assert not bring(helm, chart=chart).changed
    (tmp_path / "template.yaml").write_text("x")
    edited = both(helm, chart=chart)
    assert edited.diff is not None and list(edited.diff["after"]) == ["chart_digest"]
    helm.run(["rollback", "web", "1"], Deadline(1), what="")
    assert both(helm, chart=chart).changed, "a rollback brought the old files back"
    helm.record({"a": 1})
    assert not bring(helm, chart=chart).changed, "installed by other means: version and values agree"


@pytest.mark.parametrize(
    ("status", "earlier", "recover", "outcome"),
    [
        ("failed", True, "none", "ReleaseFailed"),
        ("failed", True, "upgrade", ["upgrade"]),
        ("failed", False, "upgrade", ["upgrade"]),
        ("failed", True, "rollback", ["rollback"]),
        ("failed", False, "rollback", ["uninstall", "upgrade"]),
        ("failed", True, "reinstall", ["uninstall", "upgrade"]),
        ("pending-upgrade", True, "none", "ReleasePending"),
        ("pending-upgrade", True, "upgrade", "ReleasePending"),
        ("pending-upgrade", True, "rollback", ["rollback"]),
        ("pending-install", False, "rollback", ["uninstall", "upgrade"]),
        ("pending-rollback", True, "reinstall", ["uninstall", "upgrade"]),
        ("uninstalling", True, "none", ["uninstall", "upgrade"]),
    ],
)
def test_what_a_broken_release_is_brought_back_with(
    helm: FakeHelm, status: str, earlier: bool, recover: str, outcome: str | list[str]
) -> None:
    if earlier:
        helm.record({"a": 1})
    helm.record({"a": 1}, status=status)
    if isinstance(outcome, str):
        with pytest.raises(Failure) as refused:
            bring(helm, recover=recover, values={"a": 1})
        assert (refused.value.code, helm.asked) == (outcome, [])
        assert "recover" in refused.value.hint
        return
    both(helm, recover=recover, values={"a": 1})
    assert [word for word in helm.asked if not word.startswith("show")] == outcome
    assert not bring(helm, recover=recover, values={"a": 1}).changed


def test_after_a_rollback_comes_the_upgrade_that_was_meant(helm: FakeHelm) -> None:
    helm.record({"a": 1})
    helm.record({"a": 2}, status="failed")
    made = both(helm, recover="rollback", values={"a": 2})
    assert helm.asked == ["show 1.0.0", "rollback", "upgrade"]
    assert made.values["release"]["revision"] == 4


def test_an_operation_that_is_just_ending_is_waited_for(helm: FakeHelm) -> None:
    helm.record({"a": 1}, status="pending-install")

    def end(seconds: float) -> None:
        helm.cluster.objects.clear()
        helm.record({"a": 1})

    helm.cluster.context.sleep = end
    assert not bring(helm, values={"a": 1}).changed


def test_atomic_goes_back(helm: FakeHelm) -> None:
    broken = Failure("WaitTimeout", "upgrade failed.")
    helm.refuse["upgrade"] = broken
    with pytest.raises(Failure) as failed:
        bring(helm, atomic=True)
    assert helm.asked[-1] == "uninstall" and failed.value.details["undone"] == "uninstalled"
    helm.record({"a": 1})
    helm.refuse["upgrade"] = broken
    with pytest.raises(Failure) as failed:
        bring(helm, atomic=True, values={"a": 2})
    assert helm.asked[-1] == "rollback" and failed.value.details["undone"] == "rolled back to revision 1"


def test_absent(helm: FakeHelm) -> None:
    assert not both(helm, present=False).changed
    helm.record({}, status="failed")
    gone = both(helm, present=False, chart=None)
    assert gone.changed and helm.asked == ["uninstall"] and gone.values == {"release": None}


def test_helm_that_says_success_and_did_nothing_is_a_failure(helm: FakeHelm) -> None:
    helm.record({"a": 1})
    helm.record = lambda *args, **options: None  # type: ignore[method-assign]
    with pytest.raises(Failure) as failed:
        bring(helm, values={"a": 2})
    assert failed.value.code == "NotApplied"


def test_a_release_is_ready_when_its_workloads_are(helm: FakeHelm) -> None:
    manifest = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
---
apiVersion: batch/v1
kind: Job
metadata: {name: cleans-itself-up}
spec: {ttlSecondsAfterFinished: 1}
---
apiVersion: batch/v1
kind: Job
metadata: {name: stays}
---
# nothing
---
apiVersion: example.org/v1
kind: Widget
metadata: {name: unknown}
"""
    assert [item["metadata"]["name"] for item in waited_for(manifest)] == ["web", "stays"]


def test_info_tells_the_newest_and_with_a_name_the_history(helm: FakeHelm) -> None:
    helm.record({"password": "hunter2-hunter2"})
    helm.record({}, status="failed", description="boom")
    [found] = releases(helm.cluster, None)
    assert (found["revision"], found["status"], found["history"]) == (2, "failed", [])
    [found] = releases(helm.cluster, "t", "web")
    assert [line["description"] for line in found["history"]] == ["Install complete", "boom"]
    assert releases(helm.cluster, "elsewhere") == []


def test_records_elsewhere_are_refused(helm: FakeHelm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELM_DRIVER", "sql")
    with pytest.raises(Failure, match="HELM_DRIVER is 'sql'"):
        bring(helm)


def test_back_to_a_kept_revision_and_then_nothing(helm: FakeHelm) -> None:
    bring(helm, values={"a": 1, "password": "first-secret"})
    bring(helm, values={"a": 2}, chart=OCI._replace(version="1.1.0"))
    back = both(helm, chart=None, revision=1)
    assert helm.asked == ["rollback"]
    assert back.values["release"]["values"]["a"] == 1 and back.values["release"]["revision"] == 3
    assert back.diff is not None and back.diff["after"]["values.a"] == 1
    again = bring(helm, chart=None, revision=1)
    assert (again.changed, helm.asked) == (False, [])
    assert not bring(helm, chart=None, revision=3).changed


@pytest.mark.parametrize("revision", [3, 9], ids=["a failed one", "one that is not kept"])
def test_a_revision_that_cannot_be_gone_back_to_is_refused_with_those_that_can(helm: FakeHelm, revision: int) -> None:
    helm.record({})
    helm.record({"a": 1})
    helm.record({"a": 2}, status="failed")
    with pytest.raises(Failure, match="keeps: 1, 2") as told:
        bring(helm, chart=None, revision=revision)
    assert told.value.code == "RevisionNotFound"


def test_going_back_respects_what_recover_forbids(helm: FakeHelm) -> None:
    helm.record({})
    helm.record({"a": 1}, status="failed")
    with pytest.raises(Failure) as told:
        bring(helm, chart=None, revision=1, recover="none")
    assert told.value.code == "ReleaseFailed"
    assert bring(helm, chart=None, revision=1).changed


def test_there_must_be_a_release_to_go_back_with(helm: FakeHelm) -> None:
    with pytest.raises(Failure) as told:
        bring(helm, chart=None, revision=1)
    assert told.value.code == "RevisionNotFound"
