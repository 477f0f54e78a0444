"""What a folder does that lies behind an fsspec URL: whole answers, tried again, or a plain error.

Stores of the S3 protocol are asked by storage.s3 and Google's by storage.gs for bytes and listings;
all others, and all else, through fsspec's own methods. Every function takes the URL, for messages
and for storage.retry, the filesystem and a path in it. All raise OSError that names the URL, and
FileNotFoundError where something is not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from vbdata.storage import gs, s3
from vbdata.storage.filesystems import ABSENT, ask, plain_errors
from vbdata.storage.retry import IncompleteResponse, called, limit_s, with_retries

MAX_FILE = 8 << 30  # bytes of a file that are read into memory at once
WHOLE = 64 << 20  # bytes of a whole file for which a call has its time
LIST_S = 900.0  # seconds that one listing may take


def _spoken(fs: Any) -> Any:
    """The module that speaks a filesystem's protocol, None where fsspec's methods have to do."""
    return next((each for each in (s3, gs) if each.speaks(fs)), None)


def info(url: str, fs: Any, at: str) -> dict[str, Any] | None:
    """The entry of a file or folder, None if it is not there."""
    try:
        found: dict[str, Any] = ask(url, fs, "info", at)
    except ABSENT:
        return None
    return found


def size(url: str, fs: Any, at: str) -> int:
    """Bytes of a file, -1 if there is none."""
    found = info(url, fs, at)
    return int(found["size"]) if found and found["type"] == "file" else -1


def fetch(url: str, fs: Any, at: str, offset: int = 0, count: int | None = None) -> bytes:
    """A file, or `count` bytes of it, fewer where it ends. Raises OverflowError above MAX_FILE."""
    store = _spoken(fs)
    get = partial(store.get if store else _get, fs, at, offset, count, MAX_FILE)
    try:
        with plain_errors(url):
            return with_retries(url, get)
    except OSError as err:
        if count != 0 and not isinstance(err, ABSENT) and 0 <= size(url, fs, at) <= offset:
            return b""  # stores call that an error
        raise


def _get(fs: Any, at: str, offset: int, count: int | None, most: int) -> bytes:
    """The same once, by fsspec's methods. Raises IncompleteResponse for a part of it."""
    if count is None:
        return bytes(called(fs, "cat_file", at, limit=limit_s(min(WHOLE, most))))
    end = offset + count
    data = bytes(called(fs, "cat_file", at, start=offset, end=end, limit=limit_s(count)))
    if len(data) > count:
        raise OSError(f"{at}: asked for {count} bytes, got {len(data)}: no ranges")
    if len(data) < count:
        end = min(end, int(called(fs, "info", at)["size"]))
        if len(data) < end - offset:
            raise IncompleteResponse(f"{at}: {len(data)} bytes came of {end - offset}")
    return data


def listed(url: str, fs: Any, top: str, *, deep: bool) -> Iterator[tuple[str, int]]:
    """(path, size) of what lies below a folder, at any depth or directly; folders have size -1."""
    if store := _spoken(fs):
        with plain_errors(url):
            yield from store.listed(fs, url, top, deep=deep)
        return
    if not ask(url, fs, "isdir", top):
        return
    if deep:
        infos = ask(url, fs, "find", top, detail=True, limit=LIST_S).values()
    else:
        infos = ask(url, fs, "ls", top, detail=True, limit=LIST_S)
    for info in infos:
        yield info["name"], -1 if info["type"] == "directory" else int(info["size"])


def send(url: str, fs: Any, at: str, content: bytes | Path) -> None:
    """Replace a file by bytes or a local file, and see that it is there as a whole."""
    store = _spoken(fs)
    with plain_errors(url):
        if not store:
            with_retries(url, partial(_send, fs, at, content))
        elif isinstance(content, bytes):
            store.put(fs, url, at, content)
        else:
            store.put_file(fs, url, at, content)


def _send(fs: Any, at: str, content: bytes | Path) -> None:
    if isinstance(content, bytes):
        count = len(content)
        called(fs, "pipe_file", at, content, limit=limit_s(count))
    else:
        count = content.stat().st_size
        called(fs, "put_file", str(content), at, limit=limit_s(count))
    if (found := int(called(fs, "info", at)["size"])) != count:
        raise IncompleteResponse(f"{at}: {found} bytes are stored of {count}")


def move(url: str, fs: Any, old: str, new: str) -> None:
    """Rename a file: the store copies it, and then the old one goes."""
    count = size(url, fs, old)
    ask(url, fs, "cp_file", old, new, limit=limit_s(count))
    if size(url, fs, new) != count:
        raise OSError(f"{url}: {old} was not copied to {new}")
    remove(url, fs, old)


def remove(url: str, fs: Any, at: str) -> None:
    """Delete a file if it is there."""
    try:
        ask(url, fs, "rm_file", at)
    except ABSENT:
        return
