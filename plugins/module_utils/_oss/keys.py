# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names inside a store: what is allowed, and where a name would lead on a disk."""

from __future__ import annotations

from pathlib import Path

from .._core.failure import Failure


def checked(key: str) -> str:
    """The key itself. Raises Failure `PathEscape` for one that could leave the folder or prefix it belongs to."""
    parts = key.split("/")
    if not key or "\\" in key or "\0" in key or any(part in ("", ".", "..") for part in parts):
        raise Failure(
            "PathEscape",
            f"The name '{key}' is not allowed: it must be relative, without empty, '.' or '..' parts, '\\' or NUL.",
            resource=f"object/{key}",
            hint="Rename it.",
        )
    return key


def below(folder: Path, key: str) -> Path:
    """Where a key lies below a folder. Raises Failure `PathEscape`, also where a link on the way leads out."""
    place = folder / checked(key)
    if not place.parent.resolve().is_relative_to(folder.resolve()):
        raise Failure(
            "PathEscape",
            f"'{key}' would be written outside of {folder}, because a folder on the way is a link.",
            resource=f"object/{key}",
            hint="Remove the link.",
        )
    return place


def joined(prefix: str, key: str) -> str:
    """`prefix/key`; either may be empty."""
    return "/".join(part for part in (prefix.strip("/"), key) if part)
