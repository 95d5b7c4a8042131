"""A decision releases what it was made about, and nothing else: over OSS's wire format, with every way to abuse one."""

from __future__ import annotations

import http.client
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome
from ansible_collections.mlops.ack.plugins.module_utils._gate.overview import overview
from ansible_collections.mlops.ack.plugins.module_utils._gate.passing import pass_gate
from ansible_collections.mlops.ack.plugins.module_utils._gate.recording import record_decision
from ansible_collections.mlops.ack.plugins.module_utils._gate.subject import bind
from ansible_collections.mlops.ack.plugins.module_utils._oss.bucket import OssBucketApi
from ansible_collections.mlops.ack.plugins.module_utils._oss.client import connect
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import OssStore
from tests.integration.pages import agrees
from tests.integration.simulated import (
    Simulator,
    bucket_name,
    no_fault_is_left,
    simulator,
)

__all__ = ["bucket_name", "no_fault_is_left", "simulator"]

pytestmark = pytest.mark.simulator

SUBJECT = {"model_digest": "sha256:aa", "evaluation_digest": "sha256:bb"}
HERE = bind("prod", "evaluate-model", SUBJECT)
FIRST = f"{HERE.decisions}/1.json"
POLICY = {"approvers": ["alice", "bob"], "expires_in": "1h"}
ASKED = {
    "name": "evaluate-model",
    "environment": "prod",
    "subject": SUBJECT,
    "evidence": {"accuracy": 0.97},
    "policy": POLICY,
    "decision": None,
    "reason": None,
    "approver": None,
    "subject_digest": None,
    "submitted_by": None,
    "awx_approved_by": None,
    "timeout": "10m",
    "resume_command": None,
    "signing_key": None,
}


class Gate:
    def __init__(self, store: OssStore) -> None:
        self.store, self.later = store, timedelta()

    def now(self) -> datetime:
        return self.store.now() + self.later

    def passes(self, **options: Any) -> Outcome:
        return pass_gate({**ASKED, **options}, Context(), self.store, self.now)

    def refuses(self, **options: Any) -> Failure:
        with pytest.raises(Failure) as refused:
            self.passes(**options)
        return refused.value

    def decides(self, decision: str = "approve", approver: str = "alice", **options: Any) -> Outcome:
        word = {"decision": decision, "approver": approver, "reason": "0.97 on holdout", "expires_in": None}
        given = {key: ASKED[key] for key in ("name", "environment", "subject", "subject_digest", "signing_key")}
        return record_decision({**given, **word, **options}, Context(), self.store, self.now)

    def edits(self, **changes: Any) -> None:
        record = json.loads(self.store.get(FIRST) or b"")
        self.store.put(FIRST, json.dumps({**record, **changes}).encode(), overwrite=True)


@pytest.fixture
def gate(simulator: Simulator, bucket_name: str) -> Gate:
    options = {**simulator.oss, "security_token": None, "request_timeout": 5}
    oss = connect(options, Context())
    OssBucketApi(oss, bucket_name).create("Standard")
    return Gate(OssStore(oss, bucket_name, "mlops"))


def nothing(gate: Gate) -> None: ...


def copied_to(environment: str, name: str, subject: dict[str, str]) -> Callable[[Gate], None]:
    """The very object, at the place where the other gate looks."""

    def copy(gate: Gate) -> None:
        there = bind(environment, name, subject)
        gate.store.put(f"{there.decisions}/1.json", gate.store.get(FIRST) or b"")

    return copy


def two_hours_later(gate: Gate) -> None:
    gate.later = timedelta(hours=2)


def edited_to_last(gate: Gate) -> None:
    two_hours_later(gate)
    gate.edits(expires="2099-01-01T00:00:00Z")


def made_younger(gate: Gate) -> None:
    two_hours_later(gate)
    gate.edits(created=gate.now().strftime("%Y-%m-%dT%H:%M:%SZ"))


def revoked(gate: Gate) -> None:
    gate.decides("revoke")


def rejected_then_made_an_approval(gate: Gate) -> None:
    gate.decides("reject")
    second = f"{HERE.decisions}/2.json"
    record = json.loads(gate.store.get(second) or b"")
    gate.store.put(second, json.dumps({**record, "decision": "approve"}).encode(), overwrite=True)


def rejected_then_taken_away(gate: Gate) -> None:
    gate.decides("reject", "bob")
    gate.decides("approve", "alice", reason="Again")
    gate.store.delete(f"{HERE.decisions}/2.json")


OTHER = {**SUBJECT, "model_digest": "sha256:cc"}
RETESTED = {**SUBJECT, "evaluation_digest": "sha256:dd"}


