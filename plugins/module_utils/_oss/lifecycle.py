# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Rules by which OSS itself deletes objects or moves them to a cheaper class: the user's words and the SDK's.

A rule as the user and the state have it, with every field present:

    id, prefix, enabled, tags, expire_days, expire_delete_marker, noncurrent_expire_days, abort_multipart_days,
    transitions [{days, storage_class}], noncurrent_transitions [{days, storage_class}]

A rule of a bucket that uses more than this has `other` besides: the names of what we do not manage.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from .._core.failure import Failure
from . import client

Rule = dict[str, Any]

DAYS = ("expire_days", "noncurrent_expire_days", "abort_multipart_days")
MOVES = ("transitions", "noncurrent_transitions")


def wished(given: Iterable[Mapping[str, Any]]) -> list[Rule]:
    """The user's rules in the form of the state. Raises Failure `InvalidOption`, naming rule and field."""
    rules = sorted((_complete(rule) for rule in given), key=lambda rule: str(rule["id"]))
    for rule, following in pairwise(rules):
        if rule["id"] == following["id"]:
            raise _refusal(rule, "id", "is given to two rules", "Give each rule an id of its own.")
    for rule in rules:
        for field in DAYS:
            if rule[field] is not None and rule[field] < 1:
                raise _refusal(rule, field, f"is {rule[field]}", "Use 1 or more days.")
        for field in MOVES:
            if any(move["days"] < 1 for move in rule[field]):
                raise _refusal(rule, f"{field}.days", "is less than 1", "Use 1 or more days.")
        if not any(rule[field] for field in (*DAYS, *MOVES, "expire_delete_marker")):
            raise _refusal(rule, "expire_days", "is not set, nor is any other action", "Say what the rule is to do.")
        if rule["expire_days"] and rule["expire_delete_marker"]:
            raise _refusal(
                rule, "expire_delete_marker", "is set beside expire_days", "OSS takes one of them; drop one."
            )
    return rules


def _complete(rule: Mapping[str, Any]) -> Rule:
    return {
        "id": rule["id"],
        "prefix": rule.get("prefix") or "",
        "enabled": rule.get("enabled") is not False,
        "tags": {str(key): str(value) for key, value in (rule.get("tags") or {}).items()},
        "expire_delete_marker": bool(rule.get("expire_delete_marker")),
        **{field: rule.get(field) for field in DAYS},
        **{field: sorted(rule.get(field) or [], key=lambda move: int(move["days"])) for field in MOVES},
    }


def _refusal(rule: Rule, field: str, found: str, hint: str) -> Failure:
    place = f"lifecycle rule '{rule['id']}'"
    return Failure("InvalidOption", f"{field} of {place} {found}.", hint=hint, details={"field": f"lifecycle.{field}"})


def to_sdk(rules: Iterable[Rule]) -> Any:
    models = client.models
    return models.BucketLifecycle([_rule_to_sdk(rule, models) for rule in rules])


def _rule_to_sdk(rule: Rule, models: Any) -> Any:
    expiration = tagging = None
    if rule["expire_days"]:
        expiration = models.LifecycleExpiration(days=rule["expire_days"])
    elif rule["expire_delete_marker"]:
        expiration = models.LifecycleExpiration(expired_detete_marker="true")  # a bool it would write as Python does
    if rule["tags"]:
        tagging = models.Tagging(models.TaggingRule())
        for key, value in rule["tags"].items():
            tagging.tag_set.add(key, value)
    days, abort = rule["noncurrent_expire_days"], rule["abort_multipart_days"]
    return models.LifecycleRule(
        rule["id"],
        rule["prefix"],
        status="Enabled" if rule["enabled"] else "Disabled",
        expiration=expiration,
        abort_multipart_upload=models.AbortMultipartUpload(days=abort) if abort else None,
        storage_transitions=[
            models.StorageTransition(days=move["days"], storage_class=move["storage_class"])
            for move in rule["transitions"]
        ],
        tagging=tagging,
        noncurrent_version_expiration=models.NoncurrentVersionExpiration(days) if days else None,
        noncurrent_version_sotrage_transitions=[
            models.NoncurrentVersionStorageTransition(move["days"], move["storage_class"])
            for move in rule["noncurrent_transitions"]
        ],
    )


def from_sdk(rules: Iterable[Any]) -> list[Rule]:
    return sorted((_rule_from_sdk(rule) for rule in rules), key=lambda rule: str(rule["id"]))


def _rule_from_sdk(rule: Any) -> Rule:
    expiration, abort = rule.expiration, rule.abort_multipart_upload
    noncurrent = rule.noncurrent_version_expiration
    moves, old_moves = rule.storage_transitions or [], rule.noncurrent_version_sotrage_transitions or []
    found = _complete(
        {
            "id": rule.id,
            "prefix": rule.prefix,
            "enabled": rule.status == "Enabled",
            "tags": rule.tagging.tag_set.tagging_rule if rule.tagging else {},
            "expire_days": expiration.days if expiration else None,
            "expire_delete_marker": expiration.expired_detete_marker if expiration else None,
            "noncurrent_expire_days": noncurrent.noncurrent_days if noncurrent else None,
            "abort_multipart_days": abort.days if abort else None,
            "transitions": [{"days": move.days, "storage_class": move.storage_class} for move in moves if move.days],
            "noncurrent_transitions": [
                {"days": move.noncurrent_days, "storage_class": move.storage_class} for move in old_moves
            ],
        }
    )
    dated = [part for part in (expiration, abort, *moves) if part is not None]
    other = {
        "filter": bool(rule.filter and any(vars(rule.filter).values())),
        "date": any(getattr(part, name, None) for part in dated for name in ("date", "created_before_date")),
        "access_time": any(move.is_access_time for move in (*moves, *old_moves)),
    }
    unmanaged = sorted(name for name, is_used in other.items() if is_used)
    return {**found, "other": unmanaged} if unmanaged else found
