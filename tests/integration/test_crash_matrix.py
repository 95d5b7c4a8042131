"""kill -9 at every step of `site` that changes something, then the same command again.

The steps are those of an uninterrupted run in which a task changed something. Each kind of crash has a site of its own:
a run is killed at the first step, the next one starts from what that left and is killed at the next step that it comes
to, and so on; the last one ends. What is there then must be what is there after the uninterrupted run: one of each, and
no orphan.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from tests.conftest import REPO
from tests.integration.site import Site, trained_model

pytestmark = pytest.mark.sandbox

LEAST_S = 1.0
"""A task that is over sooner has no middle to be killed in."""

NewSite = Callable[[], Site]
Columns = dict[tuple[str, str], dict[str, str]]
"""(when, how) -> step -> what became of it"""


class Step(NamedTuple):
    """A task that changed something in the uninterrupted run."""

    task: str
    seconds: float
    hosts: int


class Reference(NamedTuple):
    """The uninterrupted run: its steps, and what it left."""

    steps: list[Step]
    state: dict[str, list[str]]


@pytest.fixture(scope="module")
def new_site(sandbox: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewSite]:
    sites: list[Site] = []
    model = trained_model(tmp_path_factory.mktemp("model"), sandbox)

    def make() -> Site:
        name = f"t-crash-{uuid.uuid4().hex[:4]}"
        sites.append(Site(name, tmp_path_factory.mktemp(name), model, sandbox))
        return sites[-1]

    yield make
    for site in sites:
        site.close()


@pytest.fixture(scope="module")
def reference(new_site: NewSite) -> Reference:
    site = new_site()
    site.run("site")
    events = [event for event in site.take_events() if event["changed"]]
    steps = [Step(event["task"], event["seconds"], len(event["changed"])) for event in events]
    assert len(steps) > 8, "the uninterrupted run did next to nothing"
    return Reference(steps, site.state())


def crash(site: Site, left: list[Step], when: str, how: str) -> str | None:
    """Runs `site` until it is killed at the first of these steps that it comes to; that step, None where it ended."""
    site.take_events()
    at = {step.task: round(step.seconds / 2, 2) for step in left}
    process = site.start("site", CRASH_AT=json.dumps(at), CRASH_WHEN=when, CRASH_HOW=how)
    code = process.wait(600)
    text = site.log.read_text()
    assert code in (-9, 0), f"after the crash before {left[0].task}:\n{text[-6000:]}"
    return next((event["killed"] for event in site.take_events() if "killed" in event), None)


def chain(site: Site, reference: Reference, steps: list[Step], when: str, how: str) -> dict[str, str]:
    """Crash after crash, then to the end. step -> what became of it: killed, or had nothing to do there any more."""
    found = dict.fromkeys((step.task for step in steps), "was over before")
    left = steps
    while left and (at := crash(site, left, when, how)):
        found[at] = "killed"
        left = left[[step.task for step in left].index(at) + 1 :]
    site.run("site")
    assert site.state() == reference.state
    site.take_events()
    site.run("site")
    assert [event["task"] for event in site.take_events() if event["changed"]] == []
    return found


def middles(reference: Reference) -> list[Step]:
    return [step for step in reference.steps if step.seconds >= LEAST_S]


@pytest.fixture(scope="module")
def columns(reference: Reference) -> Iterator[Columns]:
    """What each kind of crash came to; drawn at the end, with WRITE_DOCS=1 as docs/crash-matrix.md."""
    found: Columns = {}
    yield found
    if found:
        page = draw(reference, found)
        print(page)
        if os.environ.get("WRITE_DOCS"):
            (REPO / "docs/crash-matrix.md").write_text(page)


@pytest.mark.long
@pytest.mark.parametrize(("when", "how"), [("after", "tree"), ("within", "tree"), ("within", "launcher")])
def test_the_whole_matrix(new_site: NewSite, reference: Reference, columns: Columns, when: str, how: str) -> None:
    steps = reference.steps if when == "after" else middles(reference)
    columns[when, how] = chain(new_site(), reference, steps, when, how)
    assert list(columns[when, how].values()).count("killed") > 0.8 * len(steps), columns[when, how]


@pytest.mark.long
def test_two_launchers_at_once_leave_what_one_leaves(new_site: NewSite, reference: Reference) -> None:
    site = new_site()
    logs = [site.folder / f"{name}.txt" for name in ("one", "two")]
    both = [site.start("site", log=log) for log in logs]
    assert [run.wait(900) for run in both] == [0, 0], "".join(log.read_text()[-3000:] for log in logs)
    assert any(": held: by " in log.read_text() for log in logs), "they never met"
    assert site.state() == reference.state


def draw(reference: Reference, columns: Columns) -> str:
    """The page: a row for each step, a column for each kind of crash."""
    heads = [f"killed {when} it, {how}" for when, how in columns]
    lines = [
        "# Crash matrix",
        "",
        f"Written by `make test-long WRITE_DOCS=1` on {datetime.now(UTC):%Y-%m-%d}. Each row is a step of",
        "`mlops.ack.site` that changes something.",
        "A run was killed with signal 9 there and started again; each run began with what the",
        "killed one left. *Tree*: every process of the run. *Launcher*: `ansible-playbook` alone, its workers went on.",
        f"A dash: the step takes less than {LEAST_S:g} s. At the end of each column there were the same clusters,",
        "objects, records and images as after an uninterrupted run, one of each, no lock held; one more run changed",
        "nothing.",
        "",
        f"| step | hosts | seconds | {' | '.join(heads)} |",
        "|---|---|---|" + "---|" * len(heads),
    ]
    for step in reference.steps:
        told = [OUTCOMES[rows.get(step.task, "-")] for rows in columns.values()]
        name = step.task.partition("#")[0].removeprefix("mlops.ack.")
        lines.append(f"| {name} | {step.hosts} | {step.seconds:.1f} | {' | '.join(told)} |")
    return "\n".join(lines) + "\n"


OUTCOMES = {"killed": "went on", "was over before": "was over sooner", "-": "-"}
