# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A rule over evidence, such as `accuracy >= 0.95 and loss < 1`: parsed, never executed as Python."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .failure import Failure
from .spelling import nearest

LONGEST = 1000

_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


class Judgement(NamedTuple):
    """passed: what the rule says. values: what it saw, by name."""

    passed: bool
    values: dict[str, Any]


def judge(rule: str, evidence: Mapping[str, Any]) -> Judgement:
    """Evaluate a rule: names of the evidence (dotted for nested ones), numbers, text in quotes, true and false;
    `< <= > >= == !=`, `and or not`, `+ - * /`, brackets.

    Every name is looked up, also where the answer is known before. Raises Failure `InvalidRule` for anything else, for
    an unknown name, for a value that is no finite number where one is needed, and for a result that is no truth value.
    """
    return Judgement(*_Reader(rule, evidence).read())


def flat(value: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """(dotted path, value) of every leaf, in the order given."""
    found: list[tuple[str, Any]] = []
    for key, item in value.items():
        path = f"{prefix}{key}"
        if isinstance(item, Mapping) and item:
            found += flat(item, f"{path}.")
        else:
            found.append((path, item))
    return found


class _Reader:
    def __init__(self, rule: str, evidence: Mapping[str, Any]) -> None:
        self._rule, self._known = rule, dict(flat(evidence))
        self._seen: dict[str, Any] = {}

    def read(self) -> tuple[bool, dict[str, Any]]:
        if len(self._rule) > LONGEST:
            raise self._wrong(f"it is longer than {LONGEST} characters")
        try:
            tree = ast.parse(self._rule.strip(), mode="eval")
            result = self._value(tree.body)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise self._wrong(f"it cannot be read ({getattr(error, 'msg', error)})") from error
        if not isinstance(result, bool):
            raise self._wrong(f"its result is {result!r}, not true or false")
        return result, self._seen

    def _value(self, node: ast.expr) -> Any:
        match node:
            case ast.BoolOp():
                parts = [self._truth(each) for each in node.values]
                return all(parts) if isinstance(node.op, ast.And) else any(parts)
            case ast.UnaryOp(op=ast.Not()):
                return not self._truth(node.operand)
            case ast.UnaryOp(op=ast.USub()):
                return -self._number(node.operand)
            case ast.Compare():
                return self._compare(node)
            case ast.BinOp() if type(node.op) in _ARITHMETIC:
                left, right = self._number(node.left), self._number(node.right)
                if isinstance(node.op, ast.Div) and right == 0:
                    raise self._wrong(f"'{ast.unparse(node)}' divides by zero")
                return _ARITHMETIC[type(node.op)](left, right)
            case ast.Constant() if isinstance(node.value, (bool, int, float, str)):
                return node.value
            case ast.Name(id="true" | "false"):
                return node.id == "true"
            case ast.Name() | ast.Attribute():
                return self._named(ast.unparse(node))
        raise self._wrong(f"'{ast.unparse(node)}' is not allowed in a rule")

    def _compare(self, node: ast.Compare) -> bool:
        sides = [node.left, *node.comparators]
        verdict = True
        for step, left_node, right_node in zip(node.ops, sides, sides[1:], strict=False):
            if type(step) not in _COMPARE:
                raise self._wrong(f"'{ast.unparse(node)}' is not allowed in a rule")
            if isinstance(step, _ORDER):
                left, right = self._number(left_node), self._number(right_node)
            else:
                left, right = self._value(left_node), self._value(right_node)
                if isinstance(left, str) is not isinstance(right, str):
                    raise self._wrong(f"'{ast.unparse(node)}' compares text with something else")
            verdict = _COMPARE[type(step)](left, right) and verdict
        return verdict

    def _named(self, name: str) -> Any:
        if name not in self._known:
            meant = nearest(name, self._known)
            raise self._wrong(
                f"the evidence has no '{name}'; it has {', '.join(sorted(self._known)) or 'nothing'}",
                f"Did you mean '{meant}'?" if meant else "",
            )
        value = self._known[name]
        # not (nan < x) is true: a number that is none must never decide
        if not isinstance(value, (bool, int, float, str)) or (isinstance(value, float) and not math.isfinite(value)):
            raise self._wrong(f"the evidence {name} is {value!r}, which cannot be compared")
        self._seen[name] = value
        return value

    def _number(self, node: ast.expr) -> int | float:
        value = self._value(node)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            hint = "Convert it, for example with '| float'." if isinstance(value, str) else ""
            raise self._wrong(f"'{ast.unparse(node)}' is {value!r}, not a number", hint)
        return value

    def _truth(self, node: ast.expr) -> bool:
        value = self._value(node)
        if not isinstance(value, bool):
            raise self._wrong(f"'{ast.unparse(node)}' is {value!r}, not true or false")
        return value

    def _wrong(self, why: str, hint: str = "") -> Failure:
        return Failure(
            "InvalidRule",
            f"The rule '{self._rule[:LONGEST]}' decides nothing: {why}.",
            hint=hint,
            details={"rule": self._rule[:LONGEST]},
        )
