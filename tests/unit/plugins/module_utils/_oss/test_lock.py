from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core import retry
from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Plan, Resource, State, compare, reconcile
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._oss import lock as module
from ansible_collections.mlops.ack.plugins.module_utils._oss import records
from ansible_collections.mlops.ack.plugins.module_utils._oss.lock import LEASE_S, SharedLock, holder, told
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import FolderStore, Store

ELSEWHERE = {"user": "bob", "host": "other", "process": 1, "machine": "another", "started": "1", "awx_job": 12}


class Time:
    """A clock that only sleeping moves; `each` runs after every sleep."""

    def __init__(self) -> None:
        self.now, self.each = 0.0, lambda: None

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.each()


class Launcher:
    """One who uses the lock, with what it said."""

    def __init__(self, store: Store, time: Time, who: dict[str, Any] | None = None, wait_s: float = 600) -> None:
        self.said: list[str] = []
        self.context = Context(progress=self.said.append, clock=time, sleep=time.sleep)
        self.lock = SharedLock(store, "prod/x", wait_s, who or holder(self.context), self.context, "digits", time)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


@pytest.fixture
def time() -> Time:
    return Time()


def chain(store: Store) -> list[dict[str, Any]]:
    return records.history(store, "locks/prod/x")


def test_it_is_held_inside_and_free_after_and_one_record_stays(store: FolderStore, time: Time) -> None:
    one = Launcher(store, time)
    for _try in range(3):
        with one.lock.held("serving"):
            (held,) = chain(store)
            assert held["what"] == "serving digits"
            assert "released" not in held
    (left,) = chain(store)
    assert left["released"]
    assert left["n"] == 6


def test_it_is_given_back_when_the_work_fails(store: FolderStore, time: Time) -> None:
    with pytest.raises(RuntimeError), Launcher(store, time).lock.held("serving"):
        raise RuntimeError
    assert chain(store)[-1]["released"]


def test_the_other_says_who_holds_it_and_gives_up_in_time(store: FolderStore, time: Time) -> None:
    one, two = Launcher(store, time, ELSEWHERE), Launcher(store, time, wait_s=20)
    with one.lock.held("serving"):
        with pytest.raises(Failure) as told_off, two.lock.held("serving"):
            pytest.fail("both hold it")
        assert told_off.value.code == "Locked"
        assert "bob@other (AWX job 12)" in told_off.value.message
        assert 20 <= time.now < 22
        assert any("bob@other" in line for line in two.said)
    with two.lock.held("serving"):
        pass


def test_a_holder_that_gives_signs_of_life_is_never_taken_for_dead(store: FolderStore, time: Time) -> None:
    one, two = Launcher(store, time, ELSEWHERE), Launcher(store, time, wait_s=5 * LEASE_S)
    with one.lock.held("serving"):
        time.each = lambda: one.lock._claim(one.lock._n + 1, one.lock._record) and None  # its beat, by this clock
        with pytest.raises(Failure, match="held by bob"), two.lock.held("serving"):
            pytest.fail("both hold it")


def test_one_that_is_silent_is_dead_when_the_lease_is_over(store: FolderStore, time: Time) -> None:
    one, two = Launcher(store, time, ELSEWHERE), Launcher(store, time)
    one.lock._take("serving")
    with two.lock.held("serving"):
        assert LEASE_S <= time.now < LEASE_S + 3
        assert chain(store)[-1]["holder"]["process"] == os.getpid()
    assert any("taken over, bob@other" in line for line in two.said)


def test_one_whose_process_is_gone_from_this_machine_is_dead_at_once(store: FolderStore, time: Time) -> None:
    pid = os.fork()
    if pid == 0:
        Launcher(store, time).lock._take("serving")
        os._exit(0)
    os.waitpid(pid, 0)
    with Launcher(store, time).lock.held("serving"):
        assert time.now == 0


def test_a_reused_process_number_is_another_process(store: FolderStore, time: Time) -> None:
    Launcher(store, time, {**holder(Context()), "started": "1"}).lock._take("serving")
    with Launcher(store, time).lock.held("serving"):
        assert time.now == 0


def test_the_living_process_of_this_machine_is_waited_for(store: FolderStore, time: Time) -> None:
    one = Launcher(
        store, time, {**holder(Context()), "process": os.getppid(), "started": module._started(os.getppid())}
    )
    one.lock._take("serving")
    with pytest.raises(Failure, match="held by"), Launcher(store, time, wait_s=5).lock.held("serving"):
        pytest.fail("both hold it")


