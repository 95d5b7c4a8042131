# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an object is: sent, shown, and compared with what is there."""

from __future__ import annotations

import base64
import copy
from decimal import Decimal
from typing import Any

import pytest

from ansible_collections.mlops.ack.plugins.module_utils._kube.shape import (
    agrees,
    changes_between,
    prepare,
    quantity,
    secrets_of,
    visible,
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1", Decimal(1)),
        (1, Decimal(1)),
        (0.5, Decimal("0.5")),
        ("500m", Decimal("0.5")),
        ("1Gi", Decimal(2**30)),
        ("1024Mi", Decimal(2**30)),
        ("1k", Decimal(1000)),
        ("1e3", Decimal(1000)),
        ("1E", Decimal(10**18)),
        ("100n", Decimal("1e-7")),
        ("-2", Decimal(-2)),
        (".5", Decimal("0.5")),
        ("", None),
        ("1Zi", None),
        ("one", None),
        (True, None),
    ],
)
def test_quantities(text: object, number: Decimal | None) -> None:
    assert quantity(text) == number


def test_nulls_status_and_server_fields_are_not_sent() -> None:
    sent = prepare(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "x", "uid": "1", "resourceVersion": "2", "labels": None},
            "data": {"a": None, "b": ""},
            "status": {},
        }
    )
    assert sent == {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"b": ""}}


def test_string_data_becomes_data() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "stringData": {"a": "hunter2-hunter2"}}
    sent = prepare(secret)
    assert sent["data"] == {"a": base64.b64encode(b"hunter2-hunter2").decode()} and "stringData" not in sent
    assert {"hunter2-hunter2", sent["data"]["a"]} <= {*secrets_of(secret), *secrets_of(sent)}
    assert visible(sent)["data"] == {"a": "********"}


# As kube-apiserver 1.34 answers after an apply of MANIFEST: defaults, empty values dropped, quantities rewritten.
MANIFEST: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "default", "labels": {"team": "ml"}, "finalizers": ["example.org/b"]},
    "spec": {
        "replicas": 0,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "hostNetwork": False,
                "containers": [
                    {
                        "name": "c",
                        "image": "x",
                        "args": ["a", "b"],
                        "env": [{"name": "A", "value": ""}, {"name": "B", "value": "1"}],
                        "ports": [{"containerPort": 80}],
                        "resources": {"limits": {"cpu": 1, "memory": "1024Mi"}},
                    }
                ],
                "tolerations": [{"key": "a", "operator": "Exists"}],
            },
        },
    },
}
FIELDS: dict[str, Any] = {
    "f:metadata": {"f:labels": {"f:team": {}}, "f:finalizers": {'v:"example.org/b"': {}}},
    "f:spec": {
        "f:replicas": {},
        "f:selector": {},
        "f:template": {
            "f:metadata": {"f:labels": {"f:app": {}}},
            "f:spec": {
                "f:hostNetwork": {},
                "f:containers": {
                    'k:{"name":"c"}': {
                        ".": {},
                        "f:name": {},
                        "f:image": {},
                        "f:args": {},
                        "f:env": {
                            'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}},
                            'k:{"name":"B"}': {".": {}, "f:name": {}, "f:value": {}},
                        },
                        "f:ports": {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}},
                        "f:resources": {"f:limits": {"f:cpu": {}, "f:memory": {}}},
                    }
                },
                "f:tolerations": {},
            },
        },
    },
}


def live(**managed: Any) -> dict[str, Any]:
    found = copy.deepcopy(MANIFEST)
    found["metadata"].update(uid="1", finalizers=["example.org/a", "example.org/b"])
    found["metadata"]["managedFields"] = [
        {"manager": "someone", "operation": "Update", "apiVersion": "apps/v1", "fieldsV1": {}},
        {"manager": "mlops.ack", "operation": "Apply", "apiVersion": "apps/v1", "fieldsV1": FIELDS, **managed},
    ]
    container = found["spec"]["template"]["spec"]["containers"][0]
    found["spec"]["template"]["spec"].pop("hostNetwork")
    found["spec"]["template"]["spec"]["containers"].insert(0, {"name": "injected", "image": "y"})
    container["env"] = [{"name": "A"}, {"name": "B", "value": "1"}, {"name": "C", "value": "injected"}]
    container["ports"] = [{"containerPort": 80, "protocol": "TCP"}]
    container["resources"] = {"limits": {"cpu": "1", "memory": "1Gi"}}
    container["imagePullPolicy"] = "Always"
    return found


