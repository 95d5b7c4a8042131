# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one exception of the collection."""

from __future__ import annotations

from typing import Any


class Failure(Exception):
    """A fact the user must act on: raised where it is known, turned into a result once, at the module's door.

    `code` is stable and listed in docs/failures.md; users match on it. `hint` names the option or the command that
    ends the problem. `resource` is `kind/name`. `request_id` is what the cloud's support asks for. `retryable` says
    whether the same call may succeed later. `details` holds facts for programs (pods, numbers, what was done before).
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        resource: str = "",
        request_id: str = "",
        hint: str = "",
        retryable: bool = False,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.resource = resource
        self.request_id = request_id
        self.hint = hint
        self.retryable = retryable
        self.details = details or {}

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()

    def as_dict(self) -> dict[str, Any]:
        """The `failure` of a module's result."""
        return {
            "code": self.code,
            "message": self.message,
            "resource": self.resource,
            "request_id": self.request_id,
            "hint": self.hint,
            "retryable": self.retryable,
            "details": self.details,
        }
