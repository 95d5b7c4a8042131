# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Progress lines: `[ 12.3s] text`, one at least every ten seconds while something long goes on."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

Report = Callable[[str], None]


class Progress:
    """Prints lines with the seconds since it was made. Safe to call from several threads.

    Goes to stderr, so that `--json` leaves stdout to the result.
    """

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._start = self._last = clock()
        self._lock = threading.Lock()

    def __call__(self, text: str) -> None:
        with self._lock:
            self._last = self._clock()
            self._stream.write(f"[{self._last - self._start:6.1f}s] {text}\n")
            self._stream.flush()

    def quiet_s(self) -> float:
        """Seconds since the last line."""
        return self._clock() - self._last

    @contextmanager
    def during(self, describe: Callable[[], str], every_s: float = 10.0) -> Iterator[None]:
        """While the body runs, print `describe()` whenever nothing else was printed for `every_s` seconds."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(min(1.0, every_s / 4)):
                if self.quiet_s() >= every_s:
                    self(describe())

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
