# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command line: what it prints and how it exits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ack_sandbox import __main__ as cli
from ack_sandbox import sandbox
from ack_sandbox.cluster import Cluster
from ack_sandbox.process import SandboxError
from ack_sandbox.progress import Progress
from ack_sandbox.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("MLOPS_ACK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MLOPS_ACK_STATE", str(tmp_path / "state"))
    return Settings.from_environment()


def test_an_unknown_log_names_those_there_are(settings: Settings) -> None:
    for path in (settings.host_state / "log/registry.log", settings.cluster_state("prod") / "log/kubelet.log"):
        path.parent.mkdir(parents=True)
        path.write_text("one\ntwo\n")
    with pytest.raises(SandboxError, match="registry, prod/kubelet"):
        sandbox.log_file(settings, "kubelet")
    assert sandbox.log_file(settings, "prod/kubelet").read_text() == "one\ntwo\n"


def test_the_end_of_a_log_is_printed(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    log = settings.host_state / "log/registry.log"
    log.parent.mkdir(parents=True)
    log.write_text("one\ntwo\nthree\n")
    assert cli.main(["logs", "registry", "--lines", "2"]) == 0
    assert capsys.readouterr().out == "two\nthree\n"


def test_a_failure_is_one_message_and_exit_code_1(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cluster", "up", "prod"]) == 1
    told = capsys.readouterr()
    assert told.err == "error: The sandbox is not up: its registry does not answer.\nRun `make sandbox-up` first.\n"
    assert told.out == ""


def test_a_wrong_command_line_exits_with_2(settings: Settings) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["cluster", "up", "nowhere"])
    assert exit_.value.code == 2


def test_an_unknown_cluster_names_those_there_are(settings: Settings) -> None:
    with pytest.raises(SandboxError, match=r"'test'.*prod, dev"):
        Cluster(settings, "test", Progress())


def test_the_table_shows_what_is_wrong() -> None:
    cluster = {
        "state": "starting",
        "kubeconfig": "/k",
        "daemons": {"etcd": "RUNNING"},
        "workloads": {"coredns": "not ready"},
        "problems": ["its node is not ready"],
    }
    service = {"state": "running", "pid": 7, "listening": ["198.18.0.1:5000"]}
    table = cli.status_table({"state": "partial", "services": {"registry": service}, "clusters": {"prod": cluster}})
    assert table[0] == "The sandbox is partial."
    assert "registry      running    198.18.0.1:5000" in table
    assert table[-1] == "prod: its node is not ready"


def test_json_is_what_scripts_read(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    log = settings.host_state / "log/registry.log"
    log.parent.mkdir(parents=True)
    log.write_text("one\n")
    assert cli.main(["logs", "registry", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"lines": ["one"]}
