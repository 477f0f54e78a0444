"""Requests to Google Cloud Storage: whole answers only, uploads checked, none left behind.

As storage.s3 does it, in the words of the JSON API. A GET is one request, and compared with the
length and, of a whole object, the MD5 that the store states. An upload states its MD5, so that the
store refuses what arrives damaged, and the MD5 that comes back is compared. Large files go up by a
resumable upload: nothing is seen of it before its last byte, after a fault the store is asked how
much it has, and it is cancelled if anything goes wrong (the store itself drops it after a week).
gcsfs makes the connections, signs and applies its own options (storage.gs_client).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fsspec.asyn import sync

from vbdata.machine.hashing import file_md5
from vbdata.storage.gs_client import plainly, speaks
from vbdata.storage.retry import IncompleteResponse, called, limit_s, with_retries

__all__ = ["get", "listed", "put", "put_file", "speaks"]

PART = 16 << 20  # bytes of one request of an upload; the protocol wants multiples of 256 KiB
SESSIONS = 3  # times that a large file is begun anew
KIND = "application/octet-stream"
FIELDS = "items(name,size),prefixes,nextPageToken"


class _Again(OSError):
    """An upload that cannot go on, but may be begun anew."""


def get(fs: Any, at: str, start: int = 0, size: int | None = None, most: int = 1 << 62) -> bytes:
    """An object, or `size` bytes from `start` on, fewer where it ends. One request.

    Raises IncompleteResponse if the answer is not all of that or its MD5 is another, OverflowError
    if it is more than `most` bytes, FileNotFoundError.
    """
    data: bytes = sync(fs.loop, _get, fs, at, start, size, most)
    return data


async def _get(fs: Any, at: str, start: int, size: int | None, most: int) -> bytes:
    from gcsfs.retry import validate_response

    asked = {} if size is None else {"Range": f"bytes={start}-{start + size - 1}"}
    session, params = await fs._set_session(), fs._get_params({})
    with plainly():
        headers, wait = fs._get_headers(asked), fs.requests_timeout
    async with asyncio.timeout(limit_s()):
        answer = await session.get(fs.url(at), params=params, headers=headers, timeout=wait)
    async with answer:
        if answer.status >= 400:
            async with asyncio.timeout(limit_s()):
                said = await answer.read()
            with plainly():
                validate_response(answer.status, said, at)
        length = answer.content_length or 0
        if length > most:
            raise OverflowError(str(length))
        async with asyncio.timeout(limit_s(length)):
            data: bytes = await answer.read()
    if size is not None:
        if len(data) != (promised := _promised(at, answer.headers, start, size)):
            raise IncompleteResponse(f"{at}: {len(data)} bytes came of {promised}")
    elif fault := _damage(answer.headers, data):
        raise IncompleteResponse(f"{at}: {fault}")
    return data


def _promised(at: str, headers: Mapping[str, str], start: int, size: int) -> int:
    """Bytes that an answer to a range has to have. Raises OSError if it is none."""
    said = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", headers.get("Content-Range") or "")
    if not said or int(said[1]) != start:
        raise OSError(f"{at}: asked for {size} bytes, got all of them: no ranges")
    return min(size, int(said[2]) - start)


def _damage(headers: Any, data: bytes) -> str:
    """What is wrong with a whole object by the sums of its answer, "" if nothing is."""
    if headers.get("X-Goog-Stored-Content-Encoding", "identity") != "identity":
        return ""  # it was unpacked on its way
    said = ",".join(headers.getall("X-Goog-Hash", ())).replace(" ", "").split(",")
    sums = dict(each.split("=", 1) for each in said if "=" in each)
    found = _md5(data) if "md5" in sums else _crc32c(data)  # composed objects have no MD5
    if (told := sums.get("md5") or sums.get("crc32c", found)) != found:
        return f"what came is not what the store's sum {told} tells of"
    return ""


def _crc32c(data: bytes) -> str:
    from google_crc32c import value

    return base64.b64encode(value(data).to_bytes(4, "big")).decode()


def put(fs: Any, url: str, at: str, data: bytes) -> None:
    """Replace an object by one request. Raises OSError if it did not arrive whole."""
    bucket, key, _ = fs.split_path(at)
    digest = _md5(data)
    mark = f"vbdata-{base64.b64decode(digest).hex()}"  # a boundary that is not in the data
    told = json.dumps({"name": key, "md5Hash": digest})
    head = f"--{mark}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{told}\r\n"
    head += f"--{mark}\r\nContent-Type: {KIND}\r\n\r\n"
    body = b"".join((head.encode(), data, f"\r\n--{mark}--\r\n".encode()))
    send = partial(called, fs, "call", "POST", _uploads(fs, bucket), limit=limit_s(len(data)))
    kind = {"Content-Type": f"multipart/related; boundary={mark}"}
    more: dict[str, Any] = {
        "uploadType": "multipart",
        "json_out": True,
        "headers": kind,
        "data": body,
    }

    def sent() -> None:
        if fault := _fault(send(**more), len(data), digest):
            raise IncompleteResponse(f"{at}: {fault}")

    with_retries(url, sent)


def put_file(fs: Any, url: str, at: str, file: Path) -> None:
    """Replace an object by a file: in parts if it is large, and then it appears all at once."""
    size = file.stat().st_size
    if size <= 2 * PART:
        put(fs, url, at, file.read_bytes())
        return
    digest = base64.b64encode(bytes.fromhex(file_md5(file))).decode()
    for left in reversed(range(SESSIONS)):
        try:
            _put_parts(fs, url, at, file, size, digest)
            return
        except _Again as err:
            if not left:
                raise OSError(f"{at}: {err}, {SESSIONS} times") from None


def _put_parts(fs: Any, url: str, at: str, file: Path, size: int, digest: str) -> None:
    """Upload a file in parts. Raises _Again if another upload may do better."""
    session = with_retries(url, partial(_begun, fs, at, size, digest))
    position, doubted, finished = 0, False, False

    def sent() -> tuple[int, dict[str, Any] | None]:
        nonlocal position, doubted
        if doubted:
            position, answer = _told_of(fs, session, f"*/{size}")
            if answer:
                return position, answer
        doubted = True
        data = _piece(file, position, PART)
        span = f"{position}-{position + len(data) - 1}/{size}"
        after = _told_of(fs, session, span, data)
        doubted = False
        return after

    try:
        answer = None
        while answer is None:
            position, answer = with_retries(url, sent)
        finished = True
    except FileNotFoundError:
        raise _Again("the store forgot the upload") from None
    finally:
        if not finished:
            _cancel(fs, session)
    if fault := _fault(answer, size, digest):
        with_retries(url, partial(called, fs, "rm_file", at))
        raise _Again(fault)


def _begun(fs: Any, at: str, size: int, digest: str) -> str:
    """The address of a new upload; who knows it can write the object, so it is never told."""
    bucket, key, _ = fs.split_path(at)
    kind = {"X-Upload-Content-Type": KIND, "X-Upload-Content-Length": str(size)}
    place = f"{_uploads(fs, bucket)}?name={quote(key, safe='')}"
    more: dict[str, Any] = {"uploadType": "resumable", "headers": kind, "json": {"md5Hash": digest}}
    headers, _ = called(fs, "call", "POST", place, **more)
    session: str = headers["Location"]
    return session


def _told_of(
    fs: Any, session: str, span: str, data: bytes = b""
) -> tuple[int, dict[str, Any] | None]:
    """Bytes that the store has of an upload, and the object's entry when it has them all."""
    head = {"Content-Range": f"bytes {span}", "Content-Type": KIND}
    try:
        status, headers, _, said = called(
            fs, "request", "PUT", session, headers=head, data=data, limit=limit_s(len(data))
        )
    except IncompleteResponse as err:  # what is wrong was sent before, too
        raise _Again(str(err)) from None
    if status == 308:
        have = re.fullmatch(r"bytes=0-(\d+)", headers.get("Range") or "")
        return (int(have[1]) + 1 if have else 0), None
    return 0, json.loads(said)


