"""Random secrets in every secret option of every module, in success and in failure, both ways: nobody sees them."""

from __future__ import annotations

import json
import random
import shutil
import string
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.mlops.ack.plugins.module_utils._core.context import Context
from ansible_collections.mlops.ack.plugins.module_utils._oss.store import open_store
from tests.integration.conftest import PLAYBOOK, ansible_environment
from tests.integration.registry import finished_run
from tests.integration.simulated import Simulator, running

from .audit import own_user
from .secret_tasks import (
    FAILING,
    FURTHER,
    HERE,
    MAPPINGS,
    MODULES,
    OBSERVE,
    RIGHT,
    SECRETS,
    door,
    secret_options,
    with_secrets,
)
from .watching import Watch

pytestmark = pytest.mark.sandbox

PLAIN = string.ascii_letters + string.digits
NASTY = PLAIN + " \"'\\%&<>$`/+=:;,|"
TELLS = {"observability_info"}
"""What says in its result whom it could not ask."""
LEARNT = ("manifest", "helm_values", "token")
"""Secrets that are no option of their own: of a manifest, of a chart's values, of the kubeconfig."""


def test_the_table_holds_every_secret_option_of_every_module() -> None:
    found: dict[str, set[str]] = {}
    for module in MODULES:
        for path in secret_options(door(module).spec):
            found.setdefault(path, set()).add(module)
    assert found == SECRETS


def test_every_module_is_asked_for_something() -> None:
    assert sorted(FAILING) == MODULES


def invented(seed: int) -> dict[str, str]:
    """A secret for each option. Credentials and headers are plain, as their services have them; others hold whatever
    a person may type.
    """
    chance = random.Random(seed)

    def word(letters: str) -> str:
        return "".join(chance.choice(letters) for _each in range(40))

    plain = ("access_key_secret", "security_token", "token", *MAPPINGS)
    return {
        name: word(PLAIN if name.rpartition(".")[2] in plain or name in plain else NASTY)
        for name in (*SECRETS, *LEARNT)
    }


@dataclass
class Lab:
    """Where the tasks run: a simulator with a secret of its own, a namespace, a kubeconfig whose token is secret."""

    cloud: Simulator
    key: dict[str, str]
    namespace: str
    kubeconfig: Path
    token: str
    sandbox: dict[str, Any]


