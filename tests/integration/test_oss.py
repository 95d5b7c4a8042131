"""The OSS modules as tasks of real playbooks, through both doors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import RunTasks
from tests.integration.simulated import (
    Simulator,
    bucket_name,
    no_fault_is_left,
    pattern,
    simulator,
    write,
)

__all__ = ["bucket_name", "no_fault_is_left", "simulator"]

pytestmark = pytest.mark.simulator

FILES = {"a.txt": b"1", "deep/b.bin": pattern(70_000), "deep/er/ü &+.txt": b"3", "empty": b""}


@pytest.mark.parametrize("in_process", [True, False], ids=["in process", "forked"])
def test_a_bucket_from_nothing_to_nothing(
    run_tasks: RunTasks,
    simulator: Simulator,
    bucket_name: str,
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
        "encryption": {"algorithm": "none", "kms_key_id": ""},
        "lifecycle": [],
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


RULES = [
    {"id": "runs", "prefix": "runs/", "expire_days": 30, "transitions": [{"days": 7, "storage_class": "IA"}]},
    {"id": "broken", "abort_multipart_days": 3, "tags": {"team": "ml"}},
]


@pytest.mark.parametrize("in_process", [True, False], ids=["in process", "forked"])
def test_encryption_and_rules_are_set_kept_and_removed(
    run_tasks: RunTasks,
    simulator: Simulator,
    bucket_name: str,
    in_process: bool,
) -> None:
    def task(**options: Any) -> dict[str, Any]:
        return {"mlops.ack.oss_bucket": {**simulator.oss, "name": bucket_name, **options}}

    key = {"algorithm": "KMS", "kms_key_id": "9468da86-3509-4f8d-a61e-6eab1eac0000"}
    set_up = task(encryption={"algorithm": "AES256"}, lifecycle=RULES)
    [predicted] = run_tasks([set_up], in_process=in_process, check=True)
    made, again, left_alone, by_key, none, refused = run_tasks(
        [
            set_up,
            set_up,
            task(),
            task(encryption=key, lifecycle=RULES[:1]),
            task(encryption={"algorithm": "none"}, lifecycle=[]),
            task(encryption={**key, "algorithm": "AES256"}),
        ],
        in_process=in_process,
    )
    assert (made["bucket"], made["diff"]) == (predicted["bucket"], predicted["diff"])
    assert [rule["id"] for rule in made["bucket"]["lifecycle"]] == ["broken", "runs"]
    assert (made["changed"], again["changed"], left_alone["changed"]) == (True, False, False)
    assert left_alone["bucket"] == made["bucket"]
    assert (by_key["bucket"]["encryption"], len(by_key["bucket"]["lifecycle"])) == (key, 1)
    assert sorted(by_key["diff"]["after"]) == ["encryption.algorithm", "encryption.kms_key_id", "lifecycle"]
    assert none["bucket"] == {**made["bucket"], "encryption": {"algorithm": "none", "kms_key_id": ""}, "lifecycle": []}
    assert refused["failure"]["code"] == "InvalidOption"


@pytest.mark.parametrize("in_process", [True, False], ids=["in process", "forked"])
def test_a_bucket_is_deleted_with_what_it_holds_only_when_told_to(
    run_tasks: RunTasks,
    simulator: Simulator,
    bucket_name: str,
    tmp_path: Path,
    in_process: bool,
) -> None:
    bucket = {**simulator.oss, "name": bucket_name}
    sync = {**simulator.oss, "bucket": bucket_name, "path": str(write(tmp_path / "in", FILES))}
    run_tasks([{"mlops.ack.oss_bucket": {**bucket, "versioning": True}}, {"mlops.ack.oss_sync": sync}])
    (tmp_path / "in/a.txt").write_bytes(b"a second version")
    (tmp_path / "in/empty").unlink()
    run_tasks([{"mlops.ack.oss_sync": {**sync, "delete_extra": True}}])
    absent = {"mlops.ack.oss_bucket": {**bucket, "state": "absent"}}
    with_all = {"mlops.ack.oss_bucket": {**bucket, "state": "absent", "delete_objects": True}}
    before = simulator.last
    [predicted] = run_tasks([with_all], in_process=in_process, check=True)
    [refused] = run_tasks([absent], in_process=in_process)
    assert simulator.writes(before) == []
    assert refused["failure"]["code"] == "BucketNotEmpty"
    assert "6 objects (versions counted)" in refused["msg"]  # four files, one of them twice, and a delete marker
    gone, again = run_tasks([with_all, with_all], in_process=in_process)
    assert (gone["changed"], gone["bucket"], gone["deleted_objects"]) == (True, None, 6)
    assert (predicted["deleted_objects"], predicted["diff"]) == (6, gone["diff"])
    assert (again["changed"], again["deleted_objects"]) == (False, 0)


@pytest.mark.parametrize("in_process", [True, False], ids=["in process", "forked"])
def test_objects_are_listed_by_both_ends_of_their_keys_in_parts(
    run_tasks: RunTasks,
    simulator: Simulator,
    bucket_name: str,
    tmp_path: Path,
    in_process: bool,
) -> None:
    files = {f"d{n}/{name}": b"x" * n for n in range(5) for name in ("manifest.json", "ü &+.bin")}
    sync = {**simulator.oss, "bucket": bucket_name, "prefix": "p", "path": str(write(tmp_path / "in", files))}
    run_tasks([{"mlops.ack.oss_bucket": {**simulator.oss, "name": bucket_name}}, {"mlops.ack.oss_sync": sync}])

    def task(**options: Any) -> dict[str, Any]:
        return {"mlops.ack.oss_object_info": {**simulator.oss, "bucket": bucket_name, **options}}

    every, some, none, no_bucket, no_limit = run_tasks(
        [task(), task(prefix="p/", suffix="/manifest.json", limit=3), task(prefix="q"), task(bucket="t-no"),
         task(limit=0)],
        in_process=in_process,
    )  # fmt: skip
    assert [each["key"] for each in every["objects"]] == sorted(f"p/{name}" for name in files)
    assert (every["size"], every["next"]) == (20, None)
    assert [each["key"] for each in some["objects"]] == [f"p/d{n}/manifest.json" for n in range(3)]
    assert some["next"] == "p/d2/manifest.json"
    [rest] = run_tasks([task(prefix="p/", suffix="/manifest.json", after=some["next"])], in_process=in_process)
    assert ([each["size"] for each in rest["objects"]], rest["next"]) == ([3, 4], None)
    assert (none["objects"], no_bucket["failure"]["code"]) == ([], "NoSuchBucket")
    assert no_limit["failure"]["code"] == "InvalidOption"


def test_a_second_run_and_check_mode_write_nothing(
    run_tasks: RunTasks,
    simulator: Simulator,
    bucket_name: str,
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
    simulator: Simulator,
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
    simulator: Simulator,
    bucket_name: str,
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
    simulator: Simulator,
    bucket_name: str,
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
    simulator: Simulator,
    bucket_name: str,
    tmp_path: Path,
) -> None:
    folder = write(tmp_path / "in", {"big.bin": pattern(70 << 20)})
    sync = {**simulator.oss, "bucket": bucket_name, "path": str(folder)}
    back = {**sync, "direction": "download", "path": str(tmp_path / "out")}
    tasks = [{"mlops.ack.oss_bucket": {**simulator.oss, "name": bucket_name}}, {"mlops.ack.oss_sync": sync}]
    _first, sent = run_tasks(tasks)
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
    simulator: Simulator,
    bucket_name: str,
    tmp_path: Path,
    files: dict[str, bytes],
    options: dict[str, Any],
    code: str,
) -> None:
    folder = write(tmp_path / "in", files)
    sync = {**simulator.oss, "bucket": bucket_name, "path": str(folder), "delete_extra": True, **options}
    _first, result = run_tasks(
        [{"mlops.ack.oss_bucket": {**simulator.oss, "name": bucket_name}}, {"mlops.ack.oss_sync": sync}]
    )
    assert result["failure"]["code"] == code
    assert all((folder / name).exists() for name in files)


def test_no_secret_reaches_the_output(
    run_tasks: RunTasks,
    simulator: Simulator,
    bucket_name: str,
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
