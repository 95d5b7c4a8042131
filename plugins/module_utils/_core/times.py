# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lengths of time as people write them, and points in time as records hold them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from .failure import Failure

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_FORM = re.compile(r"(\d+)\s*([smhdw]?)")


def seconds(field: str, text: str) -> int:
    """`90`, `90s`, `10m`, `2h`, `7d`, `1w` as seconds. Raises Failure `InvalidOption` for all else, and for zero."""
    found = _FORM.fullmatch(text.strip())
    length = int(found[1]) * _UNITS[found[2] or "s"] if found else 0
    if length <= 0:
        raise Failure(
            "InvalidOption",
            f"{field} is '{text}'; it must be a whole number above zero with a unit: s, m, h, d or w, for example 10m.",
            details={"field": field, "found": text},
        )
    return length


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: object) -> datetime | None:
    """A time of a record; None for what is not one, or has no zone."""
    try:
        found = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else None
