from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._ack import shape
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure


def test_a_cluster_has_every_field_however_little_the_api_tells() -> None:
    full = shape.cluster({"cluster_id": "c1", "name": "a"})
    assert full["tags"] == {}
    assert full["endpoint_public_access"] is False
    assert full["node_cidr_mask"] == 0


def test_json_inside_strings_comma_lists_and_numbers_as_text_are_read() -> None:
    found = shape.cluster(
        {
            "cluster_id": "c1",
            "name": "a",
            "master_url": '{"api_server_endpoint":"https://1.2.3.4:6443","intranet_api_server_endpoint":"https://10.0.0.1:6443"}',
            "vswitch_id": "vsw-2,vsw-1",
            "node_cidr_mask": "26",
            "tags": [{"key": "team", "value": "ml"}, {"key": "acs:ack", "value": "x"}],
        }
    )
    assert found["api_server_endpoint"] == "https://1.2.3.4:6443"
    assert found["vswitch_ids"] == ["vsw-1", "vsw-2"]
    assert found["node_cidr_mask"] == 26
    assert found["tags"] == {"team": "ml"}


def test_a_body_holds_only_what_is_set() -> None:
    body = shape.create_cluster(
        {"name": "a", "version": None, "tags": {}, "node_cidr_mask": 25}, "cn-hangzhou", "token"
    )
    assert body == {
        "name": "a",
        "region_id": "cn-hangzhou",
        "cluster_type": "ManagedKubernetes",
        "tags": [],
        "node_cidr_mask": "25",
        "client_token": "token",
    }


def test_an_addons_config_is_json_inside_a_string() -> None:
    assert shape.install_addons({"b": {"version": "1"}, "a": {"config": {"x": 1}}}) == [
        {"name": "a", "config": '{"x": 1}'},
        {"name": "b", "version": "1"},
    ]


@pytest.mark.parametrize(
    ("fields", "sections"),
    [
        pytest.param({"desired_size": 0}, {"scaling_group": {"desired_size": 0}}, id="zero is a value"),
        pytest.param({"labels": {}}, {"kubernetes_config": {"labels": []}}, id="empty is a value"),
        pytest.param(
            {"labels": None, "desired_size": 3}, {"scaling_group": {"desired_size": 3}}, id="unset is not sent"
        ),
        pytest.param({"auto_scaling": {"enable": False}}, {"auto_scaling": {"enable": False}}, id="autoscaling"),
    ],
)
def test_a_section_holds_only_what_is_set(fields: dict[str, Any], sections: dict[str, Any]) -> None:
    assert shape.pool_sections(fields) == sections


def test_a_pool_that_scales_itself_has_no_desired_size() -> None:
    wire = {"nodepool_info": {"nodepool_id": "np1", "name": "a"}, "auto_scaling": {"enable": True, "max_instances": 3}}
    assert shape.node_pool(wire)["desired_size"] is None
    assert shape.node_pool(wire)["auto_scaling"] == {"enable": True, "max_instances": 3}


def test_a_field_that_should_be_json_and_is_not_is_told() -> None:
    with pytest.raises(Failure) as told:
        shape.parsed("{")
    assert told.value.code == "BrokenAnswer"
