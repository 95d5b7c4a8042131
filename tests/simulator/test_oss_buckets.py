"""Buckets through the official SDK."""

from __future__ import annotations

from typing import Any

import oss2
import pytest
from oss2 import models

from tests.simulator.simulated import REGION, Simulator, new_name


def code_of(call: Any, *arguments: Any) -> tuple[int, str]:
    with pytest.raises(oss2.exceptions.ServerError) as error:
        call(*arguments)
    return error.value.status, error.value.code


def test_a_bucket_tells_about_itself(bucket: oss2.Bucket) -> None:
    info = bucket.get_bucket_info()
    assert (info.name, info.location, info.acl.grant) == (bucket.bucket_name, f"oss-{REGION}", "private")
    assert (info.storage_class, info.data_redundancy_type, info.versioning_status) == ("Standard", "LRS", None)
    assert bucket.get_bucket_location().location == f"oss-{REGION}"


def test_creating_ones_own_bucket_again_sets_the_acl(bucket: oss2.Bucket) -> None:
    bucket.put_bucket_public_access_block(False)
    bucket.create_bucket("public-read")
    assert bucket.get_bucket_acl().acl == "public-read"
    bucket.create_bucket("private")
    assert bucket.get_bucket_acl().acl == "private"


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        pytest.param("taken-by-others", 409, "BucketAlreadyExists", id="a name of somebody else"),
        pytest.param("ab", 400, "InvalidBucketName", id="too short"),
        pytest.param("a" * 64, 400, "InvalidBucketName", id="too long"),
        pytest.param("ab-", 400, "InvalidBucketName", id="a hyphen at the end"),
    ],
)
def test_create_refuses(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, name: str, status: int, code: str
) -> None:
    monkeypatch.setattr("oss2.utils.is_valid_bucket_name", lambda _: True)  # the service's answer, not the client's
    assert code_of(simulator.bucket(name).create_bucket) == (status, code)


def test_somebody_elses_bucket_is_closed_and_a_missing_one_missing(simulator: Simulator) -> None:
    assert code_of(simulator.bucket("taken-by-others").get_bucket_info) == (403, "AccessDenied")
    assert code_of(simulator.bucket(new_name()).get_bucket_info) == (404, "NoSuchBucket")


def test_a_public_acl_is_refused_until_the_block_is_lifted(bucket: oss2.Bucket) -> None:
    assert code_of(bucket.put_bucket_acl, "public-read") == (403, "AccessDenied")
    bucket.put_bucket_public_access_block(False)
    bucket.put_bucket_acl("public-read")
    assert bucket.get_bucket_info().acl.grant == "public-read"
    bucket.put_bucket_public_access_block(True)
    assert bucket.get_bucket_acl().acl == "private"


def test_the_sdks_spelling_of_a_boolean_is_read_back(bucket: oss2.Bucket) -> None:
    for wanted in (False, True):
        bucket.put_bucket_public_access_block(wanted)
        assert bucket.get_bucket_public_access_block().block_public_access is wanted
    assert code_of(bucket.put_bucket_public_access_block, "maybe") == (400, "MalformedXML")


def test_only_an_empty_bucket_is_deleted(simulator: Simulator, bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"")
    assert code_of(bucket.delete_bucket) == (409, "BucketNotEmpty")
    bucket.delete_object("a")
    bucket.delete_bucket()
    assert code_of(bucket.delete_bucket) == (404, "NoSuchBucket")
    simulator.bucket(bucket.bucket_name).create_bucket()
    assert not bucket.object_exists("a")


def test_buckets_are_listed_in_pages(simulator: Simulator) -> None:
    prefix = new_name()
    for number in range(3):
        simulator.bucket(f"{prefix}-{number}").create_bucket()
    first = simulator.oss().list_buckets(prefix=prefix, max_keys=2)
    assert ([one.name for one in first.buckets], first.is_truncated) == ([f"{prefix}-0", f"{prefix}-1"], True)
    assert [one.name for one in oss2.BucketIterator(simulator.oss(), prefix=prefix)] == [
        f"{prefix}-{n}" for n in range(3)
    ]


