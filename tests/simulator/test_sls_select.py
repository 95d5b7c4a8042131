"""Which containers' output a logstore holds."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tests.simulator.simulated import FILES

sys.path.insert(0, str(FILES))
from simulator.sls.select import Source, logstores, sources


def pod(name: str, labels: dict[str, str] | None = None, env: dict[str, str] | None = None) -> dict[str, Any]:
    variables = [{"name": key, "value": value} for key, value in (env or {}).items()]
    containers = [{"name": "main", "env": variables}]
    return {
        "metadata": {"name": name, "namespace": "ml", "labels": labels or {}},
        "spec": {"containers": containers},
    }


def config(filters: dict[str, Any], logstore: str = "store", kind: str = "input_container_stdio") -> dict[str, Any]:
    inner = {
        "inputs": [{"Type": kind, "ContainerFilters": filters}],
        "flushers": [{"Type": "flusher_sls", "Logstore": logstore}],
    }
    return {"spec": {"project": {"name": "p"}, "logstores": [{"name": logstore}], "config": inner}}


PODS = [pod("a-1", {"app": "a"}), pod("b-1", {"app": "b"})]
A, B = Source("ml", "a-1", "main"), Source("ml", "b-1", "main")


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param({}, [A, B], id="no filter takes all"),
        pytest.param({"K8sNamespaceRegex": "^ml$"}, [A, B], id="by namespace"),
        pytest.param({"K8sNamespaceRegex": "^other$"}, [], id="another namespace"),
        pytest.param({"K8sPodRegex": "^a-"}, [A], id="by pod"),
        pytest.param({"IncludeK8sLabel": {"app": "^b$"}}, [B], id="by label"),
        pytest.param({"IncludeK8sLabel": {"app": "b"}}, [B], id="a rule without ^ is a value"),
        pytest.param({"IncludeK8sLabel": {"tier": ""}}, [], id="a label that is not set"),
    ],
)
def test_a_collection_resource_selects(filters: dict[str, Any], expected: list[Source]) -> None:
    assert sources([config(filters)], PODS, "p", "store", "default") == expected
    assert sources([config(filters)], PODS, "q", "store", "default") == []
    assert sources([config(filters)], PODS, "p", "else", "default") == []


def test_files_are_not_standard_output() -> None:
    assert sources([config({}, kind="input_file")], PODS, "p", "store", "default") == []


def test_a_container_asks_by_its_variables() -> None:
    env = {"aliyun_logs_mine": "stdout", "aliyun_logs_x": "stdout", "aliyun_logs_x_project": "p"}
    pods = [pod("c-1", env={**env, "aliyun_logs_x_logstore": "named"})]
    asked = [Source("ml", "c-1", "main")]
    assert sources([], pods, "default", "mine", "default") == asked
    assert sources([], pods, "p", "named", "default") == asked
    assert logstores([], pods, "p", "default") == {"named"}
