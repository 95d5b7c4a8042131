"""The plays of the capability pages do what the pages say, and a second run of each writes nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import REPO
from tests.integration.conftest import play_book
from tests.integration.simulated import Simulator, no_fault_is_left, simulator

__all__ = ["no_fault_is_left", "simulator"]


def run(page: str, folder: Path, host: str, variables: dict[str, Any]) -> str:
    """The first play of a page, on one local host with these variables. Raises with what it said where it failed."""
    (block,) = re.findall(r"```yaml\n(.*?)```", (REPO / f"docs/{page}.md").read_text(), re.S)
    (folder / "play.yml").write_text(block)
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    groups = {"prod": {"hosts": {host: {**local, **variables}}}}
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"children": groups}}))
    done = play_book("-i", str(folder / "hosts.yml"), str(folder / "play.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    return " ".join(done.stdout.split())


def test_data(simulator: Simulator, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "train.csv").write_text("1,2\n")
    (data / "test.csv").write_text("3,4\n")
    variables = {"mlops_oss": simulator.oss, "data_folder": str(data)}
    assert "2 objects, sha256:" in run("data", tmp_path, "localhost", variables)

    before = simulator.last
    assert "changed=0" in run("data", tmp_path, "localhost", variables)
    assert simulator.writes(before) == []

    (data / "test.csv").unlink()
    told = run("data", tmp_path, "localhost", variables)
    assert "1 objects, sha256:" in told and "changed=1" in told


@pytest.mark.sandbox
def test_kubernetes(sandbox: dict[str, Any], tmp_path: Path) -> None:
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": "tools", "version": "1.0.0"}))
    (chart / "templates/message.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: message}\ndata: {message: {{ .Values.message }}}\n"
    )
    kubeconfig = sandbox["kubeconfigs"]["prod"]
    variables = {
        "mlops_kubeconfig": kubeconfig,
        "mlops_helm": str(Path(sandbox["bin"]) / "helm"),
        "chart": str(chart),
    }
    kubectl = [str(Path(sandbox["bin"]) / "kubectl"), "--kubeconfig", kubeconfig]
    try:
        assert "tools revision 1, deployed" in run("kubernetes", tmp_path, "localhost", variables)
        again = run("kubernetes", tmp_path, "localhost", variables)
        assert "tools revision 1, deployed" in again and "changed=0" in again
    finally:
        subprocess.run([*kubectl, "delete", "namespace", "example-tools", "--wait=false"], check=False)


@pytest.mark.sandbox
def test_versions(sandbox: dict[str, Any], tmp_path: Path) -> None:
    """Of what quickstart has left in production."""
    variables = {
        "mlops_oss": sandbox["oss"],
        "mlops_store": {"bucket": "ml-sandbox", "prefix": "mlops"},
        "mlops_environment": "prod",
    }
    told = run("versions", tmp_path, "ack-prod", variables)
    assert re.search(r"digits-v1 serves 90 % since \S+, trained by \S+ on digits sha256:\w{64}", told)
    assert re.search(r"digits-v2 serves 10 % since", told)
    assert "changed=0" in told