def changed(path: str, value: Any) -> dict[str, Any]:
    """MANIFEST with one field set; "-" removes it."""
    wanted = copy.deepcopy(MANIFEST)
    *parents, last = path.split(".")
    place: Any = wanted
    for part in parents:
        place = place[int(part)] if part.isdigit() else place[part]
    key: Any = int(last) if last.isdigit() else last
    if value == "-":
        del place[key]
    else:
        place[key] = value
    return wanted


CONTAINER = "spec.template.spec.containers.0"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("kind", "Deployment", id="nothing changed"),
        pytest.param(f"{CONTAINER}.resources.limits.memory", "1048576Ki", id="the same amount in another unit"),
        pytest.param(f"{CONTAINER}.resources.limits.cpu", "1000m", id="the same cores in another unit"),
    ],
)
def test_what_is_as_wished_needs_no_question(path: str, value: Any) -> None:
    assert agrees(changed(path, value), live())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("spec.replicas", 1, id="a value"),
        pytest.param("metadata.labels.team", "-", id="a removed label"),
        pytest.param("metadata.labels.more", "x", id="a new label"),
        pytest.param("metadata.labels", "-", id="all labels removed"),
        pytest.param("metadata.finalizers", ["example.org/c"], id="a set"),
        pytest.param(f"{CONTAINER}.image", "z", id="a value in a list item"),
        pytest.param(f"{CONTAINER}.image", "-", id="a field of a list item removed"),
        pytest.param(f"{CONTAINER}.env.1", "-", id="a list item removed"),
        pytest.param(f"{CONTAINER}.env", [{"name": "B", "value": "1"}, {"name": "A", "value": ""}], id="another order"),
        pytest.param(f"{CONTAINER}.env.0.value", "1", id="an empty value set"),
        pytest.param(f"{CONTAINER}.env.1.value", "1.0", id="text is no number"),
        pytest.param(f"{CONTAINER}.args", ["a"], id="a plain list"),
        pytest.param("spec.template.spec.hostNetwork", True, id="a switch"),
        pytest.param("spec.template.spec.tolerations", [], id="a whole list"),
        pytest.param("spec.selector.matchLabels.more", "x", id="inside a whole value"),
        pytest.param("spec.paused", False, id="an empty value that was never ours"),
    ],
)
def test_what_may_differ_is_asked(path: str, value: Any) -> None:
    assert not agrees(changed(path, value), live())


def test_ownership_decides() -> None:
    assert not agrees(MANIFEST, live(manager="kubectl")), "never applied by us"
    assert not agrees(MANIFEST, live(operation="Update")), "written, not applied"
    assert not agrees(MANIFEST, live(apiVersion="apps/v1beta1")), "paths of another version say nothing"
    assert not agrees(MANIFEST, live(subresource="status"))
    taken = copy.deepcopy(FIELDS)
    del taken["f:spec"]["f:replicas"]
    assert not agrees(MANIFEST, live(fieldsV1=taken)), "somebody took the field over"


def test_differences_match_named_items_by_name() -> None:
    before = {"a": [{"name": "x", "v": 1}, {"name": "y"}], "b": 1, "c": [1]}
    after = {"a": [{"name": "x", "v": 2}], "b": True, "c": [1, 2], "d": None}
    assert changes_between(before, after) == [
        ("a[x].v", 1, 2),
        ("a[y]", {"name": "y"}, None),
        ("b", 1, True),
        ("c", [1], [1, 2]),
        ("d", None, "null"),
    ]
    assert changes_between(before, before) == []
    swapped = {"a": [{"name": "y"}, {"name": "x", "v": 1}]}
    assert [path for path, _old, _new in changes_between({"a": before["a"]}, swapped)] == ["a"], "order counts"
