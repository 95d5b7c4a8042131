# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who gets in: kubeconfigs and permissions."""

from __future__ import annotations

from ..errors import ServiceError, invalid
from ..store import Document
from .service import Call, Service

SHORTEST_MIN, LONGEST_MIN = 15, 4320
LONG_LIVED_S = 3 * 365 * 24 * 3600.0

# What a cluster without a real one behind it hands out.
_PLACEHOLDER = """apiVersion: v1
kind: Config
clusters:
- name: kubernetes
  cluster: {{server: https://192.0.2.10:6443}}
contexts:
- name: "{user}-{cluster}"
  context: {{cluster: kubernetes, user: "{user}"}}
current-context: "{user}-{cluster}"
users:
- name: "{user}"
  user: {{token: placeholder}}
"""


def kubeconfig(service: Service, call: Call) -> Document:
    """DescribeClusterUserKubeconfig and its form for one user. A real cluster's text is its administrator's."""
    record = service.operable(call)
    minutes = call.number("TemporaryDurationMinutes", 0)
    if minutes and not SHORTEST_MIN <= minutes <= LONGEST_MIN:
        raise invalid("TemporaryDurationMinutes", f"{minutes} is not between {SHORTEST_MIN} and {LONGEST_MIN}")
    expiration = service.clock.utc(later_s=minutes * 60.0 or LONG_LIVED_S)
    if service.driver is None:
        user = call.ids.get("uid", "kubernetes-admin")
        return {
            "config": _PLACEHOLDER.format(user=user, cluster=record["cluster"]["cluster_id"]),
            "expiration": expiration,
        }
    try:
        return {"config": service.driver.kubeconfig(record["real"]), "expiration": expiration}
    except OSError as failed:
        raise ServiceError(
            500, "InternalError", f"the kubeconfig of {record['real']} cannot be read: {failed}"
        ) from failed


def revoke(service: Service, call: Call) -> Document:
    """Nothing is revoked in a real cluster: its certificates belong to the sandbox."""
    service.operable(call)
    return {}


def grant(service: Service, call: Call) -> None:
    _replace(service, call, call.body)


def update(service: Service, call: Call) -> None:
    """`mode`: apply replaces everything, patch adds, delete removes."""
    mode, old = call.query.get("mode") or "apply", _held(service, call.ids["uid"])
    if mode not in ("apply", "patch", "delete"):
        raise invalid("Mode", f"mode {mode!r} is none of apply, patch, delete")
    others = [held for held in old if not any(_same(held, asked) for asked in call.body)]
    _replace(service, call, {"apply": call.body, "patch": [*others, *call.body], "delete": others}[mode])


def permissions(service: Service, call: Call) -> list[Document]:
    return [
        {
            "resource_id": "/".join(filter(None, (held.get("cluster"), held.get("namespace")))),
            "resource_type": held.get("role_type") or "cluster",
            "role_name": held.get("role_name", ""),
            "role_type": "custom" if held.get("is_custom") else held.get("role_name", ""),
            "is_owner": 0,
            "is_ram_role": int(bool(held.get("is_ram_role"))),
        }
        for held in _held(service, call.ids["uid"])
    ]


def _held(service: Service, uid: str) -> list[Document]:
    return list((service.permissions.get(uid) or {"permissions": []})["permissions"])


def _replace(service: Service, call: Call, permissions: list[Document]) -> None:
    for asked in permissions:
        if asked.get("cluster"):
            service.cluster_named(asked["cluster"])
    service.permissions.put(call.ids["uid"], {"permissions": permissions})


def _same(one: Document, other: Document) -> bool:
    return all(one.get(name) == other.get(name) for name in ("cluster", "namespace", "role_type", "role_name"))
