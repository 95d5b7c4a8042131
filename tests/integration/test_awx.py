"""AWX: the role against its API, and a workflow's jobs as ansible-runner starts them, which is how AWX does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import COLLECTIONS, REPO

from .conftest import PLAYBOOK, ansible_environment, play_book
from .fake_awx import Awx, serving

ANSIBLE = "12.3.0"  # the package whose wheel holds awx.awx 24.6.1
CACHE = Path(os.environ.get("MLOPS_ACK_CACHE") or Path.home() / ".cache/mlops-ack")
AWX_COLLECTION = CACHE / f"awx-{ANSIBLE}"
AWXKIT = ("awxkit==24.6.1", "setuptools==80.9.0")  # it imports pkg_resources


def fetched(place: Path, *command: str, then: Callable[[Path], None] = lambda draft: None) -> Path:
    """`place`, with what pip puts there; asked for once."""
    if not place.is_dir():
        draft = place.with_name(f"{place.name}.{os.getpid()}")
        draft.mkdir(parents=True)
        pip = [sys.executable, "-m", "pip", *command, "-q", "--no-deps"]
        if subprocess.run([each.replace("DRAFT", str(draft)) for each in pip], check=False, timeout=300).returncode:
            shutil.rmtree(draft)
            pytest.skip(f"the package index is not reachable, and {place.name} was never fetched")
        then(draft)
        draft.rename(place)
    return place


@pytest.fixture(scope="module")
def awx_collection() -> Path:
    """A folder with the collection awx.awx and nothing else."""

    def unpack(draft: Path) -> None:
        wheel = next(draft.glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            names = [each for each in archive.namelist() if each.startswith("ansible_collections/awx/awx/")]
            archive.extractall(draft, names)
        wheel.unlink()

    return fetched(AWX_COLLECTION, "download", f"ansible=={ANSIBLE}", "-d", "DRAFT", then=unpack)


@pytest.fixture(scope="module")
def awxkit() -> Path:
    """A folder with AWX's own command line."""
    return fetched(CACHE / AWXKIT[0], "install", "--target", "DRAFT", *AWXKIT)


@pytest.fixture
def awx() -> Iterator[Awx]:
    with serving(Awx()) as api:
        yield api


