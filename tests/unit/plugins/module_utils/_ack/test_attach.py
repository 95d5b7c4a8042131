from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._ack.attach import AttachScript
from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile

from .fake import RUNNING, FakeAck

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def run(fake: FakeAck, dest: Path, *, now: datetime = NOON, check: bool = False, **options: Any) -> Outcome:
    params = {
        "cluster_name": "prod",
        "cluster_id": None,
        "region": "cn-hangzhou",
        "node_pool": "plant-7",
        "dest": str(dest),
        "state": "present",
        "arch": "amd64",
        "options": None,
        "renew_after_minutes": 60,
        **options,
    }
    context = Context(check=check)
    script = AttachScript(fake, params, context, lambda: now)
    return reconcile(script, None if params["state"] == "absent" else {}, context)


@pytest.fixture
def fake() -> FakeAck:
    made = FakeAck(RUNNING)
    made.script = "#!/bin/sh\necho a-secret-token\n"
    pools = {"plant-7": "edge", "plant-8": "edge", "cpu": "ess"}
    made.pools = [{"nodepool_info": {"nodepool_id": f"np-{n}", "name": n, "type": t}} for n, t in pools.items()]
    return made


def test_a_file_is_written_for_its_owner_alone_and_kept(fake: FakeAck, tmp_path: Path) -> None:
    dest = tmp_path / "deep/attach.sh"
    predicted = run(fake, dest, check=True)
    assert predicted.changed and not dest.exists() and fake.asked == []
    done = run(fake, dest)
    assert dest.read_text() == fake.script
    assert {path.stat().st_mode & 0o777 for path in dest.parent.iterdir()} == {0o600}
    assert fake.asked == [{"nodepool_id": "np-plant-7", "arch": "amd64", "one_time_token": True}]
    assert done.values["attach_script"]["node_pool_id"] == "np-plant-7"
    assert not run(fake, dest).changed
    assert "a-secret-token" not in json.dumps([done.values, done.diff])


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        pytest.param({"now": NOON + timedelta(minutes=59)}, False, id="young enough"),
        pytest.param({"now": NOON + timedelta(minutes=61)}, True, id="too old"),
        pytest.param({"node_pool": "plant-8"}, True, id="for another pool"),
        pytest.param({"arch": "arm64"}, True, id="for another machine"),
        pytest.param({"options": {"nodeNameOverride": "x"}}, True, id="with other settings"),
    ],
)
def test_when_another_is_fetched(fake: FakeAck, tmp_path: Path, options: dict[str, Any], changed: bool) -> None:
    run(fake, tmp_path / "attach.sh")
    assert run(fake, tmp_path / "attach.sh", **options).changed is changed


def test_a_file_that_others_may_read_is_written_anew(fake: FakeAck, tmp_path: Path) -> None:
    run(fake, tmp_path / "attach.sh")
    (tmp_path / "attach.sh").chmod(0o644)
    assert run(fake, tmp_path / "attach.sh").changed
    assert (tmp_path / "attach.sh").stat().st_mode & 0o777 == 0o600


def test_settings_are_sent_as_they_are(fake: FakeAck, tmp_path: Path) -> None:
    run(fake, tmp_path / "attach.sh", options={"nodeNameOverride": "x"})
    assert fake.asked[0]["options"] == '{"nodeNameOverride": "x"}'


@pytest.mark.parametrize(
    ("pool", "code", "words"),
    [
        pytest.param("plant-9", "NodePoolNotFound", "Node pools: cpu, plant-7, plant-8", id="unknown"),
        pytest.param("cpu", "NotAnEdgePool", "is of type ess", id="of the cloud"),
    ],
)
def test_which_pools_have_none(fake: FakeAck, tmp_path: Path, pool: str, code: str, words: str) -> None:
    with pytest.raises(Failure, match=words) as refused:
        run(fake, tmp_path / "attach.sh", node_pool=pool)
    assert refused.value.code == code


def test_a_foreign_file_is_left_alone(fake: FakeAck, tmp_path: Path) -> None:
    (tmp_path / "attach.sh").write_text("mine")
    for state in ("present", "absent"):
        with pytest.raises(Failure) as refused:
            run(fake, tmp_path / "attach.sh", state=state)
        assert refused.value.code == "ForeignFile"
    assert (tmp_path / "attach.sh").read_text() == "mine"


def test_it_is_deleted_without_asking_anybody(fake: FakeAck, tmp_path: Path) -> None:
    run(fake, tmp_path / "attach.sh")
    fake.clusters.clear()
    assert run(fake, tmp_path / "attach.sh", state="absent").changed
    assert list(tmp_path.iterdir()) == []
    assert not run(fake, tmp_path / "attach.sh", state="absent").changed


def test_a_script_that_comes_as_json_is_the_same_script(fake: FakeAck, tmp_path: Path) -> None:
    plain, fake.script = fake.script, json.dumps(fake.script)
    run(fake, tmp_path / "attach.sh")
    assert (tmp_path / "attach.sh").read_text() == plain
