# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ARMS's collector does for a Prometheus beside it: finds annotated monitors, their pods and rules, and writes
what Prometheus reads. Debian's is built without discovery of Kubernetes, so it is told its targets by file.

    python3 collector.py /shared        # until it is ended
"""

from __future__ import annotations

import json
import os
import re
import ssl
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
ANNOTATION = "arms.prometheus.io/discovery"
EACH_S = 3.0

Object = dict[str, Any]


def targets(monitor: Object, pods: list[Object]) -> list[Object]:
    """Entries of a file_sd_configs file: one for each running pod that a PodMonitor selects and each of its endpoints.

    Source: Prometheus operator, generation of a PodMonitor's relabeling (2026-11).
    """
    metadata, spec = monitor["metadata"], monitor["spec"]
    found = []
    for pod in pods:
        labels = pod["metadata"].get("labels") or {}
        running = pod["status"].get("phase") == "Running" and pod["status"].get("podIP")
        here = pod["metadata"]["namespace"] == metadata["namespace"]
        if not (here and running and selects(spec["selector"], labels)):
            continue
        kept = {_label(name): labels[name] for name in spec.get("podTargetLabels") or () if name in labels}
        for endpoint in spec["podMetricsEndpoints"]:
            for container in pod["spec"]["containers"]:
                for port in container.get("ports") or ():
                    if port.get("name") != endpoint["port"]:
                        continue
                    found.append(
                        {
                            "targets": [f"{pod['status']['podIP']}:{port['containerPort']}"],
                            "labels": {
                                "job": f"{metadata['namespace']}/{metadata['name']}",
                                "namespace": metadata["namespace"],
                                "pod": pod["metadata"]["name"],
                                "container": container["name"],
                                "__metrics_path__": endpoint.get("path", "/metrics"),
                                **kept,
                            },
                        }
                    )
    return found


def selects(selector: Object, labels: Object) -> bool:
    """Whether a label selector takes these labels; of the expressions only `In` is known here."""
    equal = (selector.get("matchLabels") or {}).items() <= labels.items()
    return equal and all(
        each["operator"] == "In" and labels.get(each["key"]) in each["values"]
        for each in selector.get("matchExpressions") or ()
    )


def discovered(objects: list[Object]) -> list[Object]:
    """Those that carry ARMS's annotation."""
    return [each for each in objects if (each["metadata"].get("annotations") or {}).get(ANNOTATION) == "true"]


def rules(objects: list[Object]) -> Object:
    """A Prometheus rule file of all groups; a group's name is made unique by its object's."""
    groups = []
    for each in objects:
        place = f"{each['metadata']['namespace']}/{each['metadata']['name']}"
        groups += [{**group, "name": f"{place}/{group['name']}"} for group in each["spec"].get("groups") or ()]
    return {"groups": groups}


def _label(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_]", "_", name)


class Api:
    """The cluster's API by the pod's own account."""

    def __init__(self) -> None:
        self._context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
        self._base = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"

    def items(self, path: str) -> list[Object]:
        token = (ACCOUNT / "token").read_text()
        request = urllib.request.Request(self._base + path, headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=10, context=self._context) as answer:
            return list(json.load(answer)["items"])


def collect(api: Api, folder: Path) -> bool:
    """Write targets.json and rules.json (JSON is YAML). Returns whether the rules changed: Prometheus rereads targets
    by itself, rules when it is told.
    """
    group = "/apis/monitoring.coreos.com/v1"
    pods = api.items("/api/v1/pods")
    found = [entry for monitor in discovered(api.items(f"{group}/podmonitors")) for entry in targets(monitor, pods)]
    _write(folder / "targets.json", found)
    return _write(folder / "rules.json", rules(discovered(api.items(f"{group}/prometheusrules"))))


def _write(path: Path, content: Any) -> bool:
    text = json.dumps(content, indent=1, sort_keys=True)
    if path.exists() and path.read_text() == text:
        return False
    temporary = path.with_suffix(".part")
    temporary.write_text(text)
    temporary.rename(path)
    return True


def main(folder: Path) -> None:
    api = Api()
    while True:
        try:
            if collect(api, folder):
                urllib.request.urlopen("http://127.0.0.1:9090/-/reload", data=b"", timeout=10).close()
        except (OSError, ValueError, KeyError) as error:  # the API server or Prometheus may be restarting
            print(f"collector: {error!r}", file=sys.stderr, flush=True)
            (folder / "rules.json").unlink(missing_ok=True)  # so that the reload is not forgotten
        time.sleep(EACH_S)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
