"""Who is let in."""

from __future__ import annotations

import contextlib
import http.client
from urllib.parse import urlsplit

import oss2
import pytest
from alibabacloud_cs20151215.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException

from tests.simulator.simulated import KEY_ID, REGION, SECRET, Simulator

HOUR_S = 3600


def send(url: str, method: str = "GET", data: bytes | None = None, **headers: str) -> tuple[int, str]:
    """Status and text. urllib would add a Content-Type, and that header is signed."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    with contextlib.closing(connection):
        connection.request(
            method, f"{parts.path}?{parts.query}", data, {k.replace("_", "-"): v for k, v in headers.items()}
        )
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


@pytest.mark.parametrize(
    ("key_id", "secret", "status", "code"),
    [
        pytest.param("LTAIother", SECRET, 404, "InvalidAccessKeyId.NotFound", id="an unknown key"),
        pytest.param(KEY_ID, "wrong", 400, "SignatureDoesNotMatch", id="a wrong secret"),
    ],
)
def test_cs_refuses(simulator: Simulator, key_id: str, secret: str, status: int, code: str) -> None:
    with pytest.raises(ClientException) as error:
        simulator.cs(key_id, secret).describe_user_quota()
    assert (error.value.status_code, error.value.code) == (status, code)


def test_cs_refuses_a_clock_that_is_wrong(simulator: Simulator, cs: Client) -> None:
    simulator.control("PUT", "clock", {"advance_s": 16 * 60})
    with pytest.raises(ClientException) as error:
        cs.describe_user_quota()
    assert error.value.code == "InvalidTimeStamp.Expired"


def test_cs_accepts_a_clock_that_is_a_little_off(simulator: Simulator, cs: Client) -> None:
    simulator.control("PUT", "clock", {"advance_s": 14 * 60})
    assert cs.describe_user_quota().body.cluster_quota


def test_cs_refuses_a_request_that_is_sent_again(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alibabacloud_tea_openapi.utils.Utils.get_nonce", lambda: "the-same")
    simulator.cs().describe_user_quota()
    with pytest.raises(ClientException) as error:
        simulator.cs().describe_user_quota()
    assert error.value.code == "SignatureNonceUsed"


def test_cs_refuses_an_unsigned_request(simulator: Simulator) -> None:
    status, body = send(f"{simulator.cs_url}/quota")
    assert status == 400 and "MissingAccessKeyId" in body


def test_the_control_paths_need_no_signature(simulator: Simulator) -> None:
    assert send(f"{simulator.cs_url}/__simulator__/faults") == (200, "[]")


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        pytest.param({"key_id": "LTAIother"}, 403, "InvalidAccessKeyId", id="an unknown key"),
        pytest.param({"secret": "wrong"}, 403, "SignatureDoesNotMatch", id="a wrong secret"),
        pytest.param({"region": "cn-beijing"}, 400, "InvalidArgument", id="another region"),
    ],
)
def test_oss_refuses(simulator: Simulator, bucket: oss2.Bucket, more: dict[str, str], status: int, code: str) -> None:
    with pytest.raises(oss2.exceptions.ServerError) as error:
        simulator.bucket(bucket.bucket_name, **more).put_object("a", b"")
    assert (error.value.status, error.value.code) == (status, code)


def test_oss_refuses_a_clock_that_is_wrong(simulator: Simulator, bucket: oss2.Bucket) -> None:
    simulator.control("PUT", "clock", {"advance_s": -16 * 60})
    with pytest.raises(oss2.exceptions.ServerError) as error:
        bucket.put_object("a", b"")
    assert (error.value.status, error.value.code) == (403, "RequestTimeTooSkewed")


def test_oss_refuses_version_1(simulator: Simulator, bucket: oss2.Bucket) -> None:
    old = oss2.Bucket(oss2.Auth(KEY_ID, SECRET), simulator.oss_url, bucket.bucket_name)
    with pytest.raises(oss2.exceptions.AccessDenied):
        old.put_object("a", b"")
    assert send(old.sign_url("GET", "a", 60))[0] == 403


def test_oss_refuses_a_temporary_key(simulator: Simulator, bucket: oss2.Bucket) -> None:
    auth = oss2.StsAuth(KEY_ID, SECRET, "token", auth_version="v4")
    with pytest.raises(oss2.exceptions.ServerError, match="InvalidSecurityToken"):
        oss2.Bucket(auth, simulator.oss_url, bucket.bucket_name, region=REGION).put_object("a", b"")


def test_a_signed_url_reads_and_writes(bucket: oss2.Bucket) -> None:
    key = "a folder/ü+1.txt"
    assert send(bucket.sign_url("PUT", key, 60, slash_safe=True), "PUT", b"by url")[0] == 200
    assert send(bucket.sign_url("GET", key, 60)) == (200, "by url")


def test_a_signed_url_binds_the_headers_that_were_signed(bucket: oss2.Bucket) -> None:
    url = bucket.sign_url("PUT", "a", 60, headers={"Content-Type": "text/plain"})
    status, body = send(url, "PUT", b"", content_type="text/html")
    assert status == 403 and "SignatureDoesNotMatch" in body
    assert send(url, "PUT", b"", content_type="text/plain")[0] == 200


def test_a_signed_url_expires(simulator: Simulator, bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"1")
    url = bucket.sign_url("GET", "a", HOUR_S)
    simulator.control("PUT", "clock", {"advance_s": HOUR_S - 5})
    assert send(url) == (200, "1")
    simulator.control("PUT", "clock", {"advance_s": 10})
    status, body = send(url)
    assert status == 403 and "Request has expired" in body


def test_a_signed_url_may_live_for_seven_days_at_most(bucket: oss2.Bucket) -> None:
    status, body = send(bucket.sign_url("GET", "a", 8 * 24 * HOUR_S))
    assert status == 400 and "InvalidArgument" in body


def test_a_signed_url_is_for_one_method_and_one_key(bucket: oss2.Bucket) -> None:
    bucket.put_object("a", b"1")
    url = bucket.sign_url("GET", "a", 60)
    assert send(url, "DELETE")[0] == 403
    assert send(url.replace("/a?", "/b?"))[0] == 403


def test_an_anonymous_request_reads_public_objects_only(simulator: Simulator, bucket: oss2.Bucket) -> None:
    bucket.put_object("open", b"1")
    url = f"{simulator.oss_url}/{bucket.bucket_name}/open"
    assert send(url)[0] == 403
    bucket.put_bucket_public_access_block(False)
    bucket.put_object_acl("open", "public-read")
    assert send(url) == (200, "1")
    assert send(url, "PUT", b"2")[0] == 403
