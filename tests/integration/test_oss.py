"""The OSS modules as tasks of real playbooks, through both doors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import RunTasks
from tests.integration.simulated import (  # noqa: F401
    Simulator,
    bucket_name,
    no_fault_is_left,
    pattern,
    simulator,
    write,
)

pytestmark = pytest.mark.simulator

FILES = {"a.txt": b"1", "deep/b.bin": pattern(70_000), "deep/er/ü &+.txt": b"3", "empty": b""}


@pytest.mark.parametrize("in_process", [True, False], ids=["in process", "forked"])
def test_a_bucket_from_nothing_to_nothing(
    run_tasks: RunTasks,
    simulator: Simulator,  # noqa: F811
    bucket_name: str,  # noqa: F811
    in_process: bool,
) -> None:
    bucket = {**simulator.oss, "name": bucket_name}
    full = {**bucket, "acl": "private", "versioning": True, "tags": {"team": "a", "env": "dev"}}

    def task(**options: Any) -> dict[str, Any]:
        return {"mlops.ack.oss_bucket": {**full, **options}}

    [predicted] = run_tasks([task()], in_process=in_process, check=True)
    made, again, fewer_tags, public, no_tags, found, gone, gone_again = run_tasks(
        [
            task(),
            task(),
            task(tags={"team": "b"}),
            task(acl="public-read"),
            task(tags={}, versioning=False, acl="public-read", block_public_access=False),
            {"mlops.ack.oss_bucket_info": bucket},
            {"mlops.ack.oss_bucket": {**bucket, "state": "absent"}},
            {"mlops.ack.oss_bucket": {**bucket, "state": "absent"}},
        ],
        in_process=in_process,
    )
    assert predicted["changed"]
    assert predicted["bucket"] == {
        "name": bucket_name,
        "region": "cn-hangzhou",
        "storage_class": "Standard",
        "acl": "private",
        "block_public_access": True,
        "versioning": True,
        "tags": {"env": "dev", "team": "a"},
    }
    assert made["bucket"] == predicted["bucket"]
    assert (made["changed"], again["changed"]) == (True, False)
    assert made["diff"] == predicted["diff"]
    assert fewer_tags["bucket"]["tags"] == {"team": "b"}
    assert "set block_public_access to false" in public["msg"]
    open_to_all = {"acl": "public-read", "block_public_access": False, "tags": {}, "versioning": False}
    assert no_tags["bucket"] == {**made["bucket"], **open_to_all}
    assert no_tags["diff"]["after"] == open_to_all
    assert found["buckets"] == [no_tags["bucket"]]
    assert (gone["changed"], gone["bucket"], gone_again["changed"]) == (True, None, False)


def test_a_second_run_and_check_mode_write_nothing(
    run_tasks: RunTasks,
    simulator: Simulator,  # noqa: F811
    bucket_name: str,  # noqa: F811
) -> None:
    task = {"mlops.ack.oss_bucket": {**simulator.oss, "name": bucket_name, "versioning": True}}
    before = simulator.last
    run_tasks([task], check=True)
    assert simulator.writes(before) == []
    run_tasks([task])
    before = simulator.last
    run_tasks([task])
    assert simulator.writes(before) == []


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        pytest.param({"name": "taken-by-others"}, "AccessDenied", "choose another name", id="taken name"),
        pytest.param({"name": "x", "region": None}, "InvalidOption", "", id="bad name"),
        pytest.param({"name": "abc", "access_key_secret": "wrong"}, "SignatureDoesNotMatch", "secret", id="secret"),
        pytest.param(
            {"name": "abc", "oss_endpoint": "http://127.0.0.1:9", "request_timeout": 2},
            "Unreachable",
            "connection refused at 127.0.0.1:9",
            id="nobody listens",
        ),
    ],
)
def test_what_a_newcomer_meets_reads_well(
    run_tasks: RunTasks,
    simulator: Simulator,  # noqa: F811
    options: dict[str, Any],
    code: str,
    words: str,
) -> None:
    wanted = {key: value for key, value in {**simulator.oss, **options}.items() if value is not None}
    wanted.setdefault("region", "cn-hangzhou")
    [result] = run_tasks([{"mlops.ack.oss_bucket": wanted}])
    assert result["failed"]
    assert result["failure"]["code"] == code
    assert words in result["msg"]


@pytest.mark.parametrize("in_process", [True, False], ids=["in process", "forked"])
def test_a_folder_goes_up_and_comes_down(
    run_tasks: RunTasks,
    simulator: Simulator,  # noqa: F811
    bucket_name: str,  # noqa: F811
    tmp_path: Path,
    in_process: bool,
) -> None:
    folder = write(tmp_path / "in", FILES)
    options = {**simulator.oss, "bucket": bucket_name, "prefix": "data"}
    up = {"mlops.ack.oss_sync": {**options, "path": str(folder)}}
    down = {"mlops.ack.oss_sync": {**options, "path": str(tmp_path / "out"), "direction": "download"}}
    run_tasks([{"mlops.ack.oss_bucket": {**simulator.oss, "name": bucket_name}}])
    before = simulator.last
    [predicted] = run_tasks([up], check=True, in_process=in_process)
    assert simulator.writes(before) == []
    sent, again = run_tasks([up, up], in_process=in_process)
    [predicted_down] = run_tasks([down], check=True, in_process=in_process)
    assert not (tmp_path / "out").exists()
    fetched, fetched_again = run_tasks([down, down], in_process=in_process)
    for said, done in ((predicted, sent), (predicted_down, fetched)):
        assert {**said, "_output": ""} == {**done, "_output": ""}
    assert sent["sync"]["transferred"] == sorted(FILES)
    assert (sent["changed"], again["changed"]) == (True, False)
    assert (fetched["changed"], fetched_again["changed"]) == (True, False)
    assert again["sync"] == {**sent["sync"], "transferred": [], "transferred_size": 0}
    assert fetched["sync"]["digest"] == sent["sync"]["digest"]
    assert {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()} == set(
        FILES
    )
    assert all((tmp_path / "out" / name).read_bytes() == data for name, data in FILES.items())


def test_only_what_differs_moves_and_extras_go_when_asked(
    run_tasks: RunTasks,
    simulator: Simulator,  # noqa: F811
    bucket_name: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    folder = write(tmp_path / "in", FILES)
    sync = {**simulator.oss, "bucket": bucket_name, "prefix": "data", "path": str(folder)}
    back = {**sync, "direction": "download", "path": str(tmp_path / "out")}
    run_tasks([{"mlops.ack.oss_bucket": {**simulator.oss, "name": bucket_name}}, {"mlops.ack.oss_sync": sync}])
    run_tasks([{"mlops.ack.oss_sync": back}])
    (folder / "a.txt").write_bytes(b"2")
    shutil.rmtree(folder / "deep")
    kept, cleaned = run_tasks([{"mlops.ack.oss_sync": sync}, {"mlops.ack.oss_sync": {**sync, "delete_extra": True}}])
    assert kept["sync"]["transferred"] == ["a.txt"]
    assert kept["sync"]["deleted"] == []
    assert "deep/b.bin" in kept["warnings"][0]
    assert cleaned["sync"]["deleted"] == ["deep/b.bin", "deep/er/ü &+.txt"]
    fetched = run_tasks([{"mlops.ack.oss_sync": {**back, "delete_extra": True}}])[0]
    assert fetched["sync"]["transferred"] == ["a.txt"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.txt", "empty"]


def test_a_large_file_goes_in_parts_and_says_how_far_it_is(
    run_tasks: RunTasks,
    simulator: Simulator,  # noqa: F811
    bucket_name: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    folder = write(tmp_path / "in", {"big.bin": pattern(70 << 20)})
    sync = {**simulator.oss, "bucket": bucket_name, "path": str(folder)}
    back = {**sync, "direction": "download", "path": str(tmp_path / "out")}
    tasks = [{"mlops.ack.oss_bucket": {**simulator.oss, "name": bucket_name}}, {"mlops.ack.oss_sync": sync}]
    _, sent = run_tasks(tasks)
    before = simulator.last
    again, fetched = run_tasks([{"mlops.ack.oss_sync": sync}, {"mlops.ack.oss_sync": back}])
    assert "upload: 1 of 1 files, 70.0 of 70.0 MiB" in sent["_output"]
    assert not again["changed"]
    assert simulator.writes(before) == []
    assert fetched["sync"]["digest"] == sent["sync"]["digest"]


@pytest.mark.parametrize(
    ("files", "options", "code"),
    [
        pytest.param({}, {}, "MissingFolder", id="no folder"),
        pytest.param({"a": b""}, {"bucket": "nowhere-to-be-found"}, "NoSuchBucket", id="no bucket"),
        pytest.param({"a": b""}, {"direction": "download", "prefix": "misspelt"}, "EmptySource", id="empty prefix"),
    ],
)
def test_a_source_or_destination_that_is_not_there(
    run_tasks: RunTasks,
    simulator: Simulator,  # noqa: F811
    bucket_name: str,  # noqa: F811
    tmp_path: Path,
    files: dict[str, bytes],
    options: dict[str, Any],
    code: str,
) -> None:
    folder = write(tmp_path / "in", files)
    sync = {**simulator.oss, "bucket": bucket_name, "path": str(folder), "delete_extra": True, **options}
    _, result = run_tasks(
        [{"mlops.ack.oss_bucket": {**simulator.oss, "name": bucket_name}}, {"mlops.ack.oss_sync": sync}]
    )
    assert result["failure"]["code"] == code
    assert all((folder / name).exists() for name in files)


def test_no_secret_reaches_the_output(
    run_tasks: RunTasks,
    simulator: Simulator,  # noqa: F811
    bucket_name: str,  # noqa: F811
    tmp_path: Path,
) -> None:
    folder = write(tmp_path / "in", FILES)
    results = run_tasks(
        [
            {"mlops.ack.oss_bucket": {**simulator.oss, "name": bucket_name}},
            {"mlops.ack.oss_sync": {**simulator.oss, "bucket": bucket_name, "path": str(folder)}},
            {"mlops.ack.oss_bucket": {**simulator.oss, "name": "taken-name"}},
        ]
    )
    assert simulator.oss["access_key_secret"] not in json.dumps(results)
