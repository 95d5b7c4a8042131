from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._gate.subject import bind
from ansible_collections.mlops.ack.plugins.module_utils._gate.words import LONGEST, WIDTH, page, printable

SUBJECT = {"canary": "digits-v2 sha256:aa 10 %"}
HERE = bind("prod", "evaluate-serving", SUBJECT)


def shown(evidence: dict[str, Any], submitted_by: str | None = None) -> str:
    return page(HERE, SUBJECT, evidence, submitted_by)


def test_a_page_is_blocks_and_tables_in_the_order_given() -> None:
    found = shown(
        {
            "report": "build/evaluation.html",
            "metrics": [
                {"metric": "accuracy", "canary": "0.98 (+0.01)", "serves: digits-v1 90 %": "0.97"},
                {"metric": "loss", "canary": "0.1"},
            ],
            "rehearsal": {"requests": 200, "failed": 0},
            "notes": ["one", "two"],
        },
        "carol",
    )
    assert found == (
        "Subject\n"
        "  canary  digits-v2 sha256:aa 10 %\n"
        f"  digest  {HERE.subject_digest}\n\n"
        "Evidence\n"
        "  submitted by  carol\n"
        "  report        build/evaluation.html\n\n"
        "Metrics\n"
        "  metric    canary        serves: digits-v1 90 %\n"
        "  --------  ------------  ----------------------\n"
        "  accuracy  0.98 (+0.01)  0.97\n"
        "  loss      0.1           -\n\n"
        "Rehearsal\n"
        "  requests  200\n"
        "  failed    0\n\n"
        "Notes\n"
        "  one\n"
        "  two"
    )


@pytest.mark.parametrize(
    "evidence",
    [
        pytest.param({"path": "x" * 5000}, id="one long word"),
        pytest.param({"text": "word " * 500}, id="many words"),
        pytest.param({"n" * 300: "v" * 300}, id="a long name"),
        pytest.param({"rows": [{f"column {n}": "v" * 40 for n in range(12)}]}, id="many columns"),
        pytest.param({"rows": [{"what": "v" * 900, "now": 1}] * 100}, id="many long rows"),
        pytest.param({"lines": ["l" * 400] * 100}, id="many long lines"),
        pytest.param({"deep": {"a": {"b": {"c": "d" * 400}}}}, id="nested"),
        pytest.param({"rows": [{str(n): n for n in range(60)}]}, id="more columns than fit"),
    ],
)
def test_no_line_is_wider_than_the_page_and_no_page_is_endless(evidence: dict[str, Any]) -> None:
    lines = shown(evidence).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert len(lines) < 300


def test_what_is_left_out_is_counted() -> None:
    assert "  and 70 more" in shown({"rows": [{"a": 1}] * 100})
    assert "  and 70 more" in shown({"lines": ["a"] * 100})


def test_without_evidence_it_says_so() -> None:
    assert "Evidence\n  none was given" in shown({})


def test_no_control_character_reaches_the_terminal() -> None:
    found = shown({"a\x1b[2J": "\x1b]0;title\x07", "rows": [{"\x9b1m": "\r\n"}], "lines": ["\u202e"]})
    assert all(sign.isprintable() or sign == "\n" for sign in found)


def test_a_long_value_is_cut_visibly() -> None:
    assert printable("x" * 5000).endswith("...")
    assert len(printable("x" * 5000)) == LONGEST
