# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A way to an API server: the kubeconfig that tells it, and HTTP calls over it.

The Kubernetes client is imported where a connection is opened: the controller, whose workers have theirs opened by the
connection keeper, does without.
"""

from __future__ import annotations

import base64
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from .._core.documents import document
from .._core.failure import Failure
from .._core.preflight import need

CONNECT_S = 10.0


class Answer(NamedTuple):
    """headers: by their names in lower case, as HTTP/2 and some proxies write them."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class Broken(Exception):
    """No answer came; the text says why."""


class Connection(Protocol):
    """host: https://name:port. trust: the `cluster` of a kubeconfig. secrets: what the credentials are, as far as
    they are known; a call may add some.
    """

    host: str
    trust: dict[str, Any]
    secrets: set[str]

    def send(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None, timeout_s: float
    ) -> Answer:
        """One call, sent once. `target`: path and query. Raises Broken."""


class Direct:
    """A connection of this process, by the Kubernetes client's own configuration. Its files are read here: they may be
    gone when it has been made.
    """

    def __init__(self, configuration: Any) -> None:
        from kubernetes.client import ApiClient

        self._configuration = configuration
        self._pool = ApiClient(configuration=configuration).rest_client.pool_manager
        self.host: str = configuration.host.rstrip("/")
        self.secrets: set[str] = set()
        self.trust = _trust(configuration)
        if self.host.startswith("https:"):
            for name in ("ca_certs", "ca_cert_data", "cert_file", "key_file"):
                self._pool.connection_pool_kw.pop(name, None)
            self._pool.connection_pool_kw["ssl_context"] = _tls(configuration)

    def send(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None, timeout_s: float
    ) -> Answer:
        import urllib3

        headers = {**headers, **self._credentials()}
        timeout = urllib3.Timeout(total=timeout_s, connect=min(timeout_s, CONNECT_S))
        try:
            answer = self._pool.request(
                method, f"{self.host}{target}", body=body, headers=headers, retries=False, timeout=timeout
            )
        except urllib3.exceptions.HTTPError as error:
            raise Broken(str(error)) from error
        return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.data)

    def _credentials(self) -> dict[str, str]:
        """Asked at each call: a token that ends soon is renewed."""
        found = {}
        for auth in self._configuration.auth_settings().values():
            if auth["in"] == "header" and auth["value"]:
                found[auth["key"]] = auth["value"]
                self.secrets.add(str(auth["value"]).rpartition(" ")[2])
        return found


def _trust(configuration: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"server": configuration.host.rstrip("/")}
    if configuration.ssl_ca_cert:
        authority = Path(configuration.ssl_ca_cert).read_bytes()
        found["certificate-authority-data"] = base64.b64encode(authority).decode()
    if not configuration.verify_ssl:
        found["insecure-skip-tls-verify"] = True
    if name := getattr(configuration, "tls_server_name", None):
        found["tls-server-name"] = name
    return found


def _tls(configuration: Any) -> ssl.SSLContext:
    from urllib3.util.ssl_ import create_urllib3_context

    made = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if configuration.verify_ssl else ssl.CERT_NONE)
    if configuration.ssl_ca_cert:
        made.load_verify_locations(configuration.ssl_ca_cert)
    elif configuration.verify_ssl:
        made.load_default_certs()
    if configuration.cert_file:
        made.load_cert_chain(configuration.cert_file, configuration.key_file)
    return made


def open_direct(kubeconfig: str | None, context: str | None) -> Direct:
    """Raises Failure `MissingLibrary`, `InvalidKubeconfig`. No file is left: the library writes certificates that a
    kubeconfig holds into some, and removes them only where a process ends as scripts do.
    """
    try:
        import urllib3
        from kubernetes.client import Configuration
        from kubernetes.config.kube_config import KUBE_CONFIG_DEFAULT_LOCATION
    except ImportError as error:
        need("kubernetes", str(error))
        raise
    configuration = type.__call__(Configuration)
    try:
        with tempfile.TemporaryDirectory(prefix="mlops-ack-") as folder:
            _read(kubeconfig or KUBE_CONFIG_DEFAULT_LOCATION, context, configuration, folder)
            if not configuration.verify_ssl:  # the kubeconfig says so; a warning at each request adds nothing
                urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
            return Direct(configuration)
    except Exception as error:  # the loader raises its own, yaml's, OpenSSL's and OS errors
        raise Failure(
            "InvalidKubeconfig",
            f"Cannot use the kubeconfig {kubeconfig or '~/.kube/config'}: {error}.",
            hint="Set kubeconfig to a readable file (mlops.ack.ack_kubeconfig writes one).",
        ) from error


def _read(paths: str, context: str | None, configuration: Any, folder: str) -> None:
    """What one kubeconfig, or several that are merged, says. The library reads each with YAML's Python parser, which
    takes longer over the certificates of a file than all of the rest of a task; so one file is read here.
    """
    from kubernetes.config.kube_config import KubeConfigLoader, load_kube_config

    path = Path(paths).expanduser()
    if not path.is_file():
        load_kube_config(paths, context, configuration, persist_config=False, temp_file_path=folder)
        return
    loader = KubeConfigLoader(
        document(path.read_bytes()),
        active_context=context,
        config_base_path=str(path.absolute().parent),
        temp_file_path=folder,
    )
    loader.load_and_set(configuration)
