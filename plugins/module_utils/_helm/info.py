# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reading releases for people and playbooks."""

from __future__ import annotations

from typing import Any

from .records import Entry, Reader, Record, entries, newest, read
from .release import shown


def releases(client: Reader, namespace: str | None, name: str = "") -> list[dict[str, Any]]:
    """The newest revision of each release, with its history where one name is asked for."""
    found = entries(client, namespace, name)
    return [
        {**shown(record), "history": _history(client, found, entry) if name else []}
        for entry in newest(found)
        if (record := read(client, entry))
    ]


def _history(client: Reader, found: list[Entry], release: Entry) -> list[dict[str, Any]]:
    kept = [entry for entry in found if (entry.namespace, entry.name) == (release.namespace, release.name)]
    return [_line(record) for entry in kept if (record := read(client, entry))]


def _line(record: Record) -> dict[str, Any]:
    return {
        "revision": record.revision,
        "status": record.status,
        "chart_version": record.chart_version,
        "updated": record.updated,
        "description": record.description,
    }
