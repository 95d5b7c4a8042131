# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a decision releases: one gate, one environment, one subject, named by its digest."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .._core.failure import Failure
from .._core.rule import flat

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PART = re.compile(r"(?:sha256:)?([0-9a-f]{6,64})")


class Binding(NamedTuple):
    """The address of a decision."""

    environment: str
    gate: str
    subject_digest: str

    @property
    def hex(self) -> str:
        return self.subject_digest.removeprefix("sha256:")

    @property
    def decisions(self) -> str:
        """Prefix of the decision records."""
        return f"gates/{self.environment}/{self.gate}/{self.hex}"

    @property
    def requests(self) -> str:
        """Prefix of the records that somebody was asked."""
        return f"requests/{self.environment}/{self.gate}/{self.hex}"

    def __str__(self) -> str:
        return f"gate {self.gate} of {self.environment}"


def bind(environment: str, gate: str, subject: Mapping[str, Any]) -> Binding:
    """Raises Failure `InvalidOption` for a name that cannot be part of a key, or a subject that names nothing."""
    return Binding(named("environment", environment), named("name", gate), digest(subject))


def named(field: str, value: str) -> str:
    if not NAME.fullmatch(value):
        raise Failure(
            "InvalidOption",
            f"{field} is '{value}'; allowed are 1 to 63 letters, digits, '.', '_', '-', a letter or digit first.",
            details={"field": field, "found": value},
        )
    return value


def digest(subject: Mapping[str, Any]) -> str:
    """`sha256:<hex>` of the subject as canonical JSON (sorted keys, no spaces).

    An empty value is refused: a decision about "no model" would release every run whose variable happened to be empty.
    """
    if not subject:
        raise Failure(
            "InvalidOption",
            "subject is empty; a decision must say what it releases.",
            hint='For example subject: {model_digest: "sha256:...", evaluation_digest: "sha256:..."}.',
        )
    for path, value in flat(subject):
        if value is None or (isinstance(value, str) and not value.strip()) or value == {} or value == []:
            raise Failure(
                "InvalidOption",
                f"subject.{path} is empty; a decision must say what it releases.",
                hint="Set it, or leave the key out.",
                details={"field": f"subject.{path}"},
            )
    return of(subject)


def of(subject: Mapping[str, Any]) -> str:
    text = json.dumps(subject, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def resolve(wanted: str, known: Iterable[str]) -> str:
    """A full digest as it is; a beginning of at least 6 digits as the one known digest that it means.

    Raises Failure `InvalidOption` for what is no digest, `UnknownSubject` for none or more than one.
    """
    if DIGEST.fullmatch(wanted):
        return wanted
    part = _PART.fullmatch(wanted)
    if not part:
        raise Failure(
            "InvalidOption",
            f"subject_digest is '{wanted}'; it must be sha256: and 64 hexadecimal digits, or the first 6 or more.",
        )
    listed = sorted(set(known))
    meant = [each for each in listed if each.removeprefix("sha256:").startswith(part[1])]
    if len(meant) != 1:
        raise Failure(
            "UnknownSubject",
            f"subject_digest '{wanted}' means {'more than one' if meant else 'none'} of the known subjects: "
            f"{', '.join(meant or listed) or 'there are none'}.",
            hint="Give the digest in full, as the gate printed it.",
            details={"known": listed},
        )
    return meant[0]
