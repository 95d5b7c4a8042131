# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ACK knows that decides whether a design can be carried out."""

from __future__ import annotations

from collections.abc import Mapping

from .._ack import locate
from .._ack.client import Transport
from .lint import Ack


def ask(transport: Transport, region: str, names: Mapping[str, str] | None) -> Ack:
    """Two reads. `names`: of clusters, by environment."""
    offered = transport.call(
        "DescribeKubernetesVersionMetadata",
        "read the Kubernetes versions on offer",
        query={"Region": region, "ClusterType": "ManagedKubernetes"},
    )
    present = {each["name"]: str(each.get("current_version") or "") for each in locate.listed(transport, region)}
    return Ack(offered, present, names or {})
