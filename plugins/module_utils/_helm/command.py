# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The edge to the helm program: argument lists in, output or a Failure out."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from .._core.context import Context
from .._core.failure import Failure
from .._core.wait import SAY_EACH_S, Deadline

STOP_S = 1.5  # for helm to write down that it was stopped


class Login(NamedTuple):
    """Who asks a registry. `host` as it stands in the chart's reference, with its port."""

    host: str
    username: str
    password: str

    @property
    def config(self) -> str:
        """As Docker, and so helm, keeps it."""
        auth = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return json.dumps({"auths": {self.host: {"auth": auth}}})


class Helm:
    """One helm program against one cluster. Neither values nor passwords stand on its command line."""

    def __init__(
        self,
        binary: str,
        kubeconfig: str | None,
        kube_context: str | None,
        context: Context,
        login: Login | None = None,
    ) -> None:
        self._binary, self._context, self._login = binary, context, login
        self._cluster = ["--kubeconfig", str(Path(kubeconfig).absolute())] if kubeconfig else []
        self._cluster += ["--kube-context", kube_context] if kube_context else []

    def run(self, words: Sequence[str], deadline: Deadline, *, what: str) -> str:
        """helm's output. Says every ten seconds that it still runs.

        Raises Failure `MissingProgram`, `WaitTimeout` at the deadline, or what `translate` reads from its error output.
        """
        program = shutil.which(self._binary)
        if not program:
            raise Failure(
                "MissingProgram",
                f"There is no program '{self._binary}' on this machine.",
                resource="program/helm",
                hint="Install helm 3, or set helm_binary to its path.",
            )
        with (
            self._environment() as environment,
            tempfile.TemporaryDirectory(prefix="helm-") as nowhere,
            tempfile.TemporaryFile("w+") as output,
            tempfile.TemporaryFile("w+") as errors,
        ):
            process = subprocess.Popen(
                [str(Path(program).absolute()), *words, *self._cluster],
                cwd=nowhere,  # helm takes a folder that happens to have the chart's name before any repository
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches it through us, once
            )
            try:
                code = self._await(process, deadline, what)
            except BaseException:
                _stop(process)
                raise
            output.seek(0)
            errors.seek(0)
            if code is None:
                raise Failure(
                    "WaitTimeout",
                    f"{what} still ran after {deadline.seconds:.0f} s and was stopped.",
                    hint="Raise wait_timeout.",
                    retryable=True,
                    details={"stderr": errors.read()[-2000:]},
                )
            if code != 0:
                raise translate(what, errors.read())
            return output.read()

    @contextlib.contextmanager
    def _environment(self) -> Iterator[dict[str, str] | None]:
        """Where helm finds the password, while it runs; None: its own."""
        if self._login is None:
            yield None
            return
        with PrivateFile(self._login.config, "registry-") as path:
            yield {**os.environ, "HELM_REGISTRY_CONFIG": path}

    def _await(self, process: subprocess.Popen[bytes], deadline: Deadline, what: str) -> int | None:
        started = said = self._context.clock()
        while True:
            try:
                return process.wait(timeout=max(0.01, min(1.0, deadline.remaining)))
            except subprocess.TimeoutExpired:
                pass
            now = self._context.clock()
            if deadline.is_over:
                _stop(process)
                return None
            if now - said >= SAY_EACH_S:
                self._context.progress(f"{what}: helm is working ({now - started:.0f} s)")
                said = now


def _stop(process: subprocess.Popen[bytes]) -> None:
    """The program and what it started; asked first, so that it can mark its release as failed."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            continue


class PrivateFile:
    """A file only its owner can read, there while the block runs."""

    def __init__(self, text: str, prefix: str = "values-") -> None:
        self._text, self._prefix = text, prefix

    def __enter__(self) -> str:
        handle, self._path = tempfile.mkstemp(prefix=self._prefix, suffix=".json")
        with os.fdopen(handle, "w") as file:
            file.write(self._text)
        return self._path

    def __exit__(self, *error: object) -> None:
        Path(self._path).unlink(missing_ok=True)


# What helm's error output means: (text, code, hint, retryable). The first match counts.
_MEANINGS: tuple[tuple[str, str, str, bool], ...] = (
    (
        r"Kubernetes cluster unreachable|couldn't get current server API group list",
        "Unreachable",
        "Is the cluster running, and is this its kubeconfig?",
        True,
    ),
    (
        r"another operation \(install/upgrade/rollback\) is in progress",
        "ReleasePending",
        "Wait for it, or set recover to rollback or reinstall if nothing runs any more.",
        True,
    ),
    (
        r"server gave HTTP response to HTTPS client",
        "ChartUnreachable",
        "The registry speaks plain HTTP; set plain_http: true.",
        False,
    ),
    (
        r"values don't meet the specifications of the schema",
        "InvalidValues",
        "Correct values; the chart's schema names the field.",
        False,
    ),
    (
        r"cannot be imported into the current release|invalid ownership metadata|cannot reuse a name",
        "OwnedElsewhere",
        "An object of the chart is there already and belongs to something else; delete it, or use another name.",
        False,
    ),
    (
        r'namespaces? "[^"]+" not found|namespace \S+ not found',
        "NamespaceMissing",
        "Set create_namespace: true, or create it first.",
        False,
    ),
    (
        r"could not be reached|no such host|connection refused|i/o timeout|network is unreachable|no route to host"
        r"|x509:|certificate",
        "ChartUnreachable",
        "Can this machine reach the chart's registry or repository?",
        True,
    ),
    (
        r"unauthorized|authentication required|basic credential not found|\b401\b",
        "ChartForbidden",
        "Set registry_username and registry_password, or log in first with 'helm registry login'.",
        False,
    ),
    (
        r"chart \S+ .*not found|chart not found|failed to fetch|path \S+ not found|Chart\.yaml file is missing"
        r"|no chart version found|no chart name found|repo \S+ not found|not a valid chart repository"
        r"|(oci|registry|manifest|tag|name unknown|repository)[^\n]*(not found|unknown)|: not found$|404 Not Found"
        r"|unable to locate any tags",
        "ChartNotFound",
        "Correct chart, version and repo_url.",
        False,
    ),
    (
        r"timed out waiting|context deadline exceeded|release \S+ failed, .*cancel",
        "WaitTimeout",
        "Raise wait_timeout.",
        True,
    ),
    (r"is forbidden|forbidden:", "Forbidden", "The user of the kubeconfig lacks this permission.", False),
    (
        r"parse error|error calling|executing \"|template:|YAML parse error|error converting YAML",
        "InvalidChart",
        "The chart's templates do not fit these values.",
        False,
    ),
)


def translate(what: str, stderr: str) -> Failure:
    """The failure in helm's own words, its last line, with a code and what to do. Unknown words: `HelmFailed`."""
    lines = [
        line for line in stderr.strip().splitlines() if line.strip() and not line.startswith(("WARNING", "level="))
    ]
    told = " ".join(line.strip() for line in lines[-3:]).removeprefix("Error: ").rstrip(".") or "no reason given"
    known = (meaning[1:] for meaning in _MEANINGS if re.search(meaning[0], stderr, re.MULTILINE))
    code, hint, retryable = next(known, ("HelmFailed", "", False))
    return Failure(
        code, f"{what} failed: {told}.", hint=hint, retryable=retryable, details={"stderr": stderr.strip()[-2000:]}
    )
