"""What counts as an answer, and as the right one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._serving.readiness import (
    check_golden,
    mismatch,
    state_of,
    wait_available,
)

from .builders import one, revision


def status(state: str, number: int = 1, error: str = "") -> str:
    entry = {"version": str(number), "state": state, "status": {"error_code": "OK", "error_message": error}}
    return json.dumps({"model_version_status": [entry]})


class Server:
    """Answers in turn; the last answer stays."""

    def __init__(self, *answers: tuple[int, str]) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, str]] = []

    def service(
        self, namespace: str, name: str, port: int | str, path: str, *, method: str = "GET", body: Any = None
    ) -> tuple[int, str]:
        self.asked.append((method, path))
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def clockless() -> tuple[Context, Deadline]:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    context = Context(clock=lambda: now[0], sleep=sleep)
    return context, Deadline(30, context.clock)


def available(server: Server, **more: Any) -> None:
    context, deadline = clockless()
    wait_available(server, "serving", revision(one("a", 1), **more), deadline, context)


def golden(server: Server, **more: Any) -> None:
    context, deadline = clockless()
    check_golden(server, "serving", revision(one("a", 1), **more), deadline, context)


def test_loading_is_waited_for() -> None:
    server = Server((503, "no endpoints"), (200, status("START")), (200, status("LOADING")), (200, status("AVAILABLE")))
    available(server)
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        pytest.param(200, status("AVAILABLE"), "AVAILABLE", id="available"),
        pytest.param(200, status("AVAILABLE", 2), "UNKNOWN", id="200 for another version proves nothing"),
        pytest.param(200, status("LOADING"), "LOADING", id="200 while loading"),
        pytest.param(404, '{"error": "Could not find any versions"}', "UNKNOWN", id="no version yet"),
        pytest.param(503, "no endpoints available", "UNKNOWN", id="no pod yet"),
        pytest.param(200, "[]", "UNKNOWN", id="no status at all"),
    ],
)
def test_the_state_is_read_not_the_status_code(code: int, text: str, expected: str) -> None:
    assert state_of(code, text, 1).state == expected


def test_a_load_given_up_ends_the_wait_with_the_servers_words() -> None:
    with pytest.raises(Failure, match=r"END Not found: saved_model\.pb") as refused:
        available(Server((200, status("END", error="Not found: saved_model.pb"))))
    assert refused.value.code == "ModelNotAvailable"


def test_a_missing_permission_is_named() -> None:
    with pytest.raises(Failure, match="services/proxy") as refused:
        available(Server((403, "forbidden")))
    assert refused.value.code == "Forbidden"


def test_a_server_that_cannot_tell_is_not_asked() -> None:
    server = Server((500, ""))
    available(server, image="tensorflow/serving:1.11.0")
    assert server.asked == []


def test_a_server_that_knows_no_such_verb_passes() -> None:
    available(Server((400, '{"error": "Malformed request: GET /v1/models/digits"}')))


def test_nothing_but_the_deadline_ends_silence() -> None:
    with pytest.raises(Failure) as refused:
        available(Server((503, "no endpoints")))
    assert refused.value.code == "WaitTimeout"


def test_the_golden_answer_is_compared() -> None:
    server = Server((503, "busy"), (200, '{"predictions": [{"digit": 7, "probabilities": [0.1]}]}'))
    golden(server)
    assert server.asked[-1] == ("POST", "/v1/models/digits:predict")


def test_a_wrong_answer_is_a_failure_that_shows_both() -> None:
    with pytest.raises(Failure, match=r"answer.predictions\[0\].digit is 3, expected 7") as refused:
        golden(Server((200, '{"predictions": [{"digit": 3}]}')))
    assert refused.value.code == "GoldenMismatch"


def test_a_refused_request_is_a_failure_with_the_servers_words() -> None:
    with pytest.raises(Failure, match="input tensor alias not found") as refused:
        golden(Server((400, '{"error": "input tensor alias not found"}')))
    assert refused.value.code == "GoldenRefused"


def test_a_version_without_golden_request_passes_and_says_so() -> None:
    said: list[str] = []
    context, deadline = clockless()
    context.progress = said.append
    check_golden(Server((500, "")), "serving", revision(one("a", 1), golden=None), deadline, context)
    assert "no golden request" in said[0]


@pytest.mark.parametrize(
    ("expected", "found", "wrong"),
    [
        pytest.param({"a": [1.0]}, {"a": [1.0005]}, "", id="within"),
        pytest.param({"a": [1.0]}, {"a": [1.002]}, "answer.a[0] is 1.002, expected 1.0 within 0.001", id="beyond"),
        pytest.param(1, 1.0, "", id="JSON has one kind of number"),
        pytest.param(7, 8, "answer is 8, expected 7", id="whole numbers are exact"),
        pytest.param(True, 1, "answer is 1, expected True", id="a truth is no number"),
        pytest.param({"a": 1}, {"a": 1, "b": 2}, "", id="more fields are free"),
        pytest.param({"a": 1}, {"b": 1}, "answer has no 'a'", id="a field is missing"),
        pytest.param({"a": 1}, [1], "answer is [1], expected fields a", id="another shape"),
        pytest.param([1, 2], [1], "answer is [1], expected 2 values", id="fewer values"),
        pytest.param("x", "y", "answer is 'y', expected 'x'", id="text"),
        pytest.param(1.0, float("nan"), "answer is nan, expected 1.0 within 0.001", id="no number"),
    ],
)
def test_answers_agree_within_the_tolerance(expected: Any, found: Any, wrong: str) -> None:
    assert mismatch(expected, found, 0.001) == wrong


class Away:
    """An API server that does not answer, or refuses."""

    def __init__(self, code: str) -> None:
        self._code, self.asked = code, 0

    def service(self, *where: Any, **what: Any) -> tuple[int, str]:
        self.asked += 1
        if self.asked == 1 or self._code != "Unreachable":
            raise Failure(self._code, "The Kubernetes API did not answer.")
        return 200, status("AVAILABLE")


def test_an_api_server_that_is_away_for_a_moment_ends_nothing() -> None:
    context, deadline = clockless()
    wait_available(Away("Unreachable"), "serving", revision(one("a", 1)), deadline, context)
    with pytest.raises(Failure) as refused:
        wait_available(Away("Unauthorized"), "serving", revision(one("a", 1)), deadline, context)
    assert refused.value.code == "Unauthorized"
