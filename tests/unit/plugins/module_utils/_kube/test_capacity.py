"""Whether GPUs and virtual nodes suffice, before anything is applied."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._kube.capacity import Ask, check, gpu_nodes, preflight
from ansible_collections.mlops.ack.plugins.module_utils._kube.kinds import Kind
from ansible_collections.mlops.ack.plugins.module_utils._kube.placement import placement_in


def node(name: str, mode: str = "", memory: int = 0, cards: int = 1, whole: int = 0, **more: Any) -> dict[str, Any]:
    labels = {"aliyun.accelerator/nvidia_count": str(cards), **({"ack.node.gpu.schedule": mode} if mode else {})}
    allocatable = {"aliyun.com/gpu-mem": str(memory), "nvidia.com/gpu": str(whole)}
    return {"metadata": {"name": name, "labels": labels}, "status": {"allocatable": allocatable}, **more}


def pod(name: str, on: str, memory: int = 0, whole: int = 0, phase: str = "Running") -> dict[str, Any]:
    limits = {"aliyun.com/gpu-mem": str(memory), "nvidia.com/gpu": str(whole)}
    spec = {"nodeName": on, "containers": [{"resources": {"limits": limits}}]}
    return {"metadata": {"name": name, "namespace": "ml"}, "spec": spec, "status": {"phase": phase}}


def ask(pods: int = 1, by_policy: bool = False, **given: Any) -> Ask:
    return Ask("predictor a", pods, placement_in(given, "a"), by_policy)


VIRTUAL = {
    "metadata": {"name": "virtual"},
    "spec": {"taints": [{"key": "virtual-kubelet.io/provider", "value": "alibabacloud", "effect": "NoSchedule"}]},
}
SITE = {"metadata": {"name": "edge-1", "labels": {"mlops.ack/site": "plant-7"}}}
SHARED = node("gpu-1", "cgpu", memory=48, cards=2)


@pytest.mark.parametrize(
    ("asked", "nodes", "code", "words"),
    [
        pytest.param(
            ask(gpu_memory=25),
            [SHARED],
            "DoesNotFit",
            "the largest card has 24 GiB (node gpu-1)",
            id="no card so large",
        ),
        pytest.param(
            ask(gpu_memory=8), [node("n", whole=1)], "GpuNotShared", "n (ack.node.gpu.schedule=default)", id="no mode"
        ),
        pytest.param(
            ask(gpu_memory=8, gpu_core_percentage=30), [SHARED], "GpuNotShared", "core_mem", id="cores without the mode"
        ),
        pytest.param(ask(gpu_count=3), [node("n", whole=2)], "DoesNotFit", "the largest node, n, has 2", id="cards"),
        pytest.param(ask(burst={}), [SHARED], "NoVirtualNode", "ack-virtual-node", id="nowhere to burst to"),
        pytest.param(ask(site="plant-8"), [SITE], "UnknownSite", "Sites with nodes: plant-7.", id="no such site"),
        pytest.param(ask(burst={"to": "acs"}), [VIRTUAL], "NoResourcePolicy", "ACK Pro", id="acs without its kind"),
    ],
)
def test_what_no_waiting_helps_is_refused(asked: Ask, nodes: list[Any], code: str, words: str) -> None:
    with pytest.raises(Failure) as refused:
        check([asked], nodes, [])
    assert refused.value.code == code
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("asked", "nodes", "pods", "words"),
    [
        pytest.param(ask(gpu_memory=24), [SHARED], [], "", id="fits"),
        pytest.param(ask(gpu_memory=48, gpu_count=2), [SHARED], [], "", id="fits over two cards"),
        pytest.param(ask(gpu_count=2), [node("n", whole=2)], [], "", id="whole cards fit"),
        pytest.param(ask(burst={}), [VIRTUAL], [], "", id="can burst"),
        pytest.param(ask(), [], [], "", id="asks for nothing"),
        pytest.param(ask(gpu_memory=8), [], [], "no node has a GPU now", id="a pool may grow"),
        pytest.param(ask(gpu_count=1), [SHARED], [], "no node has whole cards now", id="no whole cards yet"),
        pytest.param(ask(gpu_memory=8), [node("n", "share", 24)], [], "does not isolate memory", id="no isolation"),
        pytest.param(
            ask(pods=2, gpu_memory=20),
            [SHARED],
            [pod("other", "gpu-1", 20), pod("over", "gpu-1", 20, phase="Succeeded")],
            "28 GiB are free now (ml/other 20 GiB)",
            id="who holds it is named, who ended is not",
        ),
        pytest.param(
            ask(pods=2, gpu_count=1),
            [node("n", whole=2)],
            [pod("other", "n", whole=1)],
            "1 such places",
            id="held",
        ),
        pytest.param(
            ask(burst={"keep_local": 2}), [VIRTUAL], [], "burst.keep_local 2 is not kept", id="only a policy counts"
        ),
        pytest.param(ask(burst={"node_pool": "np1"}), [VIRTUAL], [], "np1, which has no node now", id="empty pool"),
    ],
)
def test_what_may_come_right_is_a_warning(asked: Ask, nodes: list[Any], pods: list[Any], words: str) -> None:
    warnings = check([asked], nodes, pods)
    assert (words in " ".join(warnings)) if words else warnings == ()


def test_a_node_tells_its_cards_apart() -> None:
    (found,) = gpu_nodes([SHARED, node("cpu")], [pod("other", "gpu-1", 20)])
    assert (found.card_memory, found.memory, found.free_memory, found.holders) == (24, 48, 28, {"ml/other": 20})


class Api:
    def __init__(self, code: str) -> None:
        self.code, self.calls = code, 0

    def list(self, kind: Kind, namespace: str | None = None) -> list[dict[str, Any]]:
        self.calls += 1
        raise Failure(self.code, "no")


def test_nothing_is_read_where_nothing_is_asked() -> None:
    api = Api("Unreachable")
    assert preflight(api, [ask()]) == ()
    assert api.calls == 0


def test_who_may_not_look_is_told_so() -> None:
    assert "nobody checked" in preflight(Api("Forbidden"), [ask(gpu_memory=1)])[0]
    with pytest.raises(Failure):
        preflight(Api("Unreachable"), [ask(gpu_memory=1)])
