"""How a kubeconfig is read: one file, several that are merged, and what is no kubeconfig."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._core.failure import Failure
from ansible_collections.mlops.ack.plugins.module_utils._core.wait import Deadline
from ansible_collections.mlops.ack.plugins.module_utils._kube import client
from tests.unit.plugins.module_utils._kube.fake_cluster import FakeClock

CONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "one",
    "contexts": [
        {"name": "one", "context": {"cluster": "one", "user": "one"}},
        {"name": "two", "context": {"cluster": "two", "user": "two"}},
    ],
    "clusters": [{"name": name, "cluster": {"server": f"https://{name}.test:6443"}} for name in ("one", "two")],
    "users": [{"name": name, "user": {"token": f"token-of-{name}"}} for name in ("one", "two")],
}


def write(folder: Path, name: str, config: Any) -> str:
    (folder / name).write_text(config if isinstance(config, str) else yaml.safe_dump(config))
    return str(folder / name)


def connected(kubeconfig: str | None, context: str | None = None) -> tuple[str, str]:
    """(host, credentials) of the client."""
    made = client.connect({"kubeconfig": kubeconfig, "context": context}, Context())
    (value,) = made._connection._credentials().values()
    return made.host, value


@pytest.mark.parametrize(("context", "name"), [(None, "one"), ("two", "two")])
def test_the_current_context_or_the_one_that_is_named(tmp_path: Path, context: str | None, name: str) -> None:
    path = write(tmp_path, "config", CONFIG)
    assert connected(path, context) == (f"https://{name}.test:6443", f"Bearer token-of-{name}")


def test_a_path_in_a_kubeconfig_begins_at_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = copy.deepcopy(CONFIG)
    config["users"][0]["user"] = {"tokenFile": "secret/token"}
    path = write(tmp_path, "config", config)
    (tmp_path / "secret").mkdir()
    write(tmp_path, "secret/token", "of-a-file")
    monkeypatch.chdir("/")
    assert connected(path)[1] == "Bearer of-a-file"
    monkeypatch.chdir(tmp_path)
    assert connected("config")[1] == "Bearer of-a-file"


def test_several_are_merged_as_kubectl_does(tmp_path: Path) -> None:
    halves = [copy.deepcopy(CONFIG) for _half in range(2)]
    for half, config in enumerate(halves):
        for section in ("contexts", "clusters", "users"):
            config[section] = config[section][half : half + 1]
    paths = [write(tmp_path, f"half-{half}", config) for half, config in enumerate(halves)]
    assert connected(":".join(paths), "two")[0] == "https://two.test:6443"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("", "kubeconfig", id="empty"),
        pytest.param("[1", "line 1", id="no YAML"),
        pytest.param("just words", "kubeconfig", id="no mapping"),
        pytest.param(yaml.safe_dump({**CONFIG, "current-context": "three"}), "three", id="a context that is not there"),
        pytest.param(None, "missing", id="no file"),
    ],
)
def test_what_is_none_is_refused_and_named(tmp_path: Path, text: str | None, told: str) -> None:
    path = str(tmp_path / "missing") if text is None else write(tmp_path, "kubeconfig", text)
    with pytest.raises(Failure) as refused:
        connected(path)
    assert refused.value.code == "InvalidKubeconfig"
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("keeps_trying", "most_s", "least_s"), [(True, 300, 250), (False, 25, 1)], ids=["keeps trying", "gives up"]
)
def test_an_api_that_was_there_and_is_away_is_asked_as_long_as_the_caller_wants(
    tmp_path: Path, *, keeps_trying: bool, most_s: float, least_s: float
) -> None:
    config = copy.deepcopy(CONFIG)
    config["clusters"][0]["cluster"] = {"server": "http://127.0.0.1:1"}
    clock = FakeClock()
    context = Context(clock=clock, sleep=clock.sleep)
    made = client.connect({"kubeconfig": write(tmp_path, "config", config), "context": None}, context)
    made._answered[:] = [True]
    with pytest.raises(Failure) as failed:
        made.within(Deadline(300, clock), keeps_trying=keeps_trying).request("GET", "/version")
    assert failed.value.code == "Unreachable"
    assert least_s < clock.now <= most_s
