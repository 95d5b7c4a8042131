# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Running commands, waiting with a deadline, locking and writing files: the few calls every other module shares."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

# For daemons: nothing of the caller's own environment, such as a proxy or a KUBECONFIG.
CLEAN_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}


class SandboxError(Exception):
    """Something the user must act on. `hint` says how."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}\n{hint}".rstrip())


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    text_in: str | None = None,
    timeout_s: float = 60.0,
) -> str:
    """Run a command to its end and return its stdout; `env` is added to this process's own environment.

    Raises SandboxError with the last lines of its output if it fails, is missing or exceeds `timeout_s`.
    """
    command = [str(word) for word in argv]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **env} if env else None,
            cwd=cwd,
            input=text_in,
            stdin=subprocess.DEVNULL if text_in is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError as error:
        raise SandboxError(f"Command not found: {command[0]}.") from error
    except subprocess.TimeoutExpired as error:
        raise SandboxError(f"`{' '.join(command)}` did not end within {timeout_s:g} s.") from error
    if done.returncode:
        shown = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-15:])
        raise SandboxError(f"`{' '.join(command)}` failed with exit code {done.returncode}:\n{shown}")
    return done.stdout


def wait_until(
    check: Callable[[], bool],
    *,
    timeout_s: float,
    failure: Callable[[], str],
    broken: Callable[[], str] = lambda: "",
    every_s: float = 0.1,
) -> None:
    """Poll `check` until it is true.

    Raises SandboxError(`failure()`) after `timeout_s`, and at once when `broken()` returns a text: then waiting on
    cannot help.
    """
    deadline = time.monotonic() + timeout_s
    while not check():
        if text := broken():
            raise SandboxError(text)
        if time.monotonic() >= deadline:
            raise SandboxError(failure())
        time.sleep(every_s)


def last_lines(path: Path, count: int = 8, limit_bytes: int = 16384) -> list[str]:
    """The end of a log file; empty if there is none."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - limit_bytes))
            return log.read().decode(errors="replace").splitlines()[-count:]
    except FileNotFoundError:
        return []


def differs(path: Path, text: str, mode: int = 0o644) -> bool:
    """Whether the file lacks, or holds another text or mode."""
    try:
        return path.read_text() != text or path.stat().st_mode & 0o777 != mode
    except FileNotFoundError:
        return True


def write_file(path: Path, text: str, mode: int = 0o644) -> bool:
    """Write atomically with exactly `mode`, unless it holds that text already. Returns whether it was written.

    The mode is set before the name appears, so a secret is never readable by others, not even for a moment.
    """
    if not differs(path, text, mode):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        os.fchmod(file.fileno(), mode)
        file.write(text)
    fresh.replace(path)
    return True


@contextmanager
def locked(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold an exclusive lock on a file; the kernel frees it however the holder ends. `waiting` is told once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
