# Copyright: (c) 2026, mlops.ack contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Moves files between signed URLs and a volume. Its own source text runs in a pod: standard library of Python 3.7 only.

    python3 -c SOURCE load ROOT REQUESTS    the listed files are in ROOT afterwards, checked byte by byte
    python3 -c SOURCE list ROOT             one line for each file below ROOT
    python3 -c SOURCE snap ROOT.kept        ROOT as it is now is in ROOT.kept, and is listed: files that are replaced
                                            meanwhile stay as they were; hidden ones are left out
    python3 -c SOURCE send ROOT REQUESTS    the listed files of ROOT are at their URLs afterwards

REQUESTS is a folder of *.json.gz, each a list of {path, size, sha256, md5 (send), url, key}. ROOT begins with the mount
point of the volume. Every line on stdout is a JSON object with `event`: progress, file, done, or error (the last line).
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import http.client
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

BLOCK = 1 << 20
TRIES = 6
THREADS = 8
TIMEOUT_S = 60
SAY_EACH_S = 5
DRAFT = ".mlops-draft-"
SNAPSHOT = ".kept"
LARGEST_PUT = 5 * 1024**3  # OSS takes no more in one PUT

EXITS = {
    "MissingObject": 3,
    "AlteredObject": 4,
    "AlteredFile": 12,
    "NoSpace": 5,
    "Unreachable": 6,
    "Refused": 7,
    "NotWritable": 8,
    "UnexpectedFile": 9,
    "MissingFile": 10,
    "FileTooLarge": 11,
}
"""Exit code of each error."""


class Broken(Exception):
    """The end of a transfer: a code of EXITS, and the facts for the error line."""

    def __init__(self, code: str, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.facts = code, message, facts


class Transient(Exception):
    """Worth another try."""


def say(event: str, **facts: Any) -> None:
    sys.stdout.write(json.dumps({"event": event, **facts}) + "\n")
    sys.stdout.flush()


class Count:
    """Files and bytes done, told each few seconds."""

    def __init__(self, files: list[dict[str, Any]]) -> None:
        self.lock = threading.Lock()
        self.of_files, self.of_bytes = len(files), sum(each["size"] for each in files)
        self.files = self.bytes = self.written = 0
        self.said_at = time.monotonic()

    def add(self, files: int = 0, size: int = 0, written: int = 0) -> None:
        with self.lock:
            self.files, self.bytes, self.written = self.files + files, self.bytes + size, self.written + written
            if time.monotonic() - self.said_at >= SAY_EACH_S:
                self.said_at = time.monotonic()
                say("progress", files=self.files, of_files=self.of_files, bytes=self.bytes, of_bytes=self.of_bytes)


def load(root: Path, files: list[dict[str, Any]]) -> None:
    root.mkdir(parents=True, exist_ok=True)
    wanted = {each["path"] for each in files}
    for path, place in walk(root):
        if place.name.startswith(DRAFT):
            place.unlink()  # of a load that was killed
        elif path not in wanted:
            raise Broken("UnexpectedFile", f"{root} holds {path}, which is no part of the dataset.", path=path)
    needed = sum(each["size"] for each in files if not has_size(inside(root, each["path"]), each["size"]))
    free = shutil.disk_usage(str(root)).free
    if needed > free:
        raise Broken("NoSpace", f"The volume has {free} bytes free; {needed} are needed.", free=free, needed=needed)
    run_all(load_one, root, files)


def load_one(root: Path, each: dict[str, Any], count: Count) -> None:
    place = inside(root, each["path"])
    if has_size(place, each["size"]) and hashes(place)[0] == each["sha256"]:
        count.add(files=1, size=each["size"])
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(DRAFT + place.name)
    try:
        size, sha256 = again(lambda: fetch(each, draft), each)
        if (size, sha256) != (each["size"], each["sha256"]):
            raise Broken(
                "AlteredObject",
                f"{each['key']} is not what was expected: {size} bytes with sha256 {sha256} "
                f"instead of {each['size']} bytes with sha256 {each['sha256']}.",
                key=each["key"],
                expected={"size": each["size"], "sha256": each["sha256"]},
                found={"size": size, "sha256": sha256},
            )
        draft.replace(place)
    finally:
        if draft.exists():
            draft.unlink()
    count.add(files=1, size=each["size"], written=1)


def fetch(each: dict[str, Any], draft: Path) -> tuple[int, str]:
    """(bytes, sha256) of what the URL gave."""
    told, size = hashlib.sha256(), 0
    connection, answer = request("GET", each)
    try:
        with draft.open("wb") as stream:
            for block in iter(lambda: answer.read(BLOCK), b""):
                told.update(block)
                size += len(block)
                stream.write(block)
        promised = answer.getheader("Content-Length")
        if promised is not None and size < int(promised):
            raise Transient(f"the connection closed after {size} of {promised} bytes")
    finally:
        connection.close()
    return size, told.hexdigest()


def send(root: Path, files: list[dict[str, Any]]) -> None:
    run_all(send_one, root, files)


def send_one(root: Path, each: dict[str, Any], count: Count) -> None:
    place, path = inside(root, each["path"]), each["path"]
    if not place.is_file():
        raise Broken("MissingFile", f"{path} is no longer in the volume.", path=path)
    if each["size"] > LARGEST_PUT:
        raise Broken("FileTooLarge", f"{path} has {each['size']} bytes; OSS takes 5 GiB in one piece.", path=path)
    if not has_size(place, each["size"]) or hashes(place)[0] != each["sha256"]:
        raise Broken("AlteredFile", f"{path} changed while it was being collected.", path=path)
    again(lambda: store(each, place), each)
    count.add(files=1, size=each["size"], written=1)


def store(each: dict[str, Any], place: Path) -> None:
    with place.open("rb") as stream:
        connection, answer = request("PUT", each, stream)
        try:
            answer.read()
            etag = (answer.getheader("ETag") or "").strip('"').lower()
            if etag != each["md5"]:
                raise Transient(f"OSS stored another content: ETag {etag} instead of {each['md5']}")
        finally:
            connection.close()


def request(
    method: str, each: dict[str, Any], stream: BinaryIO | None = None
) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    """One signed request. No header is added that the signature does not know."""
    url = urlsplit(each["url"])
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.netloc, timeout=TIMEOUT_S)
    headers = {"Content-Length": str(each["size"])} if stream else {}
    connection.request(method, url.path + "?" + url.query, body=stream, headers=headers)
    answer = connection.getresponse()
    if answer.status == 200:
        return connection, answer
    text = answer.read(2000).decode(errors="replace")
    connection.close()
    code = text.partition("<Code>")[2].partition("</Code>")[0] or str(answer.status)
    if answer.status == 404 and code != "NoSuchBucket":
        raise Broken("MissingObject", f"{each['key']} does not exist (any more).", key=each["key"])
    if answer.status == 429 or answer.status >= 500:
        raise Transient(f"OSS answered {code}")
    raise Broken("Refused", f"OSS refused {method} of {each['key']}: {code}.", key=each["key"], reason=code)


