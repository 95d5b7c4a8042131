"""What comes of an API server that misbehaves, row by row of `faults.KUBERNETES`: a real one, behind a proxy."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oss2
import pytest

from tests.integration.site import bucket_of

from . import versions
from .audit import User, own_user
from .faults import APPLY, DONE, KUBERNETES, Fault, draw
from .misbehaving import BUSY, MARGIN_S, filled, run
from .page import put
from .proxy import Proxy, Rule, misbehaving

pytestmark = pytest.mark.sandbox

CHART = {
    "Chart.yaml": "{apiVersion: v2, name: greeter, version: 1.0.0}",
    "templates/config.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\ndata: {a: b}\n",
}
NEEDS_OSS = ("dataset",)


@pytest.fixture(scope="module")
def namespace() -> str:
    return f"t-fault-{uuid.uuid4().hex[:6]}"


@pytest.fixture(scope="module")
def user(
    sandbox: dict[str, Any], observing: None, namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[User]:
    with own_user(sandbox, namespace, tmp_path_factory.mktemp("user")) as found:
        yield found


@pytest.fixture(scope="module")
def proxy(user: User, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with misbehaving(str(user.kubeconfig), tmp_path_factory.mktemp("proxy")) as found:
        yield found


@pytest.fixture(scope="module")
def bucket(sandbox: dict[str, Any], namespace: str) -> Iterator[str]:
    """One with data to train on."""
    found = bucket_of(sandbox["oss"], namespace)
    found.create_bucket("private")
    found.put_object("data/train/part-00.csv", b"0,1,2\n" * 500)
    yield namespace
    for each in oss2.ObjectIterator(found):
        found.delete_object(each.key)
    found.delete_bucket()


@pytest.fixture(scope="module")
def cost_s(proxy: Proxy, namespace: str) -> float:
    """What such runs take here without a fault: the machine's own share."""
    began = time.monotonic()
    wish = filled(APPLY, {"namespace": namespace, "name": "cost"})
    assert run("k8s_manifest", {**wish, "kubeconfig": str(proxy.kubeconfig)}).outcome == DONE
    return time.monotonic() - began


@pytest.fixture(scope="module")
def seen() -> Iterator[list[Fault]]:
    """The rows that came out as they should; drawn at the end, with WRITE_DOCS=1 in docs/faults.md."""
    found: list[Fault] = []
    yield found
    if len(found) == len(KUBERNETES):
        put("faults", "cluster", draw(found))


@pytest.mark.parametrize("fault", KUBERNETES, ids=lambda fault: fault.name)
def test_a_fault_ends_as_it_should_and_the_next_run_goes_on(
    proxy: Proxy,
    sandbox: dict[str, Any],
    namespace: str,
    bucket: str,
    cost_s: float,
    seen: list[Fault],
    fault: Fault,
    tmp_path: Path,
) -> None:
    for path, text in CHART.items():
        (tmp_path / "chart" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "chart" / path).write_text(text)
    names = {
        "name": f"t-{uuid.uuid4().hex[:8]}",
        "namespace": namespace,
        "folder": str(tmp_path),
        "bucket": bucket,
        "volume": f"/var/lib/mlops-tests/{namespace}/{tmp_path.name}",
        **{image: sandbox["images"][image] for image in ("busybox", "serving", "training")},
        "helm": str(Path(sandbox["bin"]) / "helm"),
    }
    versions.save(tmp_path / "store", sandbox["images"]["busybox"])

    def wished(module: str, options: dict[str, Any]) -> dict[str, Any]:
        oss = sandbox["oss"] if module in NEEDS_OSS else {}
        return {"kubeconfig": str(proxy.kubeconfig), **oss, **filled(options, names)}

    for module, options in fault.before:
        assert run(module, wished(module, options)).outcome == DONE
    wish = wished(fault.module, fault.options)
    proxy.fault(Rule(fault.kind, fault.call, fault.times, fault.spared))
    hit = run(fault.module, {**wish, **fault.limits})
    met = list(proxy.met)
    proxy.fault(None)
    assert hit.outcome == fault.outcome, hit.result
    assert met, "nothing ever met the fault"
    assert hit.took_s < fault.deadline_s + MARGIN_S + BUSY * cost_s, "it took longer than it may"
    begin = len(proxy.calls)
    goes_on, again = run(fault.module, wish), run(fault.module, wish)
    assert (goes_on.outcome, again.outcome) == (fault.finally_, fault.finally_), goes_on.result
    assert goes_on.result["changed"] == (fault.then == "writes")
    assert not again.result["changed"]
    if fault.then != "writes":
        assert proxy.writes(begin) == []
    seen.append(fault)
