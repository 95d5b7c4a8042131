# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the user probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from .failure import Failure


def nearest(found: str, allowed: Iterable[str]) -> str | None:
    """The allowed word that looks most like the one found, or None when nothing is close."""
    by_fold = {word.lower().replace("_", ""): word for word in allowed}
    close = difflib.get_close_matches(found.lower().replace("_", ""), by_fold, n=1, cutoff=0.6)
    return by_fold[close[0]] if close else None


def refuse(field: str, found: object, allowed: Iterable[str]) -> Failure:
    """The failure for a value outside a closed set; the caller raises it."""
    words = sorted(allowed)
    meant = nearest(str(found), words)
    return Failure(
        "InvalidOption",
        f"{field} is '{found}'; allowed are {', '.join(words)}.",
        hint=f"Did you mean '{meant}'?" if meant else "",
        details={"field": field, "found": found, "allowed": words},
    )
