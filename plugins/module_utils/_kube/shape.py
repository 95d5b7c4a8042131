# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Objects as data: what is sent, what is shown, and whether a live object already is as wished."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from .._core.secrets import MASK

Object = dict[str, Any]

FIELD_MANAGER = "mlops.ack"

# Set by the server; neither sent nor compared.
SERVER_METADATA = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)


def prepare(manifest: Mapping[str, Any]) -> Object:
    """The manifest as it is sent: without status, fields of the server and nulls; a Secret's stringData as data.

    The server forgets who owns stringData, so that a key removed from it would stay for ever.
    """
    wanted: Object = without_none({key: value for key, value in manifest.items() if key != "status"})
    metadata = wanted.get("metadata", {})
    wanted["metadata"] = {key: value for key, value in metadata.items() if key not in SERVER_METADATA}
    if wanted.get("kind") == "Secret" and wanted.get("apiVersion") == "v1":
        text = wanted.pop("stringData", {})
        encoded = {key: base64.b64encode(str(value).encode()).decode() for key, value in text.items()}
        if encoded:
            wanted["data"] = {**wanted.get("data", {}), **encoded}
    return wanted


def without_none(value: Any) -> Any:
    """A copy without null members of mappings, at any depth: to an apply they mean "not set"."""
    if isinstance(value, Mapping):
        return {str(key): without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [without_none(item) for item in value]
    return value


def content(live: Mapping[str, Any] | None) -> Object:
    """What people wrote of an object: no status, nothing that the server counts or stamps."""
    if live is None:
        return {}
    kept = {key: value for key, value in live.items() if key != "status"}
    kept["metadata"] = {k: v for k, v in (live.get("metadata") or {}).items() if k not in SERVER_METADATA}
    return kept


def visible(live: Mapping[str, Any] | None) -> Object:
    """An object fit for a result: without managedFields, a Secret's values masked."""
    if live is None:
        return {}
    shown = dict(live)
    shown["metadata"] = {key: value for key, value in (live.get("metadata") or {}).items() if key != "managedFields"}
    if shown.get("kind") == "Secret":
        for field in ("data", "stringData"):
            if isinstance(shown.get(field), Mapping):
                shown[field] = dict.fromkeys(shown[field], MASK)
    return shown


def secrets_of(manifest: Mapping[str, Any]) -> list[str]:
    """What of a Secret must not be seen in any message, encoded and plain. Words too short to be secret are left out,
    because masking them would garble everything else.
    """
    if manifest.get("kind") != "Secret":
        return []
    found: list[str] = [str(value) for value in (manifest.get("stringData") or {}).values()]
    for value in (manifest.get("data") or {}).values():
        found.append(str(value))
        try:
            found.append(base64.b64decode(str(value), validate=True).decode())
        except ValueError:  # binary, or not base64: the server says so
            continue
    return [value for value in found if len(value) >= 8]


# -- quantities --------------------------------------------------------------------------------------------------------

_SUFFIX: Mapping[str, Decimal] = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    **{f"{letter}i": Decimal(1024**power) for power, letter in enumerate("KMGTPE", start=1)},
}
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)")


def quantity(value: object) -> Decimal | None:
    """A Kubernetes quantity as a number (bytes, cores, pieces); None where it is none. Source: resource.Quantity."""
    if isinstance(value, bool):
        return None
    found = _QUANTITY.fullmatch(str(value))
    if not found:
        return None
    number, exponent, suffix = found.groups()
    return Decimal(number) * (Decimal(10) ** int(exponent) if exponent else _SUFFIX[suffix or ""])


_HOLDS_QUANTITIES = frozenset({"limits", "requests", "capacity", "hard", "default", "defaultRequest", "min", "max"})
_IS_QUANTITY = frozenset({"sizeLimit", "averageValue", "divisor"})


# -- agreement ---------------------------------------------------------------------------------------------------------


