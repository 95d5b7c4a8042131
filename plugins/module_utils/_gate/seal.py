# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What makes an edited decision visible: each record names the digest of itself and of the record before it, and
carries a signature where there is a key.

The chain shows that a record was edited, moved or taken out of the middle. Only a key shows that somebody without it
wrote one. A removed last record shows in neither: only a retention policy of the bucket prevents that.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]

SEAL = ("previous", "digest", "signature")


def digest(record: Record) -> str:
    """`sha256:<hex>` of the record's content without its seal."""
    content = {key: value for key, value in record.items() if key not in SEAL[1:]}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def sealed(record: Record, before: Sequence[Record], key: str | None) -> dict[str, Any]:
    """The record as it is written after those `before` it. `signature` is null without a key."""
    content = {**record, "previous": digest(before[-1]) if before else None}
    own = digest(content)
    return {**content, "digest": own, "signature": _signature(own, key) if key else None}


def broken(records: Sequence[Record]) -> str | None:
    """Why these records, by rising number, are not what was written; None where nothing shows."""
    before: str | None = None
    for place, record in enumerate(records, 1):
        n = record.get("n")
        if n != place:
            return f"decision {place} is missing"
        own = digest(record)
        if "digest" in record:
            if record["digest"] != own:
                return f"decision {n} was edited: its content does not have the digest it names"
            if record.get("previous") != before:
                return f"decision {n} names another record before it than decision {place - 1}"
        before = own
    return None


def unproven(record: Record, is_signed: bool, key: str | None) -> str | None:
    """Why a record does not prove who wrote it; None where it does, as far as the policy asks."""
    if "digest" not in record:
        return "it has no digest"
    if not is_signed:
        return None
    signature = record.get("signature")
    if not signature:
        return "it is not signed, and the policy asks for a signature"
    if not key or not hmac.compare_digest(str(signature), _signature(record["digest"], key)):
        return "it is signed with another key"
    return None


def _signature(text: str, key: str) -> str:
    return f"hmac-sha256:{hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()}"