@pytest.mark.parametrize(
    ("read", "code"),
    [
        pytest.param("get_bucket_lifecycle", "NoSuchLifecycle", id="lifecycle"),
        pytest.param("get_bucket_encryption", "NoSuchServerSideEncryptionRule", id="encryption"),
        pytest.param("get_bucket_policy", "NoSuchBucketPolicy", id="policy"),
        pytest.param("get_bucket_worm", "NoSuchWORMConfiguration", id="worm"),
    ],
)
def test_what_was_never_set_is_not_there(bucket: oss2.Bucket, read: str, code: str) -> None:
    assert code_of(getattr(bucket, read)) == (404, code)


def test_lifecycle_is_set_read_and_deleted(bucket: oss2.Bucket) -> None:
    rule = models.LifecycleRule("old", "runs/", status="Enabled", expiration=models.LifecycleExpiration(days=30))
    bucket.put_bucket_lifecycle(models.BucketLifecycle([rule]))
    found = bucket.get_bucket_lifecycle().rules
    assert [(one.id, one.prefix, one.expiration.days) for one in found] == [("old", "runs/", 30)]
    bucket.delete_bucket_lifecycle()
    assert code_of(bucket.get_bucket_lifecycle) == (404, "NoSuchLifecycle")


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param([models.LifecycleRule("a", "")], id="no action"),
        pytest.param([models.LifecycleRule("a", "", expiration=models.LifecycleExpiration(days=0))], id="no days"),
        pytest.param([models.LifecycleRule("a", "", expiration=models.LifecycleExpiration(days=1))] * 2, id="twice"),
    ],
)
def test_a_lifecycle_that_the_service_refuses(bucket: oss2.Bucket, rules: list[models.LifecycleRule]) -> None:
    assert code_of(bucket.put_bucket_lifecycle, models.BucketLifecycle(rules)) == (400, "InvalidArgument")


def test_an_unknown_encryption_is_refused(bucket: oss2.Bucket) -> None:
    rule = models.ServerSideEncryptionRule("ROT13")
    assert code_of(bucket.put_bucket_encryption, rule) == (400, "InvalidEncryptionAlgorithmError")


def test_encryption_is_set_read_and_deleted(bucket: oss2.Bucket) -> None:
    bucket.put_bucket_encryption(models.ServerSideEncryptionRule("AES256"))
    assert bucket.get_bucket_encryption().sse_algorithm == "AES256"
    bucket.delete_bucket_encryption()
    assert code_of(bucket.get_bucket_encryption) == (404, "NoSuchServerSideEncryptionRule")


def test_tags_are_set_read_and_deleted(bucket: oss2.Bucket) -> None:
    assert bucket.get_bucket_tagging().tag_set.tagging_rule == {}
    rules = models.TaggingRule()
    rules.add("env", "prod & <more>")
    bucket.put_bucket_tagging(models.Tagging(rules))
    assert bucket.get_bucket_tagging().tag_set.tagging_rule == {"env": "prod & <more>"}
    bucket.delete_bucket_tagging()
    assert bucket.get_bucket_tagging().tag_set.tagging_rule == {}


def test_policy_and_worm_are_kept(bucket: oss2.Bucket) -> None:
    bucket.put_bucket_policy('{"Version":"1","Statement":[]}')
    assert '"Statement"' in bucket.get_bucket_policy().policy
    bucket.delete_bucket_policy()
    assert bucket.init_bucket_worm(1).worm_id == bucket.get_bucket_worm().worm_id


def test_versioning_is_unset_enabled_suspended(bucket: oss2.Bucket) -> None:
    assert bucket.get_bucket_versioning().status is None
    for status in ("Enabled", "Suspended"):
        bucket.put_bucket_versioning(models.BucketVersioningConfig(status))
        assert bucket.get_bucket_versioning().status == status
    assert code_of(bucket.put_bucket_versioning, models.BucketVersioningConfig("Off")) == (400, "MalformedXML")


def test_what_is_not_simulated_is_refused(bucket: oss2.Bucket) -> None:
    assert code_of(bucket.get_bucket_cors) == (501, "NotImplemented")
