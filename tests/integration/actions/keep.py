"""An action for tests: writes a text into a file of the controller. The module `copy` starts two processes for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):  # type: ignore[misc]
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        path = Path(self._task.args["path"])
        path.touch(mode=0o600)
        path.write_text(self._task.args["text"])
        return {"changed": False}
