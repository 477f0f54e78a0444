"""What a folder behind an fsspec URL does: whole responses, retried, or an OSError.

Object stores of the S3 protocol and Google's are read and written by modules of their own; all
other filesystems, and all other requests, go through fsspec's methods. Every function takes the
folder's URL, for messages and for the bound on retries, its filesystem, and a path in that. All
raise OSError that names the URL; FileNotFoundError if something is not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from vbdata.storage import gs, gs_upload, s3, s3_upload
from vbdata.storage.connected import call_retried
from vbdata.storage.filesystems import ABSENT, plain_errors
from vbdata.storage.retry import IncompleteResponse, call, limit_s, with_retries
from vbdata.storage.root import MAX_FILE
from vbdata.storage.told import UNKNOWN, Listed, told

WHOLE = 64 << 20  # bytes for which a call has time that reads a whole file
LIST_S = 900.0  # seconds that one listing may take


def _reader(fs: Any) -> Any:
    """The module that reads from this kind of store; None: fsspec's methods do."""
    return next((module for module in (s3, gs) if module.handles(fs)), None)


def _writer(fs: Any) -> Any:
    """The module that writes to this kind of store; None: fsspec's methods do."""
    return {s3: s3_upload, gs: gs_upload}.get(_reader(fs))


def info(url: str, fs: Any, path: str) -> dict[str, Any] | None:
    """The entry of a file or folder as fsspec describes it, None if it is not there."""
    try:
        entry: dict[str, Any] = call_retried(url, fs, "info", path)
    except ABSENT:
        return None
    return entry


def size(url: str, fs: Any, path: str) -> int:
    """Bytes of a file, -1 if there is none. Raises OSError if the server does not tell."""
    entry = info(url, fs, path)
    if not entry or entry["type"] != "file":
        return -1
    if entry["size"] is None:
        raise OSError(f"{url}: {path}: the server does not say how many bytes it has")
    return int(entry["size"])


def fetch(url: str, fs: Any, path: str, offset: int = 0, count: int | None = None) -> bytes:
    """A file, or `count` bytes of it from `offset` on, fewer where it ends.

    Raises OverflowError if that is more than MAX_FILE bytes.
    """
    reader = _reader(fs)
    get = partial(reader.get if reader else _get, fs, path, offset, count, MAX_FILE)
    try:
        with plain_errors(url):
            return with_retries(url, get)
    except OSError as err:
        # a range that begins at the end of a file or beyond it is an error for stores (416)
        if count != 0 and not isinstance(err, ABSENT) and 0 <= size(url, fs, path) <= offset:
            return b""
        raise


def _get(fs: Any, path: str, offset: int, count: int | None, most: int) -> bytes:
    """A file or a part of it by fsspec's methods, once. Raises IncompleteResponse."""
    if count is None:
        return bytes(call(fs, "cat_file", path, limit=limit_s(min(WHOLE, most))))
    end = offset + count
    data = bytes(call(fs, "cat_file", path, start=offset, end=end, limit=limit_s(count)))
    if len(data) > count:
        raise OSError(f"{path}: asked for {count} bytes, got {len(data)}: no ranges")
    if len(data) < count:
        end = min(end, int(call(fs, "info", path)["size"]))
        if len(data) < end - offset:
            raise IncompleteResponse(f"{path}: {len(data)} bytes came of {end - offset}")
    return told(data, UNKNOWN)


def list_below(url: str, fs: Any, path: str, *, deep: bool) -> Iterator[Listed]:
    """What lies below a folder, at any depth or directly."""
    if reader := _reader(fs):
        with plain_errors(url):
            yield from reader.list_below(fs, url, path, deep=deep)
        return
    if not call_retried(url, fs, "isdir", path):
        return
    if deep:
        entries = call_retried(url, fs, "find", path, detail=True, limit=LIST_S).values()
    else:
        entries = call_retried(url, fs, "ls", path, detail=True, limit=LIST_S)
    for entry in entries:
        if entry["type"] == "directory":
            yield Listed(entry["name"], -1)
        elif entry["size"] is not None:
            yield Listed(entry["name"], int(entry["size"]))
        elif (bytes_there := size(url, fs, entry["name"])) >= 0:  # an index page has no sizes
            yield Listed(entry["name"], bytes_there)


def send(url: str, fs: Any, path: str, content: bytes | Path) -> None:
    """Replace a file by bytes or a local file, and check that all of it is stored."""
    writer = _writer(fs)
    with plain_errors(url):
        if not writer:
            with_retries(url, partial(_send, fs, path, content))
        elif isinstance(content, bytes):
            writer.put(fs, url, path, content)
        else:
            writer.put_file(fs, url, path, content)


def _send(fs: Any, path: str, content: bytes | Path) -> None:
    if isinstance(content, bytes):
        count = len(content)
        call(fs, "pipe_file", path, content, limit=limit_s(count))
    else:
        count = content.stat().st_size
        call(fs, "put_file", str(content), path, limit=limit_s(count))
    if (stored := int(call(fs, "info", path)["size"])) != count:
        raise IncompleteResponse(f"{path}: {stored} bytes are stored of {count}")


def move(url: str, fs: Any, old: str, new: str) -> None:
    """Rename a file: the store copies it, and then the old one is deleted."""
    count = size(url, fs, old)
    call_retried(url, fs, "cp_file", old, new, limit=limit_s(count))
    if size(url, fs, new) != count:
        raise OSError(f"{url}: {old} was not copied to {new}")
    remove(url, fs, old)


def remove(url: str, fs: Any, path: str) -> None:
    """Delete a file if it is there."""
    try:
        call_retried(url, fs, "rm_file", path)
    except ABSENT:
        return


def abort_uploads(url: str, fs: Any, path: str) -> int:
    """Abort uploads that killed processes left below a folder; return how many there were.

    Stores of the S3 protocol alone keep parts that nobody finished.
    """
    if not s3.handles(fs):
        return 0
    with plain_errors(url):
        return s3_upload.abort_below(fs, url, path)
