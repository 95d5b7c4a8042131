"""The inventory plugin through the real ansible-inventory, against a simulator of its own."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from tests.integration.conftest import ansible_environment
from tests.integration.simulated import KEY, Simulator, no_fault_is_left, simulator

__all__ = ["no_fault_is_left", "simulator"]

pytestmark = pytest.mark.simulator

NET = {"vpc_id": "vpc-1", "vswitch_ids": ["vsw-1"], "wait_timeout": 60}

Listed = Callable[..., subprocess.CompletedProcess[str]]


def made(simulator: Simulator, **options: Any) -> dict[str, Any]:
    module = importlib.import_module("ansible_collections.mlops.ack.plugins.modules.ack_cluster").MODULE
    result = module.in_process({**simulator.cs, **NET, **options}, Context())
    assert not result.get("failed"), result
    return dict(result["cluster"])


@pytest.fixture(scope="module")
def clusters(simulator: Simulator) -> dict[str, dict[str, Any]]:
    """Two of one environment each, and one of another team."""
    return {
        "ml-prod": made(simulator, name="ml-prod", tags={"team": "ml", "env": "prod"}),
        "ml-dev": made(simulator, name="ml-dev", profile="Serverless", tags={"team": "ml", "env": "dev"}),
        "web": made(simulator, name="web", tags={"team": "web"}),
    }


@pytest.fixture
def inventory(simulator: Simulator, clusters: dict[str, Any], tmp_path: Path) -> Listed:
    """`inventory(filters=...)` runs ansible-inventory on a file with these options."""

    def run(*words: str, secret: str = KEY["access_key_secret"], **options: Any) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "ml.ack.yml"
        endpoint = simulator.cs["cs_endpoint"]
        config = {"plugin": "mlops.ack.ack", "regions": ["cn-hangzhou"], "cs_endpoint": endpoint, **options}
        path.write_text(yaml.safe_dump(config))
        environment = {
            "ALIBABA_CLOUD_ACCESS_KEY_ID": KEY["access_key_id"],
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": secret,
            "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1",
            "ANSIBLE_INVENTORY_ENABLED": "mlops.ack.ack",
        }
        return subprocess.run(
            [str(Path(sys.executable).with_name("ansible-inventory")), "-i", str(path), *(words or ("--list",))],
            env=ansible_environment(**environment),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def listed(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout, object_hook=lambda each: each.get("__ansible_unsafe", each))
    return found


def hosts(done: subprocess.CompletedProcess[str]) -> set[str]:
    return set(listed(done)["_meta"]["hostvars"])


def test_clusters_are_hosts_in_groups_and_no_kubeconfig_is_read(
    inventory: Listed,
    clusters: dict[str, Any],
    simulator: Simulator,
) -> None:
    since = simulator.last
    found = listed(inventory())
    assert set(found["_meta"]["hostvars"]) == set(clusters)
    variables = found["_meta"]["hostvars"]["ml-prod"]
    assert variables["ansible_connection"] == "local"
    assert Path(variables["ansible_python_interpreter"]).samefile(sys.executable)
    for field in ("cluster_id", "state", "profile", "version", "vpc_id", "tags", "region"):
        assert variables[f"ack_{field}"] == clusters["ml-prod"][field], field
    assert "client-key" not in json.dumps(found)
    assert {entry["action"] for entry in simulator.requests(since)} == {"DescribeClustersV1"}
    assert set(found["profile_serverless"]["hosts"]) == {"ml-dev"}
    assert set(found["tag_team_ml"]["hosts"]) == {"ml-prod", "ml-dev"}
    assert set(found["region_cn_hangzhou"]["hosts"]) == set(found["state_running"]["hosts"]) == set(clusters)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"name": ["ml-*"]}, {"ml-prod", "ml-dev"}),
        ({"profile": "Serverless"}, {"ml-dev"}),
        ({"tags": {"team": "ml", "env": ["prod", "staging"]}}, {"ml-prod"}),
        ({"tags": {"env": ""}}, {"ml-prod", "ml-dev"}),
        ({"state": ["failed"]}, set()),
    ],
)
def test_filters(inventory: Listed, filters: dict[str, Any], expected: set[str]) -> None:
    assert hosts(inventory(filters=filters)) == expected


def test_constructed_groups_and_variables(inventory: Listed) -> None:
    found = listed(
        inventory(
            filters={"name": "ml-*"},
            compose={"mlops_environment": "ack_tags.env"},
            groups={"training": "ack_tags.env == 'prod'"},
            keyed_groups=[{"key": "ack_tags.env", "separator": ""}],
        )
    )
    assert found["training"]["hosts"] == found["prod"]["hosts"] == ["ml-prod"]
    assert found["_meta"]["hostvars"]["ml-dev"]["mlops_environment"] == "dev"


def test_a_cached_inventory_asks_nothing_and_its_filters_can_change(
    inventory: Listed,
    simulator: Simulator,
    tmp_path: Path,
) -> None:
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    first = hosts(inventory(**cache))
    since = simulator.last
    assert hosts(inventory(**cache)) == first
    assert hosts(inventory(**cache, filters={"name": "web"})) == {"web"}
    assert simulator.requests(since) == []
    assert hosts(inventory("--list", "--flush-cache", **cache)) == first
    assert [entry["action"] for entry in simulator.requests(since)] == ["DescribeClustersV1"]
    assert all(KEY["access_key_secret"] not in path.read_text() for path in (tmp_path / "cache").iterdir())


def test_a_refusal_names_its_code_and_its_request_and_no_secret(inventory: Listed) -> None:
    done = inventory(secret="not-the-secret-9876")
    assert done.returncode != 0
    assert "SignatureDoesNotMatch" in done.stderr
    assert "Check access_key_secret" in done.stderr
    assert "(request " in done.stderr
    assert "not-the-secret-9876" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"filters": {"nmae": "x"}}, "Did you mean 'name'?"),
        ({"filters": {"tags": ["team"]}}, "it needs a mapping"),
        ({"cs_endpoint": "127.0.0.1:9"}, "Unreachable"),
    ],
)
def test_what_cannot_be_meant_is_told(inventory: Listed, options: dict[str, Any], said: str) -> None:
    done = inventory(**options)
    assert done.returncode != 0
    assert said in " ".join(done.stderr.split())
