"""Uploads to Google Cloud Storage (JSON API): checked by MD5, visible all at once or not at all.

An upload states its MD5, so that the store refuses what arrives damaged, and the MD5 that comes
back is compared. Large files go up by a resumable upload: nothing of it is visible before its last
byte; after a failure the store is asked how much it has; and it is cancelled if anything goes wrong
(the store itself drops it after a week). Every `path` is BUCKET/KEY; every `url` is that of the
folder, for messages and for the bound on retries.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vbdata.machine.hashing import file_md5
from vbdata.storage.retry import IncompleteResponse, call, limit_s, with_retries

PART = 16 << 20  # bytes of one request of an upload; the protocol wants multiples of 256 KiB
SESSIONS = 3  # times that the upload of a large file is started anew
KIND = "application/octet-stream"


class _StartAnew(OSError):
    """An upload that cannot go on, but may be started anew."""


def put(fs: Any, url: str, path: str, data: bytes) -> None:
    """Replace an object by one request, retried. Raises OSError if it did not arrive whole."""
    bucket, key, _ = fs.split_path(path)
    digest = _md5(data)
    # A boundary must not occur in the data; data in which their own MD5 occurs are not to be met.
    mark = f"vbdata-{base64.b64decode(digest).hex()}"
    entry = json.dumps({"name": key, "md5Hash": digest})
    head = f"--{mark}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{entry}\r\n"
    head += f"--{mark}\r\nContent-Type: {KIND}\r\n\r\n"
    body = b"".join((head.encode(), data, f"\r\n--{mark}--\r\n".encode()))
    send = partial(call, fs, "call", "POST", _uploads(fs, bucket), limit=limit_s(len(data)))
    kind = {"Content-Type": f"multipart/related; boundary={mark}"}
    more: dict[str, Any] = {
        "uploadType": "multipart",
        "json_out": True,
        "headers": kind,
        "data": body,
    }

    def sent() -> None:
        if fault := _fault(send(**more), len(data), digest):
            raise IncompleteResponse(f"{path}: {fault}")

    with_retries(url, sent)


def put_file(fs: Any, url: str, path: str, file: Path) -> None:
    """Replace an object by a local file: in parts if it is large, yet visible all at once.

    Raises OSError if it did not arrive whole.
    """
    size = file.stat().st_size
    if size <= 2 * PART:
        put(fs, url, path, file.read_bytes())
        return
    digest = base64.b64encode(bytes.fromhex(file_md5(file))).decode()
    for left in reversed(range(SESSIONS)):
        try:
            _put_parts(fs, url, path, file, size, digest)
            return
        except _StartAnew as err:
            if not left:
                raise OSError(f"{path}: {err}, {SESSIONS} times") from None


def _put_parts(fs: Any, url: str, path: str, file: Path, size: int, digest: str) -> None:
    """Upload a file in parts. Raises _StartAnew if another upload may succeed."""
    session = with_retries(url, partial(_start_upload, fs, path, size, digest))
    position, in_doubt, finished = 0, False, False

    def send_part() -> tuple[int, dict[str, Any] | None]:
        # After a failure nobody here knows how much of the part arrived: the request may have been
        # lost, or only its response. The store knows, so it is asked where to go on.
        nonlocal position, in_doubt
        if in_doubt:
            position, entry = _send(fs, session, f"*/{size}")
            if entry:
                return position, entry
        in_doubt = True
        data = _piece(file, position, PART)
        span = f"{position}-{position + len(data) - 1}/{size}"
        after = _send(fs, session, span, data)
        in_doubt = False
        return after

    try:
        entry = None
        while entry is None:
            # the store may keep less than was sent, and says from where on it wants more
            position, entry = with_retries(url, send_part)
        finished = True
    except FileNotFoundError:
        raise _StartAnew("the store forgot the upload") from None
    finally:
        if not finished:
            _cancel(fs, session)
    if fault := _fault(entry, size, digest):
        with_retries(url, partial(call, fs, "rm_file", path))
        raise _StartAnew(fault)


def _start_upload(fs: Any, path: str, size: int, digest: str) -> str:
    """The address of a new upload. It lets whoever has it write the object: never log it."""
    bucket, key, _ = fs.split_path(path)
    kind = {"X-Upload-Content-Type": KIND, "X-Upload-Content-Length": str(size)}
    place = f"{_uploads(fs, bucket)}?name={quote(key, safe='')}"
    more: dict[str, Any] = {"uploadType": "resumable", "headers": kind, "json": {"md5Hash": digest}}
    headers, _ = call(fs, "call", "POST", place, **more)
    session: str = headers["Location"]
    return session


def _send(fs: Any, session: str, span: str, data: bytes = b"") -> tuple[int, dict[str, Any] | None]:
    """Send a part of an upload, or with the span "*/SIZE" ask how much of it the store has.

    Returns how many bytes the store has, and the object's entry once it has them all. Raises
    _StartAnew if the store says that the bytes are damaged: those of earlier parts may be.
    """
    head = {"Content-Range": f"bytes {span}", "Content-Type": KIND}
    try:
        status, headers, _, message = call(
            fs, "request", "PUT", session, headers=head, data=data, limit=limit_s(len(data))
        )
    except IncompleteResponse as err:
        raise _StartAnew(str(err)) from None
    if status == 308:  # "resume incomplete"
        have = re.fullmatch(r"bytes=0-(\d+)", headers.get("Range") or "")
        return (int(have[1]) + 1 if have else 0), None
    return 0, json.loads(message)


def _fault(entry: Mapping[str, Any], size: int, digest: str) -> str:
    """What is wrong with a stored object by its entry, "" if nothing is."""
    stored = entry.get("md5Hash")
    if int(entry.get("size", -1)) != size or stored not in (None, digest):
        return f"what is stored is not what was sent: {entry.get('size')} bytes, MD5 {stored}"
    return ""


def _cancel(fs: Any, session: str) -> None:
    """Cancel an upload; if that fails, the store drops it after a week."""
    try:
        call(fs, "call", "DELETE", session)
    except Exception:  # noqa: BLE001 (the error that ended the upload is the one to be raised)
        return


def _uploads(fs: Any, bucket: str) -> str:
    return f"{fs._location}/upload/storage/v1/b/{quote(bucket, safe='')}/o"


def _piece(file: Path, offset: int, size: int) -> bytes:
    with file.open("rb") as opened:
        return os.pread(opened.fileno(), size, offset)


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
