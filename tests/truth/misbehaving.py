"""Running a module against a service that misbehaves, and looking at what came of it."""

from __future__ import annotations

import importlib
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context

MARGIN_S = 2.0
"""What the design gives a run beyond its deadline."""
BUSY = 4
"""How many times what a run without a fault took here the machine may take for itself."""


class Ran(NamedTuple):
    result: dict[str, Any]
    took_s: float

    @property
    def outcome(self) -> str:
        """`done`, or the failure's code."""
        return str(self.result["failure"]["code"]) if self.result.get("failed") else "done"


def run(module: str, options: Mapping[str, Any]) -> Ran:
    """One module here, in process."""
    door = importlib.import_module(f"ansible_collections.mlops.ack.plugins.modules.{module}").MODULE
    began = time.monotonic()
    result = door.in_process(dict(options), Context())
    return Ran(result, time.monotonic() - began)


def filled(value: Any, names: Mapping[str, str]) -> Any:
    """Options with the names of this test in them."""
    if isinstance(value, Mapping):
        return {key: filled(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, names) for each in value]
    return value.format(**names) if isinstance(value, str) and value.startswith("{") else value
