# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The edge to Simple Log Service: GetLogs, signed. One call of one operation does not earn an SDK that brings a search
engine's client.

Source: Simple Log Service documentation, "Request signatures", "GetLogs" (2026-11).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import urllib.error
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from ansible.module_utils.urls import open_url

from .._core.credentials import Credentials
from .._core.failure import Failure
from .._core.wait import Deadline

MOST_BYTES = 4_000_000
ABSENT = ("ProjectNotExist", "LogStoreNotExist", "IndexConfigNotExist")
_RETRYABLE = ("ReadQuotaExceed", "InternalServerError", "ServerBusy", "RequestTimeout")


class Sls:
    """One endpoint. A project is the first part of the host's name; where the endpoint is an address, which has no
    names below it, the project is in the Host header alone.
    """

    def __init__(self, endpoint: str, credentials: Callable[[], Credentials], timeout_s: float) -> None:
        self._endpoint = endpoint if "://" in endpoint else f"https://{endpoint}"
        self._credentials, self._timeout_s = credentials, timeout_s

    def logs(
        self,
        project: str,
        logstore: str,
        start: int,
        end: int,
        number: int = 3,
        *,
        deadline: Deadline | None = None,
    ) -> list[dict[str, Any]]:
        """The newest lines of [start, end), seconds since 1970; none where project or logstore is not there yet. Ends
        with the request timeout, and never more than a second after `deadline`.

        Raises Failure with the service's code.
        """
        query = {"type": "log", "from": str(start), "to": str(end), "line": str(number), "reverse": "true"}
        timeout_s = min(self._timeout_s, max(1.0, deadline.remaining)) if deadline else self._timeout_s
        try:
            answer = self._get(project, f"/logstores/{quote(logstore)}", query, timeout_s)
        except Failure as failure:
            if failure.code in ABSENT:
                return []
            raise
        return [dict(line) for line in answer]

    def _get(self, project: str, path: str, query: Mapping[str, str], timeout_s: float) -> Any:
        address = urlsplit(self._endpoint)
        host = f"{project}.{address.netloc}"
        place = address.netloc if _is_ip(address.hostname or "") else host
        url = f"{address.scheme}://{place}{path}?{urlencode(sorted(query.items()))}"
        try:
            with open_url(url, headers=self._headers(host, path, query), timeout=timeout_s) as answer:
                return json.loads(answer.read(MOST_BYTES))
        except urllib.error.HTTPError as error:
            raise _refused(error, project) from error
        except (OSError, ValueError) as error:
            raise Failure(
                "Unreachable",
                f"Failed to read logs of project {project}: {getattr(error, 'reason', error)}.",
                resource=f"sls/{project}",
                hint="Check sls_endpoint and region from the machine that runs the task.",
                retryable=True,
            ) from error

    def _headers(self, host: str, path: str, query: Mapping[str, str]) -> dict[str, str]:
        key = self._credentials()
        signed = {
            "x-log-apiversion": "0.6.0",
            "x-log-bodyrawsize": "0",
            "x-log-signaturemethod": "hmac-sha1",
        }
        if key.security_token:
            signed["x-acs-security-token"] = key.security_token
        date = formatdate(usegmt=True)
        lines = "".join(f"{name}:{value}\n" for name, value in sorted(signed.items()))
        resource = f"{path}?" + "&".join(f"{name}={value}" for name, value in sorted(query.items()))
        text = f"GET\n\n\n{date}\n{lines}{resource}"
        digest = hmac.new(key.access_key_secret.encode(), text.encode(), hashlib.sha1).digest()
        signature = base64.b64encode(digest).decode()
        return {**signed, "Host": host, "Date": date, "Authorization": f"LOG {key.access_key_id}:{signature}"}


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _refused(error: urllib.error.HTTPError, project: str) -> Failure:
    try:
        body = json.loads(error.read(10_000))
    except ValueError:
        body = {}
    code = str(body.get("errorCode") or ("ServerError" if error.code >= 500 else "BadRequest"))
    return Failure(
        code,
        f"Failed to read logs of project {project}: {body.get('errorMessage') or f'HTTP {error.code}'}",
        resource=f"sls/{project}",
        request_id=error.headers.get("x-log-requestid") or "",
        hint="The key needs log:GetLogStoreLogs." if error.code in (401, 403) else "",
        retryable=error.code >= 500 or code in _RETRYABLE,
    )
