from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ansible_collections.mlops.ack.plugins.module_utils._ack.kubeconfig import Kubeconfig
from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome, reconcile

from .fake import RUNNING, FakeAck

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SERVER = "https://10.0.0.1:6443"


def certificate(until: datetime) -> str:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "u")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOON - timedelta(days=1)).not_valid_after(until)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(_pem())
    return base64.b64encode(pem).decode()


def _pem() -> Any:
    from cryptography.hazmat.primitives.serialization import Encoding

    return Encoding.PEM


def config(server: str = SERVER, until: datetime | None = None) -> str:
    user = {"client-certificate-data": certificate(until)} if until else {"token": "a-secret-token-of-a-user"}
    return yaml.safe_dump(
        {
            "current-context": "x",
            "contexts": [{"name": "x", "context": {"cluster": "k", "user": "u"}}],
            "clusters": [{"name": "k", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": user}],
        }
    )


def run(fake: FakeAck, dest: Path, *, now: datetime = NOON, check: bool = False, **options: Any) -> Outcome:
    params = {
        "cluster_name": "prod",
        "cluster_id": None,
        "region": "cn-hangzhou",
        "dest": str(dest),
        "state": "present",
        "duration_minutes": 60,
        "renew_before_minutes": 10,
        "private": False,
        **options,
    }
    context = Context(check=check)
    kubeconfig = Kubeconfig(fake, params, context, lambda: now)
    return reconcile(kubeconfig, None if params["state"] == "absent" else {}, context)


@pytest.fixture
def fake() -> FakeAck:
    made = FakeAck(RUNNING)
    made.config = config()
    return made


def test_a_file_is_written_for_its_owner_alone_and_kept(fake: FakeAck, tmp_path: Path) -> None:
    dest = tmp_path / "deep/config"
    predicted = run(fake, dest, check=True)
    assert not dest.exists()
    done = run(fake, dest)
    assert dest.read_text() == fake.config
    assert {path.stat().st_mode & 0o777 for path in dest.parent.iterdir()} == {0o600}
    assert done.values["kubeconfig"] == {"path": str(dest), "expiration": fake.expiration, "cluster_id": "c1"}
    assert (predicted.changed, predicted.diff, set(predicted.values["kubeconfig"])) == (
        True,
        done.diff,
        set(done.values["kubeconfig"]),
    )
    assert not run(fake, dest).changed
    assert "a-secret-token-of-a-user" not in json.dumps([done.values, done.diff])


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        pytest.param({"now": NOON + timedelta(minutes=49)}, False, id="valid for long enough"),
        pytest.param({"now": NOON + timedelta(minutes=51)}, True, id="about to expire"),
        pytest.param({"private": True}, True, id="another address is wanted"),
    ],
)
def test_when_it_is_renewed(fake: FakeAck, tmp_path: Path, options: dict[str, Any], changed: bool) -> None:
    run(fake, tmp_path / "config")
    fake.expiration = "2026-11-22T14:00:00Z"
    assert run(fake, tmp_path / "config", **options).changed is changed


def test_a_cluster_made_anew_gets_a_new_file(fake: FakeAck, tmp_path: Path) -> None:
    run(fake, tmp_path / "config")
    other = FakeAck({**RUNNING, "cluster_id": "c2"})
    other.config = config("https://10.0.0.2:6443")
    assert run(other, tmp_path / "config").values["kubeconfig"]["cluster_id"] == "c2"


def test_a_file_that_others_may_read_is_written_anew(fake: FakeAck, tmp_path: Path) -> None:
    run(fake, tmp_path / "config")
    (tmp_path / "config").chmod(0o644)
    assert run(fake, tmp_path / "config").changed
    assert (tmp_path / "config").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        pytest.param(config(until=NOON + timedelta(hours=1)), False, id="the certificate tells"),
        pytest.param(config(until=NOON + timedelta(minutes=5)), True, id="the certificate is about to expire"),
        pytest.param(config(), True, id="a token does not tell when it ends"),
    ],
)
def test_without_a_note_the_file_itself_is_asked(fake: FakeAck, tmp_path: Path, text: str, changed: bool) -> None:
    (tmp_path / "config").write_text(text)
    (tmp_path / "config").chmod(0o600)
    assert run(fake, tmp_path / "config").changed is changed


@pytest.mark.parametrize("state", ["present", "absent"])
@pytest.mark.parametrize("text", [config("https://elsewhere:6443"), "notes", "[]"], ids=["another's", "text", "list"])
def test_a_foreign_file_is_neither_replaced_nor_deleted(fake: FakeAck, tmp_path: Path, text: str, state: str) -> None:
    (tmp_path / "config").write_text(text)
    with pytest.raises(Failure) as told:
        run(fake, tmp_path / "config", state=state)
    assert told.value.code == "ForeignFile"
    assert (tmp_path / "config").read_text() == text


@pytest.mark.parametrize("gone", [False, True], ids=["cluster there", "cluster gone"])
def test_absent_revokes_and_deletes(fake: FakeAck, tmp_path: Path, gone: bool) -> None:
    run(fake, tmp_path / "config")
    if gone:
        fake.clusters.clear()
    assert run(fake, tmp_path / "config", state="absent", check=True).changed
    assert (tmp_path / "config").exists()
    assert run(fake, tmp_path / "config", state="absent").changed
    assert list(tmp_path.iterdir()) == []
    assert [action for action, _body in fake.writes] == ([] if gone else ["RevokeK8sClusterKubeConfig"])
    assert not run(fake, tmp_path / "config", state="absent").changed


def test_a_cluster_that_does_not_answer_has_nothing_to_revoke(fake: FakeAck, tmp_path: Path) -> None:
    run(fake, tmp_path / "config")
    fake.clusters["c1"]["state"] = "failed"
    assert run(fake, tmp_path / "config", state="absent").changed
    assert (list(tmp_path.iterdir()), fake.writes) == ([], [])


def test_a_cluster_that_does_not_run_has_none(fake: FakeAck, tmp_path: Path) -> None:
    fake.clusters["c1"]["state"] = "failed"
    with pytest.raises(Failure) as told:
        run(fake, tmp_path / "config")
    assert told.value.code == "ClusterNotRunning"


def test_an_unknown_cluster_is_met_with_those_that_are_there(fake: FakeAck, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="there are prod") as told:
        run(fake, tmp_path / "config", cluster_name="prd")
    assert told.value.code == "ClusterNotFound"


@pytest.mark.parametrize(("minutes", "before"), [(14, 0), (4321, 0), (60, 60), (60, -1)])
def test_times_that_cannot_be_are_refused(minutes: int, before: int) -> None:
    with pytest.raises(Failure) as told:
        Kubeconfig.check({"duration_minutes": minutes, "renew_before_minutes": before})
    assert told.value.code == "InvalidOption"
