from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.module import Module, Params
from ansible_collections.mlops.ack.plugins.module_utils._core.resource import Outcome
from ansible_collections.mlops.ack.plugins.module_utils._core.secrets import MASK, Secrets
from ansible_collections.mlops.ack.plugins.module_utils._core.spelling import nearest, refuse

SPEC = {
    "name": {"type": "str", "required": True},
    "token": {"type": "str", "no_log": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "predictors": {
        "type": "list",
        "elements": "dict",
        "options": {"traffic_percentage": {"type": "int", "aliases": ["trafficPercentage"]}},
    },
}


def ends(values: dict[str, Any] | Failure | Exception) -> Module:
    def function(params: Params, context: Context) -> Outcome:
        context.progress(f"using {params['token']}")
        if isinstance(values, Exception):
            raise values
        return Outcome(True, values, {"before": {}, "after": values})

    return Module(SPEC, function)


def test_a_run_leaves_the_options_of_the_next_one_as_they_were() -> None:
    nested = {"policy": {"type": "dict", "default": {}, "options": {"rule": {"type": "str", "default": "none"}}}}
    module = Module(nested, lambda params, context: Outcome(False))
    module.in_process({}, Context())
    assert nested["policy"]["default"] == {}


def test_a_secret_option_is_masked_in_result_diff_and_progress() -> None:
    lines: list[str] = []
    result = ends({"said": "with s3cr3t-token inside"}).in_process(
        {"name": "a", "token": "s3cr3t-token"}, Context(progress=lines.append)
    )
    assert "s3cr3t-token" not in f"{result}{lines}"
    assert result["said"] == f"with {MASK} inside"


@pytest.mark.parametrize("error", [Failure("X", "has s3cr3t-token"), RuntimeError("has s3cr3t-token")])
def test_a_secret_option_is_masked_in_failures(error: Exception) -> None:
    result = ends(error).in_process({"name": "a", "token": "s3cr3t-token"}, Context())
    assert result["failed"]
    assert "s3cr3t-token" not in str(result)


def test_a_failure_is_structured() -> None:
    failure = Failure("BucketAlreadyExists", "Taken.", hint="Choose another.", request_id="R1", retryable=False)
    result = ends(failure).in_process({"name": "a"}, Context())
    assert result["msg"] == "Taken. Choose another."
    assert result["failure"]["code"] == "BucketAlreadyExists"
    assert set(result["failure"]) == {"code", "message", "resource", "request_id", "hint", "retryable", "details"}


def test_a_file_that_cannot_be_used_is_named() -> None:
    result = ends(PermissionError(13, "Permission denied", "/etc/x")).in_process({"name": "a"}, Context())
    assert result["failure"]["code"] == "FileError"
    assert result["msg"].startswith("/etc/x: Permission denied.")


def test_an_unforeseen_error_is_a_failure_without_traceback() -> None:
    result = ends(KeyError("x")).in_process({"name": "a"}, Context())
    assert result["failure"]["code"] == "InternalError"
    assert "Traceback" not in str(result)


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        pytest.param({"name": "a", "stat": "present"}, "'state'", id="option"),
        pytest.param({"name": "a", "state": "presnt"}, "'present'", id="choice"),
        pytest.param({"name": "a", "predictors": [{"trafficPercent": 1}]}, "'trafficPercentage'", id="nested option"),
    ],
)
def test_a_misspelling_is_met_with_the_nearest_word(arguments: dict[str, Any], meant: str) -> None:
    result = ends({}).in_process(arguments, Context())
    assert result["failure"]["code"] == "InvalidOption"
    assert f"Did you mean {meant}?" in result["msg"]


def test_camel_case_of_the_design_is_accepted() -> None:
    seen: list[Any] = []
    module = Module(SPEC, lambda params, context: seen.append(params["predictors"]) or Outcome(False))
    module.in_process({"name": "a", "predictors": [{"trafficPercentage": 90}]}, Context())
    assert seen[0][0]["traffic_percentage"] == 90


def test_nearest_ignores_case_and_underscores() -> None:
    assert nearest("trafficpercentag", ["traffic_percentage", "replicas"]) == "traffic_percentage"
    assert nearest("zzz", ["replicas"]) is None


def test_refuse_names_field_found_allowed_and_meant() -> None:
    failure = refuse("tf_replica_specs", "Wroker", ["Worker", "PS"])
    assert str(failure) == "tf_replica_specs is 'Wroker'; allowed are PS, Worker. Did you mean 'Worker'?"


def test_secrets_reach_into_every_value() -> None:
    secrets = Secrets(["hunter22"])
    assert secrets.scrub({"a": ["x hunter22", {"hunter22": 1}], "n": 1}) == {"a": [f"x {MASK}", {MASK: 1}], "n": 1}
