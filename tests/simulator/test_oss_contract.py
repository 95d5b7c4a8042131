"""Neither side invents an element: every operation is called through the official SDK and held against its parsers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest
from oss2 import models, xml_utils

from simulator.oss.router import OPERATIONS
from tests.simulator.simulated import Simulator, new_name

MORE = {
    "BucketInfo": {"AccessMonitor", "Comment"},
    "ListBucketResult": {"KeyCount", "StartAfter"},
    "ListMultipartUploadsResult": {"MaxUploads"},
    "ListPartsResult": {"MaxParts"},
}
"""Elements that the API's documentation names and the SDK leaves alone: root -> names."""


@pytest.fixture(scope="module")
def answers(_shared: Simulator) -> Iterator[list[Any]]:
    """The XML of the answers of one life of a bucket in which every operation takes part."""
    found: list[Any] = []

    def noted(text: Any) -> Any:
        root = ElementTree.fromstring(text)
        found.append(root)
        return root

    class Noting:
        """ElementTree, as the SDK uses it."""

        fromstring = staticmethod(noted)

        def __getattr__(self, name: str) -> Any:
            return getattr(ElementTree, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xml_utils, "ElementTree", Noting())
        yield _walk(_shared, found)


def _walk(simulator: Simulator, found: list[Any]) -> list[Any]:
    bucket = simulator.bucket(new_name())
    bucket.create_bucket()
    simulator.oss().list_buckets(prefix=bucket.bucket_name)
    bucket.get_bucket_info()
    bucket.get_bucket_location()
    bucket.put_bucket_acl("private")
    bucket.get_bucket_acl()
    bucket.put_bucket_policy('{"Version": "1", "Statement": []}')
    bucket.get_bucket_policy()
    bucket.delete_bucket_policy()
    expiry = models.LifecycleRule("old", "runs/", status="Enabled", expiration=models.LifecycleExpiration(days=30))
    bucket.put_bucket_lifecycle(models.BucketLifecycle([expiry]))
    bucket.get_bucket_lifecycle()
    bucket.delete_bucket_lifecycle()
    bucket.put_bucket_encryption(models.ServerSideEncryptionRule("AES256"))
    bucket.get_bucket_encryption()
    bucket.delete_bucket_encryption()
    tags = models.TaggingRule()
    tags.add("team", "ml")
    bucket.put_bucket_tagging(models.Tagging(tags))
    bucket.get_bucket_tagging()
    bucket.delete_bucket_tagging()
    bucket.put_bucket_public_access_block(True)
    bucket.get_bucket_public_access_block()
    bucket.delete_bucket_public_access_block()

    bucket.put_object("a", b"1")
    bucket.get_object("a").read()
    bucket.head_object("a")
    bucket.get_object_meta("a")
    bucket.append_object("log", 0, b"1")
    bucket.put_symlink("a", "link")
    bucket.get_symlink("link")
    bucket.put_object_tagging("a", models.Tagging(tags))
    bucket.get_object_tagging("a")
    bucket.delete_object_tagging("a")
    bucket.put_object_acl("a", "private")
    bucket.get_object_acl("a")
    bucket.list_objects()
    bucket.list_objects_v2(delimiter="/")
    upload = bucket.init_multipart_upload("big").upload_id
    part = bucket.upload_part("big", upload, 1, b"1")
    bucket.list_multipart_uploads()
    bucket.list_parts("big", upload)
    bucket.complete_multipart_upload("big", upload, [models.PartInfo(1, part.etag)])
    bucket.abort_multipart_upload("big2", bucket.init_multipart_upload("big2").upload_id)
    bucket.delete_object("link")
    bucket.batch_delete_objects(["a", "log", "big"])

    bucket.put_bucket_versioning(models.BucketVersioningConfig("Enabled"))
    bucket.get_bucket_versioning()
    bucket.put_object("b", b"1")
    for version in bucket.list_object_versions().versions:
        bucket.delete_object(version.key, params={"versionId": version.versionid})
    bucket.delete_bucket()

    kept = simulator.bucket(new_name())
    kept.create_bucket()
    kept.init_bucket_worm(1)
    kept.get_bucket_worm()
    return found


@pytest.mark.usefixtures("answers")
def test_every_operation_took_part(_shared: Simulator) -> None:
    done = {entry["action"] for entry in _shared.requests() if entry["api"] == "oss" and entry["status"] in (200, 204)}
    assert {operation.name for operation in OPERATIONS} - done == set()


def test_no_answer_holds_an_element_that_the_sdk_does_not_know(answers: list[Any]) -> None:
    known = set(re.findall(r"[\"'/]([A-Z]\w+)[\"'/]", inspect.getsource(xml_utils)))
    unknown = {
        f"{root.tag}: {element.tag}"
        for root in answers
        for element in root.iter()
        if element is not root and element.tag not in known | MORE.get(root.tag, set())
    }
    assert len(answers) > 15
    assert unknown == set()
