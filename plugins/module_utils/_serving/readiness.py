# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ready means: this version answers, and answers right."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .._core.context import Context
from .._core.failure import Failure
from .._core.wait import Deadline, Seen, Wait, until
from .predictor import REST_PORT, Revision, has_status
from .versions import Golden

# States of a model version. Source: tensorflow/serving, apis/get_model_status.proto. END comes after a failed load.
STATE = Wait(success=frozenset({"AVAILABLE", "NO_STATUS"}), failure=frozenset({"END", "FORBIDDEN"}), longest_s=3.0)
ANSWER = Wait(success=frozenset({"RIGHT"}), failure=frozenset({"WRONG", "REFUSED"}), longest_s=3.0)

# What a server without GET /v1/models/<name> says to it (before TF Serving 1.12).
NO_SUCH_VERB = (400, 405, 501)
TRANSIENT = (429, 502, 503, 504)


class Proxy(Protocol):
    """HTTP to a Service from outside the cluster, by way of the API server."""

    def service(
        self, namespace: str, name: str, port: int | str, path: str, *, method: str = "GET", body: Any = None
    ) -> tuple[int, str]: ...


def wait_available(api: Proxy, namespace: str, revision: Revision, deadline: Deadline, context: Context) -> None:
    """Wait until the server reports this version AVAILABLE; a server that cannot report passes.

    Raises Failure `ModelNotAvailable` when the server gave the load up.
    """
    if not has_status(revision.image):
        return
    until(
        STATE,
        lambda: _state(api, namespace, revision),
        deadline,
        context,
        what=f"model {revision.version.reference} in {revision.name}",
        explain=lambda seen: _refused(revision, seen),
    )


def _state(api: Proxy, namespace: str, revision: Revision) -> Seen:
    version = revision.version
    status, text = _call(api, namespace, revision, f"/v1/models/{version.name}")
    if status == 403:
        return Seen("FORBIDDEN", text)
    if status in NO_SUCH_VERB:
        return Seen("NO_STATUS")
    return state_of(status, text, version.reference.number)


def _call(api: Proxy, namespace: str, revision: Revision, path: str, **more: Any) -> tuple[int, str]:
    """An API server that is away for a moment looks like a predictor that is."""
    try:
        return api.service(namespace, revision.name, REST_PORT, path, **more)
    except Failure as failure:
        if failure.code != "Unreachable":
            raise
        return 503, failure.message


def state_of(status: int, text: str, number: int) -> Seen:
    """The state of one version in TF Serving's answer; `UNKNOWN` while there is no such answer."""
    try:
        entries: Sequence[Mapping[str, Any]] = json.loads(text)["model_version_status"]
    except (ValueError, KeyError, TypeError):
        return Seen("UNKNOWN", f"HTTP {status} {_short(text)}")
    for entry in entries:
        if str(entry.get("version")) == str(number):
            told = entry.get("status") or {}
            return Seen(str(entry.get("state") or "UNKNOWN"), _short(str(told.get("error_message") or "")))
    return Seen("UNKNOWN", f"serves versions {', '.join(str(entry.get('version')) for entry in entries)}")


def _refused(revision: Revision, seen: Seen) -> Failure:
    if seen.state == "FORBIDDEN":
        return _forbidden(seen.text)
    return Failure(
        "ModelNotAvailable",
        f"The server of {revision.name} does not serve {revision.version.reference}: {seen.state} {seen.text}".rstrip()
        + ".",
        resource=f"Deployment/{revision.name}",
        hint="Look at the predictor's log; the SavedModel may need another TensorFlow Serving.",
        details={"state": seen.state},
    )


def _forbidden(text: str) -> Failure:
    return Failure(
        "Forbidden",
        f"The kubeconfig's user may not call Services through the API server: {_short(text)}.",
        hint="Allow it get and create on services/proxy: a release asks the new predictors before they get traffic.",
    )


def check_golden(api: Proxy, namespace: str, revision: Revision, deadline: Deadline, context: Context) -> None:
    """Send the version's golden request. Raises Failure `GoldenMismatch`, `GoldenRefused`."""
    golden = revision.version.golden
    if golden is None:
        context.progress(f"model {revision.version.reference} has no golden request; its answers were not checked")
        return
    until(
        ANSWER,
        lambda: _ask(api, namespace, revision, golden),
        deadline,
        context,
        what=f"golden request to {revision.name}",
        explain=lambda seen: _wrong(revision, seen),
    )


def _ask(api: Proxy, namespace: str, revision: Revision, golden: Golden) -> Seen:
    path = f"/v1/models/{revision.version.name}:predict"
    status, text = _call(api, namespace, revision, path, method="POST", body=golden.request)
    if status in TRANSIENT:
        return Seen("BUSY", f"HTTP {status} {_short(text)}")
    if status >= 400:
        return Seen("REFUSED", f"HTTP {status} {_short(text)}", status)
    try:
        answer = json.loads(text)
    except ValueError:
        return Seen("REFUSED", f"no JSON: {_short(text)}")
    wrong = mismatch(golden.expected, answer, golden.tolerance)
    return Seen("WRONG", wrong) if wrong else Seen("RIGHT")


def _wrong(revision: Revision, seen: Seen) -> Failure:
    if seen.value == 403:
        return _forbidden(seen.text)
    code, verb = ("GoldenMismatch", "answers wrongly") if seen.state == "WRONG" else ("GoldenRefused", "refuses")
    return Failure(
        code,
        f"{revision.version.reference} {verb} the golden request of its record: {seen.text}.",
        resource=f"Deployment/{revision.name}",
        hint="It got no traffic. Compare the serving image with the one the model was trained for.",
        details={"model_version": str(revision.version.reference), "found": seen.text},
    )


def mismatch(expected: Any, found: Any, tolerance: float, path: str = "answer") -> str:
    """The first place where an answer is not as expected, in words; nothing where it is.

    Numbers may differ by `tolerance` where one of them is a float; fields the expectation does not name are free.
    """
    if isinstance(expected, Mapping):
        if not isinstance(found, Mapping):
            return f"{path} is {_short(found)}, expected fields {', '.join(expected)}"
        for key, value in expected.items():
            if key not in found:
                return f"{path} has no '{key}'"
            if wrong := mismatch(value, found[key], tolerance, f"{path}.{key}"):
                return wrong
        return ""
    if isinstance(expected, list):
        if not isinstance(found, list) or len(found) != len(expected):
            return f"{path} is {_short(found)}, expected {len(expected)} values"
        for index, value in enumerate(expected):
            if wrong := mismatch(value, found[index], tolerance, f"{path}[{index}]"):
                return wrong
        return ""
    if _is_number(expected) and _is_number(found) and float in (type(expected), type(found)):
        if abs(expected - found) <= tolerance:
            return ""
        return f"{path} is {found}, expected {expected} within {tolerance}"
    return "" if type(expected) is type(found) and expected == found else f"{path} is {found!r}, expected {expected!r}"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 200 else f"{text[:197]}..."
