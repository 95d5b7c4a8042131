# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The way of the traffic to a release: which weights, in which order, from what lives to what is declared. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .._core.failure import Failure
from .._core.times import seconds
from .analysis import Analysis
from .analysis import of as analysis_of

PERSON = "person"

Weights = Mapping[str, int]
"""Shares by Service, in percent."""


class Step(NamedTuple):
    """`weight`: percent of the traffic for what is new. Then the analysis, then a person, then `pause_s` seconds."""

    weight: int
    analysis: Analysis | None = None
    asks: bool = False
    pause_s: int = 0

    @property
    def longest_s(self) -> float:
        """How long it holds, without the person."""
        return self.pause_s + (self.analysis.interval_s * self.analysis.count if self.analysis else 0)


class Shift(NamedTuple):
    """The traffic of one release. `base`: the weights before it; `target`: the declared ones; `new`: the Services
    that gain by it.
    """

    base: Weights
    target: Weights
    new: frozenset[str]

    def at(self, weight: int) -> dict[str, int]:
        """The weights while what is new has `weight` percent; among themselves the others keep their proportions."""
        grown = _spread(weight, {name: self.target[name] for name in self.target if name in self.new})
        rest = _spread(100 - weight, {name: share for name, share in self.base.items() if name not in self.new})
        return {name: {**rest, **grown}.get(name, 0) for name in {**self.target, **self.base}}

    def share(self, weights: Weights) -> int:
        """What of `weights` goes to what is new."""
        return sum(weights.get(name, 0) for name in self.new)

    def ahead(self, steps: Iterable[Step], live: Weights) -> tuple[Step, ...]:
        """The steps that are left: those already passed are not, nor those beyond the declared share."""
        passed, end = self.share(self.base), self.share(self.target)
        here = self.share(live)
        return tuple(step for step in steps if passed < step.weight <= end and step.weight >= here)


def shift(base: Weights, target: Weights) -> Shift:
    """New are the Services that had nothing before; where there are none, those whose share grows."""
    before = _spread(100, base) if sum(base.values()) else dict(base)
    fresh = frozenset(name for name, share in target.items() if share and not before.get(name))
    grown = frozenset(name for name, share in target.items() if share > before.get(name, 0))
    return Shift(before, target, fresh or grown)


def _spread(total: int, shares: Weights) -> dict[str, int]:
    """`total` in whole numbers, in proportion to `shares`; the largest remainders are rounded up."""
    whole = sum(shares.values())
    if not whole:
        return dict.fromkeys(shares, 0)
    found = {name: total * share // whole for name, share in shares.items()}
    left = sorted(shares, key=lambda name: (-(total * shares[name] % whole), name))
    for name in left[: total - sum(found.values())]:
        found[name] += 1
    return found


def of(given: Sequence[Mapping[str, Any]], predictors: Sequence[str]) -> tuple[Step, ...]:
    """The option `steps`. Raises Failure `InvalidOption`, `InvalidRule` for what could only fail under way."""
    found: list[Step] = []
    for index, entry in enumerate(given):
        where, weight = f"steps[{index}]", entry["weight"]
        before = found[-1].weight if found else 0
        if not before < weight <= 100:
            raise Failure(
                "InvalidOption",
                f"{where}.weight is {weight}; allowed are whole numbers from {before + 1} to 100, each above the last.",
            )
        pause = str(entry["pause"] or "").strip()
        found.append(
            Step(
                weight,
                analysis_of(entry["analysis"], f"{where}.analysis", predictors) if entry["analysis"] else None,
                pause == PERSON,
                _pause(pause, f"{where}.pause") if pause and pause != PERSON else 0,
            )
        )
    return tuple(found)


def _pause(pause: str, where: str) -> int:
    try:
        return seconds(where, pause)
    except Failure as failure:
        raise Failure(
            failure.code, f"{where} is '{pause}'; allowed are '{PERSON}' and a length of time such as 90s, 10m, 2h."
        ) from failure
