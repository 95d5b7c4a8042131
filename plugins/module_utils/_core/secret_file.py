# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A file whose content is a secret: fetched where none will do, renewed in time, never shown."""

from __future__ import annotations

import hashlib
import json
import stat
from abc import abstractmethod
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from .failure import Failure
from .files import draft
from .resource import Change, Plan, Resource, State


class SecretFile(Resource):
    """A resource whose content never leaves its file (mode 0600).

    Its state has `path` and the field that `told` names: a time (RFC 3339, UTC) that only the service can tell, empty
    where the file has to be made anew. Beside the file may lie `<file>.ack.json`: what its content does not tell, and
    the sha256 of the content it was written for.
    """

    told: ClassVar[str]

    def __init__(self, params: Mapping[str, Any], now: Callable[[], datetime]) -> None:
        self._params, self._now = params, now
        self._path = Path(params["dest"])
        self._note = self._path.with_name(f"{self._path.name}.ack.json")

    @abstractmethod
    def _fields(self, told: str) -> dict[str, Any]:
        """The state with this time."""

    @abstractmethod
    def _serves(self, told: datetime) -> bool:
        """Whether the file of this time needs no other yet."""

    @abstractmethod
    def _promise(self) -> str:
        """What a new file's time will be, in words."""

    def plan(self, observed: State, desired: State) -> Plan:
        if desired is None:
            return Plan("delete", None, (Change("path", str(self._path), None),)) if observed else Plan("none", None)
        old = (observed or {}).get(self.told) or None
        if old and stat.S_IMODE(self._path.stat().st_mode) == 0o600 and self._serves(datetime.fromisoformat(old)):
            return Plan("none", observed)
        after = {**self._fields(""), self.told: None}
        return Plan("update" if observed else "create", after, (Change(self.told, old, self._promise()),))

    def verify(self, plan: Plan, desired: State) -> State:
        if plan.action == "none" or desired is None:
            return super().verify(plan, desired)
        after = self.observe()
        if not after or not after[self.told]:
            raise Failure("NotApplied", f"{self._path} was written and is not there any more, or is another's.")
        return after

    def noted(self) -> dict[str, Any]:
        """The note of the file that lies there; empty where somebody else wrote it."""
        try:
            note = json.loads(self._note.read_bytes())
        except (OSError, ValueError):
            return {}
        is_ours = isinstance(note, dict) and note.get("sha256") == hashlib.sha256(self._path.read_bytes()).hexdigest()
        return note if is_ours else {}

    def foreign(self, what: str) -> Failure:
        return Failure(
            "ForeignFile",
            f"{self._path} is there already, and {what}.",
            resource=f"file/{self._path}",
            hint="Choose another dest, or move the file away.",
        )

    def write(self, text: str, note: Mapping[str, Any] | None = None) -> None:
        _write(self._path, text)
        if note is not None:
            digest = hashlib.sha256(text.encode()).hexdigest()
            _write(self._note, json.dumps({**note, "sha256": digest}, sort_keys=True) + "\n")

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


class KubeconfigFile(SecretFile):
    """One that ends. Its options: dest, duration_minutes, renew_before_minutes."""

    kind = "kubeconfig"
    told = "expiration"
    shortest_min: ClassVar[int]
    longest_min: ClassVar[int]

    @classmethod
    def check(cls, params: Mapping[str, Any]) -> None:
        """Raises Failure `InvalidOption` for times that cannot be, or that would renew at every run."""
        minutes, before = params["duration_minutes"], params["renew_before_minutes"]
        if not cls.shortest_min <= minutes <= cls.longest_min:
            raise Failure(
                "InvalidOption",
                f"duration_minutes is {minutes}; allowed are {cls.shortest_min} to {cls.longest_min}.",
            )
        if not 0 <= before < minutes:
            raise Failure(
                "InvalidOption",
                f"renew_before_minutes is {before}; allowed are 0 to {minutes - 1}, less than duration_minutes.",
            )

    def _serves(self, told: datetime) -> bool:
        return told - self._now() > timedelta(minutes=self._params["renew_before_minutes"])

    def _promise(self) -> str:
        return f"in {self._params['duration_minutes']} minutes"


def now() -> datetime:
    return datetime.now(UTC)


def _write(path: Path, text: str) -> None:
    with draft(path) as new:
        new.write_text(text)
        new.replace(path)
