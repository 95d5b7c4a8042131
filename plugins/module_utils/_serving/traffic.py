# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Percentages of traffic: checked here, rendered by `routes`."""

from __future__ import annotations

from collections.abc import Mapping

from .._core.failure import Failure


def shares(given: Mapping[str, int | None]) -> dict[str, int]:
    """Percentages by predictor, summing to 100. One may be None: it gets the remainder.

    Raises Failure `InvalidTraffic` that lists what was found.
    """
    for name, value in given.items():
        if value is not None and not 0 <= value <= 100:
            raise Failure(
                "InvalidTraffic",
                f"traffic_percentage of {name} is {value}; allowed are whole numbers from 0 to 100.",
                details={"found": dict(given)},
            )
    unset = [name for name, value in given.items() if value is None]
    total = sum(value for value in given.values() if value is not None)
    listed = ", ".join(f"{name} {'unset' if value is None else value}" for name, value in given.items())
    if len(unset) > 1:
        raise Failure(
            "InvalidTraffic",
            f"traffic_percentage is unset for {len(unset)} predictors ({listed}); one may be, it gets the remainder.",
            details={"found": dict(given)},
        )
    if total > 100 or (total != 100 and not unset):
        hint = "Take away" if total > 100 else "Add"
        raise Failure(
            "InvalidTraffic",
            f"The traffic percentages sum to {total}, not 100: {listed}.",
            hint=f"{hint} {abs(100 - total)}, or leave one of them out: it gets the remainder.",
            details={"found": dict(given), "sum": total},
        )
    return {name: 100 - total if value is None else value for name, value in given.items()}
