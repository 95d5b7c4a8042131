# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The edge to a container registry: requests, authentication, streaming, and the mapping of its errors.

Source: OCI distribution specification 1.1; token authentication of the distribution project.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias
from urllib.parse import quote, urlencode, urljoin, urlsplit

from .._core.context import Context
from .._core.failure import Failure
from .._core.retry import call
from .._core.wait import SAY_EACH_S, Deadline
from .image import MANIFEST

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFESTS = (MANIFEST, "application/vnd.docker.distribution.manifest.v2+json")
BLOCK = 1 << 20
LARGEST_DOCUMENT = 16 << 20
REDIRECTS = (301, 302, 303, 307, 308)
MOST_REDIRECTS = 4
REPOSITORY_SCOPE = "repository:{}:pull,push"

Body: TypeAlias = "bytes | Path | None"


class Login(NamedTuple):
    """How one registry is reached. insecure: over plain HTTP."""

    username: str = ""
    password: str = ""
    insecure: bool = False


def registries(params: Mapping[str, Any], host: str, context: Context) -> Callable[[str], Registry]:
    """A function that gives the registry of a host; the login of the options is for `host` alone."""
    given, made = params["registry"] or {}, dict[str, Registry]()
    login = Login(given.get("username") or "", given.get("password") or "", bool(given.get("insecure")))
    deadline = Deadline(params["wait_timeout"], context.clock)

    def registry(name: str) -> Registry:
        if name not in made:
            mine = login if name == host else Login()
            made[name] = Registry(name, mine, context, deadline, float(params["request_timeout"]))
        return made[name]

    return registry


class Answer(NamedTuple):
    """headers: names in lower case. data: empty where it went into a file."""

    status: int
    headers: dict[str, str]
    data: bytes


