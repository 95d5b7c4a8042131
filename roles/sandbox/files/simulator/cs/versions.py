# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kubernetes versions on offer.

Source: ACK release notes as of October 2026. 1.34.4 is what the sandbox's clusters really run.
"""

from __future__ import annotations

from typing import Any

from ..errors import invalid
from .service import Call, Service

RUNTIMES = [{"name": "containerd", "version": "2.1.4"}, {"name": "containerd", "version": "1.6.39"}]
# Newest first: version, released, supported until, creatable.
_TABLE = (
    ("1.36.1-aliyun.1", "2026-07-30T00:00:00Z", "2027-05-30T00:00:00Z", True),
    ("1.35.3-aliyun.1", "2026-04-15T00:00:00Z", "2027-02-28T00:00:00Z", True),
    ("1.34.4-aliyun.1", "2026-02-10T00:00:00Z", "2026-09-30T00:00:00Z", True),
    ("1.34.1-aliyun.1", "2025-11-20T00:00:00Z", "2026-09-30T00:00:00Z", False),
    ("1.33.6-aliyun.1", "2025-09-10T00:00:00Z", "2026-07-31T00:00:00Z", False),
)
VERSIONS = tuple(row[0] for row in _TABLE)
NEWEST = VERSIONS[0]
_IMAGE = {
    "image_id": "aliyun_3_x64_20G_container_optimized_20260601.vhd",
    "image_name": "Alibaba Cloud Linux 3.2104 LTS 64bit container optimized",
    "platform": "AliyunLinux",
    "os_version": "3",
    "image_type": "AliyunLinux3ContainerOptimized",
    "os_type": "Linux",
    "image_category": "system",
    "architecture": "x86_64",
}


def creatable(wanted: str | None) -> str:
    """The version that a new cluster gets. Raises InvalidParameter.KubernetesVersion with what is on offer."""
    offered = [row[0] for row in _TABLE if row[3]]
    if not wanted:
        return NEWEST
    if wanted not in offered:
        raise invalid("KubernetesVersion", f"version {wanted!r} cannot be created; on offer: {', '.join(offered)}")
    return wanted


def upgradable(version: str) -> list[str]:
    """Where a cluster of this version can go: newer patches of its minor version, and the next minor version."""
    own = _minor(version)
    if version not in VERSIONS:
        return []
    return [other for other in VERSIONS[: VERSIONS.index(version)] if _minor(other) - own in (0, 1)]


def metadata(service: Service, call: Call) -> list[dict[str, Any]]:
    wanted = call.query.get("KubernetesVersion")
    return [
        {
            "version": version,
            "creatable": is_creatable,
            "release_date": released,
            "expiration_date": until,
            "upgradable_versions": upgradable(version),
            "runtimes": RUNTIMES,
            "images": [_IMAGE],
            "capabilities": {"Terway": True},
            "meta_data": {"KubernetesVersion": version},
        }
        for version, released, until, is_creatable in _TABLE
        if wanted in (None, "", version)
    ]


def _minor(version: str) -> int:
    return int(version.split(".")[1])
