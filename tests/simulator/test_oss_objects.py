"""Objects, versions, multipart uploads and lists through the official SDK."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import oss2
import pytest
from oss2 import models

from tests.simulator.simulated import Simulator, new_name

MIB = 1 << 20
ODD_KEY = "models/m v1+é&<>'\"%2F?#.bin"


def code_of(call: Any, *arguments: Any, **more: Any) -> tuple[int, str]:
    with pytest.raises(oss2.exceptions.ServerError) as error:
        call(*arguments, **more)
    return error.value.status, error.value.code


def read(bucket: oss2.Bucket, key: str, **more: Any) -> bytes:
    content: bytes = bucket.get_object(key, **more).read()
    return content


@pytest.fixture
def versioned(bucket: oss2.Bucket) -> oss2.Bucket:
    bucket.put_bucket_versioning(models.BucketVersioningConfig("Enabled"))
    return bucket


def test_an_object_comes_back_with_its_headers(bucket: oss2.Bucket) -> None:
    headers = {"x-oss-meta-run": "7", "Content-Type": "text/csv", "Cache-Control": "no-cache", "x-oss-tagging": "a=1"}
    put = bucket.put_object(ODD_KEY, b"hello", headers=headers)
    assert put.etag == "5D41402ABC4B2A76B9719D911017C592"
    got = bucket.get_object(ODD_KEY)
    assert (got.read(), got.content_type, got.headers["x-oss-meta-run"]) == (b"hello", "text/csv", "7")
    assert (got.object_type, got.headers["Cache-Control"], got.headers["x-oss-tagging-count"]) == (
        "Normal",
        "no-cache",
        "1",
    )
    head = bucket.head_object(ODD_KEY)
    assert (head.content_length, head.etag, head.last_modified) == (5, put.etag, got.last_modified)
    assert bucket.get_object_meta(ODD_KEY).content_length == 5
    assert [found.key for found in oss2.ObjectIteratorV2(bucket)] == [ODD_KEY]


@pytest.mark.parametrize(
    ("byte_range", "content"),
    [
        pytest.param((0, 1), b"01", id="from start"),
        pytest.param((8, None), b"89", id="to the end"),
        pytest.param((None, 3), b"789", id="the last ones"),
        pytest.param((5, 100), b"56789", id="beyond the end"),
    ],
)
def test_a_part_of_an_object_is_read(bucket: oss2.Bucket, byte_range: Any, content: bytes) -> None:
    bucket.put_object("a", b"0123456789")
    got = bucket.get_object("a", byte_range=byte_range)
    assert (got.status, got.read()) == (206, content)


def test_a_range_that_is_not_there_gives_everything_unless_asked_otherwise(bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"01")
    assert bucket.get_object("a", byte_range=(5, 6)).status == 200
    strict = {"x-oss-range-behavior": "standard"}
    assert code_of(bucket.get_object, "a", byte_range=(5, 6), headers=strict) == (416, "InvalidRange")


def test_missing_things_are_told_apart(simulator: Simulator, bucket: oss2.Bucket) -> None:
    assert code_of(bucket.get_object, "a") == (404, "NoSuchKey")
    assert bucket.object_exists("a") is False
    with pytest.raises(oss2.exceptions.NoSuchBucket):
        simulator.bucket(new_name()).object_exists("a")
    assert bucket.delete_object("a").status == 204


def test_an_object_is_not_overwritten_where_that_is_forbidden(bucket: oss2.Bucket) -> None:
    once = {"x-oss-forbid-overwrite": "true"}
    bucket.put_object("a", b"1", headers=once)
    refused = (409, "FileAlreadyExists")
    assert code_of(bucket.put_object, "a", b"2", headers=once) == refused
    assert code_of(bucket.copy_object, bucket.bucket_name, "a", "a", headers=once) == refused
    assert code_of(bucket.init_multipart_upload, "a", headers=once) == refused
    assert code_of(bucket.put_object, "b", b"2", headers={"x-oss-forbid-overwrite": "yes"}) == (400, "InvalidArgument")
    assert read(bucket, "a") == b"1"


def test_forbidding_to_overwrite_has_no_effect_on_a_versioned_bucket(versioned: oss2.Bucket) -> None:
    once = {"x-oss-forbid-overwrite": "true"}
    versioned.put_object("a", b"1", headers=once)
    versioned.put_object("a", b"2", headers=once)
    assert read(versioned, "a") == b"2"


def test_a_content_that_does_not_match_its_md5_is_refused(bucket: oss2.Bucket) -> None:
    wrong = {"Content-MD5": oss2.utils.content_md5(b"other")}
    assert code_of(bucket.put_object, "a", b"1", headers=wrong) == (400, "InvalidDigest")
    assert not bucket.object_exists("a")


def test_conditions_are_honoured(bucket: oss2.Bucket) -> None:
    etag = bucket.put_object("a", b"1").etag
    assert code_of(bucket.get_object, "a", headers={"If-Match": '"X"'}) == (412, "PreconditionFailed")
    assert code_of(bucket.get_object, "a", headers={"If-None-Match": f'"{etag}"'})[0] == 304


def test_a_copy_keeps_or_replaces_what_is_said_about_it(bucket: oss2.Bucket) -> None:
    bucket.put_object("a b+c", b"1", headers={"x-oss-meta-x": "old", "x-oss-tagging": "t=1"})
    bucket.copy_object(bucket.bucket_name, "a b+c", "kept")
    replaced = {"x-oss-metadata-directive": "REPLACE", "x-oss-meta-x": "new"}
    bucket.copy_object(bucket.bucket_name, "a b+c", "replaced", headers=replaced)
    assert bucket.head_object("kept").headers["x-oss-meta-x"] == "old"
    assert bucket.get_object_tagging("kept").tag_set.tagging_rule == {"t": "1"}
    assert bucket.head_object("replaced").headers["x-oss-meta-x"] == "new"
    bucket.delete_object("a b+c")
    assert read(bucket, "kept") == b"1"
    assert code_of(bucket.copy_object, bucket.bucket_name, "nope", "x") == (404, "NoSuchKey")


def test_an_object_grows_by_appending(bucket: oss2.Bucket) -> None:
    assert bucket.append_object("log", 0, b"one").next_position == 3
    assert bucket.append_object("log", 3, b"two", init_crc=None).next_position == 6
    with pytest.raises(oss2.exceptions.PositionNotEqualToLength) as error:
        bucket.append_object("log", 3, b"x")
    assert error.value.next_position == 6
    assert (read(bucket, "log"), bucket.head_object("log").object_type) == (b"onetwo", "Appendable")
    bucket.put_object("a", b"")
    assert code_of(bucket.append_object, "a", 0, b"x") == (409, "ObjectNotAppendable")


def test_a_link_leads_to_its_target(bucket: oss2.Bucket) -> None:
    bucket.put_symlink("d/target é", "link")
    assert code_of(bucket.get_object, "link") == (404, "SymlinkTargetNotExist")
    bucket.put_object("d/target é", b"1")
    assert (read(bucket, "link"), bucket.get_symlink("link").target_key) == (b"1", "d/target é")
    assert code_of(bucket.get_symlink, "d/target é") == (400, "NotSymlink")


def test_tags_and_acl_of_an_object(bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"")
    rules = models.TaggingRule()
    rules.add("k", "v")
    bucket.put_object_tagging("a", models.Tagging(rules))
    assert bucket.get_object_tagging("a").tag_set.tagging_rule == {"k": "v"}
    bucket.delete_object_tagging("a")
    assert bucket.get_object_tagging("a").tag_set.tagging_rule == {}
    assert bucket.get_object_acl("a").acl == "default"
    bucket.put_object_acl("a", "private")
    assert bucket.get_object_acl("a").acl == "private"


def test_many_objects_are_deleted_at_once(bucket: oss2.Bucket) -> None:
    keys = ["a", ODD_KEY, "never there"]
    for key in keys[:2]:
        bucket.put_object(key, b"")
    assert sorted(bucket.batch_delete_objects(keys).deleted_keys) == sorted(keys)
    assert list(oss2.ObjectIterator(bucket)) == []


def test_versions_pile_up_and_deleting_leaves_a_marker(versioned: oss2.Bucket) -> None:
    first, second = versioned.put_object("a", b"1").versionid, versioned.put_object("a", b"2").versionid
    assert (read(versioned, "a"), read(versioned, "a", params={"versionId": first})) == (b"2", b"1")
    marker = versioned.delete_object("a")
    assert marker.delete_marker is True
    assert code_of(versioned.get_object, "a") == (404, "NoSuchKey")
    assert list(oss2.ObjectIteratorV2(versioned)) == []
    listed = versioned.list_object_versions()
    assert [(version.versionid, version.is_latest) for version in listed.versions] == [(second, False), (first, False)]
    assert [(one.versionid, one.is_latest) for one in listed.delete_marker] == [(marker.versionid, True)]
    assert code_of(versioned.delete_bucket) == (409, "BucketNotEmpty")
    versioned.delete_object("a", params={"versionId": marker.versionid})
    assert read(versioned, "a") == b"2"
    gone = models.BatchDeleteObjectVersionList([models.BatchDeleteObjectVersion("a", one) for one in (first, second)])
    versioned.delete_object_versions(gone)
    versioned.delete_bucket()


def test_suspended_versioning_overwrites_the_null_version_only(versioned: oss2.Bucket) -> None:
    versioned.put_object("a", b"1")
    versioned.put_bucket_versioning(models.BucketVersioningConfig("Suspended"))
    for content in (b"2", b"3"):
        versioned.put_object("a", content)
    versions = versioned.list_object_versions().versions
    assert [version.versionid == "null" for version in versions] == [True, False]
    assert code_of(versioned.get_object, "a", params={"versionId": "nope"}) == (404, "NoSuchVersion")


def test_keys_are_listed_in_pages_with_folders(bucket: oss2.Bucket) -> None:
    keys = ["a", "b/1", "b/2", "b/c/3", "d", "é", "z"]
    for key in keys:
        bucket.put_object(key, b"x")
    for iterate in (oss2.ObjectIterator, oss2.ObjectIteratorV2):
        assert [found.key for found in iterate(bucket, max_keys=2)] == ["a", "b/1", "b/2", "b/c/3", "d", "z", "é"]
        assert [found.key for found in iterate(bucket, delimiter="/", max_keys=1)] == ["a", "b/", "d", "z", "é"]
        assert [found.key for found in iterate(bucket, prefix="b/", delimiter="/")] == ["b/1", "b/2", "b/c/"]
    page = bucket.list_objects_v2(start_after="b/2", max_keys=2, fetch_owner=True)
    assert ([found.key for found in page.object_list], page.is_truncated) == (["b/c/3", "d"], True)
    assert page.object_list[0].owner.id
    assert code_of(bucket.list_objects_v2, max_keys=1001) == (400, "InvalidArgument")
    assert code_of(bucket.list_objects_v2, continuation_token="!") == (400, "InvalidArgument")


def test_parts_in_any_order_become_one_object(bucket: oss2.Bucket) -> None:
    upload_id = bucket.init_multipart_upload("big", headers={"x-oss-meta-x": "1"}).upload_id
    contents = {1: b"a" * MIB, 2: b"b" * MIB, 3: b"end"}
    parts = [models.PartInfo(n, bucket.upload_part("big", upload_id, n, contents[n]).etag) for n in (3, 1, 2)]
    assert [part.part_number for part in bucket.list_parts("big", upload_id).parts] == [1, 2, 3]
    assert [one.upload_id for one in bucket.list_multipart_uploads().upload_list] == [upload_id]
    assert code_of(bucket.delete_bucket) == (409, "BucketNotEmpty")
    done = bucket.complete_multipart_upload("big", upload_id, sorted(parts, key=lambda part: part.part_number))
    assert done.etag.endswith("-3")
    head = bucket.head_object("big")
    assert (head.object_type, head.headers["x-oss-meta-x"], head.content_length) == ("Multipart", "1", 2 * MIB + 3)
    assert read(bucket, "big") == b"".join(contents.values())
    assert code_of(bucket.list_parts, "big", upload_id) == (404, "NoSuchUpload")
    assert bucket.list_multipart_uploads().upload_list == []


@pytest.mark.parametrize(
    ("sizes", "numbers", "code"),
    [
        pytest.param([1000, 1], [1, 2], "EntityTooSmall", id="a small part before the last"),
        pytest.param([MIB, 1], [1, 1], "InvalidPartOrder", id="a part twice"),
        pytest.param([MIB, 1], [1, 2, 3], "InvalidPart", id="a part that was never sent"),
    ],
)
def test_complete_refuses(bucket: oss2.Bucket, sizes: list[int], numbers: list[int], code: str) -> None:
    upload_id = bucket.init_multipart_upload("big").upload_id
    etags = {n: bucket.upload_part("big", upload_id, n, b"x" * size).etag for n, size in enumerate(sizes, 1)}
    parts = [models.PartInfo(number, etags.get(number, "0" * 32)) for number in numbers]
    assert code_of(bucket.complete_multipart_upload, "big", upload_id, parts) == (400, code)
    bucket.abort_multipart_upload("big", upload_id)


def test_an_aborted_upload_leaves_nothing(simulator: Simulator, bucket: oss2.Bucket) -> None:
    before = len(list((simulator.state / "oss/blobs").iterdir()))
    upload_id = bucket.init_multipart_upload("big").upload_id
    bucket.upload_part("big", upload_id, 1, b"x" * MIB)
    bucket.abort_multipart_upload("big", upload_id)
    assert len(list((simulator.state / "oss/blobs").iterdir())) == before
    assert code_of(bucket.upload_part, "big", upload_id, 1, b"") == (404, "NoSuchUpload")


def test_a_part_is_copied_from_another_object(bucket: oss2.Bucket) -> None:
    bucket.put_object("source", b"0123456789")
    upload_id = bucket.init_multipart_upload("copy").upload_id
    part = bucket.upload_part_copy(bucket.bucket_name, "source", (2, 5), "copy", upload_id, 1)
    bucket.complete_multipart_upload("copy", upload_id, [models.PartInfo(1, part.etag)])
    assert read(bucket, "copy") == b"2345"


def test_large_files_go_up_and_down_resumably(bucket: oss2.Bucket, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(3 * MIB + 7))
    more = {"store": oss2.ResumableStore(root=str(tmp_path)), "part_size": MIB, "num_threads": 2}
    oss2.resumable_upload(bucket, "big", str(source), multipart_threshold=MIB, **more)
    down = {**more, "store": oss2.ResumableDownloadStore(root=str(tmp_path))}
    oss2.resumable_download(bucket, "big", str(target), multiget_threshold=MIB, **down)
    assert target.read_bytes() == source.read_bytes()


def test_overwriting_and_deleting_free_the_disk(simulator: Simulator, bucket: oss2.Bucket) -> None:
    blobs = simulator.state / "oss/blobs"
    before = len(list(blobs.iterdir()))
    for content in (b"1", b"2", b"3"):
        bucket.put_object("a", content)
    assert len(list(blobs.iterdir())) == before + 1
    bucket.delete_object("a")
    assert len(list(blobs.iterdir())) == before


def test_many_objects_are_listed_whole(bucket: oss2.Bucket) -> None:
    for number in range(200):
        bucket.put_object(f"{number:04}", b"x")
    assert sum(1 for _object in oss2.ObjectIteratorV2(bucket, max_keys=1000)) == 200
