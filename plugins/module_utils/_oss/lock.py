# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A lock that launchers on different machines share: a chain of numbered records in a store.

locks/<name>/<n>.json: n only rises, each is written with put-if-absent, the highest one says who holds the lock.
Taking it, keeping it, giving it back and taking it over from a dead holder all are the same step: to write the next
number. So exactly one wins, and no clocks are compared. A holder that lives writes a number each `BEAT_S`. It is dead
when none came for `LEASE_S`, as the one who waits measures it, or at once where its process was on this machine and is
gone. One who waited so long for its own processor or network that others may think so asks before its next call.
"""

from __future__ import annotations

import getpass
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from .._core.context import Context
from .._core.failure import Failure
from .._core.options import OSS, Spec
from .._core.wait import Deadline, Seen, Wait, until
from . import records
from .store import STORE, Store, open_store

SCHEMA = "mlops.ack/lock/v1"
LEASE_S = 30.0
BEAT_S = 10.0
LOCK: Spec = {
    "lock": {
        "type": "dict",
        "options": {
            **OSS,
            **STORE["store"]["options"],
            "name": {"type": "str", "required": True},
            "wait_timeout": {"type": "int", "default": 600},
        },
        "mutually_exclusive": [["bucket", "path"]],
        "required_one_of": [["bucket", "path"]],
    }
}
"""The option `lock`; its documentation is the fragment mlops.ack.lock."""


def use_lock(params: Mapping[str, Any], context: Context) -> None:
    """Puts the lock that the option `lock` names into `context`; without it, nothing is locked."""
    asked = params["lock"]
    if not asked:
        return
    own = Context(secrets=context.secrets)  # its calls are not fenced by itself
    store = open_store({**asked, "store": asked, "request_timeout": min(BEAT_S, asked["request_timeout"])}, own)
    about = params.get("run_id") or params.get("name") or ""
    context.lock = SharedLock(store, asked["name"], asked["wait_timeout"], holder(context), context, str(about))


def holder(context: Context) -> dict[str, Any]:
    """Who this is, for people, and where its process can be looked for."""
    told = context.variables
    return {
        "user": told.get("awx_user_name") or told.get("tower_user_name") or os.environ.get("SUDO_USER") or _user(),
        "host": socket.gethostname(),
        "playbook": told.get("playbook") or None,
        "awx_job": told.get("awx_job_id") or told.get("tower_job_id"),
        "process": os.getpid(),
        "machine": _machine(),
        "started": _started(os.getpid()),
    }


def since_boot() -> float:
    """Seconds that pass also while the machine sleeps, where it can tell."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Head(NamedTuple):
    """The end of the chain."""

    n: int
    record: Mapping[str, Any]

    @property
    def is_free(self) -> bool:
        return self.n == 0 or bool(self.record.get("released"))


