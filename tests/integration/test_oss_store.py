"""The store over OSS's wire format: what it promises, and what it does when the network or the service fails."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._oss import records, transfer
from ansible_collections.mlops.ack.plugins.module_utils._oss.bucket import OssBucketApi
from ansible_collections.mlops.ack.plugins.module_utils._oss.client import Oss, connect
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import OssStore
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

SMALL = transfer.Limits(large=300_000, part=200_000)
FAST = Context(sleep=lambda seconds: None)


@pytest.fixture
def oss(simulator: Simulator) -> Oss:
    return connect({**simulator.oss, "security_token": None, "request_timeout": 5}, FAST)


@pytest.fixture
def store(oss: Oss, bucket_name: str) -> Iterator[OssStore]:
    OssBucketApi(oss, bucket_name).create("Standard")
    yield OssStore(oss, bucket_name, "mlops")


def test_what_is_put_is_got(store: OssStore) -> None:
    assert store.put("a/b é+.json", b"1")
    assert store.get("a/b é+.json") == b"1"
    assert store.get("none") is None


def test_a_second_put_writes_only_when_told_to(store: OssStore) -> None:
    store.put("a", b"1")
    assert not store.put("a", b"2")
    assert store.get("a") == b"1"
    assert store.put("a", b"2", overwrite=True)
    assert store.get("a") == b"2"


@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
def test_records_are_refused_where_they_could_be_overwritten(store: OssStore, oss: Oss, status: str) -> None:
    OssBucketApi(oss, store.name.split("/")[2]).put("versioning", True)
    if status == "Suspended":
        OssBucketApi(oss, store.name.split("/")[2]).put("versioning", False)
    with pytest.raises(Failure) as told:
        store.put("a", b"1")
    assert (told.value.code, store.list("")) == ("VersionedBucket", [])


def test_of_many_writers_at_once_one_wins(store: OssStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda n: store.put("a", str(n).encode()), range(20)))
    assert won.count(True) == 1
    assert store.get("a") == str(won.index(True)).encode()


def test_records_get_their_numbers_although_answers_are_lost(store: OssStore, simulator: Simulator) -> None:
    simulator.faults({"kind": "half", "match": {"api": "oss", "method": "PUT"}, "times": 1})
    assert records.append(store, "p", {"who": "a"}) == 1
    assert records.append(store, "p", {"who": "b"}) == 2
    assert [record["who"] for record in records.history(store, "p")] == ["a", "b"]


def test_a_listing_of_many_pages_is_whole(store: OssStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.put(f"many/{n:04}", b"x"), range(1005)))
    assert [item.key for item in store.list("many/")] == [f"many/{n:04}" for n in range(1005)]


@pytest.mark.parametrize("kind", ["throttle", "http500", "http503", "reset", "half"])
def test_a_passing_fault_is_overcome(store: OssStore, simulator: Simulator, kind: str) -> None:
    store.put("a", b"12345678")
    simulator.faults({"kind": kind, "match": {"api": "oss"}, "times": 2})
    assert store.get("a") == b"12345678"


def test_a_lasting_fault_is_told_readably(store: OssStore, simulator: Simulator) -> None:
    simulator.faults({"kind": "reset", "match": {"api": "oss"}})
    with pytest.raises(Failure) as told:
        store.get("a")
    assert told.value.code == "Unreachable"
    assert str(told.value).startswith(f"Failed to read {store.name}/a: ")
    assert "object at 0x" not in str(told.value)


def test_a_refused_connection_names_host_and_port() -> None:
    params = {"access_key_id": "a", "access_key_secret": "b", "security_token": None, "region": "cn-hangzhou"}
    store = OssStore(connect({**params, "oss_endpoint": "http://127.0.0.1:9"}, FAST), "some-bucket", "")
    with pytest.raises(Failure) as told:
        store.get("a")
    assert str(told.value).startswith(
        "Failed to read oss://some-bucket/a: connection refused at 127.0.0.1:9. Check oss_endpoint"
    )


@pytest.mark.parametrize(
    ("wrong", "code", "hint"),
    [
        pytest.param({"access_key_id": "nobody"}, "InvalidAccessKeyId", "Check access_key_id", id="key id"),
        pytest.param({"access_key_secret": "no-good"}, "SignatureDoesNotMatch", "Check access_key_secret", id="secret"),
    ],
)
def test_wrong_credentials_are_told_by_option(
    simulator: Simulator,
    wrong: dict[str, Any],
    code: str,
    hint: str,
) -> None:
    store = OssStore(connect({**simulator.oss, "security_token": None, **wrong}, FAST), "some-bucket", "")
    with pytest.raises(Failure, match=hint) as told:
        store.get("a")
    assert told.value.code == code


def test_a_bucket_that_is_not_there_is_told(oss: Oss) -> None:
    with pytest.raises(Failure, match=r"mlops\.ack\.oss_bucket") as told:
        OssStore(oss, "nowhere-to-be-found", "").get("a")
    assert told.value.code == "NoSuchBucket"


def test_a_signed_url_works_without_credentials_for_its_method_only(store: OssStore, oss: Oss) -> None:
    store.put("deep/er.txt", b"hello")
    url = store.url("deep/er.txt", "GET", 60)
    assert urllib.request.urlopen(url, timeout=5).read() == b"hello"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(urllib.request.Request(url, data=b"x", method="PUT"), timeout=5)
    put = urllib.request.Request(store.url("new", "PUT", 60), data=b"x", method="PUT")
    put.add_header("Content-Type", "application/octet-stream")
    assert oss.context.secrets.scrub(url) != url


def begin_upload(store: OssStore, key: str, data: bytes, parts: int) -> None:
    """What a killed upload leaves: some parts, and nobody who knows of them."""
    headers = {transfer.SHA256: hashlib.sha256(data).hexdigest()}
    upload = store._bucket.init_multipart_upload(key, headers=headers).upload_id
    for number in range(1, parts + 1):
        store._bucket.upload_part(key, upload, number, data[(number - 1) * SMALL.part : number * SMALL.part])


class TestTransfer:
    """Files: small ones in one request, large ones in parts."""

    @pytest.mark.parametrize("size", [0, 1, 299_999, 300_000, 1_000_001])
    def test_what_goes_up_comes_down(self, store: OssStore, oss: Oss, tmp_path: Path, size: int) -> None:
        data = pattern(size)
        source = write(tmp_path, {"in": data}) / "in"
        moved: list[int] = []
        transfer.send(oss, store._bucket, "k", source, "k", moved=moved.append, limits=SMALL)
        told = transfer.fetch(oss, store._bucket, "k", tmp_path / "out", "k")
        assert (tmp_path / "out").read_bytes() == data
        assert told == hashlib.sha256(data).hexdigest()
        assert sum(moved) == size

    def test_an_interrupted_upload_goes_on_with_the_parts_that_lack(
        self,
        store: OssStore,
        oss: Oss,
        simulator: Simulator,
        tmp_path: Path,
    ) -> None:
        source = write(tmp_path, {"in": pattern(1_000_000)}) / "in"
        begin_upload(store, "k", pattern(1_000_000), parts=3)
        before = simulator.last
        transfer.send(oss, store._bucket, "k", source, "k", limits=SMALL)
        assert simulator.writes(before) == ["UploadPart", "UploadPart", "CompleteMultipartUpload"]
        transfer.fetch(oss, store._bucket, "k", tmp_path / "out", "k")
        assert (tmp_path / "out").read_bytes() == pattern(1_000_000)

    def test_a_file_altered_between_the_tries_arrives_as_it_is_now(
        self, store: OssStore, oss: Oss, tmp_path: Path
    ) -> None:
        begin_upload(store, "k", pattern(1_000_000), parts=3)
        altered = pattern(700_000) + pattern(300_000, seed=5)
        source = write(tmp_path, {"in": altered}) / "in"
        transfer.send(oss, store._bucket, "k", source, "k", limits=SMALL)
        transfer.fetch(oss, store._bucket, "k", tmp_path / "out", "k")
        assert (tmp_path / "out").read_bytes() == altered

    @pytest.mark.parametrize("kind", ["http503", "reset", "half", "throttle"])
    def test_parts_are_sent_again_after_a_fault(
        self,
        store: OssStore,
        oss: Oss,
        simulator: Simulator,
        tmp_path: Path,
        kind: str,
    ) -> None:
        source = write(tmp_path, {"in": pattern(1_000_000)}) / "in"
        simulator.faults({"kind": kind, "match": {"action": "UploadPart"}, "times": 3})
        transfer.send(oss, store._bucket, "k", source, "k", limits=SMALL)
        transfer.fetch(oss, store._bucket, "k", tmp_path / "out", "k")
        assert (tmp_path / "out").read_bytes() == pattern(1_000_000)

    def test_a_download_goes_on_where_it_broke_off(
        self,
        store: OssStore,
        oss: Oss,
        simulator: Simulator,
        tmp_path: Path,
    ) -> None:
        data = pattern(3_000_000)
        store.put("k", data)
        simulator.faults({"kind": "half", "match": {"api": "oss", "method": "GET"}, "times": 1})
        before = simulator.last
        store.download("k", tmp_path / "out")
        assert (tmp_path / "out").read_bytes() == data
        statuses = [entry["status"] for entry in simulator.requests(before) if entry["method"] == "GET"]
        assert 206 in statuses
        assert [path.name for path in tmp_path.iterdir()] == ["out"]

    def test_an_object_with_other_bytes_than_were_uploaded_is_refused(
        self, store: OssStore, oss: Oss, tmp_path: Path
    ) -> None:
        store._bucket.put_object("k", b"altered", headers={transfer.SHA256: hashlib.sha256(b"whole").hexdigest()})
        with pytest.raises(Failure) as told:
            transfer.fetch(oss, store._bucket, "k", tmp_path / "out", "k")
        assert told.value.code == "DigestMismatch"
        assert list(tmp_path.iterdir()) == []