def test_one_that_was_stopped_for_too_long_sends_no_further_call(store: FolderStore, time: Time) -> None:
    one, two, sent = Launcher(store, time, ELSEWHERE), Launcher(store, time), []
    one.context.lock = one.lock
    one.lock._take("serving")
    retry.call(lambda: sent.append(1), Deadline(60, time), one.context)
    two.lock._take("serving")
    with pytest.raises(Failure) as told_off:
        retry.call(lambda: sent.append(2), Deadline(60, time), one.context)
    assert (told_off.value.code, sent) == ("LockLost", [1])
    one.lock._release()
    assert "released" not in chain(store)[-1]


def test_one_that_was_silent_but_was_not_replaced_goes_on(store: FolderStore, time: Time) -> None:
    one = Launcher(store, time)
    with one.lock.held("serving"):
        time.now += 5 * LEASE_S
        one.lock.check()
        assert chain(store)[-1]["n"] == 2


class Cut(FolderStore):
    """A store that can be away, or refuse to be written to."""

    is_away = False

    def put(self, key: str, data: bytes, *, overwrite: bool = False) -> bool:
        if self.is_away:
            raise Failure("AccessDenied", "Failed to write.")
        return super().put(key, data, overwrite=overwrite)


def test_a_store_that_is_away_for_long_does_not_stop_the_work(tmp_path: Path, time: Time) -> None:
    store = Cut(tmp_path)
    one = Launcher(store, time)
    one.context.lock = one.lock
    with one.lock.held("serving"):
        store.is_away = True
        for _round in range(3):
            time.now += LEASE_S
            assert retry.call(lambda: 1, Deadline(60, time), one.context) == 1
        store.is_away = False
        time.now += LEASE_S
        one.lock.check()
        assert chain(store)[-1]["n"] == 2
    assert sum("Trying again" in line for line in one.said) == 3


def test_a_store_that_cannot_be_written_to_stops_it_before_anything_is_written(tmp_path: Path, time: Time) -> None:
    store, thing = Cut(tmp_path), Thing({"a": 1})
    one = Launcher(store, time)
    store.is_away, one.context.lock = True, one.lock
    with pytest.raises(Failure, match="Nothing was written"):
        reconcile(thing, {"a": 2}, one.context)
    assert thing.applied == 0


def test_a_number_that_was_tidied_away_cannot_be_claimed_again(store: FolderStore, time: Time) -> None:
    one, late = Launcher(store, time), Launcher(store, time)
    for _try in range(3):
        with one.lock.held("serving"):
            pass
    assert not late.lock._claim(2, {"schema": "s"})
    assert [record["n"] for record in chain(store)] == [6]


def test_of_many_at_once_one_works_at_a_time(store: FolderStore) -> None:
    inside, most, done, mutex = 0, 0, [], threading.Lock()

    def work(number: int) -> None:
        nonlocal inside, most
        one = Launcher(store, Time())
        one.lock._context = Context()
        with one.lock.held("serving"):
            with mutex:
                inside += 1
                most = max(most, inside)
            done.append(number)
            with mutex:
                inside -= 1

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(12)))
    assert (most, sorted(done)) == (1, list(range(12)))


class Thing(Resource):
    """Lives in a dict; `before_apply` happens when another one had the lock first."""

    kind = "thing"

    def __init__(self, live: dict[str, Any]) -> None:
        self.live, self.applied = live, 0

    def observe(self) -> State:
        return dict(self.live)

    def plan(self, observed: State, desired: State) -> Plan:
        return compare(observed, desired)

    def apply(self, plan: Plan) -> None:
        self.applied += 1
        self.live.update(plan.writes)


class Meanwhile(SharedLock):
    """Another one wrote before this one got the lock."""

    meanwhile: Callable[[], None]

    def _take(self, what: str) -> None:
        self.meanwhile()
        super()._take(what)


def test_what_another_has_done_meanwhile_is_not_done_again(store: FolderStore) -> None:
    context = Context()
    lock = Meanwhile(store, "prod/x", 1, holder(context), context)
    thing = Thing({"a": 1})
    lock.meanwhile, context.lock = lambda: thing.live.update(a=2), lock
    outcome = reconcile(thing, {"a": 2}, context)
    assert (outcome.changed, thing.applied) == (False, 0)


def test_nothing_is_locked_where_nothing_is_written(store: FolderStore) -> None:
    for context, wish in ((Context(), {"a": 1}), (Context(check=True), {"a": 2})):
        context.lock = SharedLock(store, "prod/x", 1, holder(context), context)
        reconcile(Thing({"a": 1}), wish, context)
    assert store.list("") == []


def test_the_holder_in_words() -> None:
    who = {"user": "alice", "host": "h", "playbook": "mlops.ack.serve", "process": 7}
    record = {"holder": who, "since": "2026-11-22T10:00:00Z", "what": "serving digits"}
    assert told(record) == "alice@h (mlops.ack.serve, process 7) since 2026-11-22T10:00:00Z for serving digits"
