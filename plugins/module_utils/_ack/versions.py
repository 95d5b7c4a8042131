# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kubernetes versions: what the user wrote, and which one that is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .._core.failure import Failure

_FORM = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?(?:-aliyun\.(\d+))?")

Number = tuple[int, ...]


def number(version: str) -> Number:
    """`1.34`, `v1.34`, `1.34.4-aliyun.1` as numbers. Raises Failure `InvalidOption` for anything else."""
    found = _FORM.fullmatch(version.strip())
    if not found:
        raise Failure(
            "InvalidOption",
            f"version is '{version}'; allowed are forms such as 1.34, v1.34 and 1.34.4-aliyun.1.",
            details={"field": "version", "found": version},
        )
    return tuple(int(part) for part in found.groups() if part is not None)


def means(asked: str, version: str) -> bool:
    """Whether a version is what was asked for: `1.34` means every 1.34."""
    wanted = number(asked)
    return number(version)[: len(wanted)] == wanted


def for_new(asked: str, offered: Iterable[Mapping[str, Any]]) -> str:
    """The newest creatable version that is meant. Raises Failure `VersionNotOffered` with the nearest one."""
    creatable = [str(each["version"]) for each in offered if each.get("creatable")]
    return _newest(asked, creatable, "A new cluster can have")


def for_present(asked: str, current: str, offered: Iterable[Mapping[str, Any]]) -> str:
    """What an existing cluster should have: its own version when that is meant, else one that it can be upgraded to.

    Raises Failure `VersionNotOffered`, `CannotDowngrade`.
    """
    if means(asked, current):
        return current
    wanted, have = number(asked), number(current)
    if wanted < have[: len(wanted)]:
        raise Failure(
            "CannotDowngrade",
            f"The cluster has version {current}, and version {asked} is older; ACK cannot go back.",
            hint="Set the present version, or leave version out.",
            details={"field": "version", "found": asked, "present": current},
        )
    own = next((each for each in offered if each.get("version") == current), {})
    return _newest(asked, [str(each) for each in own.get("upgradable_versions") or []], f"From {current} it can go to")


def _newest(asked: str, offered: list[str], lead: str) -> str:
    wanted = number(asked)
    meant = [version for version in offered if number(version)[: len(wanted)] == wanted]
    if meant:
        return max(meant, key=number)
    listed = sorted(offered, key=number)
    near = min(listed, key=lambda version: _distance(number(version), wanted)) if listed else None
    raise Failure(
        "VersionNotOffered",
        f"version is '{asked}', which is not on offer. {lead} {', '.join(listed) or 'none'}.",
        hint=f"The nearest is {near}." if near else "",
        details={"field": "version", "found": asked, "allowed": listed, "nearest": near},
    )


def _distance(one: Number, other: Number) -> Number:
    return tuple(abs(a - b) for a, b in zip(one, other, strict=False))
