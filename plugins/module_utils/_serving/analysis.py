# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Numbers that decide whether a release goes on. Without numbers nothing is decided: a person is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from .._core import rule
from .._core.context import Context
from .._core.failure import Failure
from .._core.times import seconds
from .._core.wait import SAY_EACH_S
from .metrics import NUMBERS
from .prometheus import Prometheus
from .prometheus import of as prometheus_of

GROUPS = ("new", "old")
PREDICTOR = "predictor"
PROMETHEUS = "prometheus"

Verdict = Literal["successful", "failed", "inconclusive"]


@dataclass(frozen=True)
class Analysis:
    """`count` measurements, `interval_s` apart; more than `failure_limit` failed ones fail it at once. Fewer than
    `min_requests` to what is new in an interval decide nothing. `own`: whether the predictors' metrics are used.
    """

    interval_s: int
    count: int
    failure_limit: int
    min_requests: int
    success: str
    failure: str
    prometheus: Prometheus | None
    own: bool


class Measurement(NamedTuple):
    """`values`: what the conditions saw; `why`: the condition that decided, or why none could."""

    verdict: Verdict
    why: str
    values: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        return {"verdict": self.verdict, "why": self.why, "values": dict(self.values)}


class Result(NamedTuple):
    verdict: Verdict
    measurements: tuple[Measurement, ...]

    @property
    def why(self) -> str:
        """What decided, in words."""
        meant = [each for each in self.measurements if each.verdict == self.verdict]
        number = f"{len(meant)} of {len(self.measurements)} measurements {self.verdict}"
        return f"{number}: {meant[-1].why}" if meant else number


def of(given: Mapping[str, Any], where: str, predictors: Sequence[str]) -> Analysis:
    """The option `analysis`. The conditions are tried on numbers of the right names before anything is released.

    Raises Failure `InvalidOption`, `MissingOption`, `InvalidRule`.
    """
    success, failure = (given[f"{name}_condition"] or "" for name in ("success", "failure"))
    if not success and not failure:
        raise Failure(
            "MissingOption",
            f"{where} has neither success_condition nor failure_condition.",
            hint="For example success_condition: new.error_rate <= 0.01.",
        )
    for field, least in (("count", 1), ("failure_limit", 0), ("min_requests", 1)):
        if given[field] < least:
            raise Failure("InvalidOption", f"{where}.{field} is {given[field]}; allowed are {least} and more.")
    if given["failure_limit"] >= given["count"]:
        raise Failure(
            "InvalidOption",
            f"{where}.failure_limit is {given['failure_limit']} of {given['count']} measurements; it could never fail.",
            hint="Set it below count.",
        )
    prometheus = prometheus_of(given["prometheus"], f"{where}.prometheus") if given["prometheus"] else None
    example = _example(predictors, prometheus)
    used = [name for text in (success, failure) if text for name in rule.judge(text, example).values]
    return Analysis(
        seconds(f"{where}.interval", given["interval"]),
        given["count"],
        given["failure_limit"],
        given["min_requests"],
        success,
        failure,
        prometheus,
        any(not name.startswith(f"{PROMETHEUS}.") for name in used),
    )


def _example(predictors: Sequence[str], prometheus: Prometheus | None) -> dict[str, Any]:
    """Numbers under every name that a condition may use; no two are alike, so that no difference of them is zero."""
    names = [f"{group}.{number}" for group in GROUPS for number in NUMBERS]
    names += [f"{PREDICTOR}.{word(name)}.{number}" for name in predictors for number in NUMBERS]
    names += [f"{PROMETHEUS}.{name}" for name in (prometheus.queries if prometheus else ())]
    return {name: 1.0 + 0.37 * index for index, name in enumerate(names)}


def word(name: str) -> str:
    """A predictor's name as conditions write it: `-` would be a minus."""
    return name.replace("-", "_")


def judge(analysis: Analysis, values: Mapping[str, Any]) -> Measurement:
    """One measurement. Failure wins; what cannot be evaluated, or satisfies neither condition, is inconclusive."""
    requests = (values.get("new") or {}).get("requests")
    if analysis.own and (requests or 0) < analysis.min_requests:
        return Measurement(
            "inconclusive", f"{requests or 0} requests to what is new, min_requests is {analysis.min_requests}", values
        )
    try:
        failed = bool(analysis.failure) and rule.judge(analysis.failure, values)
        passed = bool(analysis.success) and rule.judge(analysis.success, values)
    except Failure as failure:
        return Measurement("inconclusive", failure.message, values)
    if failed and failed.passed:
        return Measurement("failed", f"'{analysis.failure}' with {_seen(failed.values)}", values)
    if passed and passed.passed:
        return Measurement("successful", f"'{analysis.success}' with {_seen(passed.values)}", values)
    if passed and not analysis.failure:
        return Measurement("failed", f"not '{analysis.success}' with {_seen(passed.values)}", values)
    if failed and not analysis.success:
        return Measurement("successful", f"not '{analysis.failure}' with {_seen(failed.values)}", values)
    seen = {**(failed.values if failed else {}), **(passed.values if passed else {})}
    return Measurement("inconclusive", f"neither condition holds with {_seen(seen)}", values)


def _seen(values: Mapping[str, Any]) -> str:
    shown = {name: f"{value:g}" if isinstance(value, float) else value for name, value in values.items()}
    return ", ".join(f"{name} {value}" for name, value in shown.items())


def run(analysis: Analysis, measure: Callable[[], Mapping[str, Any]], context: Context, what: str) -> Result:
    """Measure until it is decided. `measure` gives the values since it was last called; a Failure of it (no answer,
    no right) decides nothing.
    """
    found: list[Measurement] = []
    _look(measure)
    while len(found) < analysis.count:
        rest(analysis.interval_s, context, f"{what}: measurement {len(found) + 1} of {analysis.count}")
        values, trouble = _look(measure)
        found.append(Measurement("inconclusive", trouble, values) if trouble else judge(analysis, values))
        context.progress(f"{what}: measurement {len(found)} of {analysis.count} {found[-1].verdict}: {found[-1].why}")
        if sum(each.verdict == "failed" for each in found) > analysis.failure_limit:
            return Result("failed", tuple(found))
    undecided = any(each.verdict == "inconclusive" for each in found)
    return Result("inconclusive" if undecided else "successful", tuple(found))


def _look(measure: Callable[[], Mapping[str, Any]]) -> tuple[Mapping[str, Any], str]:
    try:
        return measure(), ""
    except Failure as failure:
        return {}, failure.message


def rest(length_s: float, context: Context, what: str) -> None:
    """Sleep and say so each ten seconds."""
    left = float(length_s)
    while left > 0:
        part = min(left, SAY_EACH_S)
        context.sleep(part)
        left -= part
        if left > 0:
            context.progress(f"{what} in {left:.0f} s")
