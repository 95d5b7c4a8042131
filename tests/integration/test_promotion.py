"""The playbooks serve, promote and rollback over an inventory of their own: what may serve, and the way back."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.conftest import PLAYBOOK, RunTasks, ansible_environment
from tests.integration.processes import descendants
from tests.integration.test_release import Load, ReleaseLab
from tests.integration.test_tfserving import ok

pytestmark = pytest.mark.sandbox


class Company(ReleaseLab):
    """Environments `dev` and `prod`, a namespace each; production behind the gate `evaluate-serving`."""

    def __init__(self, sandbox: dict[str, Any], namespace: str, folder: Path) -> None:
        super().__init__(sandbox, namespace, folder / "store")
        self.folder, self.inventory = folder, folder / "inventory"
        self.dev = f"{namespace}-dev"
        (folder / "reports").mkdir()
        self.kubectl("create", "namespace", self.dev)
        for number in (1, 2, 3):
            place = self.store / f"models/digits/versions/{number}/version.json"
            dataset = {"name": "digits", "digest": f"sha256:{number + 4:064x}", "count": 4, "size": 264712}
            trained = {"run_id": f"run-{number}", "dataset": dataset, "trained_by": "carol"}
            record = {**json.loads(place.read_text()), **trained, "metrics": {"accuracy": 0.96 + number / 100}}
            place.write_text(json.dumps({**record, "created": "2026-11-22T00:00:00Z"}))

    def write(self, dev: int, prod: int, **more: Any) -> None:
        """An inventory whose environments serve these versions; `more` is production's."""
        common = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "mlops_kubeconfig": self.kubeconfig,
            "mlops_store": {"path": str(self.store)},
            "mlops_reports": str(self.folder / "reports"),
            "mlops_gates": {"evaluate-serving": {"approvers": ["bob"]}, "release-step": {"approvers": ["bob"]}},
            "serving_name": "digits",
            "serving_model": "digits",
            "serving_image": self.images["serving"],
            "serving_wait_timeout": 240,
            "training_jobs": [{"modelVersion": {"modelName": "digits"}}],  # what `status` tells about
        }
        route = {"gateway": {"name": "contour", "namespace": "projectcontour"}}
        hosts = {
            "dev": {
                "mlops_environment": "dev",
                "serving_namespace": self.dev,
                "serving_predictors": [self.predictor("stable", dev)],
                "serving_route": {**route, "hostnames": [f"{self.dev}.test"]},
            },
            "prod": {
                "mlops_environment": "prod",
                "serving_gate": "evaluate-serving",
                "serving_namespace": self.namespace,
                "serving_predictors": [self.predictor("stable", prod)],
                "serving_route": {**route, "hostnames": [self.host]},
                **more,
            },
        }
        for variables in hosts.values():  # None: the inventory does not name it
            for name in [name for name, value in variables.items() if value is None]:
                del variables[name]
        groups = {name: {"hosts": {f"{name}-cluster": variables}} for name, variables in hosts.items()}
        self.inventory.mkdir(exist_ok=True)
        text = yaml.safe_dump({"all": {"vars": common, "children": groups}})
        (self.inventory / "hosts.yml").write_text(text.replace("!!python", ""))

    def bare(self) -> Path:
        """The same inventory, which knows where production is and nothing of what it serves."""
        variables = yaml.safe_load((self.inventory / "hosts.yml").read_text())
        for key in ("serving_predictors", "serving_route", "serving_gate", "serving_steps"):
            variables["all"]["children"]["prod"]["hosts"]["prod-cluster"].pop(key, None)
        del variables["all"]["vars"]["serving_image"]
        folder = self.folder / "bare"
        folder.mkdir()
        (folder / "hosts.yml").write_text(yaml.safe_dump(variables))
        return folder

    def start(self, book: str, *words: str, inventory: Path | None = None) -> subprocess.Popen[str]:
        name = book if book.endswith(".yml") else f"mlops.ack.{book}"
        return subprocess.Popen(
            [str(PLAYBOOK), "-i", str(inventory or self.inventory), name, *words],
            env=ansible_environment(USER="alice", ANSIBLE_REMOTE_TMP=str(self.folder / "tmp")),  # alice has no home
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def play(self, book: str, *words: str, inventory: Path | None = None) -> tuple[int, str]:
        run = self.start(book, *words, inventory=inventory)
        output, _errors = run.communicate(timeout=500)
        return run.returncode, output

    def done(self, book: str, *words: str, inventory: Path | None = None) -> str:
        code, output = self.play(book, *words, inventory=inventory)
        assert code == 0, output[-6000:]
        return output

    def refused(self, book: str, *words: str) -> str:
        code, output = self.play(book, *words)
        assert code != 0, output[-6000:]
        print(output[-3000:])  # shown where what follows fails
        return " ".join(output.split())

    def approve(self, refusal: str) -> None:
        """What the gate printed, with bob's name and a reason."""
        told = re.search(r"-e gate=(\S+) -e environment_name=(\S+) -e subject_digest=(\S+)", refusal)
        assert told, refusal[-3000:]
        gate, environment, digest = told.groups()
        words = {"gate": gate, "environment_name": environment, "subject_digest": digest}
        extra = {**words, "decision": "approve", "approver": "bob", "reason": "it did well"}
        self.done("decide", "-e", json.dumps(extra))

    def status(self, name: str) -> dict[str, Any]:
        """What the playbook `status` writes."""
        self.done("status", "--limit", "prod", "-e", f"status_name={name}")
        print((self.folder / f"reports/{name}.txt").read_text())
        return json.loads((self.folder / f"reports/{name}.json").read_text())  # type: ignore[no-any-return]

    def releases(self) -> list[dict[str, Any]]:
        folder = self.store / "models/digits/environments/prod/releases"
        return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def serving(status: dict[str, Any]) -> dict[str, Any]:
    """What serves in production, since when, by whose decision, trained on what."""
    (release,) = (each for each in status["releases"] if each["environment"] == "prod")
    (predictor,) = release["predictors"]
    told = {key: predictor[key] for key in ("model_version", "since", "trained_by", "run_id")}
    return {**told, "approved_by": release["decision"]["approvers"], "dataset": predictor["dataset"]["digest"]}


@pytest.fixture
def company(sandbox: dict[str, Any], namespace: str, tmp_path: Path) -> Iterator[Company]:
    found = Company(sandbox, namespace, tmp_path)
    yield found
    found.kubectl("delete", "namespace", found.dev, "--wait=false")


def test_production_serves_what_was_approved_and_goes_back_without_its_inventory(
    company: Company, run_tasks: RunTasks
) -> None:
    company.write(dev=1, prod=1)
    pending = company.refused("serve")
    assert "gate evaluate-serving of prod is pending" in pending
    assert company.objects("deployments") == []
    company.approve(pending)
    company.done("serve", "--limit", "prod", "-e", "serving_reason=begin")
    assert company.weights() == {"digits-v1": 100}
    before = company.status("before")

    # development goes on; production needs an approval for exactly that
    company.write(dev=2, prod=1)
    company.done("serve", "--limit", "dev")
    promotion = company.refused("promote")
    assert "gate evaluate-serving of prod is pending" in promotion
    assert "mlops.ack.promote" in promotion
    past_the_gate = company.task(company.predictor("stable", 2), approval={"gate": "evaluate-serving"})
    past_the_gate["mlops.ack.tfserving"]["environment"] = "prod"
    for in_process in (True, False):
        (unproven,) = run_tasks([past_the_gate], in_process=in_process)
        assert unproven["failure"]["code"] == "NotApproved"
        assert "digits-v2" in unproven["failure"]["message"]
    assert company.weights() == {"digits-v1": 100}

    # a record that was altered is another subject, so the approval is not about it
    company.approve(promotion)
    place = company.store / "models/digits/versions/2/version.json"
    honest = place.read_text()
    place.write_text(json.dumps({**json.loads(honest), "image": company.images["serving"]}))
    assert "gate evaluate-serving of prod is pending" in company.refused("promote")
    place.write_text(honest)
    told = company.done("promote")
    assert "Write it into the inventory" in told
    assert company.weights() == {"digits-v2": 100}
    assert company.releases()[1]["decision"]["approvers"] == ["bob"]
    after = company.status("after")
    for told_by_status, number in ((before, 1), (after, 2)):
        assert serving(told_by_status) == {
            "model_version": f"digits-v{number}",
            "since": company.releases()[number - 1]["time"],
            "approved_by": ["bob"],
            "trained_by": "carol",
            "run_id": f"run-{number}",
            "dataset": f"sha256:{number + 4:064x}",
        }
    assert [each["state"] for each in before["models"]] == ["serving", "candidate", "candidate"]
    assert [each["state"] for each in after["models"]] == ["retired", "serving", "candidate"]

    # and one that serves is refused outright
    place.write_text(json.dumps({**json.loads(honest), "model_digest": "sha256:00"}))
    task = company.task(company.predictor("stable", 2, 50), company.predictor("other", 1, 50))
    task["mlops.ack.tfserving"]["environment"] = "prod"
    (altered,) = run_tasks([task])
    assert altered["failure"]["code"] == "RecordAltered"
    place.write_text(honest)

    # back, from a machine that knows where the environment is and nothing of what it served
    bare = company.bare()
    assert "reason is empty" in company.refused("rollback")
    with Load(company.host) as load:
        started = time.monotonic()
        company.done("rollback", "-e", "reason='nines are fours'", inventory=bare)
        took = time.monotonic() - started
        time.sleep(8)
    print(f"rollback {took:.1f} s, {len(load.answers)} requests, {len(load.failed)} failed")
    assert load.failed == []
    assert load.answers[-1].version == "digits-v1"
    assert company.weights() == {"digits-v1": 100}
    last = company.releases()[-1]
    assert (last["restores"], last["undone"]["n"], last["reason"]) == (1, 2, "nines are fours")
    assert last["options"] == company.releases()[0]["options"]
    refused = company.refused("promote")
    assert "This is release 2 that alice took back" in refused
    company.done("serve", "--limit", "prod")
    assert len(company.releases()) == 3, "the inventory says what serves: nothing to do"

    # and forward again
    company.done("rollback", "-e", "release=2", "-e", "reason=fixed", inventory=bare)
    assert company.weights() == {"digits-v2": 100}
    info = {"name": "digits", "namespace": company.namespace, "environment": "prod", "kubeconfig": company.kubeconfig}
    told_forked, told_here = (
        ok(
            run_tasks(
                [{"mlops.ack.tfserving_info": {**info, "store": {"path": str(company.store)}}}], in_process=in_process
            )[0]
        )
        for in_process in (False, True)
    )
    assert told_forked["releases"] == told_here["releases"]
    assert [(each["n"], each["restores"], each["reason"]) for each in told_here["releases"]] == [
        (4, 2, "fixed"),
        (3, 1, "nines are fours"),
        (2, None, ""),
        (1, None, "begin"),
    ]


def test_a_promotion_in_steps_waits_for_a_person_and_is_undone_when_its_controller_is_gone(company: Company) -> None:
    company.write(dev=2, prod=1, serving_steps=[{"weight": 20, "pause": "person"}], serving_gate=None)
    company.done("serve", "--limit", "prod")
    promote = ("promote", "--limit", "prod", "-e", "promote_version=digits-v2")
    waiting = company.refused(*promote)
    assert "gate release-step of prod is pending" in waiting
    assert "mlops.ack.promote -e promote_version=digits-v2" in waiting
    assert company.weights() == {"digits-v1": 80, "digits-v2": 20}
    company.approve(waiting)
    company.done(*promote)
    assert company.weights() == {"digits-v2": 100}

    company.write(dev=3, prod=2, serving_steps=[{"weight": 30, "pause": "10m"}], serving_gate=None)
    gone = company.start("promote", "--limit", "prod", "-e", "promote_version=digits-v3")
    try:
        half = {"digits-v2": 70, "digits-v3": 30}
        end = time.monotonic() + 300
        while company.weights() != half:
            assert time.monotonic() < end and gone.poll() is None, gone.communicate()[0][-6000:]
            time.sleep(0.5)
    finally:
        for pid in [*descendants(gone.pid), gone.pid]:
            os.kill(pid, signal.SIGKILL)
        gone.communicate(timeout=60)
    with Load(company.host) as load:
        started = time.monotonic()
        told = company.done("rollback", "-e", "reason=late", inventory=company.bare())
        print(f"rollback {time.monotonic() - started:.1f} s, {len(load.answers)} requests, {len(load.failed)} failed")
    assert "taken over" in told
    assert load.failed == []
    assert company.weights() == {"digits-v2": 100}
    company.done("rollback", "-e", "release=1", "-e", "reason=test", inventory=company.folder / "bare")
    assert company.weights() == {"digits-v1": 100}


PAGE = Path(__file__).resolve().parents[2] / "docs/release.md"


SHORTER = {"interval: 10s": "interval: 4s", "min_requests: 10": "min_requests: 3", "pause: 5s": "pause: 1s"}


def test_the_plays_of_the_page_do_what_it_says(company: Company) -> None:
    text = PAGE.read_text()
    for said, tried in SHORTER.items():
        assert said in text
        text = text.replace(said, tried)
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.S)]
    forward, back = ([play for play in block if "hosts" in play] for block in blocks if "hosts" in block[0])
    for name, plays in (("forward", forward), ("back", back)):
        (company.folder / f"{name}.yml").write_text(yaml.safe_dump(plays))

    company.write(dev=1, prod=1, serving_gate=None)
    company.done("serve", "--limit", "prod")
    company.write(dev=2, prod=2, serving_gate=None)
    with Load(company.host) as load:
        told = company.done(str(company.folder / "forward.yml"))
        company.done(str(company.folder / "back.yml"))
        time.sleep(8)
    print(f"{len(load.answers)} requests, {len(load.failed)} failed, {dict(load.versions())}")
    assert load.failed == []
    for line in ("step 10 %", "measurement 2 of 2 successful", "step 25 %", "step 50 %", "step 90 %"):
        assert line in told
    assert company.weights() == {"digits-v1": 100}
    assert [(each["reason"], each["restores"]) for each in company.releases()] == [
        (None, None),
        ("Knows the new handwriting", None),
        ("Nines are read as fours", 1),
    ]
