"""Requests to Google Cloud Storage (JSON API) that read: whole responses only.

A GET is one request; its length and, of a whole object, the MD5 or CRC-32C that the store states
are compared. gcsfs makes the connections, signs and applies its own options (storage.gs_client).
Every `path` is BUCKET/KEY. Uploads: storage.gs_upload.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from fsspec.asyn import sync

from vbdata.storage.gs_client import handles, python_errors
from vbdata.storage.retry import IncompleteResponse, call, limit_s, with_retries
from vbdata.storage.told import Listed, told

__all__ = ["get", "handles", "list_below"]

FIELDS = "items(name,size,crc32c,md5Hash),prefixes,nextPageToken"


def get(fs: Any, path: str, start: int = 0, size: int | None = None, most: int = 1 << 62) -> bytes:
    """An object, or `size` bytes from `start` on, fewer where it ends, by one request.

    Raises IncompleteResponse if the response is not all of that or its checksum is another,
    OverflowError if it is more than `most` bytes, FileNotFoundError, PermissionError, OSError.
    """
    data: bytes = sync(fs.loop, _get, fs, path, start, size, most)
    return data


async def _get(fs: Any, path: str, start: int, size: int | None, most: int) -> bytes:
    from gcsfs.retry import validate_response

    asked = {} if size is None else {"Range": f"bytes={start}-{start + size - 1}"}
    # gcsfs's own `_cat_file` returns the body alone, and reads it without a bound on the time:
    # the request is made here, with its session, credentials and options.
    session, params = await fs._set_session(), fs._get_params({})
    with python_errors():
        headers, wait = fs._get_headers(asked), fs.requests_timeout
    async with asyncio.timeout(limit_s()):
        response = await session.get(fs.url(path), params=params, headers=headers, timeout=wait)
    async with response:
        if response.status >= 400:
            async with asyncio.timeout(limit_s()):
                message = await response.read()
            with python_errors():
                validate_response(response.status, message, path)
        length = response.content_length or 0
        if length > most:
            raise OverflowError(str(length))
        async with asyncio.timeout(limit_s(length)):
            data: bytes = await response.read()
    if size is not None:
        if len(data) != (expected := _expected_size(path, response.headers, start, size)):
            raise IncompleteResponse(f"{path}: {len(data)} bytes came of {expected}")
    elif fault := _damage(response.headers, data):
        raise IncompleteResponse(f"{path}: {fault}")
    return told(data, _stored_size(response.headers, data), _tag(_sums(response.headers)))


def _expected_size(path: str, headers: Mapping[str, str], start: int, size: int) -> int:
    """Bytes that the response to a range has to have. Raises OSError if it is not that range."""
    span = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", headers.get("Content-Range") or "")
    if not span or int(span[1]) != start:
        raise OSError(f"{path}: asked for {size} bytes, got all of them: no ranges")
    return min(size, int(span[2]) - start)


def _damage(headers: Any, data: bytes) -> str:
    """What is wrong with a whole object by the checksums of its response, "" if nothing is."""
    if headers.get("X-Goog-Stored-Content-Encoding", "identity") != "identity":
        return ""  # unpacked on its way: the checksum is that of the packed bytes
    sums = _sums(headers)
    received = _md5(data) if "md5" in sums else _crc32c(data)  # composed objects have no MD5
    if (expected := sums.get("md5") or sums.get("crc32c", received)) != received:
        return f"the bytes that came have not the checksum {expected} that the store states"
    return ""


def _sums(headers: Any) -> dict[str, str]:
    """The checksums of an object by kind, "md5" and "crc32c", as the response states them."""
    stated = ",".join(headers.getall("X-Goog-Hash", ())).replace(" ", "").split(",")
    return dict(each.split("=", 1) for each in stated if "=" in each)


def _tag(stated: Mapping[str, str]) -> str:
    """What the store says of an object's content, in a listing or a response; "" if nothing."""
    if md5 := stated.get("md5") or stated.get("md5Hash"):
        return f"md5 {md5}"
    return f"crc32c {stated['crc32c']}" if "crc32c" in stated else ""


def _stored_size(headers: Mapping[str, str], data: bytes) -> int:
    """Bytes of the object as it is stored: of a range the response states them, of all it may."""
    total = re.search(r"/(\d+)$", headers.get("Content-Range") or "")
    stored = headers.get("X-Goog-Stored-Content-Length", "")
    return int(total[1]) if total else int(stored) if stored.isdecimal() else len(data)


def _crc32c(data: bytes) -> str:
    from google_crc32c import value

    return base64.b64encode(value(data).to_bytes(4, "big")).decode()


def list_below(fs: Any, url: str, path: str, *, deep: bool) -> Iterator[Listed]:
    """What lies below a folder, at any depth or directly."""
    bucket, key, _ = fs.split_path(path)
    query = {"prefix": f"{key}/" if key else None, "delimiter": None if deep else "/"}
    page: dict[str, Any] = {"nextPageToken": None}
    while "nextPageToken" in page:
        query["pageToken"] = page["nextPageToken"]
        ask = partial(call, fs, "call", "GET", "b/{}/o", bucket, json_out=True, fields=FIELDS)
        page = with_retries(url, partial(ask, **query))
        for folder in page.get("prefixes") or ():
            yield Listed(f"{bucket}/{folder.rstrip('/')}", -1)
        for each in page.get("items") or ():
            if not each["name"].endswith("/"):  # some tools make these for empty folders
                yield Listed(f"{bucket}/{each['name']}", int(each["size"]), _tag(each))


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
