# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What stands for ACK's virtual node: a second kubelet beside a node's own, with its name, its label and its taint.

It shares the node's network, so its pods are real, have addresses and get requests. Its runtime, its images and its
control groups are its own. Pure text; `cluster` starts it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from .node import Node
from .pki import Certificate
from .supervisor import Program

GROUP = "virtual"
"""Of the cluster's control group: where its pods live."""
IDENTITY = "virtual-kubelet"
PORT, HEALTH_PORT = 10260, 10261
LABEL = "virtual-kubelet"
TAINT = {"key": "virtual-kubelet.io/provider", "value": "alibabacloud", "effect": "NoSchedule"}


def name(node: Node) -> str:
    return f"virtual-kubelet-{node.settings.region}-h"


def certificate(node: Node) -> Certificate:
    return Certificate(IDENTITY, f"system:node:{name(node)}", "system:nodes")


def files(node: Node) -> dict[Path, str]:
    folder = _folder(node)
    return {
        folder / "containerd.toml": node.containerd(folder),
        folder / "kubelet.yaml": yaml.safe_dump(_kubelet(node), sort_keys=False),
    }


def programs(node: Node) -> list[Program]:
    folder = _folder(node)
    return [
        Program("virtual-containerd", ["containerd", "-c", folder / "containerd.toml"]),
        node.waiting(
            "virtual-kubelet",
            node.binaries / "kubelet",
            f"--config={folder}/kubelet.yaml",
            f"--kubeconfig={node.pki}/{IDENTITY}.kubeconfig",
            f"--root-dir={folder}/kubelet",
            f"--hostname-override={name(node)}",
            f"--node-ip={node.cluster.node_ip}",
            f"--node-labels=type={LABEL}",
        ),
    ]


def _folder(node: Node) -> Path:
    return node.folder / GROUP


def _kubelet(node: Node) -> dict[str, Any]:
    folder = _folder(node)
    return {
        **node.kubelet(),
        "port": PORT,
        "healthzPort": HEALTH_PORT,
        "cgroupRoot": f"/{node.cluster.node_name}/{GROUP}",
        "containerRuntimeEndpoint": f"unix://{folder}/containerd.sock",
        # A kubelet removes the logs of pods that it does not know.
        "podLogsDir": f"{folder}/pods",
        "registerWithTaints": [TAINT],
    }
