from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._kube.account import AccountKubeconfig, claims

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def token(until: datetime, uid: str = "u1", account: str = "team") -> str:
    said = {
        "exp": until.timestamp(),
        "sub": f"system:serviceaccount:vision:{account}",
        "kubernetes.io": {"serviceaccount": {"uid": uid}},
    }
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, said, {}))


class FakeCluster:
    """An API server with one account. `given`: minutes that its tokens last, whatever was asked for."""

    def __init__(self, uid: str = "u1", given: int = 0, server: str = "https://10.0.0.1:6443") -> None:
        self.uid, self.given, self.asked = uid, given, list[dict[str, Any]]()
        self.trust = {"server": server, "certificate-authority-data": "Q0E="}

    def get(self, ref: Any) -> dict[str, Any] | None:
        return {"metadata": {"uid": self.uid}} if self.uid else None

    def request(self, method: str, path: str, *, body: Any = None) -> dict[str, Any]:
        self.asked.append({"path": path, **body["spec"]})
        minutes = self.given or body["spec"]["expirationSeconds"] / 60
        return {"status": {"token": token(NOON + timedelta(minutes=minutes), self.uid)}}


def run(cluster: FakeCluster, dest: Path, *, now: datetime = NOON, check: bool = False, **options: Any) -> Outcome:
    params = {
        "namespace": "vision",
        "service_account": "team",
        "dest": str(dest),
        "state": "present",
        "duration_minutes": 480,
        "renew_before_minutes": 60,
        "server": None,
        **options,
    }
    context = Context(check=check)
    resource = AccountKubeconfig(cluster, params, context, lambda: now)
    outcome = reconcile(resource, None if params["state"] == "absent" else {}, context)
    assert dest.read_text() not in str(outcome) if dest.exists() else True
    return outcome


def test_a_file_that_only_its_owner_reads_and_that_a_second_run_keeps(tmp_path: Path) -> None:
    cluster, dest = FakeCluster(), tmp_path / "folder/vision"
    predicted = run(cluster, dest, check=True)
    assert (predicted.changed, dest.exists(), cluster.asked) == (True, False, [])
    made = run(cluster, dest)
    assert dest.stat().st_mode & 0o777 == 0o600
    assert made.values["kubeconfig"]["expiration"] == "2026-11-22T20:00:00Z"
    assert cluster.asked[0]["expirationSeconds"] == 480 * 60
    config = yaml.safe_load(dest.read_text())
    assert config["contexts"][0]["context"]["namespace"] == "vision"
    assert not run(cluster, dest).changed
    assert len(cluster.asked) == 1


@pytest.mark.parametrize(
    ("cluster", "now", "options"),
    [
        pytest.param(FakeCluster(), NOON + timedelta(hours=7, minutes=1), {}, id="soon over"),
        pytest.param(FakeCluster(uid="u2"), NOON, {}, id="the account was made anew"),
        pytest.param(FakeCluster(), NOON, {"server": "https://other:6443"}, id="another address"),
    ],
)
def test_it_is_renewed(tmp_path: Path, cluster: FakeCluster, now: datetime, options: dict[str, Any]) -> None:
    dest = tmp_path / "vision"
    run(FakeCluster(), dest)
    assert run(cluster, dest, now=now, check=True, **options).changed
    assert not cluster.asked


def test_a_file_that_others_may_read_is_written_again(tmp_path: Path) -> None:
    dest = tmp_path / "vision"
    run(FakeCluster(), dest)
    dest.chmod(0o644)
    assert run(FakeCluster(), dest).changed
    assert dest.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["apiVersion: v1\nkind: Config\n", "not: [yaml", "", yaml.safe_dump({"users": []})])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_file_of_another_is_never_touched(tmp_path: Path, text: str, state: str) -> None:
    dest = tmp_path / "vision"
    dest.write_text(text)
    with pytest.raises(Failure) as refused:
        run(FakeCluster(), dest, state=state)
    assert refused.value.code == "ForeignFile"
    assert dest.read_text() == text


def test_without_an_account_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="workspace") as refused:
        run(FakeCluster(uid=""), tmp_path / "vision")
    assert refused.value.code == "NotFound"


def test_absent_deletes_the_file_also_when_the_account_is_gone(tmp_path: Path) -> None:
    dest = tmp_path / "vision"
    run(FakeCluster(), dest)
    assert run(FakeCluster(uid=""), dest, state="absent").changed
    assert not dest.exists()
    assert not run(FakeCluster(uid=""), dest, state="absent").changed


@pytest.mark.parametrize("times", [(9, 0), (525_601, 0), (60, 60), (60, -1)])
def test_times_that_cannot_be(times: tuple[int, int]) -> None:
    with pytest.raises(Failure, match="allowed"):
        AccountKubeconfig.check({"duration_minutes": times[0], "renew_before_minutes": times[1]})


@pytest.mark.parametrize("text", ["", "a.b.c", "a", "e30.e30.e30", "a.bm8.c"])
def test_what_is_no_token_claims_nothing(text: str) -> None:
    assert claims(text) == {}
