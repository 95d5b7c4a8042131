# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""MD5 and, where it is fast enough, the CRC-64 that the client library compares."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

CRC_POLYNOMIAL = 0x142F0E1EBA9EA3693


def _crc64() -> Callable[[bytes, int], int] | None:
    """CRC-64/XZ from crcmod when its C part was built; in plain Python 2 GiB would take half an hour."""
    try:
        import crcmod  # type: ignore[import-untyped]
        import crcmod._crcfunext  # type: ignore[import-untyped]
    except ImportError:
        return None
    function: Callable[[bytes, int], int] = crcmod.mkCrcFun(CRC_POLYNOMIAL, initCrc=0, rev=True, xorOut=(1 << 64) - 1)
    return function


CRC64 = _crc64()


@dataclass
class Checksum:
    """Running sums over the bytes seen so far."""

    size: int = 0
    crc: int = 0

    def __post_init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)

    def update(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self._md5.update(chunk)
        if CRC64 is not None:
            self.crc = CRC64(chunk, self.crc)

    @property
    def md5(self) -> bytes:
        return self._md5.digest()

    @property
    def etag(self) -> str:
        return self._md5.hexdigest().upper()

    @property
    def crc64(self) -> str | None:
        """Decimal text, None when it is not computed."""
        return None if CRC64 is None else str(self.crc)
