# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One cluster's certificates and kubeconfigs: a CA, a front-proxy CA, and one client certificate per component."""

from __future__ import annotations

import base64
import datetime
import hashlib
import ipaddress
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .process import write_file
from .settings import ClusterAddresses

VALID_DAYS = 365
RENEW_DAYS = 30
STAMP = "stamp.json"
KUBECONFIG_USERS = ("admin", "kubelet", "controller-manager", "scheduler", "kube-proxy")


@dataclass(frozen=True, slots=True)
class Certificate:
    """What one certificate says. `server` names make it a serving certificate, without them it is a client's."""

    file: str
    common_name: str
    organization: str = ""
    authority: str = "ca"
    server: tuple[str, ...] = ()


def certificates(cluster: ClusterAddresses) -> tuple[Certificate, ...]:
    """Every certificate below the two CAs."""
    service = "kubernetes.default.svc"
    return (
        Certificate(
            "apiserver",
            "kube-apiserver",
            server=(
                *(cluster.node_ip, cluster.kubernetes_service_ip, "127.0.0.1", "localhost"),
                *("kubernetes", "kubernetes.default", service, f"{service}.cluster.local"),
            ),
        ),
        Certificate("kubelet-server", cluster.node_name, server=(cluster.node_ip, cluster.node_name)),
        Certificate("apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters"),
        Certificate("front-proxy-client", "front-proxy-client", authority="front-proxy-ca"),
        Certificate("admin", "admin", "system:masters"),
        Certificate("kubelet", f"system:node:{cluster.node_name}", "system:nodes"),
        Certificate("controller-manager", "system:kube-controller-manager"),
        Certificate("scheduler", "system:kube-scheduler"),
        Certificate("kube-proxy", "system:kube-proxy"),
    )


def is_current(cluster: ClusterAddresses, folder: Path) -> bool:
    """Whether everything is there, for the names of now, and valid for another month."""
    try:
        known = json.loads((folder / STAMP).read_text())
    except FileNotFoundError:
        return False
    renew = datetime.date.fromisoformat(known["expires"]) - datetime.timedelta(days=RENEW_DAYS)
    return bool(known["digest"] == _digest(cluster)) and datetime.datetime.now(datetime.UTC).date() < renew


def make(cluster: ClusterAddresses, folder: Path) -> None:
    """Make everything in `folder` anew. All or nothing: the stamp is written last."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    _write_all(cluster, folder)
    expires = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=VALID_DAYS)
    write_file(folder / STAMP, json.dumps({"digest": _digest(cluster), "expires": expires.isoformat()}))


def add(cluster: ClusterAddresses, folder: Path, wanted: Certificate) -> None:
    """Sign one more certificate, and make a client's kubeconfig, unless it is there."""
    if (folder / f"{wanted.file}.crt").exists():
        return
    authority = x509.load_pem_x509_certificate((folder / f"{wanted.authority}.crt").read_bytes())
    key = serialization.load_pem_private_key((folder / f"{wanted.authority}.key").read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{wanted.authority}.key is no key of ours")
    _issue(folder, wanted, authority.subject, key)
    if not wanted.server:
        write_file(folder / f"{wanted.file}.kubeconfig", kubeconfig(cluster, folder, wanted.file), mode=0o600)


def _digest(cluster: ClusterAddresses) -> str:
    wanted = json.dumps([asdict(certificate) for certificate in certificates(cluster)], sort_keys=True)
    return hashlib.sha256(wanted.encode()).hexdigest()


def _write_all(cluster: ClusterAddresses, folder: Path) -> None:
    authorities = {}
    for name in ("ca", "front-proxy-ca"):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(f"{cluster.node_name}-{name}")
        certificate = _sign(subject, key.public_key(), subject, key, usage=None, names=())
        authorities[name] = (subject, key)
        _write(folder, name, certificate, key)
    for wanted in certificates(cluster):
        _issue(folder, wanted, *authorities[wanted.authority])
    # Service account tokens are signed with RS256, what every client library can check.
    write_file(folder / "service-account.key", _pem(rsa.generate_private_key(65537, 2048)), mode=0o600)
    for user in KUBECONFIG_USERS:
        write_file(folder / f"{user}.kubeconfig", kubeconfig(cluster, folder, user), mode=0o600)


def _issue(folder: Path, wanted: Certificate, issuer: x509.Name, issuer_key: ec.EllipticCurvePrivateKey) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    usage = ExtendedKeyUsageOID.SERVER_AUTH if wanted.server else ExtendedKeyUsageOID.CLIENT_AUTH
    subject = _name(wanted.common_name, wanted.organization)
    certificate = _sign(subject, key.public_key(), issuer, issuer_key, usage=usage, names=wanted.server)
    _write(folder, wanted.file, certificate, key)


def kubeconfig(cluster: ClusterAddresses, folder: Path, user: str) -> str:
    """A kubeconfig that holds its certificates, so it can be copied elsewhere."""

    def data(file: str) -> str:
        return base64.b64encode((folder / file).read_bytes()).decode()

    name = cluster.name
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": name, "cluster": {"server": cluster.api_url, "certificate-authority-data": data("ca.crt")}}
        ],
        "users": [
            {
                "name": user,
                "user": {"client-certificate-data": data(f"{user}.crt"), "client-key-data": data(f"{user}.key")},
            }
        ],
        "contexts": [{"name": name, "context": {"cluster": name, "user": user}}],
        "current-context": name,
    }
    return yaml.safe_dump(document, sort_keys=False)


def _name(common_name: str, organization: str = "") -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _alternative_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _sign(
    subject: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    usage: x509.ObjectIdentifier | None,
    names: Sequence[str],
) -> x509.Certificate:
    """Sign one certificate; `usage` None makes a CA's."""
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        .add_extension(x509.BasicConstraints(ca=usage is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=usage is None,
                crl_sign=usage is None,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if names:
        alternatives = x509.SubjectAlternativeName([_alternative_name(text) for text in names])
        builder = builder.add_extension(alternatives, critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _write(folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    write_file(folder / f"{name}.crt", certificate.public_bytes(serialization.Encoding.PEM).decode())
    write_file(folder / f"{name}.key", _pem(key), mode=0o600)
