# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Many objects are read with few requests, and found whatever else is there."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._kube.kinds import Ref, kind_of
from ansible_collections.mlops.ack.plugins.module_utils._kube.read import PAGE_FROM, PAGE_TIMES, read_all
from tests.unit.plugins.module_utils._kube.fake_cluster import FakeCluster

CONFIG, SECRET = kind_of("v1", "ConfigMap"), kind_of("v1", "Secret")


def made(kind: str, name: str, namespace: str = "t") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": namespace}}


def names(found: dict[Ref, Any]) -> list[str]:
    return [ref.name for ref, item in found.items() if item is not None]


def test_several_of_a_kind_are_read_as_a_page() -> None:
    cluster = FakeCluster(*(made("ConfigMap", f"c{number}") for number in range(9)), made("ConfigMap", "c1", "other"))
    wanted = [Ref(CONFIG, "t", f"c{number}") for number in range(4, 4 + PAGE_FROM + 2)]
    found = read_all(cluster, wanted)
    assert cluster.reads == ["ConfigMaps of t"]
    assert names(found) == ["c4", "c5", "c6", "c7", "c8"]
    assert list(found) == wanted, "what is not there is told as that"


def test_few_and_large_ones_are_read_by_themselves() -> None:
    few = [Ref(CONFIG, "t", f"c{number}") for number in range(PAGE_FROM - 1)]
    large = [Ref(SECRET, "t", f"s{number}") for number in range(PAGE_FROM)]
    cluster = FakeCluster(made("ConfigMap", "c0"), made("Secret", "s1"))
    assert names(read_all(cluster, [*few, *large])) == ["c0", "s1"]
    assert sorted(cluster.reads) == sorted(map(str, [*few, *large]))


def test_what_is_on_no_first_page_is_read_by_itself() -> None:
    others = [made("ConfigMap", f"a{number:03}") for number in range(PAGE_TIMES * PAGE_FROM - 1)]
    cluster = FakeCluster(*others, *(made("ConfigMap", f"c{number}") for number in range(3)))
    wanted = [Ref(CONFIG, "t", f"c{number}") for number in range(PAGE_FROM)]
    assert names(read_all(cluster, wanted)) == ["c0", "c1", "c2"]
    assert sorted(cluster.reads[1:]) == [f"ConfigMap/t/c{number}" for number in range(1, PAGE_FROM)]


def test_who_may_not_list_still_reads() -> None:
    cluster = FakeCluster(made("ConfigMap", "c0"))
    cluster.may_list = False
    wanted = [Ref(CONFIG, "t", f"c{number}") for number in range(PAGE_FROM)]
    assert names(read_all(cluster, wanted)) == ["c0"]


def test_what_the_server_cannot_do_is_told() -> None:
    class Broken(FakeCluster):
        def page(self, *_args: Any) -> Any:
            raise Failure("ServerError", "etcd is away.")

    with pytest.raises(Failure, match="etcd is away"):
        read_all(Broken(), [Ref(CONFIG, "t", f"c{number}") for number in range(PAGE_FROM)])
