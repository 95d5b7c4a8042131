"""Shared GPUs, bursting and spot: from options to a pod template."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._kube.placement import (
    placed_template,
    placement_in,
    refuse_both,
    resource_policy,
)

POOL = "np1"


def limits(**given: Any) -> dict[str, str]:
    return placement_in(given, "p").limits


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, {}, id="nothing asked, nothing sent"),
        pytest.param({"gpu_memory": 8}, {"aliyun.com/gpu-mem": "8"}, id="a part of a card"),
        pytest.param(
            {"gpuMemory": 8, "gpuCorePercentage": 30},
            {"aliyun.com/gpu-mem": "8", "aliyun.com/gpu-core.percentage": "30"},
            id="with a part of its cores, in the other spelling",
        ),
        pytest.param(
            {"gpu_memory": 8, "gpu_count": 2},
            {"aliyun.com/gpu-mem": "8", "aliyun.com/gpu-count": "2"},
            id="parts of two cards",
        ),
        pytest.param({"gpu_count": 2}, {"nvidia.com/gpu": "2"}, id="whole cards"),
    ],
)
def test_the_limits_name_what_is_asked_for(given: dict[str, Any], expected: dict[str, str]) -> None:
    assert limits(**given) == expected


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        pytest.param({"gpu_memory": 0}, "InvalidOption", "p.gpu_memory is 0; allowed are 1", id="no memory"),
        pytest.param({"gpu_memory": 1, "gpu_core_percentage": 101}, "InvalidOption", "are 1 to 100", id="101 %"),
        pytest.param({"gpu_core_percentage": 30}, "MissingOption", "no gpu_memory", id="cores without memory"),
        pytest.param({"gpu_memory": 7, "gpu_count": 2}, "InvalidOption", "evenly", id="uneven"),
        pytest.param({"gpu_memory": 7, "burst": {}}, "InvalidOption", "whole cards only", id="shared and serverless"),
        pytest.param({"gpu_count": 1, "burst": {}}, "MissingOption", "instance_types", id="serverless GPU of no type"),
        pytest.param({"burst": {"to": "moon"}}, "InvalidOption", "one of: eci, acs, got: moon", id="unknown place"),
        pytest.param({"burst": {"keepLocl": 1}}, "InvalidOption", "keepLocl", id="unknown key"),
        pytest.param({"burst": {"keep_local": -1}}, "InvalidOption", "keep_local is -1", id="negative"),
        pytest.param({"burst": {"instance_types": list("abcdef")}}, "InvalidOption", "6 entries", id="too many types"),
        pytest.param({"burst": {"compute_class": "gpu"}}, "InvalidOption", "belongs to acs", id="class without acs"),
        pytest.param({"site": "a site"}, "InvalidOption", "p.site is 'a site'", id="no name of a site"),
        pytest.param({"site": "a", "burst": {}}, "InvalidOption", "at no site", id="a site in the cloud"),
        pytest.param({"spot": {"price_limit": 1}}, "InvalidOption", "SpotAsPriceGo and price_limit 1", id="limit"),
        pytest.param({"spot": {"strategy": "SpotWithPriceLimit"}}, "MissingOption", "no price_limit", id="no limit"),
        pytest.param(
            {"spot": {"strategy": "SpotWithPriceLimit", "price_limit": 0}}, "InvalidOption", "above 0", id="free"
        ),
    ],
)
def test_what_cannot_be_is_refused_by_field(given: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(Failure) as refused:
        placement_in(given, "p")
    assert refused.value.code == code
    assert words in str(refused.value)


def test_whole_and_shared_cards_together_are_refused() -> None:
    refuse_both({"nvidia.com/gpu", "cpu"}, "p")
    with pytest.raises(Failure, match="together"):
        refuse_both({"nvidia.com/gpu", "aliyun.com/gpu-mem"}, "p")


def test_without_a_policy_the_pod_itself_prefers_nodes_and_tolerates_the_virtual_one() -> None:
    wish = placement_in({"burst": {"nodePool": POOL}}, "p")
    spec = placed_template(wish, "tensorflow", by_policy=False)["spec"]
    assert spec["tolerations"] == [{"key": "virtual-kubelet.io/provider", "operator": "Exists", "effect": "NoSchedule"}]
    (preferred,) = spec["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert preferred["preference"]["matchExpressions"] == [
        {"key": "type", "operator": "NotIn", "values": ["virtual-kubelet"]},
        {"key": "alibabacloud.com/nodepool-id", "operator": "In", "values": [POOL]},
    ]


def test_with_a_policy_the_pod_says_nothing_of_it() -> None:
    wish = placement_in({"burst": {}}, "p")
    assert placed_template(wish, "tensorflow", by_policy=True) == {}


def test_a_policy_fills_nodes_first_and_goes_back_in_reverse() -> None:
    burst = placement_in(
        {"burst": {"to": "acs", "keep_local": 3, "node_pool": POOL, "compute_qos": "best-effort"}}, "p"
    )
    assert burst.burst
    policy = resource_policy(burst.burst, {"name": "x", "namespace": "n"}, {"app": "x"})
    assert (policy["apiVersion"], policy["kind"]) == ("scheduling.alibabacloud.com/v1alpha1", "ResourcePolicy")
    assert policy["spec"]["selector"] == {"app": "x"}
    assert policy["spec"]["units"] == [
        {"resource": "ecs", "max": 3, "nodeSelector": {"alibabacloud.com/nodepool-id": POOL}},
        {
            "resource": "acs",
            "podLabels": {
                "alibabacloud.com/compute-class": "general-purpose",
                "alibabacloud.com/compute-qos": "best-effort",
            },
        },
    ]


def test_spot_and_instance_types_are_annotations() -> None:
    given = {
        "gpu_count": 1,
        "burst": {"instance_types": ["ecs.a", "ecs.b"]},
        "spot": {"strategy": "SpotWithPriceLimit", "price_limit": 0.5},
    }
    template = placed_template(placement_in(given, "p"), "tensorflow", by_policy=True)
    assert template["metadata"]["annotations"] == {
        "k8s.aliyun.com/eci-use-specs": "ecs.a,ecs.b",
        "k8s.aliyun.com/eci-spot-strategy": "SpotWithPriceLimit",
        "k8s.aliyun.com/eci-spot-price-limit": "0.5",
    }


def test_a_pod_of_a_site_runs_there_alone_and_stays_when_the_line_is_cut() -> None:
    template = placed_template(placement_in({"site": "plant-7"}, "p"), "c", by_policy=False)
    assert template["spec"]["nodeSelector"] == {"mlops.ack/site": "plant-7"}
    assert all("tolerationSeconds" not in each for each in template["spec"]["tolerations"])
    kept = {each["key"]: each["effect"] for each in template["spec"]["tolerations"]}
    assert kept == dict.fromkeys(("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"), "NoExecute")
