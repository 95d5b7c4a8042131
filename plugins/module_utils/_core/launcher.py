# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who and what started this run."""

from __future__ import annotations

import getpass
import os
from typing import Any

from .context import Context

_TOLD = ("user_name", "job_id", "workflow_job_id")


def launcher(context: Context) -> dict[str, Any] | None:
    """What AWX says about this job: user_name, job_id, workflow_job_id; None outside of it."""
    told = context.variables
    found = {key: told.get(f"awx_{key}") or told.get(f"tower_{key}") for key in _TOLD}
    return {key: value for key, value in found.items() if value} or None


def user(context: Context) -> str | None:
    """AWX's user, else the login name (that of whoever called sudo); None where nobody is known."""
    told = (launcher(context) or {}).get("user_name")
    if told:
        return str(told)
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return None
