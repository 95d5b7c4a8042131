"""Two teams on one real cluster, each trying what it must not be able to do.

Network walls are looked at as objects only: the sandbox's network plugin is a plain bridge and enforces none.
"""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.conftest import RunTasks, play_book

pytestmark = pytest.mark.sandbox


class Team:
    """What somebody can do who has nothing but the team's kubeconfig."""

    def __init__(self, name: str, kubectl: str, kubeconfig: Path) -> None:
        self.name, self.kubeconfig, self._kubectl = name, kubeconfig, kubectl

    def __call__(self, *words: str, manifest: Any = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._kubectl, "--kubeconfig", str(self.kubeconfig), *words],
            input=None if manifest is None else json.dumps(manifest),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def refused(self, *words: str, manifest: Any = None) -> str:
        done = self(*words, manifest=manifest)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def create(self, manifest: Any) -> subprocess.CompletedProcess[str]:
        return self("create", "-f", "-", manifest=manifest)


def pod(image: str, name: str = "probe", requests: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": image, "command": ["sleep", "1"]}
    if requests:
        container["resources"] = {"requests": requests, "limits": requests}  # type: ignore[assignment]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [container], "restartPolicy": "Never", "terminationGracePeriodSeconds": 0, **spec},
    }


def play(folder: Path, sandbox: dict[str, Any], *teams: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """The role for each team, as one play."""
    role = {"ansible.builtin.include_role": {"name": "mlops.ack.workspace"}}
    tasks = [{**role, "vars": team} for team in teams]
    path = folder / "workspaces.yml"
    variables = {"mlops_kubeconfig": sandbox["kubeconfigs"]["prod"]}
    plays = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": variables, "tasks": tasks}]
    path.write_text(yaml.safe_dump(plays))
    return play_book("-i", "localhost,", "-vvv", str(path))


@pytest.fixture(scope="module")
def names() -> tuple[str, str]:
    stem = f"t-{uuid.uuid4().hex[:6]}"
    return f"{stem}-vision", f"{stem}-language"


@pytest.fixture(scope="module")
def settings(names: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("kubeconfigs")
    return [
        {
            "workspace_name": name,
            "workspace_quota": {"cpu": "1", "memory": "1Gi", "pods": 3},
            "workspace_access_dest": str(folder / name),
            "workspace_ingress_namespaces": ["projectcontour"],
        }
        for name in names
    ]


@pytest.fixture(scope="module")
def teams(
    sandbox: dict[str, Any], settings: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Team, Team]]:
    done = play(tmp_path_factory.mktemp("workspaces"), sandbox, *settings)
    assert done.returncode == 0, done.stdout
    kubectl = str(Path(sandbox["bin"]) / "kubectl")
    made = [Team(each["workspace_name"], kubectl, Path(each["workspace_access_dest"])) for each in settings]
    for team in made:
        token = yaml.safe_load(team.kubeconfig.read_text())["users"][0]["user"]["token"]
        assert token not in done.stdout + done.stderr
    yield made[0], made[1]
    admin = Team("admin", kubectl, Path(sandbox["kubeconfigs"]["prod"]))
    for team in made:
        admin("delete", "namespace", team.name, "--ignore-not-found", "--wait=false")


def test_the_kubeconfig_is_its_owners_alone_and_says_who_it_is(teams: tuple[Team, Team]) -> None:
    vision, _language = teams
    assert vision.kubeconfig.stat().st_mode & 0o777 == 0o600
    assert f"system:serviceaccount:{vision.name}:team" in vision("auth", "whoami").stdout


def test_a_second_run_changes_nothing(
    sandbox: dict[str, Any], settings: list[dict[str, Any]], teams: tuple[Team, Team], tmp_path: Path
) -> None:
    done = play(tmp_path, sandbox, *settings)
    assert "changed=0" in done.stdout, done.stdout


def test_a_team_reads_its_own_secrets_and_no_other(teams: tuple[Team, Team]) -> None:
    vision, language = teams
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"key": "of language"}}
    assert language.create(secret).returncode == 0
    assert language("get", "secret", "s").returncode == 0
    assert "forbidden" in vision.refused("get", "secret", "s", "-n", language.name)
    assert "forbidden" in vision.refused("get", "secrets", "--all-namespaces")
    assert "forbidden" in vision.refused("get", "secrets", "-n", "kube-system")
    assert "forbidden" in vision.refused("get", "nodes")
    assert "forbidden" in vision.refused("get", "namespaces")


def test_a_team_cannot_ask_for_more_than_is_its(sandbox: dict[str, Any], teams: tuple[Team, Team]) -> None:
    vision, language = teams
    image = sandbox["images"]["busybox"]
    for asked in ({"cpu": "2", "memory": "64Mi"}, {"cpu": "100m", "memory": "2Gi"}, {"nvidia.com/gpu": "1"}):
        assert "exceeded quota" in vision.refused("create", "-f", "-", manifest=pod(image, requests=asked))
    small = pod(image, requests={"cpu": "900m", "memory": "64Mi"})
    assert vision.create(small).returncode == 0
    assert language.create(small).returncode == 0, "one team's use must not count against another"
    too_much = pod(image, "second", {"cpu": "200m", "memory": "64Mi"})
    assert "exceeded quota" in vision.refused("create", "-f", "-", manifest=too_much)
    assert vision("delete", "pod", "probe").returncode == 0


