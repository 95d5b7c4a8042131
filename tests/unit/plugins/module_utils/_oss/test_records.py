from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._oss import records
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import FolderStore, Store

RUN = {"schema": "mlops.ack/run/v1", "run_id": "r1", "metrics": {"accuracy": 0.97}}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return FolderStore(tmp_path)


class LostAnswer(FolderStore):
    """Writes, and then says that something was there: a put whose answer was lost and that was sent again."""

    def put(self, key: str, data: bytes, *, overwrite: bool = False) -> bool:
        super().put(key, data, overwrite=overwrite)
        return False


def test_a_record_is_written_once(store: Store) -> None:
    assert records.write_once(store, "runs/r1/run.json", RUN)
    assert not records.write_once(store, "runs/r1/run.json", RUN)
    assert records.read(store, "runs/r1/run.json") == RUN


def test_tuples_come_back_as_lists_and_are_the_same(store: Store) -> None:
    record = {**RUN, "files": ("a", "b"), "by_number": {1: "x"}}
    assert records.write_once(store, "k", record)
    assert not records.write_once(store, "k", record)


@pytest.mark.parametrize(
    ("other", "names"),
    [
        pytest.param({**RUN, "metrics": {"accuracy": 0.5}}, "metrics.accuracy", id="another value"),
        pytest.param({"schema": "mlops.ack/run/v1"}, "fields that are no longer", id="fewer fields"),
    ],
)
def test_another_record_is_never_written_over(store: Store, other: dict[str, Any], names: str) -> None:
    records.write_once(store, "k", RUN)
    with pytest.raises(Failure, match=names) as told:
        records.write_once(store, "k", other)
    assert told.value.code == "RecordConflict"
    assert records.read(store, "k") == RUN


@pytest.mark.parametrize("data", [b"{", b"[]", b"\xff"], ids=["broken", "a list", "not text"])
def test_what_is_not_a_record_is_told(store: Store, data: bytes) -> None:
    store.put("k", data)
    with pytest.raises(Failure) as told:
        records.read(store, "k")
    assert told.value.code == "BrokenRecord"


def test_history_is_by_number_not_by_name(store: Store) -> None:
    for n in range(1, 12):
        assert records.append(store, "gates/prod/g/aa", {"schema": "s", "round": n}) == n
    store.put("gates/prod/g/aa/notes.txt", b"")
    assert [record["n"] for record in records.history(store, "gates/prod/g/aa")] == list(range(1, 12))
    assert records.history(store, "gates/prod/g/a") == []


def test_writers_at_once_all_get_a_number(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda who: records.append(store, "p", {"who": who}), range(16)))
    assert sorted(numbers) == list(range(1, 17))
    assert sorted(record["who"] for record in records.history(store, "p")) == list(range(16))


def test_a_lost_answer_makes_no_second_record(tmp_path: Path) -> None:
    store = LostAnswer(tmp_path)
    assert records.append(store, "p", {"who": "a"}) == 1
    assert len(records.history(store, "p")) == 1
