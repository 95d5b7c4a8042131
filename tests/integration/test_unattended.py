"""Every playbook as AWX starts it: by ansible-runner, with AWX's variables, a terminal and nobody at it, and no home.

On the site that quickstart left: some only look, some have nothing to do there, and what would change it runs in check
mode. `init`, `train`, `save`, `serve` and `site` are in `quickstart`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.conftest import REPO
from tests.integration.conftest import PLAYBOOK, ansible_environment

pytestmark = pytest.mark.sandbox

JOB = {"job_id": 7, "job_template_name": "mlops", "workflow_job_id": 9, "user_name": "carol", "user_id": 3}
FIXTURES = REPO / "tests/unit/fixtures/design"


class Run(NamedTuple):
    """`says`: what it must say; `code`: 2 where it must refuse."""

    says: str
    code: int = 0
    words: str = ""
    variables: dict[str, Any] = {}


CHECK = "--check --diff"
RUNS = {
    "decide": Run(
        "approver: carol",
        words=CHECK,
        variables={
            "gate": "evaluate-serving",
            "environment_name": "prod",
            "subject_digest": f"sha256:{'0' * 64}",
            "decision": "approve",
            "reason": "nobody asked",
        },
    ),
    "design": Run("InvalidDesign", 2, CHECK, {"design": str(FIXTURES / "application.yaml")}),
    "design_check": Run("error(s) are left", 2, variables={"design": str(FIXTURES / "application.yaml")}),
    "edge": Run("no hosts matched", words=CHECK),  # this inventory has no such site
    "promote": Run(
        "Write it into the inventory",
        words=CHECK,
        variables={"promote_version": "digits-v2", "promote_predictor": "canary"},
    ),
    "quickstart": Run("changed=0", words=CHECK),
    "rollback": Run("UnknownRelease", 2, CHECK, {"reason": "to see", "release": "999"}),
    "scale_down": Run("the cluster itself", words=CHECK),
    "status": Run("ok="),
    "teardown": Run("cannot be undone", 2),
    "usage": Run("node pool"),
}


def imported(name: str) -> set[str]:
    """The playbooks that one imports, and those that they import."""
    plays = yaml.safe_load((REPO / f"playbooks/{name}.yml").read_text())
    names = {
        Path(play.get("import_playbook") or play["ansible.builtin.import_playbook"]).stem
        for play in plays
        if "hosts" not in play
    }
    return names.union(*map(imported, names))


def test_no_playbook_is_left_out() -> None:
    covered = RUNS.keys() | {each for name in RUNS for each in imported(name)}
    assert {path.stem for path in (REPO / "playbooks").glob("*.yml")} == covered


@pytest.mark.parametrize("name", RUNS)
def test_a_playbook_runs_where_nobody_is_and_nothing_is_kept(name: str, tmp_path: Path) -> None:
    wanted = RUNS[name]
    (tmp_path / "play.yml").write_text(yaml.safe_dump([{"import_playbook": f"mlops.ack.{name}"}]))
    (tmp_path / "reports").mkdir()
    words = {f"{launcher}_{word}": value for launcher in ("awx", "tower") for word, value in JOB.items()}
    asked = {
        "private_data_dir": str(tmp_path),
        "playbook": str(tmp_path / "play.yml"),
        "inventory": str(REPO / "inventories/sandbox"),
        "extravars": {**words, "mlops_reports": str(tmp_path / "reports"), **wanted.variables},
        "cmdline": wanted.words,
        "quiet": True,
    }
    program = (
        "import ansible_runner, json, sys; done = ansible_runner.run(**json.load(sys.stdin)); "
        "print(json.dumps([done.rc, done.stdout.read()]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(asked),
        env=ansible_environment(
            HOME="/dev/null",  # there is nothing that even root could write
            ANSIBLE_HOME=str(tmp_path / "ansible"),
            ANSIBLE_REMOTE_TMP=str(tmp_path / "remote"),
            PATH=f"{PLAYBOOK.parent}:{os.environ['PATH']}",
        ),
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    code, output = json.loads(done.stdout.splitlines()[-1])
    said = " ".join(output.split())
    assert code == wanted.code, output
    assert wanted.says in said, output
    assert "Traceback" not in output
