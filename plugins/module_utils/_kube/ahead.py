# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Images that lie on the nodes of a site before anybody needs them. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from .._core.failure import Failure
from .._core.spelling import nearest
from .placement import SITE

SLEEP = ["sleep", "2147483647"]  # busybox knows no `infinity` everywhere
SMALL = {"requests": {"cpu": "1m", "memory": "4Mi"}, "limits": {"memory": "32Mi"}}


def model_images(wanted: Sequence[str], versions: Sequence[Mapping[str, Any]]) -> list[str]:
    """The image of each model version, by the records. Raises Failure `NotFound` for one that is in none."""
    images = {str(each["reference"]): str(each["image"]) for each in versions}
    for reference in wanted:
        if reference not in images:
            meant = nearest(reference, images)
            raise Failure(
                "NotFound",
                f"Model version {reference} is not in the store. Versions: {', '.join(sorted(images)) or 'none'}.",
                hint=f"Did you mean '{meant}'?" if meant else "",
            )
    return [images[reference] for reference in wanted]


def pull_ahead(site: str, images: Sequence[str], namespace: str, pull_secret: str = "") -> dict[str, Any]:
    """A DaemonSet of the site, with a container that sleeps for each image: what runs is not collected as garbage."""
    labels = {"app.kubernetes.io/name": "pull-ahead", SITE: site}
    containers = [
        {
            "name": f"i-{hashlib.sha256(image.encode()).hexdigest()[:8]}",
            "image": image,
            "imagePullPolicy": "IfNotPresent",
        }
        | {"command": SLEEP, "resources": SMALL}
        for image in sorted(set(images))
    ]
    spec: dict[str, Any] = {
        "nodeSelector": {SITE: site},
        "tolerations": [{"operator": "Exists"}],
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
        "containers": containers,
    }
    if pull_secret:
        spec["imagePullSecrets"] = [{"name": pull_secret}]
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": f"pull-ahead-{site}".lower().replace("_", "-"), "namespace": namespace, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%"}},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }
