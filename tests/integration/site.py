"""A site of one test's own: the whole path on the sandbox's clusters, with names, bucket and cloud of its own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import oss2
import pytest
import yaml

from tests.conftest import REPO
from tests.integration.conftest import PLAYBOOK, STATE, ansible_environment
from tests.integration.processes import descendants
from tests.integration.simulated import Simulator

CLUSTERS = {"ack-prod": "prod", "ask-dev": "dev"}
KINDS = "configmaps,secrets,jobs,deployments,services,hpa,pdb,httproutes,pvc"
OPERATED = re.compile(r"/(kube-root-ca\.crt|default|sh\.helm\.release\S*)$")
HEX = re.compile(r"[0-9a-f]{8,64}")


class Site:
    """Everything is named after `name`; `close` removes it. The training copies a model that was trained before."""

    def __init__(self, name: str, folder: Path, model: Path, sandbox: dict[str, Any], *, time_factor: float = 0.5):
        self.name, self.folder, self._sandbox = name, folder, sandbox
        self._runs: list[subprocess.Popen[str]] = []
        self.inventory, self.data = folder / "inventory", folder / "data"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(model, self.data / "output", dirs_exist_ok=True)
        (self.data / "name.txt").write_text(name)
        self.credentials = {key: sandbox[key] for key in ("access_key_id", "access_key_secret")}
        (folder / "credentials.json").write_text(json.dumps(self.credentials))
        self._start(time_factor)
        self._write_inventory()
        self._upload()

    # -- the cloud -----------------------------------------------------------------------------------------------------

    def _start(self, time_factor: float) -> None:
        """A simulator of its own: empty, with the sandbox's clusters behind what is created in it."""
        host = self._sandbox["oss_endpoint"].removeprefix("http://").partition(":")[0]
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "simulator", "--state", str(self.folder / "simulator")),
                *("--cs", "127.0.0.1:0", "--oss", f"{host}:0", "--time-factor", str(time_factor)),
                *("--credentials", str(self.folder / "credentials.json"), "--driver", "/bin/true"),
                *("--kubeconfigs", str(STATE / "clusters/{name}/admin.kubeconfig")),
            ],
            env={**os.environ, "PYTHONPATH": str(REPO / "roles/sandbox/files")},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        self.cloud = Simulator(self.folder, *re.findall(r"http://[0-9.:]+", self._process.stdout.readline()))

    def _upload(self) -> None:
        """The data, into a bucket that is there already, as a data scientist would have done before."""
        bucket = bucket_of({**self.cloud.oss, **self.credentials})
        bucket.create_bucket("private")
        for path in self.data.rglob("*"):
            if path.is_file():
                bucket.put_object_from_file(f"raw/own/{path.relative_to(self.data)}", str(path))

    def _write_inventory(self) -> None:
        """inventories/sandbox, with a file over it in each group."""
        facts = {
            **{key: value for key, value in self._sandbox.items() if key not in ("oss", "cs", "kubeconfigs", "state")},
            "cs_endpoint": self.cloud.cs_url.removeprefix("http://"),
            "oss_endpoint": self.cloud.oss_url,
        }
        (self.folder / "sandbox.json").write_text(json.dumps(facts))
        shutil.copytree(REPO / "inventories/sandbox", self.inventory, dirs_exist_ok=True)
        for group, overlay in self._overlays().items():
            (self.inventory / "group_vars" / group / "zz_own.yml").write_text(yaml.safe_dump(overlay))

    def _overlays(self) -> dict[str, dict[str, Any]]:
        name = self.name
        resources = {"requests": {"cpu": "20m", "memory": "200Mi"}, "limits": {"memory": "1Gi"}}
        predictor = {"name": "only", "modelVersion": f"{name}-v1", "replicas": 1, "resources": resources}
        batching = {"batching": {"batchSize": 8}, "trafficPercentage": 100}
        worker = {
            "replicas": 1,
            "restartPolicy": "Never",
            "template": {
                "spec": {
                    "containers": [
                        {
                            "name": "tensorflow",
                            "image": self._sandbox["images"]["training"],
                            "command": ["sh", "-c", "sleep 2; cp -r $DATASET_DIR/output/. $OUTPUT_DIR/"],
                        }
                    ]
                }
            },
        }
        chart = self.folder / "chart"
        (chart / "templates").mkdir(parents=True, exist_ok=True)
        (chart / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": "own", "version": "1.0.0"}))
        config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "own"}, "data": {"a": "b"}}
        (chart / "templates/own.yaml").write_text(yaml.safe_dump(config_map))
        (chart / "templates/hook.yaml").write_text(yaml.safe_dump(self._hook()))
        job = {
            "name": name,
            "modelVersion": {"modelName": name, "version": 1, "imageRepo": f"{self.repository}"},
            "dataset": {"name": name, "s3": {"bucket": "ml-sandbox", "prefix": "raw/own"}},
            "tfReplicaSpecs": {"Worker": worker},
        }
        everywhere = {
            "cluster_init_manifests": [
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
                {
                    "apiVersion": "v1",
                    "kind": "PersistentVolume",
                    "metadata": {"name": name},
                    "spec": {
                        "capacity": {"storage": "1Gi"},
                        "accessModes": ["ReadWriteMany"],
                        "persistentVolumeReclaimPolicy": "Retain",
                        "storageClassName": "",
                        "hostPath": {"path": f"/var/lib/mlops/{name}", "type": "DirectoryOrCreate"},
                        "claimRef": {"namespace": name, "name": "volume"},
                    },
                },
                {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "metadata": {"name": "volume", "namespace": name},
                    "spec": {
                        "accessModes": ["ReadWriteMany"],
                        "storageClassName": "",
                        "volumeName": name,
                        "resources": {"requests": {"storage": "1Gi"}},
                    },
                },
            ],
            "cluster_init_releases": [{"name": "own", "namespace": name, "chart": str(chart)}],
            "serving_name": name,
            "serving_namespace": name,
            "serving_verify_requests": 50,
            "mlops_reports": str(self.folder / "reports"),
            "mlops_gates": {
                "evaluate-model": {"rule": "accuracy >= 0.1"},
                "evaluate-serving": {"rule": "lowest_accuracy >= 0.1 and failed_requests == 0"},
            },
        }
        host = {"prod": f"{name}.ack.test", "dev": f"{name}.dev.ack.test"}
        route = {"type": "gateway_api", "gateway": {"name": "contour", "namespace": "projectcontour"}}
        return {
            "all": everywhere,
            "training": {
                "training_namespace": name,
                "training_volume": {"persistentVolumeClaim": {"claimName": "volume"}},
                "training_jobs": [job],
                "cluster_init_releases": everywhere["cluster_init_releases"],
            },
            "dev": {
                "serving_route": {**route, "hostnames": [host["dev"]]},
                "serving_predictors": [{**predictor, **batching}],
            },
            "prod": {
                "serving_route": {**route, "hostnames": [host["prod"]]},
                "serving_predictors": [{**predictor, **batching}],
                "serving_model": name,
                "serving_rehearsal": {
                    "kubeconfig": "{{ hostvars['ask-dev'].mlops_kubeconfig }}",
                    "namespace": name,
                    "name": name,
                    "endpoint": "http://198.18.0.12",
                    "host": host["dev"],
                },
            },
        }

    def _hook(self) -> dict[str, Any]:
        """What makes an installation last: helm's record says pending meanwhile."""
        image = self._sandbox["images"]["busybox"]
        pod = {
            "restartPolicy": "Never",
            "containers": [{"name": "wait", "image": image, "command": ["sleep", "4"]}],
        }
        annotations = {
            "helm.sh/hook": "pre-install",
            "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
        }
        metadata = {"name": "own", "annotations": annotations}
        return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": {"spec": pod}}}

    @property
    def repository(self) -> str:
        return f"{self._sandbox['registry']}/models/{self.name}"

    # -- running -------------------------------------------------------------------------------------------------------

    @property
    def log(self) -> Path:
        """What the last run said."""
        return self.folder / "log.txt"

    def start(
        self, playbook: str, *arguments: str, log: Path | None = None, **environment: str
    ) -> subprocess.Popen[str]:
        run = subprocess.Popen(
            [str(PLAYBOOK), "-i", str(self.inventory), f"mlops.ack.{playbook}", *arguments],
            cwd=REPO,
            env=ansible_environment(
                MLOPS_ACK_STATE=str(self.folder),
                GATE="rule",
                PWD=str(REPO),
                ANSIBLE_CONFIG=str(REPO / "ansible.cfg"),
                ANSIBLE_CALLBACK_PLUGINS=str(REPO / "tests/integration/callbacks"),
                ANSIBLE_CALLBACKS_ENABLED="crash",
                CRASH_EVENTS=str(self.events),
                **environment,
            ),
            stdout=(log or self.log).open("w"),
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self._runs.append(run)
        return run

    def run(self, playbook: str, *arguments: str) -> str:
        """What it said, in one line. Raises AssertionError where the run failed."""
        code, text = self._ended(playbook, *arguments)
        assert code == 0, text[-6000:]
        return " ".join(text.split())

    def fails(self, playbook: str, *arguments: str) -> str:
        """What a run that must fail said, in one line: ansible breaks messages anywhere."""
        code, text = self._ended(playbook, *arguments)
        assert code == 2, text[-6000:]
        return " ".join(text.split())

    def _ended(self, playbook: str, *arguments: str) -> tuple[int, str]:
        code = self.start(playbook, *arguments).wait(900)
        return code, self.log.read_text()

    @property
    def events(self) -> Path:
        return self.folder / "events.jsonl"

    def take_events(self) -> list[dict[str, Any]]:
        """What the tasks did since this was asked last."""
        found = [json.loads(line) for line in self.events.read_text().splitlines()] if self.events.exists() else []
        self.events.unlink(missing_ok=True)
        return found

    # -- what is there -------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, list[str]]:
        """Every object of this site, by place, sorted; what differs from site to site (names, digests) made equal."""
        found = {"cloud": self._clusters(), "bucket": self._bucket(), "registry": self._tags()}
        for host, cluster in CLUSTERS.items():
            found[f"cluster {host}"] = self._objects(cluster)
            found[f"kubeconfig {host}"] = [str((self.folder / "kubeconfigs" / host).exists())]
        return {place: sorted(self._plain(each) for each in items) for place, items in found.items()}

    def _plain(self, text: str) -> str:
        return HEX.sub("#", text.replace(self.name, "NAME"))

    def _clusters(self) -> list[str]:
        """Clusters and node pools, as the simulator keeps them."""
        kept = [*(self.folder / "simulator/cs/clusters").glob("*"), *(self.folder / "simulator/cs/nodepools").glob("*")]
        return [f"{path.parent.name} {_named(json.loads(path.read_text()))}" for path in kept]

    def _bucket(self) -> list[str]:
        """Keys; records are numbered, so that a second one is another key. Of a lock only whether it is free."""
        bucket = bucket_of({**self.cloud.oss, **self.credentials})
        found = []
        for item in oss2.ObjectIteratorV2(bucket):
            if item.key.startswith("mlops/locks/"):
                is_free = "released" in json.load(bucket.get_object(item.key))
                found.append(f"{item.key.rpartition('/')[0]} {'free' if is_free else 'held'}")
            else:
                found.append(item.key)
        return found

    def _tags(self) -> list[str]:
        address = f"http://{self._sandbox['registry']}/v2/models/{self.name}/tags/list"
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                return list(json.load(answer)["tags"] or [])
        except urllib.error.HTTPError:
            return []

    def kubectl(self, cluster: str, *words: str) -> str:
        command = [f"{self._sandbox['bin']}/kubectl", "--kubeconfig", self._sandbox["kubeconfigs"][cluster], *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout

    def _objects(self, cluster: str) -> list[str]:
        kinds = f"{KINDS},tfjobs" if cluster == "prod" else KINDS
        text = self.kubectl(cluster, "-n", self.name, "get", kinds, "-o", "name", "--ignore-not-found")
        return [line for line in text.splitlines() if not OPERATED.search(line)]

    def close(self) -> None:
        for run in self._runs:
            if run.poll() is None:  # the test was given up
                for pid in [*descendants(run.pid), run.pid]:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
        self._process.terminate()
        self._process.wait(10)
        for cluster in CLUSTERS.values():
            with contextlib.suppress(subprocess.CalledProcessError):
                self.kubectl(cluster, "delete", "namespace,pv", self.name, "--wait=false", "--ignore-not-found")
            shutil.rmtree(STATE / "clusters" / cluster / "varlib/mlops" / self.name, ignore_errors=True)


def _named(kept: Any) -> str:
    """The name inside of what the simulator keeps of a thing."""
    if isinstance(kept, dict):
        return str(kept.get("name") or next(filter(None, map(_named, kept.values())), ""))
    return ""


def bucket_of(options: dict[str, Any], name: str = "ml-sandbox") -> oss2.Bucket:
    auth = oss2.AuthV4(options["access_key_id"], options["access_key_secret"])
    return oss2.Bucket(auth, options["oss_endpoint"], name, region=options["region"])


def trained_model(folder: Path, sandbox: dict[str, Any]) -> Path:
    """What a training of quickstart left, as files."""
    bucket = bucket_of(sandbox["oss"])
    for item in oss2.ObjectIteratorV2(bucket, prefix="mlops/runs/digits-baseline-"):
        run, _separator, path = item.key.removeprefix("mlops/runs/").partition("/output/")
        if path and "/" not in run:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            bucket.get_object_to_file(item.key, str(folder / path))
    if not (folder / "metrics.json").exists():
        pytest.fail("Quickstart has not run; run 'make quickstart' first.")
    return folder
