from __future__ import annotations

import os
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._ack.client import address, environment, failure_of


class Refused(Exception):
    """An answer with a status, in the SDK's form."""

    def __init__(self, code: str, status: int, *, retry_after: int | None = None) -> None:
        self.code, self.status_code, self.retry_after = code, status, retry_after
        self.message = f"code: {status}, something request id: R1"
        self.data: dict[str, Any] = {"message": "something", "requestId": "R1"}
        super().__init__(code)


class Broken(Exception):
    """No answer, in the SDK's form."""

    code = None

    def __init__(self, text: str) -> None:
        self.inner_exception = text
        super().__init__(text)


@pytest.mark.parametrize(
    ("error", "safe", "retryable", "uncertain"),
    [
        pytest.param(
            Refused("Throttling.User", 400), False, True, False, id="throttled: by code, any status, any call"
        ),
        pytest.param(Refused("Rejected.Throttling", 429), False, True, False, id="throttled, other spelling"),
        pytest.param(Refused("ServiceUnavailable", 503), True, True, True, id="5xx of a call that may be sent twice"),
        pytest.param(Refused("InternalError", 500), False, False, True, id="5xx of a call that may not"),
        pytest.param(Refused("InvalidParameter", 400), True, False, False, id="our mistake"),
        pytest.param(Broken("reset"), True, True, True, id="no answer to a call that may be sent twice"),
        pytest.param(Broken("reset"), False, False, True, id="no answer to a call that may not"),
    ],
)
def test_what_may_be_tried_again(error: Exception, safe: bool, retryable: bool, uncertain: bool) -> None:
    failure = failure_of(error, "do it", place="h:1", safe=safe)
    assert (failure.retryable, bool(failure.details.get("uncertain"))) == (retryable, uncertain)


def test_the_services_own_words_and_request_id_are_kept() -> None:
    failure = failure_of(Refused("InvalidParameter.Name", 400), "create cluster a", place="h:1", safe=False)
    assert str(failure) == "Failed to create cluster a: something."
    assert (failure.code, failure.request_id) == ("InvalidParameter.Name", "R1")


def test_the_service_says_how_long_to_wait_in_milliseconds() -> None:
    assert (
        failure_of(Refused("Throttling", 429, retry_after=1500), "x", place="h:1", safe=True).details["retry_after_s"]
        == 1.5
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("[Errno 111] Connection refused'))", "connection refused at h:1", id="refused"),
        pytest.param(
            "NameResolutionError('[Errno -2] No')", "the host name of h:1 cannot be resolved", id="no such host"
        ),
        pytest.param("Read timed out. (read timeout=5)", "no answer in time at h:1", id="hang"),
        pytest.param("RemoteDisconnected('Remote end closed')", "the connection was cut at h:1", id="cut"),
        pytest.param("<html>", "h:1 gave an answer that cannot be read (<html>)", id="no JSON"),
    ],
)
def test_a_broken_connection_reads_well(text: str, words: str) -> None:
    assert f"Failed to read it: {words}." in str(failure_of(Broken(text), "read it", place="h:1", safe=True))


def test_a_404_for_an_unknown_key_is_not_absence() -> None:
    failure = failure_of(Refused("InvalidAccessKeyId.NotFound", 404), "read cluster a", place="h:1", safe=True)
    assert failure.hint == "Check access_key_id."


@pytest.mark.parametrize(
    ("endpoint", "found"),
    [
        ("127.0.0.1:18580", ("HTTP", "127.0.0.1:18580")),
        ("http://10.0.0.1:80", ("HTTP", "10.0.0.1:80")),
        ("cs.cn-hangzhou.aliyuncs.com", ("HTTPS", "cs.cn-hangzhou.aliyuncs.com")),
        ("https://cs.example.com", ("HTTPS", "cs.example.com")),
        ("", ("HTTPS", "")),
    ],
)
def test_an_endpoint_is_an_address_with_or_without_scheme(endpoint: str, found: tuple[str, str]) -> None:
    assert address(endpoint) == found


def test_variables_that_the_sdk_obeys_and_should_not_are_back_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", "sdk")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:1")
    with environment(bypass_proxy=True):
        assert "DEBUG" not in os.environ
        assert "HTTP_PROXY" not in os.environ
    with environment(bypass_proxy=False):
        assert os.environ["HTTP_PROXY"] == "http://proxy:1"
    assert os.environ["DEBUG"] == "sdk"
