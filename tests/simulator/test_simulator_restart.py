"""State survives kill -9, and tasks go on."""

from __future__ import annotations

import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import oss2
from alibabacloud_cs20151215 import models

from tests.simulator.simulated import (
    FAST,
    Simulator,
    cluster_is,
    new_name,
    task_ends,
    wanted_cluster,
)

MIB = 1 << 20


def test_a_cluster_that_was_being_created_is_created_after_a_kill(own: Callable[..., Simulator]) -> None:
    simulator = own(time_factor=1.0)
    body = simulator.cs().create_cluster(models.CreateClusterRequest().from_map(wanted_cluster("a"))).body
    simulator.kill()
    simulator.start()
    simulator.control("PUT", "clock", {"time_factor": FAST})
    task_ends(simulator.cs(), body.task_id)
    cluster_is(simulator.cs(), body.cluster_id, "running")
    assert len(simulator.control("GET", "clusters")) == 1


def test_objects_versions_and_uploads_are_there_after_a_kill(own: Callable[..., Simulator]) -> None:
    simulator = own()
    name = new_name()
    bucket = simulator.bucket(name)
    bucket.create_bucket()
    bucket.put_bucket_versioning(oss2.models.BucketVersioningConfig("Enabled"))
    for content in (b"1", b"2"):
        bucket.put_object("a", content)
    upload_id = bucket.init_multipart_upload("big").upload_id
    part = bucket.upload_part("big", upload_id, 1, b"x" * MIB)
    simulator.kill()
    simulator.start()
    bucket = simulator.bucket(name)
    assert (bucket.get_object("a").read(), len(bucket.list_object_versions().versions)) == (b"2", 2)
    bucket.complete_multipart_upload("big", upload_id, [oss2.models.PartInfo(1, part.etag)])
    assert bucket.head_object("big").content_length == MIB


def test_an_upload_that_was_cut_off_leaves_no_object_and_no_file(own: Callable[..., Simulator]) -> None:
    simulator = own()
    bucket = simulator.bucket(new_name())
    bucket.create_bucket()
    url = urlsplit(bucket.sign_url("PUT", "a", 60))
    with socket.create_connection((url.hostname, url.port or 80)) as connection:
        head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {4 * MIB}\r\n\r\n"
        connection.sendall(head.encode() + b"x" * MIB)
        simulator.kill()
    simulator.start()
    assert not simulator.bucket(bucket.bucket_name).object_exists("a")
    assert list((simulator.state / "oss/blobs").iterdir()) == []


def test_the_log_goes_on_counting_behind_a_line_that_was_cut_off(own: Callable[..., Simulator]) -> None:
    simulator = own()
    simulator.cs().describe_user_quota()
    simulator.kill()
    with (simulator.state / "requests.jsonl").open("a") as log:
        log.write('{"id": 2, "ti')
    simulator.start()
    simulator.cs().describe_user_quota()
    assert [entry["id"] for entry in simulator.requests()] == [1, 2]


def test_it_ends_cleanly_when_asked_to(own: Callable[..., Simulator]) -> None:
    simulator = own(time_factor=1.0)
    simulator.cs().create_cluster(models.CreateClusterRequest().from_map(wanted_cluster("a")))
    assert simulator.stop() == 0


def test_a_large_object_is_streamed(own: Callable[..., Simulator]) -> None:
    simulator = own()
    bucket = simulator.bucket(new_name())
    bucket.create_bucket()
    before, size = simulator.peak_memory(), 64 * MIB
    bucket.put_object("big", iter([b"x" * MIB] * (size // MIB)))
    assert bucket.head_object("big").content_length == size
    assert simulator.peak_memory() - before < size // 4
