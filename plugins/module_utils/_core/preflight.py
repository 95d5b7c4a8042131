# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Saying what is missing before anything is tried."""

from __future__ import annotations

import sys

from .failure import Failure


def need(package: str, missing: str) -> None:
    """Raises Failure `MissingLibrary` where importing `package` failed; `missing` is the import's own error."""
    if missing:
        raise Failure(
            "MissingLibrary",
            f"The Python at {sys.executable} has no {package} ({missing}).",
            hint=f"Run '{sys.executable} -m pip install {package}', or add '{package}' to the execution environment.",
            resource=f"python/{package}",
        )