def test_a_container_that_names_nothing_gets_requests(sandbox: dict[str, Any], teams: tuple[Team, Team]) -> None:
    vision, _language = teams
    assert vision.create(pod(sandbox["images"]["busybox"], "plain")).returncode == 0
    found = json.loads(vision("get", "pod", "plain", "-o", "json").stdout)
    assert found["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "100m", "memory": "256Mi"}
    assert vision("delete", "pod", "plain").returncode == 0


@pytest.mark.parametrize(
    "spec",
    [
        {"volumes": [{"name": "host", "hostPath": {"path": "/var/lib"}}]},
        {"hostNetwork": True},
        {"hostPID": True},
    ],
    ids=lambda spec: next(iter(spec)),
)
def test_a_pod_cannot_reach_the_node(sandbox: dict[str, Any], teams: tuple[Team, Team], spec: dict[str, Any]) -> None:
    vision, _language = teams
    manifest = pod(sandbox["images"]["busybox"], **spec)
    assert 'violates PodSecurity "baseline' in vision.refused("create", "-f", "-", manifest=manifest)


@pytest.mark.parametrize(
    "words",
    [
        ("delete", "resourcequota", "team"),
        ("delete", "networkpolicy", "team"),
        ("create", "token", "team"),
        ("create", "rolebinding", "more", "--clusterrole=cluster-admin", "--serviceaccount=default:default"),
        ("label", "namespace", "{name}", "pod-security.kubernetes.io/enforce=privileged", "--overwrite"),
    ],
    ids=" ".join,
)
def test_a_team_cannot_give_itself_more(teams: tuple[Team, Team], words: tuple[str, ...]) -> None:
    vision, _language = teams
    assert "forbidden" in vision.refused(*(word.format(name=vision.name) for word in words)).lower()


def test_the_walls_stand(teams: tuple[Team, Team]) -> None:
    vision, _language = teams
    policy = json.loads(vision("get", "networkpolicy", "team", "-o", "json").stdout)["spec"]
    assert policy["podSelector"] == {}
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    let_in = policy["ingress"][0]["from"][1]["namespaceSelector"]["matchLabels"]
    assert let_in == {"kubernetes.io/metadata.name": "projectcontour"}


def test_what_left_the_settings_leaves_the_cluster(
    sandbox: dict[str, Any], settings: list[dict[str, Any]], teams: tuple[Team, Team], tmp_path: Path
) -> None:
    _vision, language = teams
    done = play(tmp_path, sandbox, {**settings[1], "workspace_isolated": False})
    assert done.returncode == 0, done.stdout
    assert language("get", "networkpolicies", "-o", "name").stdout == ""
    assert language("get", "secret", "s").returncode == 0, "what the team made was touched"


def test_a_workspace_goes_only_when_its_name_is_said(
    sandbox: dict[str, Any], settings: list[dict[str, Any]], teams: tuple[Team, Team], tmp_path: Path
) -> None:
    _vision, language = teams
    gone = {**settings[1], "workspace_state": "absent"}
    refused = play(tmp_path, sandbox, gone)
    assert refused.returncode != 0
    assert "workspace_confirm" in refused.stdout + refused.stderr
    assert language("get", "secret", "s").returncode == 0
    done = play(tmp_path, sandbox, {**gone, "workspace_confirm": language.name})
    assert done.returncode == 0, done.stdout
    assert not language.kubeconfig.exists()
    again = play(tmp_path, sandbox, {**gone, "workspace_confirm": language.name})
    assert "changed=0" in again.stdout, again.stdout


@pytest.mark.parametrize("in_process", [True, False], ids=["in process", "forked"])
def test_a_kubeconfig_through_both_doors(
    run_tasks: RunTasks, sandbox: dict[str, Any], namespace: str, tmp_path: Path, in_process: bool
) -> None:
    task = {
        "mlops.ack.service_account_kubeconfig": {
            "kubeconfig": sandbox["kubeconfigs"]["prod"],
            "namespace": namespace,
            "service_account": "default",
            "dest": str(tmp_path / "team"),
            "duration_minutes": 10,
            "renew_before_minutes": 1,
        }
    }
    [predicted] = run_tasks([task], check=True, in_process=in_process)
    assert (predicted["changed"], predicted["kubeconfig"]["expiration"]) == (True, None)
    made, again = run_tasks([task, task], in_process=in_process)
    assert (made["changed"], again["changed"]) == (True, False)
    assert made["kubeconfig"] == again["kubeconfig"]
    token = json.loads((tmp_path / "team").read_text())["users"][0]["user"]["token"]
    assert token not in json.dumps([predicted, made, again])
    missing = {
        "mlops.ack.service_account_kubeconfig": {
            **task["mlops.ack.service_account_kubeconfig"],
            "service_account": "none",
        }
    }
    [refused] = run_tasks([missing], in_process=in_process)
    assert refused["failure"]["code"] == "NotFound"
