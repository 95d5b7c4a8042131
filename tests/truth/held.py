"""What is held against a change: the check is the run and writes nothing, and a second run has nothing to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from .change import NO_KEY, Change, Seen, Views, differing, steady
from .invented import BY_WAY, EACH_RUN, INVENTED, LATER, TIMES
from .page import table

VARYING = re.compile(
    r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+\d\d:\d\d)|t-truth-[0-9a-f]{6}|[0-9a-f]{8,64}|127\.0\.0\.1:\d+|/[^\s\"']*/work\b"
)
"""Times, names, ids and digests, ports, and the folder that is watched: each run has its own."""


def hold(change: Change, steps: Mapping[str, Seen]) -> None:
    predicted, done, again = (steady(steps[step].result) for step in ("check", "run", "again"))
    assert steps["check"].wrote == [], "check mode wrote"
    wrong = {
        path: pair
        for path, pair in differing(predicted, done).items()
        if not (is_invented(change, path, pair[0]) or is_time(change, path, pair))
    }
    assert wrong == {}, f"the run came to something else than the check, at {', '.join(wrong)}:\n{shown(done)}"
    assert (again["changed"], again["failed"]) == (False, done["failed"]), shown(again)
    assert steps["again"].wrote == [], "the second run wrote"
    if done["changed"]:
        assert steps["run"].wrote != [], "it says changed, and wrote nothing that anybody saw"
    elif done["failed"]:
        assert steps["run"].wrote == [], "it refused, and wrote"
    if "check, other way" in steps:
        other = steps["check, other way"]
        assert other.wrote == [], "check mode wrote"
        same_both_ways(change, predicted, steady(other.result))


def same_both_ways(change: Change, one: Any, two: Any) -> None:
    wrong = differing(plain(one), plain(two))
    allowed = (*EACH_RUN, *BY_WAY.get(change.module, ()))
    assert [path for path in wrong if not matches(path, allowed)] == [], wrong


def hold_excuses(changes: Iterable[Change], views: Views) -> None:
    """What is excused in `INVENTED` is really invented."""
    for module, found in met(changes, views).items():
        assert found == {path for paths in INVENTED.get(module, {}).values() for path in paths}, module


def hold_forked(changes: Iterable[Change], views: Views, forked: Views) -> None:
    for change in changes:
        hold(change, forked[change.name])
        for step in ("check", "run", "again"):
            one, two = (steady(each[change.name][step].result) for each in (views, forked))
            same_both_ways(change, one, two)


def is_invented(change: Change, path: str, predicted: Any) -> bool:
    is_empty = predicted in (None, []) or (predicted == NO_KEY and path in LATER)
    return is_empty and matches(path, excused(change))


def excused(change: Change) -> tuple[str, ...]:
    return tuple(path for name in change.invents for path in INVENTED[change.module][name])


def is_time(change: Change, path: str, pair: tuple[Any, Any]) -> bool:
    if not matches(path, TIMES.get(change.module, ())):
        return False
    return datetime.fromisoformat(pair[0]) <= datetime.fromisoformat(pair[1])


def matches(path: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(path, pattern.replace("[", "[[]")) for pattern in patterns)


def plain(value: Any) -> Any:
    return json.loads(VARYING.sub("#", json.dumps(value)))


def shown(result: Any) -> str:
    return json.dumps(result, indent=1)[:6000]


def met(changes: Iterable[Change], views: Views) -> dict[str, set[str]]:
    """module -> those paths of `INVENTED` that really were invented."""
    found: dict[str, set[str]] = {}
    for change in changes:
        check, run = (steady(views[change.name][step].result) for step in ("check", "run"))
        paths = differing(check, run)
        found.setdefault(change.module, set()).update(
            pattern for pattern in excused(change) if any(matches(path, [pattern]) for path in paths)
        )
    return found


def draw(changes: Iterable[Change], views: Views) -> str:
    """A row for each change: what came of it, what its check could not know, what its run wrote."""
    rows = []
    for change in changes:
        steps = views[change.name]
        check, run = (steady(steps[step].result) for step in ("check", "run"))
        told = "changes" if run["changed"] else "nothing to do"
        if run["failed"]:
            told = f"refuses: `{run['failure']['code']}`"
        paths = differing(check, run)
        unknown = [path for path in excused(change) if any(matches(each, [path]) for each in paths)]
        times = [path for path in TIMES.get(change.module, ()) if any(matches(each, [path]) for each in paths)]
        seen = [*(f"`{path}`" for path in unknown), *(f"`{path}` is its own time" for path in times)]
        rows.append((f"`{change.module}`", change.what, told, ", ".join(seen) or "all known", _wrote(steps["run"])))
    return table(("module", "kind of change", "check and run", "in the check", "the run wrote"), rows)


def _wrote(seen: Seen) -> str:
    """How much, and where. Folders that a file is in count as its."""
    files = seen.writes["files"]
    leaves = [path for path in files if not any(other.startswith(f"{path}/") for other in files)]
    told = [f"{each.partition(' ')[0].upper()} {each.partition(' ')[2]}" for each in seen.writes["service"]]
    told += [write.partition("/")[0] for write in seen.writes["cluster"]]
    counted = [f"{word}{f' ({told.count(word)})' if told.count(word) > 1 else ''}" for word in dict.fromkeys(told)]
    counted += [f"{len(leaves)} file{'s' if len(leaves) > 1 else ''}"] if leaves else []
    return ", ".join(counted) or "-"
