"""One split in the words of three gateways, and read back from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._serving.plan import hostnames
from ansible_collections.mlops.ack.plugins.module_utils._serving.routes import Backend, backends, render, with_idle
from ansible_collections.mlops.ack.plugins.module_utils._serving.shape import Route

SPLIT = (Backend("stable", "digits-v1", "digits-stable-1", 90), Backend("canary", "digits-v2", "digits-canary-2", 10))


def rendered(
    kind: str, split: Sequence[Backend] = SPLIT, path: str = "/", hosts: tuple[str, ...] = ("a.test",)
) -> list[Any]:
    return render(Route(kind, "public", "gateways", hosts, path), "digits", "serving", split)


def test_gateway_api_weighs_backends_and_names_who_answered() -> None:
    route = rendered("gateway_api")[0]
    assert route["kind"] == "HTTPRoute"
    assert route["spec"]["parentRefs"][0]["name"] == "public"
    assert route["spec"]["parentRefs"][0]["namespace"] == "gateways"
    refs = route["spec"]["rules"][0]["backendRefs"]
    assert [(ref["name"], ref["port"], ref["weight"]) for ref in refs] == [
        ("digits-stable-1", 8501, 90),
        ("digits-canary-2", 8501, 10),
    ]
    assert refs[1]["filters"][0]["responseHeaderModifier"]["set"] == [
        {"name": "x-mlops-predictor", "value": "canary"},
        {"name": "x-mlops-model-version", "value": "digits-v2"},
    ]


def test_istio_weighs_destinations() -> None:
    service = rendered("istio")[0]
    assert service["spec"]["gateways"] == ["gateways/public"]
    assert service["spec"]["hosts"] == ["a.test"]
    routes = service["spec"]["http"][0]["route"]
    assert [(entry["destination"]["host"], entry["weight"]) for entry in routes] == [
        ("digits-stable-1.serving.svc.cluster.local", 90),
        ("digits-canary-2.serving.svc.cluster.local", 10),
    ]
    assert routes[0]["headers"]["response"]["set"]["x-mlops-predictor"] == "stable"


def test_alb_takes_the_canarys_share_from_the_main_ingress() -> None:
    main, canary = rendered("alb")
    assert (main["metadata"]["name"], canary["metadata"]["name"]) == ("digits", "digits-canary")
    assert "annotations" not in main["metadata"]
    assert canary["metadata"]["annotations"] == {
        "alb.ingress.kubernetes.io/canary": "true",
        "alb.ingress.kubernetes.io/canary-weight": "10",
        "alb.ingress.kubernetes.io/order": "5",
    }
    assert main["spec"]["ingressClassName"] == "alb"
    assert main["spec"]["rules"][0]["host"] == "a.test"


def test_alb_refuses_more_than_it_can_split() -> None:
    with pytest.raises(Failure, match="between two predictors, not 3"):
        rendered("alb", [*SPLIT, Backend("third", "digits-v3", "digits-third-3", 0)])


@pytest.mark.parametrize("kind", ["gateway_api", "istio", "alb"])
def test_what_is_written_is_read_back(kind: str) -> None:
    found = backends(rendered(kind))
    assert [(each.service, each.weight) for each in found] == [(each.service, each.weight) for each in SPLIT]
    assert hostnames(rendered(kind)) == ["a.test"]


@pytest.mark.parametrize("kind", ["gateway_api", "istio", "alb"])
def test_one_predictor_gets_everything(kind: str) -> None:
    only = [Backend("stable", "digits-v1", "digits-stable-1", 100)]
    assert [each.weight for each in backends(rendered(kind, only))] == [100]


def test_a_prefix_is_taken_off_again() -> None:
    rule = rendered("gateway_api", path="/vision")[0]["spec"]["rules"][0]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/vision"}}]
    assert rule["filters"][0]["urlRewrite"]["path"] == {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}
    http = rendered("istio", path="/vision")[0]["spec"]["http"][0]
    assert (http["match"][0]["uri"]["prefix"], http["rewrite"]["uri"]) == ("/vision/", "/")
    ingress = rendered("alb", path="/vision")[0]
    assert ingress["spec"]["rules"][0]["http"]["paths"][0]["path"] == "/vision(/|$)(.*)"
    assert ingress["metadata"]["annotations"]["alb.ingress.kubernetes.io/rewrite-target"] == "/${2}"


def test_without_host_names_every_host_is_answered() -> None:
    assert "hostnames" not in rendered("gateway_api", hosts=())[0]["spec"]
    assert rendered("istio", hosts=())[0]["spec"]["hosts"] == ["*"]
    assert "host" not in rendered("alb", hosts=())[0]["spec"]["rules"][0]


@pytest.mark.parametrize("kind", ["gateway_api", "istio"])
def test_a_back_end_comes_and_goes_at_weight_0(kind: str) -> None:
    live, wanted = rendered(kind), rendered(kind, [SPLIT[0]._replace(service="new")])
    (warm,), (switch,) = with_idle(live, wanted), with_idle(wanted, live)
    assert [(each.service, each.weight) for each in backends([warm])] == [
        ("digits-stable-1", 90),
        ("digits-canary-2", 10),
        ("new", 0),
    ]
    assert [(each.service, each.weight) for each in backends([switch])] == [
        ("new", 90),
        ("digits-stable-1", 0),
        ("digits-canary-2", 0),
    ]
    assert [each.weight for each in backends(live)] == [90, 10], "the live route itself stays as it is"


@pytest.mark.parametrize("kind", ["gateway_api", "istio", "alb"])
def test_known_back_ends_need_no_step_of_their_own(kind: str) -> None:
    assert with_idle(rendered(kind), rendered(kind, [SPLIT[0]._replace(weight=100), SPLIT[1]._replace(weight=0)])) == []
    assert with_idle([], rendered(kind)) == []