def _fault(entry: Mapping[str, Any], size: int, digest: str) -> str:
    """What is wrong with a stored object, "" if nothing is."""
    told = entry.get("md5Hash")
    if int(entry.get("size", -1)) != size or told not in (None, digest):
        return f"what is stored is not what was sent: {entry.get('size')} bytes, MD5 {told}"
    return ""


def _cancel(fs: Any, session: str) -> None:
    """Give an upload up; if it cannot be now, the store does in a week."""
    try:
        called(fs, "call", "DELETE", session)
    except Exception:  # noqa: BLE001 (the error that ended the upload is the one to be told)
        return


def listed(fs: Any, url: str, below: str, *, deep: bool) -> Iterator[tuple[str, int]]:
    """(path, size) of what lies below a folder, at any depth or directly; folders have size -1."""
    bucket, key, _ = fs.split_path(below)
    asked = {"prefix": f"{key}/" if key else None, "delimiter": None if deep else "/"}
    page: dict[str, Any] = {"nextPageToken": None}
    while "nextPageToken" in page:
        asked["pageToken"] = page["nextPageToken"]
        ask = partial(called, fs, "call", "GET", "b/{}/o", bucket, json_out=True, fields=FIELDS)
        page = with_retries(url, partial(ask, **asked))
        for folder in page.get("prefixes") or ():
            yield f"{bucket}/{folder.rstrip('/')}", -1
        for each in page.get("items") or ():
            if not each["name"].endswith("/"):  # what some tools make to show an empty folder
                yield f"{bucket}/{each['name']}", int(each["size"])


def _uploads(fs: Any, bucket: str) -> str:
    return f"{fs._location}/upload/storage/v1/b/{quote(bucket, safe='')}/o"


def _piece(file: Path, offset: int, size: int) -> bytes:
    with file.open("rb") as opened:
        return os.pread(opened.fileno(), size, offset)


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
