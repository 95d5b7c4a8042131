# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The same inputs name the same run."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.mlops.ack.plugins.filter.run_id import run_id

SPECS = {"Worker": {"replicas": 3, "template": {"spec": {"containers": [{"name": "tensorflow", "image": "t:1"}]}}}}


def test_a_name_is_the_model_and_twelve_hex_digits() -> None:
    assert run_id("digits", "sha256:d", SPECS) == "digits-" + run_id("digits", "sha256:d", SPECS)[-12:]
    assert len(run_id("digits", "sha256:d", SPECS)) == len("digits-") + 12


@pytest.mark.parametrize(
    ("arguments", "is_same"),
    [
        pytest.param(("sha256:d", SPECS, {"A": 1, "B": "x"}), True, id="the same"),
        pytest.param(("sha256:d", SPECS, {"B": "x", "A": "1"}), True, id="order and type of parameters do not matter"),
        pytest.param(("sha256:e", SPECS, {"A": 1, "B": "x"}), False, id="other data"),
        pytest.param(
            ("sha256:d", {"Worker": {**SPECS["Worker"], "replicas": 2}}, {"A": 1, "B": "x"}), False, id="other specs"
        ),
        pytest.param(("sha256:d", SPECS, {"A": 2, "B": "x"}), False, id="other parameters"),
    ],
)
def test_other_inputs_are_another_run(arguments: Any, is_same: bool) -> None:
    assert (run_id("digits", *arguments) == run_id("digits", "sha256:d", SPECS, {"A": 1, "B": "x"})) is is_same


@pytest.mark.parametrize(
    ("model", "begins"),
    [("My_Model.v2", "my-model-v2-"), ("m" * 80, "m" * 36 + "-"), ("digits-", "digits-")],
)
def test_names_are_valid_for_jobs(model: str, begins: str) -> None:
    found = run_id(model, "sha256:d", SPECS)
    assert found.startswith(begins) and len(found) <= 49


@pytest.mark.parametrize(("model", "parameters"), [("1st", {}), ("", {}), ("digits", {"A-B": 1})])
def test_what_makes_no_run_is_refused(model: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(AnsibleFilterError):
        run_id(model, "sha256:d", SPECS, parameters)
