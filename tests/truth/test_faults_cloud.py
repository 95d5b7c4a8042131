"""What comes of a cloud service that misbehaves, row by row of `faults.CLOUD`."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.simulated import Simulator, no_fault_is_left, simulator, write

from .faults import CLOUD, CLUSTER, DONE, Fault, draw
from .misbehaving import BUSY, MARGIN_S, filled, run
from .page import put

__all__ = ["no_fault_is_left", "simulator"]

pytestmark = pytest.mark.simulator


@pytest.fixture(scope="module")
def cost_s(simulator: Simulator) -> float:
    """What such runs take here without a fault: the machine's own share."""
    began = time.monotonic()
    assert run("ack_cluster", {**simulator.cs, **filled(CLUSTER, {"name": "cost"})}).outcome == DONE
    return time.monotonic() - began


@pytest.fixture(scope="module")
def seen() -> Iterator[list[Fault]]:
    """The rows that came out as they should; drawn at the end, with WRITE_DOCS=1 in docs/faults.md."""
    found: list[Fault] = []
    yield found
    if len(found) == len(CLOUD):
        put("faults", "cloud", draw(found))


@pytest.mark.parametrize("fault", CLOUD, ids=lambda fault: fault.name)
def test_a_fault_ends_as_it_should_and_the_next_run_goes_on(
    simulator: Simulator, cost_s: float, seen: list[Fault], fault: Fault, tmp_path: Path
) -> None:
    write(tmp_path / "files", {"a": b"1", "deep/b": b"2" * 70_000})
    names = {"name": f"t-{uuid.uuid4().hex[:8]}", "bucket": f"t-{uuid.uuid4().hex[:8]}", "folder": str(tmp_path)}
    cloud = simulator.cs if fault.service == "ACK" else simulator.oss
    for module, options in fault.before:
        assert run(module, {**cloud, **filled(options, names)}).outcome == DONE
    wish = {**cloud, **filled(fault.options, names)}
    simulator.faults({"kind": fault.kind, "match": {"action": fault.call}, "times": fault.times})
    before = simulator.last
    hit = run(fault.module, {**wish, **fault.limits})
    simulator.faults()
    assert hit.outcome == fault.outcome, hit.result
    assert met(simulator, before, fault.call), "nothing ever met the fault"
    assert hit.took_s < fault.deadline_s + MARGIN_S + BUSY * cost_s, "it took longer than it may"
    before = simulator.last
    later = {**wish, **({} if fault.finally_ == DONE else {"wait_timeout": 2})}
    goes_on, again = run(fault.module, later), run(fault.module, later)
    assert (goes_on.outcome, again.outcome) == (fault.finally_, fault.finally_), goes_on.result
    if fault.finally_ == DONE:
        assert goes_on.result["changed"] == (fault.then == "writes")
        assert not again.result["changed"]
    if fault.then != "writes":
        assert simulator.writes(before) == []
    if fault.service == "ACK":
        found = run("ack_cluster_info", {**simulator.cs, "name": names["name"]}).result["clusters"]
        assert len(found) == 1, "made more than once"
    seen.append(fault)


def met(simulator: Simulator, since: int, action: str) -> bool:
    """Whether the simulator was asked for this. A request that hung is on record once its caller has gone."""
    for _look in range(20):
        if any(entry["action"] == action for entry in simulator.requests(since)):
            return True
        time.sleep(0.1)
    return False
