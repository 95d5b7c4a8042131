# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names of images: `host[:port]/repository[:tag][@sha256:digest]`."""

from __future__ import annotations

import re
from typing import NamedTuple

from .._core.failure import Failure

_FORM = re.compile(
    r"(?P<host>(?:localhost|[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)+|[a-zA-Z0-9-]+(?=:\d))(?::\d{1,5})?)"
    r"/(?P<repository>[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)


class Reference(NamedTuple):
    """host: with its port where it has one. tag, digest: empty where not given."""

    host: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def place(self) -> str:
        """`host/repository`."""
        return f"{self.host}/{self.repository}"

    @property
    def wanted(self) -> str:
        """What the registry is asked for: the digest, else the tag, else `latest`."""
        return self.digest or self.tag or "latest"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.place}{tag}{'@' if self.digest else ''}{self.digest}"


def parse(field: str, text: str) -> Reference:
    """Raises Failure `InvalidOption`, also where the registry's host is left out: there is no default registry."""
    found = _FORM.fullmatch(text.strip())
    if not found:
        raise Failure(
            "InvalidOption",
            f"{field} is '{text}'; it must be host[:port]/repository[:tag][@sha256:...], the repository in lower case.",
            hint="The registry's host is needed, for example registry.example.com/models/digits.",
            details={"field": field, "found": text},
        )
    return Reference(found["host"], found["repository"], found["tag"] or "", found["digest"] or "")


def at(image: str) -> Reference:
    """A reference of a record."""
    return parse("image", image)