class Registry:
    """One registry. Every call ends at the deadline; what may be sent twice is tried again."""

    def __init__(self, host: str, login: Login, context: Context, deadline: Deadline, request_timeout_s: float) -> None:
        self.host = host
        self._login, self._context, self._deadline, self._timeout_s = login, context, deadline, request_timeout_s
        self._base = f"{'http' if login.insecure else 'https'}://{host}"
        self._authorization: dict[str, str] = {}  # by repository

    # -- manifests -------------------------------------------------------------------------------------------------

    def digest(self, repository: str, wanted: str) -> str | None:
        """The digest that a tag or digest leads to, or None."""
        answer = self._call(
            f"look up {self._name(repository, wanted)}",
            "HEAD",
            repository,
            f"manifests/{wanted}",
            headers={"Accept": ", ".join([*MANIFESTS, *INDEXES])},
            missing_ok=True,
        )
        if answer is None:
            return None
        return answer.headers.get("docker-content-digest") or self._computed(repository, wanted)

    def manifest(self, repository: str, wanted: str) -> tuple[str, bytes] | None:
        """(digest, the manifest's bytes), or None. Raises Failure `DigestMismatch` for bytes of another digest."""
        answer = self._call(
            f"read {self._name(repository, wanted)}",
            "GET",
            repository,
            f"manifests/{wanted}",
            headers={"Accept": ", ".join([*MANIFESTS, *INDEXES])},
            missing_ok=True,
        )
        if answer is None:
            return None
        digest = "sha256:" + hashlib.sha256(answer.data).hexdigest()
        if wanted.startswith("sha256:") and digest != wanted:
            raise self._altered(repository, wanted, digest)
        return digest, answer.data

    def put_manifest(self, repository: str, wanted: str, data: bytes) -> None:
        """Under a tag or a digest. Raises Failure `DigestMismatch` where the registry stored something else."""
        answer = self._call(
            f"write {self._name(repository, wanted)}",
            "PUT",
            repository,
            f"manifests/{wanted}",
            headers={"Content-Type": MANIFEST},
            body=data,
        )
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        stored = (answer.headers if answer else {}).get("docker-content-digest", digest)
        if stored != digest:
            raise self._altered(repository, digest, stored)

    # -- blobs -----------------------------------------------------------------------------------------------------

    def has_blob(self, repository: str, digest: str) -> bool:
        what = f"look up {self._name(repository, digest)}"
        return self._call(what, "HEAD", repository, f"blobs/{digest}", missing_ok=True) is not None

    def blob(self, repository: str, digest: str, into: Path | None = None) -> bytes:
        """A blob's bytes, or with `into` the blob in that file. Raises Failure `DigestMismatch`, `MissingBlob`."""
        what = f"read {self._name(repository, digest)}"
        answer = self._call(what, "GET", repository, f"blobs/{digest}", missing_ok=True, into=into)
        if answer is None:
            raise Failure(
                "MissingBlob",
                f"Failed to {what}: the registry does not hold it.",
                resource=f"image/{self.host}/{repository}",
                hint="The image is damaged there; push it again.",
            )
        found = _sha256(into) if into else "sha256:" + hashlib.sha256(answer.data).hexdigest()
        if found != digest:
            raise self._altered(repository, digest, found)
        return answer.data

    def mount(self, repository: str, digest: str, source: str) -> bool:
        """Take a blob over from another repository of this registry. False: it has to be sent."""
        query = urlencode({"mount": digest, "from": source})
        what = f"take {digest} over from {source}"
        answer = self._call(what, "POST", repository, f"blobs/uploads/?{query}", body=b"", missing_ok=True)
        return answer is not None and answer.status == 201

    def put_blob(self, repository: str, digest: str, body: bytes | Path) -> None:
        """Send a blob in one request, from memory or from a file, without holding the file in memory."""
        what = f"write {self._name(repository, digest)}"

        def attempt() -> None:
            opened = self._once(what, "POST", repository, "blobs/uploads/", body=b"")
            place = urljoin(f"{self._base}/", opened.headers.get("location", ""))
            place += ("&" if urlsplit(place).query else "?") + urlencode({"digest": digest})
            headers = {"Content-Type": "application/octet-stream"}
            self._once(what, "PUT", repository, place, headers=headers, body=body)

        call(attempt, self._deadline, self._context)

    # -- transport -------------------------------------------------------------------------------------------------

    def _call(
        self,
        what: str,
        method: str,
        repository: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body = None,
        missing_ok: bool = False,
        into: Path | None = None,
    ) -> Answer | None:
        """One request, tried again where it failed for a passing reason. None: 404, where `missing_ok`."""
        try:
            return call(
                lambda: self._once(what, method, repository, path, headers=headers, body=body, into=into),
                self._deadline,
                self._context,
            )
        except Failure as failure:
            if missing_ok and failure.details.get("status") == 404:
                return None
            raise

    def _once(
        self,
        what: str,
        method: str,
        repository: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body = None,
        into: Path | None = None,
    ) -> Answer:
        url = path if "://" in path else f"{self._base}/v2/{quote(repository)}/{path}"
        answer = self._send(what, method, url, self._with_token(url, repository, headers), body, into)
        if answer.status == 401 and self._authenticate(what, repository, answer.headers.get("www-authenticate", "")):
            answer = self._send(what, method, url, self._with_token(url, repository, headers), body, into)
        for _redirect in range(MOST_REDIRECTS):
            if answer.status not in REDIRECTS or method not in ("GET", "HEAD"):
                break
            url = urljoin(url, answer.headers.get("location", ""))
            answer = self._send(what, method, url, self._with_token(url, repository, headers), body, into)
        if answer.status >= 300:
            raise self._refused(what, answer)
        return answer

    def _with_token(self, url: str, repository: str, headers: Mapping[str, str] | None) -> dict[str, str]:
        """The token goes to the registry itself, never to a storage that it leads to."""
        known = self._authorization.get(repository) if urlsplit(url).netloc == self.host else None
        return {**(headers or {}), **({"Authorization": known} if known else {})}

    def _send(
        self, what: str, method: str, url: str, headers: Mapping[str, str], body: Body, into: Path | None
    ) -> Answer:
        target = urlsplit(url)
        if target.scheme != "https" and not self._login.insecure:
            raise Failure(
                "Unreachable", f"Failed to {what}: the registry leads to {target.scheme}://, not to https://."
            )
        timeout_s = max(0.1, min(self._timeout_s, self._deadline.remaining))
        with self._doing(what, target.netloc):
            connection: http.client.HTTPConnection = (
                http.client.HTTPSConnection(
                    target.netloc, timeout=timeout_s, blocksize=BLOCK, context=ssl.create_default_context()
                )
                if target.scheme == "https"
                else http.client.HTTPConnection(target.netloc, timeout=timeout_s, blocksize=BLOCK)
            )
            try:
                path = f"{target.path}?{target.query}" if target.query else target.path
                with _opened(body) as stream:
                    length = {} if body is None else {"Content-Length": str(_size(body))}
                    sent = self._watched(stream, _size(body), what) if stream is not None else None
                    connection.request(method, path, body=sent, headers={**headers, **length})
                    response = connection.getresponse()
                names = {name.lower(): value for name, value in response.getheaders()}
                if into is not None and response.status == 200:
                    self._save(response, into, int(names.get("content-length") or 0), what)
                    return Answer(response.status, names, b"")
                data = response.read(LARGEST_DOCUMENT + 1)
                if len(data) > LARGEST_DOCUMENT:
                    raise Failure("RegistryError", f"Failed to {what}: the answer is larger than a document can be.")
                return Answer(response.status, names, data)
            finally:
                connection.close()

    def _save(self, response: BinaryIO, into: Path, size: int, what: str) -> None:
        source = self._watched(response, size, what)
        written = 0
        with into.open("wb") as target:
            while block := source.read(BLOCK):
                written += target.write(block)
        if size and written != size:
            raise http.client.IncompleteRead(b"", size - written)

    def _watched(self, stream: BinaryIO, size: int, what: str) -> BinaryIO:
        return _Watched(stream, size, what, self._deadline, self._context)  # type: ignore[return-value]

    @contextmanager
    def _doing(self, what: str, address: str) -> Iterator[None]:
        """Turns what the connection raises into a Failure."""
        try:
            yield
        except ssl.SSLCertVerificationError as error:
            raise Failure(
                "Unreachable",
                f"Failed to {what}: the certificate of {address} is not trusted ({error.verify_message}).",
                hint="Add its authority to this machine, or name a bundle in SSL_CERT_FILE.",
            ) from error
        except ssl.SSLError as error:
            raise Failure(
                "Unreachable",
                f"Failed to {what}: {address} does not speak TLS ({error.reason}).",
                hint="Set registry.insecure for a registry that is reached over plain HTTP.",
            ) from error
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise Failure(
                "Unreachable",
                f"Failed to {what}: {address}: {why}.",
                hint="Check the registry's address and the network.",
                retryable=True,  # every request of ours may be sent twice: blobs and manifests are named by content
            ) from error

    # -- authentication --------------------------------------------------------------------------------------------

    def _authenticate(self, what: str, repository: str, challenge: str) -> bool:
        """Answer a challenge; False where there is nothing (new) to answer it with."""
        kind, _space, rest = challenge.partition(" ")
        said = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        basic = ""
        if self._login.username:
            pair = f"{self._login.username}:{self._login.password}".encode()
            basic = "Basic " + base64.b64encode(pair).decode()
            self._context.secrets.add(basic.removeprefix("Basic "))
        before = self._authorization.get(repository)
        if kind.lower() == "basic" and basic:
            self._authorization[repository] = basic
            return before != basic
        if kind.lower() != "bearer" or not said.get("realm"):
            return False
        query = {"scope": said.get("scope") or REPOSITORY_SCOPE.format(repository)}
        if said.get("service"):
            query["service"] = said["service"]
        realm = said["realm"] + ("&" if urlsplit(said["realm"]).query else "?") + urlencode(query)
        headers = {"Authorization": basic} if basic else {}
        answer = self._send(f"{what} (ask {urlsplit(realm).netloc} for a token)", "GET", realm, headers, None, None)
        if answer.status != 200:
            raise self._refused(f"{what} (ask {urlsplit(realm).netloc} for a token)", answer)
        told = json.loads(answer.data)
        token = told.get("token") or told.get("access_token") or ""
        self._context.secrets.add(token)
        self._authorization[repository] = f"Bearer {token}"
        return bool(token)

    # -- words -----------------------------------------------------------------------------------------------------

    def _name(self, repository: str, wanted: str) -> str:
        return f"{self.host}/{repository}{'@' if wanted.startswith('sha256:') else ':'}{wanted}"

    def _computed(self, repository: str, wanted: str) -> str | None:
        found = self.manifest(repository, wanted)
        return found[0] if found else None

    def _altered(self, repository: str, wanted: str, found: str) -> Failure:
        return Failure(
            "DigestMismatch",
            f"{self._name(repository, wanted)} has the digest {found} in the registry.",
            resource=f"image/{self.host}/{repository}",
            hint="Something on the way changes what it passes on; do not use this image.",
            details={"wanted": wanted, "found": found},
        )

    def _refused(self, what: str, answer: Answer) -> Failure:
        code, text = _said(answer.data)
        name, hint = "RegistryError", ""
        if answer.status == 401:
            name, hint = "RegistryUnauthorized", "Set registry.username and registry.password, or correct them."
        elif answer.status == 403:
            name, hint = "RegistryDenied", "This user may not do that; grant it push and pull on the repository."
        elif b"HTTP request to an HTTPS server" in answer.data:
            name, hint = "Unreachable", "This registry speaks TLS: do not set registry.insecure."
        return Failure(
            name,
            f"Failed to {what}: {text or code or 'the registry says'} ({answer.status}{f' {code}' if code else ''}).",
            resource=f"registry/{self.host}",
            hint=hint,
            retryable=answer.status == 429 or answer.status >= 500,
            details={"status": answer.status, "retry_after_s": _seconds(answer.headers.get("retry-after", ""))},
        )