@pytest.fixture
def run_role(awx: Awx, awx_collection: Path, tmp_path: Path) -> Callable[..., list[tuple[str, str]]]:
    """Runs the role with these variables, and returns what it wrote to AWX."""

    def run(**variables: Any) -> list[tuple[str, str]]:
        controller = {"controller_host": awx.url, "controller_oauthtoken": "token", "validate_certs": False}
        play = {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable, **variables},
            "module_defaults": {"group/awx.awx.controller": controller},
            "roles": [{"role": "mlops.ack.awx"}],
        }
        (tmp_path / "awx.yml").write_text(yaml.safe_dump([play]))
        before = len(awx.writes)
        done = play_book(
            "-i",
            "localhost,",
            str(tmp_path / "awx.yml"),
            timeout_s=600,
            ANSIBLE_COLLECTIONS_PATH=f"{COLLECTIONS}:{awx_collection}",
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return awx.writes[before:]

    return run


def test_the_role_makes_all_of_it_once(awx: Awx, run_role: Callable[..., list[tuple[str, str]]]) -> None:
    assert run_role()
    assert run_role() == []

    templates = awx.objects["job_templates"].values()
    assert {each["name"] for each in templates} >= {"mlops-train", "mlops-save", "mlops-serve-prod", "mlops-decide"}
    for each in templates:
        own = REPO / each["playbook"]
        assert own.is_file() or each["playbook"] == "playbooks/approver.yml"
        assert each["ask_variables_on_launch"] is False  # else whoever launches says who approved
    asked = awx.named("job_templates", "mlops-decide")["survey_spec"]["spec"]
    assert [each["variable"] for each in asked] == [
        "gate",
        "environment_name",
        "subject_digest",
        "decision",
        "reason",
    ]
    assert asked[1]["default"] == "prod"

    nodes = {each["identifier"]: each for each in awx.objects["workflow_job_template_nodes"].values()}
    names = {each["id"]: name for name, each in nodes.items()}

    def after(name: str, relation: str) -> list[str]:
        return [names[number] for number in nodes[name].get(f"_{relation}_nodes", [])]

    assert after("save", "success") == ["serve-dev"]
    assert after("save", "failure") == ["evaluate-model"]
    assert after("evaluate-model", "success") == ["evaluate-model-approver"]
    assert after("evaluate-model", "failure") == []  # denied or timed out: the end
    assert after("serve-prod", "failure") == ["evaluate-serving"]
    approvals = awx.objects["workflow_approval_templates"].values()
    assert {each["name"]: each["timeout"] for each in approvals} == {
        "evaluate-model": 604800,
        "evaluate-serving": 172800,
    }
    environment_of = awx.named("credential_types", "Alibaba Cloud")["injectors"]["env"]
    assert environment_of["ALIBABA_CLOUD_ACCESS_KEY_ID"] == "{{ access_key_id }}"


IMPORT = REPO / "roles/awx/files/awx.yml"
CREDENTIALS: dict[str, Any] = {
    "awx_credentials": [{"name": "alibaba-ml", "type": "Alibaba Cloud"}],
    "awx_approver_credentials": [{"name": "awx-reader", "type": "Red Hat Ansible Automation Platform"}],
}


def exported(file: Path, **variables: Any) -> str:
    """What tasks_from=export writes with these variables."""
    role = {"ansible.builtin.include_role": {"name": "mlops.ack.awx", "tasks_from": "export"}}
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [role]}
    (file.parent / "make.yml").write_text(yaml.safe_dump([play]))
    asked = {**variables, "awx_import_file": str(file), "ansible_python_interpreter": sys.executable}
    done = subprocess.run(
        [str(PLAYBOOK), "-i", "localhost,", str(file.parent / "make.yml"), "-e", json.dumps(asked)],
        env=ansible_environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return file.read_text()


def test_the_file_beside_the_role_says_what_its_defaults_say(tmp_path: Path) -> None:
    written = exported(tmp_path / "awx.yml")
    if os.environ.get("WRITE_DOCS"):
        IMPORT.write_text(written)
    assert IMPORT.read_text() == written, "WRITE_DOCS=1 writes it"


def test_the_role_has_nothing_to_do_after_an_import(
    awx: Awx, awxkit: Path, run_role: Callable[..., list[tuple[str, str]]], tmp_path: Path
) -> None:
    for used in (*CREDENTIALS["awx_credentials"], *CREDENTIALS["awx_approver_credentials"]):
        made = awx.make("credential_types", {"name": used["type"], "kind": "cloud", "description": "of before"})
        awx.make("credentials", {"name": used["name"], "organization": 1, "credential_type": made["id"]})
    file = tmp_path / "import.yml"
    exported(file, **CREDENTIALS)
    paths = f"{awxkit}:{os.environ.get('PYTHONPATH', '')}"
    done = subprocess.run(
        [sys.executable, "-c", "from awxkit.cli import run; run()", "-f", "yaml", "import"],
        env={
            **os.environ,
            "PYTHONPATH": paths,
            "PYTHONWARNINGS": "ignore",
            "CONTROLLER_HOST": awx.url,
            "CONTROLLER_OAUTH_TOKEN": "token",
        },
        stdin=file.open(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr, done.stderr
    assert awx.named("credential_types", "Alibaba Cloud")["description"] != "of before"
    assert run_role(**CREDENTIALS) == []


# -- jobs --------------------------------------------------------------------------------------------------------------

WORKFLOW = {"awx_workflow_job_id": 9, "tower_workflow_job_id": 9, "awx_user_name": "carol", "tower_user_name": "carol"}


class Jobs:
    """Starts what AWX starts, with the variables that it gives, and keeps the artifacts that it hands on."""

    def __init__(self, folder: Path, awx: Awx) -> None:
        self.folder, self._awx, self._number = folder, awx, 10
        self.artifacts: dict[str, Any] = {}

    def run(self, playbook: list[dict[str, Any]], **more: Any) -> tuple[int, str]:
        self._number += 1
        private = self.folder / str(self._number)
        private.mkdir()
        (private / "play.yml").write_text(yaml.safe_dump(playbook))
        job = {"awx_job_id": self._number, "tower_job_id": self._number}
        variables = {**WORKFLOW, **job, **self.artifacts, **more, "ansible_python_interpreter": sys.executable}
        asked = {
            "private_data_dir": str(private),
            "playbook": str(private / "play.yml"),
            "inventory": "localhost ansible_connection=local",
            "extravars": variables,
            "quiet": True,
        }
        program = (
            "import ansible_runner, json, sys; done = ansible_runner.run(**json.load(sys.stdin)); "
            "stats = [e['event_data'] for e in done.events if e['event'] == 'playbook_on_stats']; "
            "print(json.dumps([done.rc, done.stdout.read(), stats[-1].get('artifact_data', {}) if stats else {}]))"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            input=json.dumps(asked),
            env=ansible_environment(
                CONTROLLER_HOST=self._awx.url,
                CONTROLLER_OAUTH_TOKEN="token",
                PATH=f"{PLAYBOOK.parent}:{os.environ['PATH']}",
            ),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        code, output, artifacts = json.loads(done.stdout.splitlines()[-1])
        self.artifacts.update(artifacts)
        return code, output

    def gate(self, digest: str = "sha256:aa") -> tuple[int, str]:
        variables = {
            "gate_name": "evaluate-model",
            "gate_environment": "prod",
            "gate_subject": {"model_digest": digest},
            "gate_evidence": {"accuracy": 0.97},
            "gate_policy": {"approvers": ["bob", "carol"], "forbid_self_approval": True},
            "gate_submitted_by": "carol",
            "gate_store": {"path": str(self.folder / "store")},
        }
        play = {"hosts": "all", "gather_facts": False, "roles": [{"role": "mlops.ack.gate"}], "vars": variables}
        return self.run([play])

    def approver(self) -> tuple[int, str]:
        role = {"ansible.builtin.include_role": {"name": "mlops.ack.awx", "tasks_from": "approver"}}
        return self.run([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [role]}])

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(each.read_text()) for each in sorted(self.folder.glob("store/gates/*/*/*/*.json"))]


def approves(awx: Awx, user: str) -> None:
    """A person clicks on the approval node of workflow job 9, as AWX's API tells it afterwards."""
    summary = {"approved_or_denied_by": {"id": 3, "username": user}}
    awx.objects["workflow_approvals"] = {
        31: {"id": 31, "name": "evaluate-model", "status": "successful", "summary_fields": summary}
    }
    job = {"id": 31, "name": "evaluate-model", "type": "workflow_approval", "status": "successful"}
    awx.objects["workflow_job_nodes"] = {
        21: {"id": 21, "summary_fields": {"job": {"id": 11, "type": "job", "status": "failed"}}},
        22: {"id": 22, "summary_fields": {"job": job}},
        23: {"id": 23, "summary_fields": {}},
    }
    awx.objects["workflow_jobs"] = {9: {"id": 9, "_workflow_nodes": [21, 22, 23]}}


def test_an_approval_node_releases_what_waited_and_nothing_else(awx: Awx, tmp_path: Path) -> None:
    jobs = Jobs(tmp_path, awx)
    code, output = jobs.gate()
    assert code == 2
    assert "accuracy" in output
    assert jobs.artifacts["gate_asked"]["evaluate-model"]["status"] == "pending"
    assert jobs.records == []

    approves(awx, "bob")
    code, output = jobs.approver()
    assert code == 0, output
    assert jobs.artifacts["gate_approval"] == {
        "gate": "evaluate-model",
        "by": "bob",
        "subject_digest": jobs.artifacts["gate_asked"]["evaluate-model"]["subject_digest"],
    }

    code, output = jobs.gate("sha256:bb")
    assert code == 2
    assert "bob approved another subject in AWX" in output
    assert jobs.records == []

    code, output = jobs.gate()
    assert code == 0, output
    record = jobs.records[0]
    assert (record["source"], record["approver"], record["submitted_by"]) == ("awx", "bob", "carol")
    assert record["launcher"] == {"user_name": "carol", "job_id": 14, "workflow_job_id": 9}


def test_who_launched_the_workflow_does_not_approve_it(awx: Awx, tmp_path: Path) -> None:
    jobs = Jobs(tmp_path, awx)
    jobs.gate()
    approves(awx, "carol")
    assert jobs.approver()[0] == 0
    code, output = jobs.gate()
    assert code == 2
    assert "carol submitted this" in output
    assert jobs.records == []


def test_the_files_of_a_project_are_playbooks_that_ansible_accepts(tmp_path: Path) -> None:
    role = {"ansible.builtin.include_role": {"name": "mlops.ack.awx", "tasks_from": "project"}}
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [role]}
    (tmp_path / "make.yml").write_text(yaml.safe_dump([play]))
    command = [str(PLAYBOOK), "-i", "localhost,", "-e", f"awx_project_folder={tmp_path}"]
    command += ["-e", f"ansible_python_interpreter={sys.executable}"]
    how: dict[str, Any] = {"env": ansible_environment(), "capture_output": True, "text": True, "timeout": 300}
    for changed in (True, False):
        done = subprocess.run([*command, str(tmp_path / "make.yml")], check=False, **how)
        assert done.returncode == 0, done.stdout + done.stderr
        assert ("changed=0 " in done.stdout) is not changed
    made = sorted((tmp_path / "playbooks").glob("*.yml"))
    assert [each.stem for each in made] == [
        "approver",
        "decide",
        "init",
        "save",
        "scale_down",
        "serve",
        "status",
        "teardown",
        "train",
    ]
    done = subprocess.run([*command, "--syntax-check", *map(str, made)], check=False, **how)
    assert done.returncode == 0, done.stdout + done.stderr
