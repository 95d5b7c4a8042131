# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One scrubber for everything that leaves a module: result, diff, failure, progress."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

MASK = "********"


class Secrets:
    """The values that must not be seen. `scrub` returns a copy of any JSON-like value without them."""

    def __init__(self, values: Iterable[object] = ()) -> None:
        self._values: set[str] = set()
        for value in values:
            self.add(value)

    def add(self, value: object) -> None:
        """Remember a secret learnt while running (a kubeconfig, a token, a signed URL)."""
        text = str(value) if value is not None else ""
        if len(text) >= 4:  # shorter ones would mask ordinary words
            self._values.add(text)
            self._values.update(line.strip() for line in text.splitlines() if len(line.strip()) >= 24)

    def scrub(self, value: Any) -> Any:
        """Replace every secret in strings, mapping keys and values, lists; other scalars pass."""
        if isinstance(value, str):
            for secret in sorted(self._values, key=len, reverse=True):
                value = value.replace(secret, MASK)
            return value
        if isinstance(value, Mapping):
            return {self.scrub(key): self.scrub(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.scrub(item) for item in value]
        return value