class _Watched:
    """A stream that says how far it is, at least each ten seconds, and ends at the deadline."""

    def __init__(self, stream: BinaryIO, size: int, what: str, deadline: Deadline, context: Context) -> None:
        self._stream, self._size, self._what = stream, size, what
        self._deadline, self._context = deadline, context
        self._done, self._said_at = 0, context.clock()

    def read(self, size: int = BLOCK) -> bytes:
        if self._deadline.is_over:
            raise Failure(
                "WaitTimeout",
                f"Failed to {self._what}: {self._done} of {self._size} bytes after {self._deadline.seconds:.0f} s.",
                hint="Raise wait_timeout; what the registry has already is not sent again.",
            )
        block = self._stream.read(max(size, BLOCK))
        self._done += len(block)
        if self._context.clock() - self._said_at >= SAY_EACH_S:
            self._said_at = self._context.clock()
            self._context.progress(f"{self._what}: {self._done >> 20} of {self._size >> 20} MiB")
        return block


@contextmanager
def _opened(body: Body) -> Iterator[BinaryIO | None]:
    if isinstance(body, Path):
        with body.open("rb") as stream:
            yield stream
    elif body is None:
        yield None
    else:
        yield io.BytesIO(body)


def _size(body: Body) -> int:
    return body.stat().st_size if isinstance(body, Path) else len(body or b"")


def _sha256(path: Path) -> str:
    told = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            told.update(block)
    return "sha256:" + told.hexdigest()


def _said(data: bytes) -> tuple[str, str]:
    """(code, message) of the first error of an answer."""
    try:
        first = json.loads(data)["errors"][0]
        return str(first.get("code") or ""), str(first.get("message") or "")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return "", ""


def _seconds(text: str) -> float:
    return float(text) if text.isdigit() else 0.0
