# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One JSON line per request, without secrets: tests count writes in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

# Values of these query parameters give access to whoever reads them.
SECRET_QUERY = ("signature", "x-oss-signature", "x-oss-credential", "x-oss-security-token", "security-token")


def public_path(target: str) -> str:
    """The request's path and query with the values of secret parameters removed."""
    url = urlsplit(target)
    shown = [(k, "" if k.lower() in SECRET_QUERY else v) for k, v in parse_qsl(url.query, keep_blank_values=True)]
    query = "&".join(f"{quote(k)}={quote(v)}" for k, v in shown)
    return f"{url.path}?{query}" if query else url.path


class RequestLog:
    """Appends to a file of JSON lines; `id` counts up over restarts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        text = path.read_bytes() if path.exists() else b""
        self._last = max((entry["id"] for entry in _parse(text)), default=0)
        self._file = path.open("a", encoding="utf-8", buffering=1)
        if text and not text.endswith(b"\n"):  # the line that a kill cut off stays alone on its line
            self._file.write("\n")

    def add(self, **entry: Any) -> None:
        """Log one finished request. Keys: time, api, method, path, action, write, status, code, request_id, millis."""
        self._last += 1
        self._file.write(json.dumps({"id": self._last, **entry}, ensure_ascii=False) + "\n")

    @property
    def last(self) -> int:
        return self._last

    def since(self, last_seen: int) -> list[dict[str, Any]]:
        return [entry for entry in _parse(self._path.read_bytes()) if entry["id"] > last_seen]


def _parse(text: bytes) -> list[dict[str, Any]]:
    entries = []
    for line in text.splitlines():
        try:
            entries.append(json.loads(line))
        except ValueError:
            continue
    return entries
