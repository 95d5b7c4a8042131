"""Status as a table and as a page: what nobody measured is called absent, and nothing is left unescaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.filter.status_document import status_document
from ansible_collections.mlops.ack.plugins.filter.status_page import status_page
from ansible_collections.mlops.ack.plugins.filter.status_table import status_table

NUMBERS = {
    "up": 1.0,
    "requests_per_second": 41.7,
    "error_rate": 0.0213,
    "p50_ms": 1.2,
    "p99_ms": None,
    "queue_ms": 0.4,
    "observed_percentage": 88.8,
    "declared_percentage": 90.0,
}
LINE = {"time": "2026-11-27T10:22:15.123Z", "pod": "digits-a-1", "text": "<script>alert(1)</script>"}
LOGS = {"arrive": True, "project": "ml-logs", "logstore": "digits", "newest": LINE}
NO_TRAITS = None
MEASURED = {"predictors": {"a": NUMBERS}, "logs": LOGS, "absent": {}}
SILENT = {
    "predictors": None,
    "logs": {**LOGS, "arrive": False, "newest": None},
    "absent": {"metrics": "PrometheusFailed: it did not answer"},
}


def status(observed: dict[str, Any] | None) -> dict[str, Any]:
    predictor = {
        "name": "a",
        "model_version": "digits-v1",
        "ready_replicas": 1,
        "replicas": 1,
        "traffic_percentage": 90,
        "observed_percentage": 91.5,
    }
    served = {"name": "digits", "url": "http://x/?a=<b>", "predictors": [predictor]}
    host: dict[str, Any] = {"mlops_environment": "prod", "status_serving": {"servings": [served]}}
    if observed:
        host["status_observed"] = {"observed": observed}
    return status_document([host])


class Page(HTMLParser):
    """The text of a page, and what it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.loads: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [f"{tag} {name}" for name, _value in attrs if name in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)


@pytest.mark.parametrize("observed", [NO_TRAITS, MEASURED, SILENT], ids=["no traits", "measured", "silent"])
def test_a_page_is_whole_and_loads_nothing(observed: dict[str, Any] | None) -> None:
    text = status_page(status(observed), "now")
    page = Page(text)
    assert page.open == [] and page.loads == []
    assert "url(" not in text and "<script" not in text


@pytest.mark.parametrize(
    ("observed", "told"),
    [
        pytest.param(NO_TRAITS, ["Metrics and logs are absent: it has no traits.", "91.5 % (counted)"], id="no traits"),
        pytest.param(
            MEASURED, ["41.70", "2.13%", "1.2 ms", "0.4 ms", "88.8 %", "Logs arrive", "absent"], id="measured"
        ),
        pytest.param(
            SILENT,
            ["Metrics are absent: PrometheusFailed: it did not answer.", "No line arrived in", "91.5 % (counted)"],
            id="silent",
        ),
    ],
)
def test_a_page_tells_what_is_measured_and_what_is_not(observed: dict[str, Any] | None, told: list[str]) -> None:
    words = "".join(Page(status_page(status(observed), "now")).words)
    assert [word for word in told if word not in words] == []
    assert not re.search(r"\b0(\.0*)?( ms|%)", words), "what nobody measured is no zero"


def test_a_table_has_a_row_for_each_predictor_that_is_observed() -> None:
    text = status_table(status(MEASURED))
    row = next(line for line in text.splitlines() if line.startswith("prod") and "41.7" in line)
    cells = re.split(r" {2,}", row)
    assert cells == [
        *("prod", "digits/a", "1", "41.7", "2.13%", "1.2", "absent", "0.4", "90 %", "88.8 %"),
        "newest 2026-11-27T10:22:15",
    ]


def test_a_table_says_why_something_is_absent() -> None:
    lines = status_table(status(SILENT)).splitlines()
    assert "prod digits: metrics are absent; PrometheusFailed: it did not answer" in lines
    assert any(line.endswith("none within an hour") and line.count("absent") == 8 for line in lines)


def test_a_serving_without_traits_is_in_no_table_of_measures() -> None:
    assert "absent" not in status_table(status(NO_TRAITS))