class SharedLock:
    """`Lock` over a store."""

    def __init__(
        self,
        store: Store,
        name: str,
        wait_s: float,
        holder: Mapping[str, Any],
        context: Context,
        about: str = "",
        clock: Callable[[], float] = since_boot,
    ) -> None:
        self._store, self._name, self._wait_s, self._holder = store, name.strip("/"), wait_s, holder
        self._context, self._about, self._clock = context, about, clock
        self._mutex = threading.Lock()  # over the rest: the beat and the work both claim numbers
        self._n = 0
        self._claimed_at = self._asked_at = 0.0
        self._record: dict[str, Any] = {}
        self._lost = False

    @contextmanager
    def held(self, what: str) -> Iterator[None]:
        """Raises Failure `Locked` where another one keeps it for longer than `wait_s`."""
        self._take(f"{what} {self._about}".strip())
        is_over = threading.Event()
        beat = threading.Thread(target=self._beat, args=(is_over,), daemon=True)
        beat.start()
        try:
            yield
        finally:
            is_over.set()
            beat.join()
            self._release()

    def check(self) -> None:
        """Asks the store only where the last number is so old that others may take the next one, and nobody asked it
        just now. A store that does not answer gives the lock to nobody: the work goes on, and ends with a record.
        """
        if self._n == 0:
            return
        if not self._lost and self._age >= LEASE_S and self._clock() - self._asked_at >= 2 * BEAT_S:
            self._keep()
        if self._lost:
            raise self._lost_to(self._head())

    # -- taking --------------------------------------------------------------------------------------------------------

    def _take(self, what: str) -> None:
        self._lost = False
        self._record = {"schema": SCHEMA, "name": self._name, "what": what, "since": _now(), "holder": self._holder}
        seen_at: dict[int, float] = {}

        def look() -> Seen:
            head = self._head()
            since = seen_at.setdefault(head.n, self._context.clock())
            is_dead = _is_gone(head.record) or self._context.clock() - since >= LEASE_S
            if (head.is_free or is_dead) and self._claim(head.n + 1, self._record):
                if not head.is_free:
                    self._context.progress(f"{self}: taken over, {told(head.record)} is gone")
                return Seen("ours")
            return Seen("held", f"by {told(head.record)}", head)

        deadline = Deadline(self._wait_s, self._context.clock)
        quiet = Context(progress=self._say, clock=self._context.clock, sleep=self._context.sleep)
        try:
            until(Wait(frozenset({"ours"}), longest_s=2.0), look, deadline, quiet, what=str(self))
        except Failure as failure:
            if failure.code != "WaitTimeout":
                failure.hint = f"{failure.hint} Nothing was written: the lock could not be taken.".strip()
                raise
            raise self._locked(self._head()) from None

    def _say(self, text: str) -> None:
        if ": held" in text:
            self._context.progress(text)

    def _locked(self, head: Head) -> Failure:
        return Failure(
            "Locked",
            f"{self} is held by {told(head.record)}. Nothing was written.",
            resource=f"lock/{self._name}",
            hint=f"Run again when that has ended, or raise lock.wait_timeout (now {self._wait_s:.0f} s).",
            retryable=True,
            details={"lock": dict(head.record)},
        )

    # -- keeping -------------------------------------------------------------------------------------------------------

    def _beat(self, is_over: threading.Event) -> None:
        while not is_over.wait(BEAT_S):
            self._keep()

    def _keep(self) -> None:
        with self._mutex:
            try:
                self._lost = self._lost or not self._claim(self._n + 1, self._record)
            except Failure as failure:
                self._context.progress(f"{self}: {failure.message} Trying again.")
            self._asked_at = self._clock()

    @property
    def _age(self) -> float:
        return self._clock() - self._claimed_at

    def _lost_to(self, head: Head) -> Failure:
        return Failure(
            "LockLost",
            f"{self} was lost to {told(head.record)}: this run gave no sign of life for {LEASE_S:.0f} s. It stopped "
            "before its next call.",
            resource=f"lock/{self._name}",
            hint="Run again; what is done already is not done twice.",
            retryable=True,
            details={"lock": dict(head.record)},
        )

    def _release(self) -> None:
        """What cannot be given back frees itself: nobody writes the next number."""
        with self._mutex:
            n, self._n = self._n, 0
            if self._lost:
                return
            try:
                self._claim(n + 1, {**self._record, "released": _now()})
            except Failure as failure:
                self._context.progress(f"{self}: not given back ({failure.code}); free in {LEASE_S:.0f} s")
            self._n = 0

    # -- the chain -----------------------------------------------------------------------------------------------------

    def _head(self) -> Head:
        while True:
            n = max(self._numbers(), default=0)
            record = records.read(self._store, self._key(n)) if n else {}
            if record is not None:  # else its writer went on meanwhile
                return Head(n, record)

    def _claim(self, n: int, record: Mapping[str, Any]) -> bool:
        """Write number n. False: it is another's, or others have gone further (then it was free only because they
        tidied up).
        """
        at, mine = self._clock(), {**record, "n": n}
        wrote = self._store.put(self._key(n), json.dumps(mine, sort_keys=True, indent=2).encode())
        if not wrote and records.read(self._store, self._key(n)) != mine:  # else our own write, whose answer was lost
            return False
        numbers = self._numbers()
        if max(numbers, default=n) > n:
            self._store.delete(self._key(n))
            return False
        self._n, self._claimed_at = n, at
        for old in numbers:
            if old < n:
                with suppress(Failure):  # the next one tidies up
                    self._store.delete(self._key(old))
        return True

    def _numbers(self) -> list[int]:
        start = f"locks/{self._name}/"
        names = (item.key.removeprefix(start).removesuffix(".json") for item in self._store.list(start))
        return [int(name) for name in names if name.isdecimal()]

    def _key(self, n: int) -> str:
        return f"locks/{self._name}/{n}.json"

    def __str__(self) -> str:
        return f"lock {self._name}"


def told(record: Mapping[str, Any]) -> str:
    """The holder in a person's words."""
    who = record.get("holder") or {}
    by = [str(who["playbook"])] if who.get("playbook") else []
    by += [f"AWX job {who['awx_job']}"] if who.get("awx_job") else [f"process {who.get('process')}"]
    place = f"{who.get('user')}@{who.get('host')} ({', '.join(by)})"
    return f"{place} since {record.get('since')} for {record.get('what')}"


def _is_gone(record: Mapping[str, Any]) -> bool:
    """Whether the holder's process ran on this machine, and runs no more."""
    who = record.get("holder") or {}
    if not who.get("machine") or who["machine"] != _machine():
        return False
    return bool(_started(int(who["process"])) != who["started"])


def _machine() -> str:
    """This boot and its process numbers; empty where they cannot be told apart."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(process: int) -> str:
    """When a process began, in the kernel's ticks; empty for none, and for one that has ended and was not reaped."""
    try:
        state, *rest = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state in "ZX" else rest[18]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