@pytest.fixture(scope="module")
def lab(sandbox: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    namespace, folder = f"t-secret-{uuid.uuid4().hex[:6]}", tmp_path_factory.mktemp("lab")
    key = {"access_key_id": "LTAItest", "access_key_secret": uuid.uuid4().hex}
    host = sandbox["oss_endpoint"].removeprefix("http://").partition(":")[0]
    with own_user(sandbox, namespace, folder) as user, running(folder, host, key) as cloud:
        token = yaml.safe_load(user.kubeconfig.read_text())["users"][0]["user"]["token"]
        yield Lab(cloud, key, namespace, user.kubeconfig, token, sandbox)
    shutil.rmtree(Path(sandbox["state"]) / "clusters/prod/varlib/mlops-tests" / namespace, ignore_errors=True)


@pytest.mark.parametrize(
    ("way", "in_process"),
    [
        pytest.param("success", False, id="success, forked"),
        pytest.param("failure", True, id="failure, in process"),
        pytest.param("success", True, id="success, in process", marks=pytest.mark.long),
        pytest.param("failure", False, id="failure, forked", marks=pytest.mark.long),
    ],
)
def test_nobody_sees_a_secret(lab: Lab, tmp_path: Path, way: str, in_process: bool) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    secret = invented(seed)
    kubeconfig = lab.kubeconfig
    secret["account"] = lab.token
    if way == "success":
        secret |= dict.fromkeys(("access_key_secret", "lock.access_key_secret"), lab.key["access_key_secret"])
    else:
        kubeconfig = broken(kubeconfig, tmp_path / "broken.kubeconfig", secret["token"])
    control = f"c{uuid.uuid4().hex[:30]}"
    work, home = tmp_path / "work", tmp_path / "home"
    fill(work, control)
    home.mkdir(mode=0o700)
    with Watch({**secret, "control": control}, [work, home]) as watch:
        output, log, results = play(lab, tmp_path, way, secret, kubeconfig, control, in_process=in_process)
    if way == "success":
        assert [(name, result["msg"]) for name, result in results.items() if result.get("failed")] == []
        assert "control" in watch.arguments & watch.files, "this test would not see a secret there"
    else:
        well = [name for name, result in results.items() if not result.get("failed")]
        assert {name.partition(" ")[2] for name in well} == TELLS
    seen = {"control"}
    assert watch.names_in(output.encode()) == watch.names_in(log) == seen, "in the output or the log"
    assert watch.names_in(json.dumps(results).encode()) <= seen, "in a result"
    assert watch.arguments <= seen, "in the arguments of a process"
    assert watch.files <= seen, f"in a file that others may read: {watch.wide}"
    assert watch.looks > 10


def broken(kubeconfig: Path, place: Path, token: str) -> Path:
    """One with a token that nobody knows."""
    config = yaml.safe_load(kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    place.touch(mode=0o600)
    place.write_text(yaml.safe_dump(config))
    return place


def fill(work: Path, control: str) -> None:
    """What the tasks read, and a file in which the watch must find something."""
    for path, text in {
        "files/a": "1",
        "control": control,
        "design.yaml": "apiVersion: x\n",
        "chart/Chart.yaml": "{apiVersion: v2, name: chart, version: 1.0.0}",
        "chart/templates/config.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\n",
    }.items():
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_text(text)
        (work / path).chmod(0o644)
    finished_run(open_store({"store": {"path": str(work / "store")}}, Context()), "r1", {"1/saved_model.pb": b"graph"})


def play(
    lab: Lab,
    folder: Path,
    way: str,
    secret: Mapping[str, str],
    kubeconfig: Path,
    control: str,
    *,
    in_process: bool,
) -> tuple[str, bytes, dict[str, Any]]:
    """(output at -vvv, log file, results by task) of one run of ansible-playbook with all tasks."""
    names = {option: f"secret_{number}" for number, option in enumerate(sorted(secret))}
    hidden = {option: "{{ " + name + " }}" for option, name in names.items()}
    asked = RIGHT if way == "success" else [*FAILING.items(), *FURTHER]
    tasks = [
        {
            "name": f"{number} {module}",
            f"mlops.ack.{module}": with_secrets(module, {**places(lab, module), **options}, usable(hidden, way)),
            "register": f"r{number}",
            "ignore_errors": True,
            "diff": True,
        }
        for number, (module, options) in enumerate(asked)
    ]
    results = folder / "results.json"
    keep = {
        "ansible.builtin.copy": {
            "dest": str(results),
            "content": "{{ {" + ", ".join(f"'{task['name']}': {task['register']}" for task in tasks) + "} | to_json }}",
            "mode": "0600",
        },
        "diff": False,
        "no_log": True,
    }
    variables = {
        **{names[option]: value for option, value in secret.items()},
        **{name: "{{ " + names[name] + " }}" for name in ("manifest", "helm_values")},
        "ansible_python_interpreter": sys.executable,
        "mlops_ack_in_process": in_process,
        "work": str(folder / "work"),
        "namespace": lab.namespace,
        "control": control,
        "helm": str(Path(lab.sandbox["bin"]) / "helm"),
        "image": lab.sandbox["images"]["training"],
        "kubeconfig": str(lab.kubeconfig),
        "region": "cn-hangzhou",
        "oss_endpoint": lab.cloud.oss_url,
        "access_key_id": lab.key["access_key_id"],
    }
    given, playbook, log = folder / "variables.json", folder / "play.yml", folder / "log.txt"
    given.touch(mode=0o600)
    given.write_text(json.dumps(variables))
    one = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "module_defaults": {"group/mlops.ack.kube": {"kubeconfig": str(kubeconfig), "request_timeout": 10}},
        "tasks": [*tasks, {"ansible.builtin.debug": {"msg": control}}, keep],
    }
    playbook.write_text(yaml.safe_dump([one], sort_keys=False))
    home = folder / "home"
    done = subprocess.run(
        [str(PLAYBOOK), "-vvv", "-i", "localhost,", str(playbook), "-e", f"@{given}"],
        env=ansible_environment(
            HOME=str(home),
            TMPDIR=str(home),
            ANSIBLE_HOME=str(home / "ansible"),
            ANSIBLE_LOCAL_TEMP=str(home / "local"),
            ANSIBLE_REMOTE_TEMP=str(home / "remote"),
            ANSIBLE_LOG_PATH=str(log),
            ANSIBLE_COLLECTIONS_SCAN_SYS_PATH="0",
        ),
        capture_output=True,
        text=True,
        timeout=900,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0 and results.exists(), output[-4000:]
    return output, log.read_bytes(), json.loads(results.read_text())


def usable(hidden: Mapping[str, str], way: str) -> dict[str, str]:
    """A session token belongs to temporary credentials; with lasting ones it would be refused."""
    if way == "failure":
        return dict(hidden)
    return {option: "" if option.endswith("security_token") else text for option, text in hidden.items()}


def places(lab: Lab, module: str) -> dict[str, Any]:
    """The endpoints, and the id of the key."""
    key = {"access_key_id": lab.key["access_key_id"], "region": "cn-hangzhou", "request_timeout": 20}
    if module in HERE["cs"]:
        return {**key, "cs_endpoint": lab.cloud.cs_url.removeprefix("http://")}
    if module in HERE["oss"]:
        return {**key, "oss_endpoint": lab.cloud.oss_url}
    return {**key} if module in OBSERVE else {}
