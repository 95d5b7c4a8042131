# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is rendered for a node and for the host's supervisord."""

from __future__ import annotations

import configparser
import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ack_sandbox import services, supervisor, virtual_node
from ack_sandbox.cluster import launch_command
from ack_sandbox.node import AUDIT_POLICY, Node
from ack_sandbox.settings import Settings
from ack_sandbox.supervisor import Program


@pytest.fixture
def node(tmp_path: Path) -> Node:
    settings = Settings(cache=tmp_path / "cache", state=tmp_path / "state")
    return Node(
        settings, settings.clusters["dev"], tmp_path / "bin", "198.18.0.1:5000/pause@sha256:00", "/venv/bin/python3"
    )


def text(node: Node, name: str) -> str:
    return node.files()[node.folder / name]


def flags(node: Node, program: str) -> dict[str, str]:
    (argv,) = [entry.argv for entry in node.programs() if entry.name == program]
    return dict(str(word).split("=", 1) for word in argv if "=" in str(word))


def test_the_kubelet_uses_the_clusters_own_dns_and_group(node: Node) -> None:
    kubelet = yaml.safe_load(text(node, "kubelet.yaml"))
    assert kubelet["clusterDNS"] == ["198.18.33.10"]
    assert kubelet["cgroupRoot"] == "/ack-dev"
    assert kubelet["maxPods"] == 110
    assert kubelet["authentication"]["anonymous"]["enabled"] is False


def test_pods_get_addresses_of_the_clusters_own_network(node: Node) -> None:
    bridge = json.loads(text(node, "cni/10-bridge.conflist"))["plugins"][0]
    assert bridge["ipam"]["ranges"] == [[{"subnet": "198.18.32.0/24"}]]


def test_images_come_from_the_sandboxs_registry(node: Node) -> None:
    assert 'server = "http://198.18.0.1:5000"' in text(node, "certs.d/198.18.0.1:5000/hosts.toml")
    assert 'sandbox_image = "198.18.0.1:5000/pause@sha256:00"' in text(node, "containerd.toml")


def test_etcd_is_out_of_reach_for_pods(node: Node) -> None:
    assert flags(node, "etcd")["--listen-client-urls"].startswith("http://127.0.0.1:")
    assert flags(node, "kube-apiserver")["--etcd-servers"] == flags(node, "etcd")["--listen-client-urls"]


def test_the_virtual_node_shares_nothing_that_a_kubelet_takes_for_its_own(node: Node) -> None:
    kubelets = [yaml.safe_load(text(node, "kubelet.yaml"))]
    rendered = virtual_node.files(node)
    kubelets.append(yaml.safe_load(rendered[node.folder / "virtual/kubelet.yaml"]))
    for key in ("cgroupRoot", "containerRuntimeEndpoint", "podLogsDir", "port", "healthzPort"):
        assert kubelets[0].get(key) != kubelets[1][key], key
    assert kubelets[1]["registerWithTaints"][0]["key"] == "virtual-kubelet.io/provider"
    runtime = rendered[node.folder / "virtual/containerd.toml"]
    assert f'root = "{node.folder}/virtual/containerd"' in runtime
    assert f'conf_dir = "{node.folder}/cni"' in runtime, "its pods are in the same network"


def test_programs_of_addons_are_read_from_their_folder(node: Node) -> None:
    config = configparser.RawConfigParser()
    config.read_string(node.files()[node.supervisor_config])
    assert config["include"]["files"] == f"{node.folder}/addons/*.conf"


def test_only_the_edge_keeps_pods_ready_that_cannot_be_reached(node: Node) -> None:
    edge = replace(node, cluster=node.settings.clusters["edge"])
    name = "--node-monitor-grace-period"
    assert [name in flags(each, "kube-controller-manager") for each in (node, edge)] == [False, True]


def test_who_needs_the_api_server_waits_for_it(node: Node) -> None:
    waiting = {program.name for program in node.programs() if "ack_sandbox.after" in program.argv}
    assert waiting == {"kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"}


def test_writes_are_audited_and_reads_are_not() -> None:
    levels = {verb: rule["level"] for rule in AUDIT_POLICY["rules"] for verb in rule.get("verbs", ())}
    assert levels == dict.fromkeys(("create", "update", "patch", "delete", "deletecollection"), "Metadata")
    assert AUDIT_POLICY["rules"][-1] == {"level": "None"}


def test_the_first_process_joins_every_group_and_then_the_namespaces(node: Node) -> None:
    command = launch_command(node, [Path("/a/cgroup.procs"), Path("/b/cgroup.procs")])
    assert command[4:6] == ["/a/cgroup.procs", "/b/cgroup.procs"]
    assert command[6:8] == ["nsenter", "--net=/run/netns/ack-dev"]
    assert "--kill-child" in command


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["plain", "--flag=value"], id="plain"),
        pytest.param(["with space", 'a "quote"', "back\\slash"], id="quoted"),
        pytest.param(["100%"], id="a percent sign"),
    ],
)
def test_supervisord_reads_the_words_that_were_meant(tmp_path: Path, words: list[str]) -> None:
    config = configparser.RawConfigParser()
    config.read_string(supervisor.render(tmp_path, tmp_path / "s.sock", [Program("p", words)]))
    command = config["program:p"]["command"] % {}  # supervisord expands %(name)s first
    assert shlex.split(command) == words


def test_programs_are_started_again_whenever_they_end(tmp_path: Path) -> None:
    config = configparser.RawConfigParser()
    config.read_string(supervisor.render(tmp_path, tmp_path / "s.sock", [Program("p", ["x"])]))
    assert config["program:p"]["autorestart"] == "true"
    assert config["unix_http_server"]["chmod"] == "0600"


def test_nobody_answers_on_a_missing_socket(tmp_path: Path) -> None:
    assert supervisor.states(tmp_path / "none.sock") is None


def test_the_services_listen_where_the_settings_say(node: Node) -> None:
    rendered = services.files(node.settings)
    registry = yaml.safe_load(rendered[node.settings.host_state / "registry.yml"])
    assert registry["http"]["addr"] == "198.18.0.1:5000"
    (simulator,) = [program for program in services.programs(node.settings) if program.name == "simulator"]
    words = [str(word) for word in simulator.argv]
    assert [words[at + 1] for at, word in enumerate(words) if word == "--oss"] == [
        "127.0.0.1:18581",
        "198.18.0.1:18581",
    ]


def test_credentials_are_made_once_and_kept_secret(node: Node) -> None:
    first = services.credentials(node.settings)
    assert services.credentials(node.settings) == first
    assert node.settings.credentials_file.stat().st_mode & 0o777 == 0o600
    assert first["access_key_id"] != first["access_key_secret"]
