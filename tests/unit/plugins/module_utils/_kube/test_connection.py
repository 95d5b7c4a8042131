# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whom a connection trusts: a real TLS server, and kubeconfigs that know it, do not, or do not want to."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._kube.connection import Broken, open_direct

NAME = "api.test"


def certificate(folder: Path) -> bytes:
    """A certificate of its own for NAME; it and its key are in `folder`/server.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(pem + private)
    return pem


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """(https://127.0.0.1:port, its authority in base64); its certificate is for NAME."""
    authority = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    made = HTTPServer(("127.0.0.1", 0), Handler)
    made.socket = context.wrap_socket(made.socket, server_side=True)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{made.server_port}", base64.b64encode(authority).decode()
    made.shutdown()
    made.server_close()


def status(folder: Path, url: str, **cluster: Any) -> int:
    config = {
        "current-context": "x",
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "clusters": [{"name": "x", "cluster": {"server": url, **cluster}}],
        "users": [{"name": "x", "user": {"token": "a-token"}}],
    }
    (folder / "config").write_text(json.dumps(config))
    return open_direct(str(folder / "config"), None).send("GET", "/version", {}, None, 10).status


def test_a_server_is_known_by_its_authority_and_its_name(server: tuple[str, str], tmp_path: Path) -> None:
    url, authority = server
    assert status(tmp_path, url, **{"certificate-authority-data": authority, "tls-server-name": NAME}) == 200


def test_a_server_of_another_name_is_refused(server: tuple[str, str], tmp_path: Path) -> None:
    url, authority = server
    with pytest.raises(Broken, match=r"(?i)mismatch|doesn't match|not valid for"):
        status(tmp_path, url, **{"certificate-authority-data": authority})


@pytest.mark.parametrize("known", [True, False], ids=["another authority", "the machine's own"])
def test_a_server_of_another_authority_is_refused(server: tuple[str, str], tmp_path: Path, *, known: bool) -> None:
    url, _authority = server
    (tmp_path / "other").mkdir()
    other = base64.b64encode(certificate(tmp_path / "other")).decode()
    with pytest.raises(Broken, match=r"(?i)certificate verify failed"):
        status(tmp_path, url, **{"tls-server-name": NAME, **({"certificate-authority-data": other} if known else {})})


def test_a_kubeconfig_may_do_without(server: tuple[str, str], tmp_path: Path) -> None:
    assert status(tmp_path, server[0], **{"insecure-skip-tls-verify": True}) == 200


def test_an_authority_that_is_none_is_told(server: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(Failure, match="Cannot use the kubeconfig"):
        status(tmp_path, server[0], **{"certificate-authority-data": base64.b64encode(b"none").decode()})
