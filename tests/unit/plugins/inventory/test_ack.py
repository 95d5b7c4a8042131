"""Names and groups of hosts, decided without a cloud; tests/integration has the rest."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from ansible_collections.mlops.ack.plugins.inventory.ack import DOCUMENTATION, EXAMPLES, FILTERS, groups, named
from ansible_collections.mlops.ack.plugins.module_utils._ack import shape


def cluster(name: str, cluster_id: str, **more: Any) -> dict[str, Any]:
    return shape.cluster({"name": name, "cluster_id": cluster_id, **more})


def test_several_clusters_of_one_name_are_several_hosts() -> None:
    twins = [cluster("ml", "c2222222222"), cluster("ml", "c1111111111"), cluster("web", "c3333333333")]
    assert list(named(twins)) == ["ml-c1111111", "ml-c2222222", "web"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"region_id": "cn-hangzhou", "state": "running"}, ["region_cn-hangzhou", "profile_default", "state_running"]),
        ({"tags": [{"key": "env", "value": "prod"}]}, ["profile_default", "tag_env_prod"]),
        ({"tags": [{"key": "gpu", "value": ""}]}, ["profile_default", "tag_gpu"]),
    ],
)
def test_groups(fields: dict[str, Any], expected: list[str]) -> None:
    assert groups(cluster("ml", "c1", **fields)) == expected


def test_the_documentation_names_every_filter_and_its_examples_use_known_options() -> None:
    options = yaml.safe_load(DOCUMENTATION)["options"]
    text = " ".join(options["filters"]["description"])
    assert all(f"C({name})" in text for name in FILTERS)
    shared = {"compose", "groups", "keyed_groups", "cache", "cache_plugin", "cache_connection", "cache_timeout"}
    for example in yaml.safe_load_all(EXAMPLES):
        assert set(example) <= {*options, *shared}
