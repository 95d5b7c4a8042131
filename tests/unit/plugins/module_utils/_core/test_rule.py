from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.rule import judge

EVIDENCE: dict[str, Any] = {
    "accuracy": 0.97,
    "loss": 0.1,
    "baseline": 0.2,
    "holdout": {"size": 297, "name": "digits"},
    "passed": True,
    "nan": float("nan"),
    "endless": float("inf"),
    "text": "0.97",
    "nothing": None,
    "rows": [1, 2],
}


@pytest.mark.parametrize(
    ("rule", "passes"),
    [
        ("accuracy >= 0.95", True),
        ("accuracy >= 0.98", False),
        ("accuracy >= 0.95 and loss < 1", True),
        ("accuracy > 0.99 or loss < 0.5", True),
        ("not accuracy < 0.95", True),
        ("0.9 < accuracy <= 1", True),
        ("0.9 < accuracy < 0.95", False),
        ("loss < baseline * 0.6 - 0.01", True),
        ("(loss + 1) / 2 < 0.5", False),
        ("loss > -1", True),
        ("holdout.size >= 200 and holdout.name == 'digits'", True),
        ("holdout.name != 'digits'", False),
        ("passed", True),
        ("passed == true", True),
        ("passed == False", False),
        ("text == '0.97'", True),
    ],
)
def test_a_rule_is_true_or_false(rule: str, passes: bool) -> None:
    assert judge(rule, EVIDENCE).passed is passes


def test_the_values_that_were_seen_are_kept_also_of_the_side_that_did_not_matter() -> None:
    assert judge("accuracy >= 0.95 or loss < 1", EVIDENCE).values == {"accuracy": 0.97, "loss": 0.1}


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        pytest.param("acuracy >= 0.95", "Did you mean 'accuracy'", id="unknown name"),
        pytest.param("accuracy >= 0.5 or unknown > 1", "no 'unknown'", id="unknown name behind a true or"),
        pytest.param("nan < 1 or not nan < 1", "nan", id="no number decides nothing"),
        pytest.param("not nan < 0.95", "cannot be compared", id="not nan < x would be true"),
        pytest.param("endless > 1", "cannot be compared", id="infinity"),
        pytest.param("text >= 0.95", "float", id="text where a number is needed"),
        pytest.param("text == 0.97", "text with something else", id="text equals no number"),
        pytest.param("nothing == 1", "cannot be compared", id="null"),
        pytest.param("rows == 1", "cannot be compared", id="a list"),
        pytest.param("holdout.size", "not true or false", id="a number is no answer"),
        pytest.param("accuracy and loss", "not true or false", id="numbers are no truth"),
        pytest.param("passed > 0", "not a number", id="a truth is no number"),
        pytest.param("loss / 0 < 1", "divides by zero", id="zero"),
        pytest.param("", "cannot be read", id="nothing"),
        pytest.param("accuracy >=", "cannot be read", id="half"),
        pytest.param("accuracy = 1", "cannot be read", id="an assignment"),
        pytest.param("__import__('os')", "not allowed", id="a call"),
        pytest.param("[x for x in (1,)]", "not allowed", id="a comprehension"),
        pytest.param("lambda: 1", "not allowed", id="a lambda"),
        pytest.param("accuracy.__class__ == 1", "no 'accuracy.__class__'", id="an attribute of Python"),
        pytest.param("holdout['size'] > 1", "not allowed", id="an index"),
        pytest.param("accuracy ** 9 > 1", "not allowed", id="a power"),
        pytest.param("accuracy in (1, 2)", "not allowed", id="in"),
        pytest.param("accuracy if passed else loss", "not allowed", id="if"),
        pytest.param("f'{accuracy}' == 'x'", "not allowed", id="an f-string"),
        pytest.param("None == 1", "not allowed", id="None"),
        pytest.param("-" * 900 + "1 < 2", "cannot be read", id="too deep"),
        pytest.param("accuracy > 0 and " * 100 + "passed", "longer than", id="too long"),
    ],
)
def test_what_is_no_rule_over_the_evidence_decides_nothing(rule: str, says: str) -> None:
    with pytest.raises(Failure) as refused:
        judge(rule, EVIDENCE)
    assert refused.value.code == "InvalidRule"
    assert says in str(refused.value)
