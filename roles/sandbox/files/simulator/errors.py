# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one exception that becomes an error answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(eq=False)
class ServiceError(Exception):
    """A refusal in the service's own words: HTTP status, code and message."""

    status: int
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.message}"


def invalid(field_name: str, message: str) -> ServiceError:
    """CS: a parameter is wrong. `field_name` is CamelCase, empty for a parameter without a code of its own."""
    return ServiceError(400, f"InvalidParameter.{field_name}" if field_name else "InvalidParameter", message)