def agrees(manifest: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Whether applying `manifest` would leave `live` as it is; False where only the server can tell.

    Reads what the server wrote down about our last apply (metadata.managedFields): which fields are ours, and by which
    keys a list is merged. It agrees when every field of the manifest is ours and has its value, and nothing else is
    ours. A change by somebody else shows as another value or as lost ownership. An object that we never applied, or a
    list without keys into which the server wrote defaults, gives False.
    Source: Kubernetes documentation, "Server-Side Apply", and structured-merge-diff, fieldpath (2026-11).
    """
    fields = owned(live, str(manifest.get("apiVersion")))
    if fields is None:
        return False
    wanted = {key: value for key, value in manifest.items() if key not in ("apiVersion", "kind")}
    wanted["metadata"] = {k: v for k, v in manifest["metadata"].items() if k not in ("name", "namespace")}
    if not wanted["metadata"]:
        del wanted["metadata"]
    return _agrees(wanted, live, fields, ())


def owned(live: Mapping[str, Any], api_version: str) -> Object | None:
    """The fields that our last apply set (FieldsV1); None where there was none in this version of the API."""
    for entry in (live.get("metadata") or {}).get("managedFields") or []:
        ours = entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply"
        if ours and not entry.get("subresource") and entry.get("apiVersion") == api_version:
            fields: Object = entry.get("fieldsV1") or {}
            return fields
    return None


def owned_through(live: Mapping[str, Any], subresource: str, field: str) -> bool:
    """Whether somebody set `spec.<field>` through a subresource, as autoscalers do through "scale"."""
    return any(
        entry.get("subresource") == subresource and f"f:{field}" in (entry.get("fieldsV1") or {}).get("f:spec", {})
        for entry in (live.get("metadata") or {}).get("managedFields") or []
    )


def _agrees(wanted: Any, live: Any, fields: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    if not fields:  # a leaf, or a value that is replaced as a whole
        return _same(wanted, live, path) or (live is None and wanted in ("", 0, False, [], {}))
    if isinstance(wanted, Mapping):
        ours = {name[2:]: child for name, child in fields.items() if name.startswith("f:")}
        if ours.keys() != wanted.keys() or not isinstance(live, Mapping):
            return False
        return all(_agrees(wanted[key], live.get(key), ours[key], (*path, key)) for key in wanted)
    if isinstance(wanted, list) and isinstance(live, list):
        values = [json.loads(name[2:]) for name in fields if name.startswith("v:")]
        if values:
            return len(values) == len(wanted) and all(item in values and item in live for item in wanted)
        return _items_agree(wanted, live, fields, path)
    return False


def _items_agree(wanted: list[Any], live: list[Any], fields: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    """A list merged by keys: each of our entries is one wanted and one live item, in the same order."""
    places: dict[int, int] = {}
    for name, child in fields.items():
        if not name.startswith("k:"):
            continue
        keys = json.loads(name[2:])
        here, there = _place(wanted, keys), _place(live, keys)
        if here is None or there is None or not _agrees(wanted[here], live[there], child, path):
            return False
        places[here] = there
    order = [places[index] for index in sorted(places)]
    return len(places) == len(wanted) and order == sorted(order)


def _place(items: list[Any], keys: Mapping[str, Any]) -> int | None:
    """Where the item with these keys is. A key that the item leaves out was filled in by the server."""
    for index, item in enumerate(items):
        if isinstance(item, Mapping) and all(item.get(key, value) == value for key, value in keys.items()):
            return index
    return None


def _same(wanted: Any, live: Any, path: tuple[str, ...]) -> bool:
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        return wanted.keys() == live.keys() and all(_same(wanted[key], live[key], (*path, key)) for key in wanted)
    if isinstance(wanted, list) and isinstance(live, list):
        return len(wanted) == len(live) and all(_same(a, b, path) for a, b in zip(wanted, live, strict=True))
    if isinstance(wanted, bool) or isinstance(live, bool):
        return wanted is live
    if wanted == live:
        return True
    is_quantity = bool(path) and (path[-1] in _IS_QUANTITY or (len(path) > 1 and path[-2] in _HOLDS_QUANTITIES))
    return is_quantity and live is not None and quantity(wanted) is not None and quantity(wanted) == quantity(live)


# -- differences -------------------------------------------------------------------------------------------------------


def is_same(one: Any, other: Any) -> bool:
    """Equal as JSON: 1 and 1.0 are one number, true is none."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(is_same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def changes_between(before: Any, after: Any, path: str = "") -> list[tuple[str, Any, Any]]:
    """(path, before, after) of every difference, both ways; items of a list that have names are matched by name.
    None means "not there"; a null that is there is told as "null".
    """
    found: list[tuple[str, Any, Any]] = []
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            below = f"{path}.{key}" if path else str(key)
            found += changes_between(_told(before, key), _told(after, key), below)
        return found
    old, new = _by_name(before), _by_name(after)
    if old and new and [name for name in old if name in new] == [name for name in new if name in old]:
        for name in dict.fromkeys([*old, *new]):
            found += changes_between(old.get(name), new.get(name), f"{path}[{name}]")
        return found
    return [] if is_same(before, after) else [(path, before, after)]


def _told(mapping: Mapping[str, Any], key: str) -> Any:
    return "null" if key in mapping and mapping[key] is None else mapping.get(key)


def _by_name(items: Any) -> dict[str, Any]:
    """A list's items by name, in their order, when each has a name of its own."""
    if not isinstance(items, list) or not all(isinstance(item, Mapping) and item.get("name") for item in items):
        return {}
    named = {str(item["name"]): item for item in items}
    return named if len(named) == len(items) else {}
