from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._kube.workspace import manifests

SETTINGS: dict[str, Any] = {
    "name": "vision",
    "namespace": "vision",
    "quota": {"cpu": 8, "gpu": 0, "gpu_memory": 24},
    "container_default": {},
    "container_request": {"cpu": "100m"},
    "container_max": {},
    "pod_security": "baseline",
    "isolated": True,
    "ingress_namespaces": ["gateway"],
    "egress_cidrs": ["100.64.0.0/10"],
    "members": [{"kind": "User", "name": "200001"}],
}


def made(**settings: Any) -> dict[str, dict[str, Any]]:
    return {each["kind"]: each for each in manifests({**SETTINGS, **settings})}


def test_quotas_are_in_the_words_of_the_api_and_nothing_is_zero_by_accident() -> None:
    assert made()["ResourceQuota"]["spec"]["hard"] == {
        "requests.cpu": "8",
        "requests.nvidia.com/gpu": "0",
        "requests.aliyun.com/gpu-mem": "24",
    }


def test_a_team_cannot_write_what_holds_it() -> None:
    for rule in made()["Role"]["rules"]:
        if set(rule["resources"]) & {"resourcequotas", "limitranges", "networkpolicies", "roles", "rolebindings"}:
            assert rule["verbs"] == ["get", "list", "watch"]
        assert "*" not in rule["resources"] + rule["apiGroups"]
        assert not any(each.startswith("serviceaccounts/") for each in rule["resources"])


def test_walls_let_names_the_own_namespace_and_what_is_named_through() -> None:
    spec = made()["NetworkPolicy"]["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    gateway = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}}}
    assert spec["ingress"] == [{"from": [{"podSelector": {}}, gateway]}]
    assert spec["egress"][0] == {"to": [{"podSelector": {}}]}
    assert {port["port"] for port in spec["egress"][1]["ports"]} == {53}
    assert spec["egress"][2] == {"to": [{"ipBlock": {"cidr": "100.64.0.0/10"}}]}
    assert len(made(egress_cidrs=[])["NetworkPolicy"]["spec"]["egress"]) == 2


def test_without_isolation_there_is_no_wall() -> None:
    assert "NetworkPolicy" not in made(isolated=False)


def test_people_have_the_same_rights_as_the_account() -> None:
    subjects = made()["RoleBinding"]["subjects"]
    assert subjects == [
        {"kind": "ServiceAccount", "name": "team", "namespace": "vision"},
        {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "200001"},
    ]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"namespace": "kube-system"}, "of its own"),
        ({"namespace": "default"}, "of its own"),
        ({"namespace": "Vision"}, "of its own"),
        ({"quota": {"gpus": 1}}, "Did you mean 'gpu'?"),
        ({"pod_security": "base"}, "Did you mean 'baseline'?"),
        ({"members": [{"kind": "Person", "name": "x"}]}, "members[0].kind"),
        ({"egress_cidrs": ["100.64.0.1/10"]}, "host bits"),
    ],
)
def test_what_cannot_be_is_refused_by_name(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(Failure) as refused:
        manifests({**SETTINGS, **settings})
    assert said in str(refused.value)
