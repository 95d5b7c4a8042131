"""The artefact alone, as somebody installs it, with nothing but what Ansible itself needs of a collection."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import PLAYBOOK
from tests.integration.simulated import Simulator, bucket_name, no_fault_is_left, simulator
from tests.sanity.tree import copy

__all__ = ["bucket_name", "no_fault_is_left", "simulator"]

pytestmark = pytest.mark.simulator

KEPT = {"meta", "plugins", "roles", "playbooks", "MANIFEST.json", "FILES.json"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collections path that holds the artefact, less all that a collection must do without."""
    folder = tmp_path_factory.mktemp("artefact")
    galaxy = str(PLAYBOOK.with_name("ansible-galaxy"))
    subprocess.run([galaxy, "collection", "build", "--output-path", str(folder)], cwd=copy(folder / "tree"), check=True)
    artefact = next(folder.glob("*.tar.gz"))
    path = folder / "collections"
    command = [galaxy, "collection", "install", "--offline", "--collections-path", str(path), str(artefact)]
    subprocess.run(command, check=True, env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(path)})
    for each in (path / "ansible_collections/mlops/ack").iterdir():
        if each.name not in KEPT:
            shutil.rmtree(each) if each.is_dir() else each.unlink()
    return path


def play(installed: Path, folder: Path, *arguments: str, **variables: Any) -> str:
    """Ansible's output, from a folder and with settings that know nothing of a checkout."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE", "PYTHONPATH"))}
    settings = {"ANSIBLE_COLLECTIONS_PATH": str(installed), "ANSIBLE_NOCOLOR": "1", "HOME": str(folder)}
    ran = subprocess.run(
        [str(PLAYBOOK), *arguments, "-e", json.dumps(variables)],
        cwd=folder,
        env={**environment, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    return ran.stdout


@pytest.mark.parametrize("in_process", [True, False], ids=["in process", "forked"])
def test_a_module_and_a_role_of_the_artefact_work(
    installed: Path, simulator: Simulator, bucket_name: str, tmp_path: Path, in_process: bool
) -> None:
    subject = {"model_digest": "sha256:" + "a" * 64}
    tasks = [
        {"mlops.ack.oss_bucket": {**simulator.oss, "name": bucket_name}, "register": "bucket"},
        {"ansible.builtin.assert": {"that": ["bucket is changed"]}},
        {
            "ansible.builtin.include_role": {"name": "mlops.ack.gate"},
            "vars": {
                "gate_name": "artefact",
                "gate_environment": "dev",
                "gate_subject": subject,
                "gate_evidence": {"accuracy": 0.97},
                "gate_policy": {"rule": "accuracy >= 0.9"},
                "gate_store": {"bucket": bucket_name},
                "gate_oss": simulator.oss,
            },
        },
        {"ansible.builtin.assert": {"that": ["gate_result.gate.status == 'approved'"]}},
    ]
    book = tmp_path / "play.yml"
    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    first = simulator.last
    play(installed, tmp_path, str(book), mlops_ack_in_process=in_process)
    assert simulator.writes(first), "nothing reached the simulator"


def test_every_playbook_of_the_artefact_is_found_by_its_name(installed: Path, tmp_path: Path) -> None:
    books = sorted((installed / "ansible_collections/mlops/ack/playbooks").glob("*.yml"))
    assert books
    listed = play(installed, tmp_path, "--syntax-check", *(f"mlops.ack.{book.stem}" for book in books))
    assert [book.name for book in books if f"playbook: {book}" not in listed] == []
