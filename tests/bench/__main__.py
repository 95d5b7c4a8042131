"""What a task costs, as ratios: `make bench`. Needs the sandbox after `make quickstart`.

All contestants take turns in each round of one ansible-playbook run, so that whatever else the machine does meets them
alike; a ratio is taken within its round. `--write` puts the table into docs/bench.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
import zipfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.conftest import CACHE, COLLECTIONS, REPO
from tests.integration.conftest import STATE

BENCH = Path(__file__).parent
PEERS = CACHE / "bench"
WHEEL = "ansible==12.2.0"  # holds kubernetes.core, for a machine that reaches no Galaxy
PAGE = REPO / "docs/bench.md"

Task = dict[str, Any]


class Goal(NamedTuple):
    """`slow` costs at least `least` times what `fast` does; with `most`, at most so many times."""

    what: str
    fast: str
    slow: str
    least: float = 0.0
    most: float = 0.0

    def is_reached(self, ratio: float) -> bool:
        return ratio >= self.least and (not self.most or ratio <= self.most)

    def __str__(self) -> str:
        return f"at most {self.most:g}" if self.most else f"at least {self.least:g}"


GOALS = (
    Goal("unchanged object, against kubernetes.core.k8s", "k8s_manifest", "kubernetes.core.k8s", least=20),
    Goal("unchanged release, against kubernetes.core.helm", "helm_release", "kubernetes.core.helm", least=10),
    Goal("unchanged object, against the same module forked", "k8s_manifest", "k8s_manifest, forked", least=5),
    Goal("unchanged bucket, against a plain module with the same SDK", "oss_bucket", "oss_bucket, forked", least=10),
    Goal("unchanged cluster, against a plain module with the same SDK", "ack_cluster", "ack_cluster, forked", least=10),
    Goal("twenty unchanged objects, against one", "k8s_manifest", "k8s_manifest, 20 objects", most=3),
    Goal("unchanged object, against debug", "debug", "k8s_manifest", most=5),
)


SITE_MOST_S = 10.0
"""What the whole path may take where nothing is to be done."""


def config(number: int, namespace: str) -> Task:
    metadata = {"name": f"bench-{number}", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "1", "b": "2"}}


def contestants(namespace: str, bucket: str, chart: Path, facts: dict[str, Any]) -> dict[str, Task]:
    """A task each, with plain options: templates cost every contestant the same. All find their things as they wish
    them.
    """
    forked = {"vars": {"mlops_ack_in_process": False}}
    kubeconfig = str(STATE / "clusters/prod/admin.kubeconfig")
    helm = str(Path(facts["bin"]) / "helm")
    release = {"name": "bench", "namespace": namespace, "kubeconfig": kubeconfig}
    one: Task = {"mlops.ack.k8s_manifest": {"definition": config(1, namespace), "kubeconfig": kubeconfig}}
    many = {"definition": [config(number, namespace) for number in range(1, 21)], "kubeconfig": kubeconfig}
    account = {key: facts[key] for key in ("access_key_id", "access_key_secret", "region")}
    oss: Task = {
        "mlops.ack.oss_bucket": {**account, "oss_endpoint": facts["oss_endpoint"], "name": bucket, "acl": "private"}
    }
    wished = yaml.safe_load((REPO / "inventories/sandbox/group_vars/prod/cluster.yml").read_text())["sandbox_cluster"]
    cluster: Task = {"mlops.ack.ack_cluster": {**account, "cs_endpoint": facts["cs_endpoint"], **wished}}
    return {
        "debug": {"ansible.builtin.debug": {"msg": "nothing"}},
        "k8s_manifest": one,
        "k8s_manifest, 20 objects": {"mlops.ack.k8s_manifest": many},
        "k8s_manifest, forked": {**one, **forked},
        "kubernetes.core.k8s": {
            "kubernetes.core.k8s": {"definition": config(1, namespace), "kubeconfig": kubeconfig, "state": "present"}
        },
        "helm_release": {"mlops.ack.helm_release": {**release, "chart": str(chart), "helm_binary": helm}},
        "kubernetes.core.helm": {
            "kubernetes.core.helm": {
                "name": "bench",
                "release_namespace": namespace,
                "kubeconfig": kubeconfig,
                "chart_ref": str(chart),
                "binary_path": helm,
            }
        },
        "oss_bucket": oss,
        "oss_bucket, forked": {**oss, **forked},
        "ack_cluster": cluster,
        "ack_cluster, forked": {**cluster, **forked},
    }


def peers() -> Path:
    """A folder of collections with kubernetes.core: from Galaxy, else out of the wheel `ansible` of PyPI."""
    folder = PEERS / "collections"
    if (folder / "ansible_collections/kubernetes/core/MANIFEST.json").exists():
        return folder
    galaxy = [str(Path(sys.executable).with_name("ansible-galaxy")), "collection", "install", "kubernetes.core"]
    if subprocess.run([*galaxy, "-p", str(folder)], capture_output=True, check=False, timeout=300).returncode == 0:
        return folder
    with tempfile.TemporaryDirectory() as place:
        fetch = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", WHEEL, "-d", place]
        subprocess.run(fetch, check=True, timeout=600)
        with zipfile.ZipFile(next(Path(place).glob("*.whl"))) as wheel:
            names = [name for name in wheel.namelist() if name.startswith("ansible_collections/kubernetes/core/")]
            wheel.extractall(folder, names)
    return folder


def write_chart(folder: Path) -> Path:
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: bench\nversion: 1.0.0\n")
    (folder / "templates/config.yaml").write_text(yaml.safe_dump(config(0, "x") | {"metadata": {"name": "of-chart"}}))
    return folder


def measure(rounds: int, folder: Path, facts: dict[str, Any]) -> dict[str, list[float]]:
    """Seconds of each contestant, by round; a round to warm up is left out."""
    name = f"t-bench-{uuid.uuid4().hex[:8]}"
    tasks = contestants(name, name, write_chart(folder / "bench"), facts)
    kubeconfig = str(STATE / "clusters/prod/admin.kubeconfig")
    space: Task = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    play = {
        "hosts": "prod",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable},
        "tasks": [
            {"mlops.ack.k8s_manifest": {"definition": space, "kubeconfig": kubeconfig}},
            *(tasks[which] for which in ("k8s_manifest, 20 objects", "helm_release", "oss_bucket")),
            {
                "block": [
                    {**task, "name": f"{number}: {which}"}
                    for number in range(rounds + 1)
                    for which, task in tasks.items()
                ],
                "always": [
                    {"mlops.ack.k8s_manifest": {"definition": space, "kubeconfig": kubeconfig, "state": "absent"}},
                    {"mlops.ack.oss_bucket": {**tasks["oss_bucket"]["mlops.ack.oss_bucket"], "state": "absent"}},
                ],
            },
        ],
    }
    playbook, times = folder / "bench.yml", folder / "times"
    playbook.write_text(yaml.safe_dump([play], sort_keys=False))
    play_book(
        str(playbook),
        ANSIBLE_COLLECTIONS_PATH=f"{COLLECTIONS}:{peers()}",
        ANSIBLE_CALLBACK_PLUGINS=str(BENCH / "callback_plugins"),
        ANSIBLE_CALLBACKS_ENABLED="task_times",
        BENCH_TIMES=str(times),
    )
    found: dict[str, list[float]] = {}
    for line in times.read_text().splitlines():
        entry = json.loads(line)
        number, colon, which = entry["name"].partition(": ")
        if colon and number.isdigit() and number != "0":
            if entry["changed"]:
                raise SystemExit(f"'{which}' changed something; the bench is about tasks that find nothing to do.")
            found.setdefault(which, []).append(entry["seconds"])
    return found


def play_book(name: str, **environment: str) -> str:
    """What ansible-playbook said. Ends the bench where it failed."""
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(REPO / "inventories/sandbox"), name]
    done = subprocess.run(
        command,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(
            f"ansible-playbook ended with {done.returncode}:\n{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
        )
    return done.stdout


def site_again(rounds: int) -> list[float]:
    """Seconds of `site` where nothing is to be done, as a person waits for them."""
    found = []
    for _round in range(rounds):
        started = time.monotonic()
        recap = play_book("mlops.ack.site").partition("PLAY RECAP")[2]
        found.append(time.monotonic() - started)
        if re.findall(r"changed=(\d+)", recap) != ["0", "0"]:
            raise SystemExit(f"site changed something; the bench is about one that finds nothing to do:\n{recap}")
    return found


def report(found: dict[str, list[float]], site: list[float], rounds: int) -> tuple[str, bool]:
    """The page, and whether every goal is reached."""
    lines = [
        f"# Bench\n\n{__doc__.split(chr(10) * 2)[1]}\n",
        "| ratio | min | median | max | goal |",
        "|---|---|---|---|---|",
    ]
    is_good = True
    for goal in GOALS:
        ratios = [slow / fast for slow, fast in zip(found[goal.slow], found[goal.fast], strict=True)]
        middle = statistics.median(ratios)
        reached = goal.is_reached(middle)
        is_good = is_good and reached
        marks = f"{min(ratios):.1f} | **{middle:.1f}** | {max(ratios):.1f}"
        lines.append(f"| {goal.what} | {marks} | {goal}{'' if reached else ' (missed)'} |")
    middle = statistics.median(site)
    is_good = is_good and middle <= SITE_MOST_S
    lines += [
        "",
        "| a playbook, in s | min | median | max | goal |",
        "|---|---|---|---|---|",
        f"| site, nothing to do | {min(site):.1f} | **{middle:.1f}** | {max(site):.1f} | at most {SITE_MOST_S:g}"
        f"{'' if middle <= SITE_MOST_S else ' (missed)'} |",
    ]
    lines += ["", "| a task, in ms | min | median | max |", "|---|---|---|---|"]
    for which, seconds in found.items():
        millis = [round(each * 1000) for each in (min(seconds), statistics.median(seconds), max(seconds))]
        lines.append(f"| {which} | " + " | ".join(map(str, millis)) + " |")
    peer = json.loads((PEERS / "collections/ansible_collections/kubernetes/core/MANIFEST.json").read_text())
    lines += [
        "",
        f"{datetime.now(UTC).date()}, {rounds} rounds, {os.cpu_count()} cores ({platform.machine()}, "
        f"Linux {platform.release()}, load {os.getloadavg()[0]:.1f}), Python {platform.python_version()}, "
        f"ansible-core {version('ansible-core')}, kubernetes {version('kubernetes')}, oss2 {version('oss2')}, "
        f"kubernetes.core {peer['collection_info']['version']}.",
        "",
    ]
    return "\n".join(lines), is_good


def main() -> int:
    options = argparse.ArgumentParser(prog="make bench")
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(REPO)}")
    chosen = options.parse_args()
    facts = STATE / "sandbox.json"
    if not facts.exists():
        raise SystemExit("The sandbox is not up; run 'make quickstart' first.")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        found = measure(chosen.rounds, Path(folder), json.loads(facts.read_text()))
    text, is_good = report(found, site_again(3), chosen.rounds)
    print(text)
    if chosen.write:
        PAGE.write_text(text)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
