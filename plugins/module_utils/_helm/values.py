# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values of a release: merged as helm merges them, compared in depth, shown without secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .._core.documents import document
from .._core.failure import Failure
from .._core.secrets import MASK

Values = dict[str, Any]


def merge(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> Values:
    """`lower` with `upper` laid over it: mappings in depth, everything else replaced. A null stays a null, by which
    helm removes a default of the chart. Source: helm 3, pkg/cli/values and chartutil (2026-11).
    """
    merged = dict(lower)
    for key, value in upper.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def gather(files: Sequence[str], values: Mapping[str, Any] | None) -> Values:
    """The files in their order, later ones over earlier ones, then `values` over all of them.

    Raises Failure `InvalidValues`, naming the file.
    """
    gathered: Values = {}
    for file in files:
        try:
            loaded = document(Path(file).read_text())
        except (OSError, ValueError) as error:
            raise Failure("InvalidValues", f"Cannot read the values file {file}: {error}.") from error
        if not isinstance(loaded or {}, Mapping):
            raise Failure("InvalidValues", f"The values file {file} holds {type(loaded).__name__}, not a mapping.")
        gathered = merge(gathered, loaded or {})
    return merge(gathered, values or {})


_SECRET = re.compile(
    r"passw(or)?d|passphrase|secret|token|credential|(api|private|access|encryption)[_-]?key", re.IGNORECASE
)
_ONLY_A_NAME = re.compile(r"(name|ref|path|file|enabled|ttl|pullsecrets?)$|^existing", re.IGNORECASE)


def secrets_of(values: Any, path: str = "", is_secret: bool = False) -> Iterator[tuple[str, str]]:
    """(path, text) of the texts that stand under a key which sounds secret. Names of Secrets and paths are none."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            below = f"{path}.{key}" if path else str(key)
            yield from secrets_of(value, below, _is_secret(key, is_secret))
    elif isinstance(values, list):
        for index, value in enumerate(values):
            yield from secrets_of(value, f"{path}[{index}]", is_secret)
    elif is_secret and isinstance(values, str) and values:
        yield path, values


def masked(values: Any, is_secret: bool = False) -> Any:
    """A copy fit for a result: what `secrets_of` finds is masked."""
    if isinstance(values, Mapping):
        return {key: masked(value, _is_secret(key, is_secret)) for key, value in values.items()}
    if isinstance(values, list):
        return [masked(value, is_secret) for value in values]
    return MASK if is_secret and isinstance(values, str) and values else values


def _is_secret(key: object, is_inside: bool) -> bool:
    return (is_inside or bool(_SECRET.search(str(key)))) and not _ONLY_A_NAME.search(str(key))