def again(attempt: Any, each: dict[str, Any]) -> Any:
    """Tries a transfer until it works: broken connections, throttling and 5xx are given several chances."""
    for number in range(1, TRIES + 1):
        try:
            return attempt()
        except (Transient, http.client.HTTPException, OSError) as error:
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                raise Broken("NoSpace", "The volume is full.", key=each["key"]) from error
            if isinstance(error, OSError) and error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
                raise Broken("NotWritable", f"The volume cannot be written: {error}.") from error
            if number == TRIES:
                host, key = urlsplit(each["url"]).netloc, each["key"]
                raise Broken(
                    "Unreachable", f"{key} could not be moved; {host}: {error}.", key=key, host=host
                ) from error
            time.sleep(0.3 * 2**number)
    raise AssertionError


def list_files(root: Path) -> None:
    if not root.is_dir():
        raise Broken("MissingFile", f"The volume has no folder {root}.", path=str(root))
    count = total = 0
    for path, place in sorted(walk(root)):
        sha256, md5 = hashes(place)
        size = place.stat().st_size
        count, total = count + 1, total + size
        say("file", path=path, size=size, sha256=sha256, md5=md5)
    say("done", files=count, bytes=total, written=0)


def snap(root: Path) -> None:
    """A link costs no space. Where the volume knows none, it is a copy."""
    source = root.with_name(root.name[: -len(SNAPSHOT)])
    if not source.is_dir():
        raise Broken("MissingFile", f"The volume has no folder {source}.", path=str(source))
    shutil.rmtree(str(root), ignore_errors=True)
    root.mkdir(parents=True)
    for path, place in walk(source):
        if place.name.startswith("."):
            continue
        kept = inside(root, path)
        kept.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(str(place), str(kept))
        except FileNotFoundError:
            continue  # replaced by a newer one
        except OSError:
            shutil.copyfile(str(place), str(kept))
    list_files(root)


def walk(root: Path) -> Iterator[tuple[str, Path]]:
    """(path relative to root, place) of every regular file; links are not followed."""
    for place in root.rglob("*"):
        if place.is_file() and not place.is_symlink():
            yield place.relative_to(root).as_posix(), place


def inside(root: Path, path: str) -> Path:
    if path.startswith("/") or ".." in path.split("/"):
        raise Broken("UnexpectedFile", f"{path} leads out of the folder.", path=path)
    return root / path


def has_size(place: Path, size: int) -> bool:
    return place.is_file() and place.stat().st_size == size


def hashes(place: Path) -> tuple[str, str]:
    """(sha256, md5). md5 is only what OSS calls ETag; it protects nothing."""
    try:
        md5 = hashlib.new("md5", usedforsecurity=False)
    except TypeError:  # before Python 3.9
        md5 = hashlib.new("md5")
    sha256 = hashlib.sha256()
    with place.open("rb") as stream:
        for block in iter(lambda: stream.read(BLOCK), b""):
            sha256.update(block)
            md5.update(block)
    return sha256.hexdigest(), md5.hexdigest()


def run_all(one: Any, root: Path, files: list[dict[str, Any]]) -> None:
    count = Count(files)
    with ThreadPoolExecutor(THREADS) as pool:
        running = [pool.submit(one, root, each, count) for each in files]
        try:
            for done in as_completed(running):
                done.result()
        except BaseException:
            for other in running:
                other.cancel()
            raise
    say("done", files=count.files, bytes=count.bytes, written=count.written)


def requests(folder: Path) -> list[dict[str, Any]]:
    files: list[dict[str, Any]] = []
    for place in sorted(folder.glob("*.json.gz")):
        with gzip.open(str(place), "rt") as stream:
            files += json.load(stream)
    return files


def main(arguments: list[str]) -> int:
    verb, root = arguments[0], Path(arguments[1])
    try:
        if verb in ("list", "snap"):
            {"list": list_files, "snap": snap}[verb](root)
        else:
            {"load": load, "send": send}[verb](root, requests(Path(arguments[2])))
    except Broken as broken:
        say("error", code=broken.code, message=broken.message, **broken.facts)
        return EXITS[broken.code]
    except OSError as error:
        code = "NoSpace" if error.errno == errno.ENOSPC else "NotWritable"
        say("error", code=code, message=f"The volume cannot be used: {error}.")
        return EXITS[code]
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))  # a process with number 1 ignores it otherwise
    raise SystemExit(main(sys.argv[1:]))
