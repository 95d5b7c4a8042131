# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Certificates: who they are for, who signed them, and when they are made anew."""

from __future__ import annotations

import datetime
import json
import ssl
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from ack_sandbox import pki
from ack_sandbox.settings import CLUSTERS

PROD = CLUSTERS["prod"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pki") / "pki"
    pki.make(PROD, path)
    return path


def load(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())


@pytest.mark.parametrize("wanted", pki.certificates(PROD), ids=lambda wanted: wanted.file)
def test_each_certificate_is_signed_by_its_authority(folder: Path, wanted: pki.Certificate) -> None:
    certificate = load(folder, wanted.file)
    certificate.verify_directly_issued_by(load(folder, wanted.authority))
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    expected = ExtendedKeyUsageOID.SERVER_AUTH if wanted.server else ExtendedKeyUsageOID.CLIENT_AUTH
    assert list(usage) == [expected]


def test_one_more_is_signed_later_by_the_same_authority(folder: Path) -> None:
    wanted = pki.Certificate("late", "system:node:late", "system:nodes")
    pki.add(PROD, folder, wanted)
    first = (folder / "late.crt").read_text()
    pki.add(PROD, folder, wanted)
    assert (folder / "late.crt").read_text() == first
    load(folder, "late").verify_directly_issued_by(load(folder, "ca"))
    assert yaml.safe_load((folder / "late.kubeconfig").read_text())["users"][0]["name"] == "late"


def test_the_api_server_is_known_by_every_name_it_is_called(folder: Path) -> None:
    names = load(folder, "apiserver").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    assert addresses == {PROD.node_ip, PROD.kubernetes_service_ip, "127.0.0.1"}
    assert "kubernetes.default.svc" in names.get_values_for_type(x509.DNSName)


def test_keys_and_kubeconfigs_are_the_owners_alone(folder: Path) -> None:
    secrets = [*folder.glob("*.key"), *folder.glob("*.kubeconfig")]
    assert len(secrets) > 10
    assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}


def test_a_kubeconfig_needs_no_other_file(folder: Path) -> None:
    document = yaml.safe_load((folder / "admin.kubeconfig").read_text())
    assert document["clusters"][0]["cluster"]["server"] == "https://198.18.0.11:6443"
    assert set(document["users"][0]["user"]) == {"client-certificate-data", "client-key-data"}


def test_python_accepts_the_pair(folder: Path) -> None:
    context = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    context.load_cert_chain(folder / "admin.crt", folder / "admin.key")


def test_they_are_current_for_the_cluster_they_were_made_for(folder: Path, tmp_path: Path) -> None:
    assert pki.is_current(PROD, folder)
    assert not pki.is_current(CLUSTERS["dev"], folder)
    assert not pki.is_current(PROD, tmp_path)


def test_they_are_made_anew_before_they_expire(tmp_path: Path) -> None:
    pki.make(PROD, tmp_path / "pki")
    stamp = tmp_path / "pki/stamp.json"
    soon = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=pki.RENEW_DAYS - 1)
    stamp.write_text(json.dumps({**json.loads(stamp.read_text()), "expires": soon.isoformat()}))
    assert not pki.is_current(PROD, tmp_path / "pki")