CASES = [
    pytest.param(nothing, {}, None, id="what it was made about"),
    pytest.param(nothing, {"subject": OTHER}, "GatePending", id="another model"),
    pytest.param(nothing, {"subject": RETESTED}, "GatePending", id="another evaluation"),
    pytest.param(nothing, {"environment": "dev"}, "GatePending", id="another environment"),
    pytest.param(nothing, {"name": "evaluate-serving"}, "GatePending", id="another gate"),
    pytest.param(
        copied_to("prod", "evaluate-model", OTHER), {"subject": OTHER}, "GatePending", id="copied to another model"
    ),
    pytest.param(
        copied_to("dev", "evaluate-model", SUBJECT),
        {"environment": "dev"},
        "GatePending",
        id="copied to another environment",
    ),
    pytest.param(
        copied_to("prod", "evaluate-serving", SUBJECT),
        {"name": "evaluate-serving"},
        "GatePending",
        id="copied to another gate",
    ),
    pytest.param(two_hours_later, {}, "GateExpired", id="after its time"),
    pytest.param(edited_to_last, {}, "GateAltered", id="edited to last longer"),
    pytest.param(made_younger, {}, "GateAltered", id="edited to be younger"),
    pytest.param(revoked, {}, "GatePending", id="taken back"),
    pytest.param(lambda gate: gate.edits(approver="bob"), {}, "GateAltered", id="edited to be somebody else's"),
    pytest.param(rejected_then_made_an_approval, {}, "GateAltered", id="a rejection edited"),
    pytest.param(rejected_then_taken_away, {}, "GateAltered", id="a rejection taken away"),
    pytest.param(
        nothing, {"policy": {**POLICY, "approvers": ["bob", "carol"]}}, "GatePending", id="no approver any more"
    ),
    pytest.param(
        nothing,
        {"policy": {**POLICY, "signed": True}, "signing_key": "correct-horse-battery"},
        "GatePending",
        id="not signed where that is asked for",
    ),
]


@pytest.mark.parametrize(("abuse", "options", "code"), CASES)
def test_a_decision_releases_only_what_it_was_made_about(
    gate: Gate, abuse: Callable[[Gate], None], options: dict[str, Any], code: str | None
) -> None:
    gate.decides(expires_in="1h")
    abuse(gate)
    if code is None:
        assert gate.passes(**options).values["gate_status"] == "approved"
    else:
        assert gate.refuses(**options).code == code


def test_the_page_says_what_was_tried() -> None:
    tried = {str(case.id): (f"`{case.values[2]}`" if case.values[2] else "passes",) for case in CASES}
    assert agrees("gate.md", "A decision used for something else", ("the decision", "the gate"), tried, 2) == []


def test_an_edited_record_is_told_by_name_and_its_original_passes_again(gate: Gate) -> None:
    gate.decides()
    original = gate.store.get(FIRST) or b""
    gate.edits(reason="Something else")
    refused = gate.refuses()
    assert "decision 1 was edited" in refused.message
    assert HERE.decisions in refused.hint
    with pytest.raises(Failure, match="not what was written"):
        gate.decides("reject")
    assert [each["status"] for each in overview(gate.store, gate.now())] == ["altered"]
    gate.store.put(FIRST, original, overwrite=True)
    assert gate.passes().values["gate_status"] == "approved"


def test_signed_decisions_pass_with_the_key_alone(gate: Gate) -> None:
    key = {"signing_key": "correct-horse-battery"}
    policy = {"policy": {**POLICY, "signed": True}}
    assert gate.refuses(**policy).code == "MissingOption"
    assert gate.refuses(**policy, **key).code == "GatePending"
    with pytest.raises(Failure, match="signing_key"):
        gate.decides()  # the gate has asked, so its policy is known here
    gate.decides(**key)
    assert gate.passes(**policy, **key).values["gate_status"] == "approved"
    assert "another key" in gate.refuses(**policy, signing_key="not-the-key-at-all").message


def test_people_who_decide_at_once_leave_one_order_and_every_record(gate: Gate) -> None:
    people = [f"person-{n}" for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: gate.decides("approve", name), people))
    two = {"policy": {"min_approvals": 8, "expires_in": "1h"}}
    found = gate.passes(**two).values["gate"]
    assert sorted(found["approvers"]) == people
    assert [each["n"] for each in found["decisions"]] == list(range(1, 9))


# -- clocks ------------------------------------------------------------------------------------------------------------


@contextmanager
def dated(url: str, ahead: timedelta) -> Iterator[str]:
    """The same service, whose clock is that much ahead of ours."""
    target = urlsplit(url).netloc

    class Forward(http.server.BaseHTTPRequestHandler):
        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {**dict(self.headers), "Connection": "close"}
            connection = http.client.HTTPConnection(target, timeout=10)
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            data = answer.read()
            self.send_response_only(answer.status)
            self.send_header("Date", format_datetime(datetime.now(UTC) + ahead, usegmt=True))
            for name, value in answer.getheaders():
                if name.lower() not in ("date", "transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_DELETE = forward

        def log_message(self, *_words: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Forward)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


@pytest.mark.parametrize(
    ("ahead", "code"),
    [
        pytest.param(timedelta(minutes=4), None, id="a little ahead"),
        pytest.param(timedelta(minutes=-4), None, id="a little behind"),
        pytest.param(timedelta(minutes=6), "ClockSkew", id="far ahead"),
        pytest.param(timedelta(minutes=-6), "ClockSkew", id="far behind"),
    ],
)
def test_a_decision_has_the_time_of_the_store(
    simulator: Simulator,
    gate: Gate,
    ahead: timedelta,
    code: str | None,
) -> None:
    with dated(simulator.oss["oss_endpoint"], ahead) as url:
        oss = connect({**simulator.oss, "oss_endpoint": url, "security_token": None, "request_timeout": 5}, Context())
        there = Gate(OssStore(oss, gate.store.name.removeprefix("oss://").split("/")[0], "mlops"))
        if code:
            with pytest.raises(Failure) as refused:
                there.decides()
            assert refused.value.code == code
            assert abs(abs(refused.value.details["ahead_s"]) - 360) <= 2
            assert gate.store.get(FIRST) is None
            return
        there.decides()
    made = datetime.fromisoformat(json.loads(gate.store.get(FIRST) or b"")["created"].replace("Z", "+00:00"))
    assert abs(made - (datetime.now(UTC) + ahead)) < timedelta(seconds=30)
