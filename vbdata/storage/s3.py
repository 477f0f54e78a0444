"""Requests to a store of the S3 protocol that read: whole responses only.

A GET is one request. It is compared with the object's length, for which it asks for a range even
where it wants all of it, and with the MD5 that the store states, where it states one. s3fs makes
the connections, signs, and applies its own options. Every `path` is BUCKET/KEY. Uploads:
storage.s3_upload.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from fsspec.asyn import sync

from vbdata.storage.retry import IncompleteResponse, call, limit_s, with_retries
from vbdata.storage.told import Listed, told

MD5 = re.compile(r"[0-9a-f]{32}(-\d+)?")
DIRECTORY_BUCKET = "--x-s3"  # end of the names of buckets whose ETags are no MD5
KMS = ("aws:kms", "aws:kms:dsse")  # kinds of encryption under which an ETag is no MD5
ENOUGH = 3  # times that the same bytes come with another ETag before it is taken to be no MD5

# By object or part whose ETag was not the MD5 of its bytes: that MD5, and how often in a row.
_doubted: dict[str, tuple[str, int]] = {}
_md5_etags: set[str] = set()  # buckets in which an ETag has been the MD5
_other_etags: set[str] = set()  # buckets whose ETags are no MD5


def handles(fs: Any) -> bool:
    """Whether a filesystem is one of s3fs."""
    return hasattr(fs, "call_s3") and hasattr(fs, "split_path")


def get(fs: Any, path: str, start: int = 0, size: int | None = None, most: int = 1 << 62) -> bytes:
    """An object, or `size` bytes from `start` on, fewer where it ends, by one request.

    Raises IncompleteResponse if the response is not all of that or its MD5 is another,
    OverflowError if it is more than `most` bytes, FileNotFoundError, PermissionError, OSError.
    """
    data: bytes = sync(fs.loop, _get, fs, path, start, size, most)
    return data


async def _get(fs: Any, path: str, start: int, size: int | None, most: int) -> bytes:
    bucket, key, version = fs.split_path(path)
    asked = {"Range": f"bytes={start}-{'' if size is None else start + size - 1}"}
    asked |= {"VersionId": version} if version else {}
    async with asyncio.timeout(limit_s()):
        # s3fs's own `_cat_file` drops the length and the ETag of the response
        response = await fs._call_s3("get_object", Bucket=bucket, Key=key, **asked)
    length = int(response["ContentLength"])
    if length > most:
        response["Body"].close()
        raise OverflowError(str(length))
    async with asyncio.timeout(limit_s(length)), response["Body"] as body:
        data: bytes = await body.read()
    if len(data) != (expected := _expected_size(path, response, start, size)):
        raise IncompleteResponse(f"{path}: {len(data)} bytes came of {expected}")
    if size is None and not _matches_etag(bucket, path, response, data):
        etag = response["ETag"]
        raise IncompleteResponse(f"{path}: the bytes that came have not the MD5 of its ETag {etag}")
    total = re.search(r"/(\d+)$", response.get("ContentRange") or "")
    return told(data, int(total[1]) if total else len(data), tag(response))


def _expected_size(path: str, response: Any, start: int, size: int | None) -> int:
    """Bytes that a response has to have. Raises OSError if it is not the range asked for."""
    span = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.get("ContentRange") or "")
    if not span and size is None:
        return int(response["ContentLength"])  # a store without ranges gives all
    if not span or int(span[1]) != start:
        length = response["ContentLength"]
        raise OSError(f"{path}: asked for {size} bytes, got {length}: no ranges")
    left = int(span[2]) - start
    return left if size is None else min(size, left)


def _matches_etag(bucket: str, path: str, response: Any, data: bytes) -> bool:
    """Whether bytes have the MD5 of their ETag, or the ETag is no MD5."""
    stated, received = stated_md5(bucket, response), md5(data).hex()
    if stated == received:
        _md5_etags.add(bucket)
        _doubted.pop(path, None)
        return True
    return "-" in stated or not stated or seen_often(bucket, path, received)


def seen_often(bucket: str, what: str, value: str) -> bool:
    """Whether an ETag that differs from an MD5 has to be no MD5 at all.

    what: the object or part; value: the MD5 of what was received, or the ETag of what was sent.
    Some stores and proxies make ETags of their own that look like an MD5, and nothing in a response
    tells them apart from damage. But damage is random: if the same value comes ENOUGH times in a
    row, the bytes are right, and the ETag is something else. From then on no ETag of that bucket is
    compared, unless one of it has been an MD5.
    """
    before, times = _doubted.pop(what, ("", 0))
    times = times + 1 if value == before else 1
    if times < ENOUGH:
        _doubted[what] = value, times
        return False
    if bucket not in _md5_etags:
        _other_etags.add(bucket)
    return True


def stated_md5(bucket: str, response: Any) -> str:
    """The MD5 that a response states as its ETag, as hexadecimal digits; "" if it states none.

    Of an object that was uploaded in parts: the MD5 of the MD5s of its parts, "-", their number.
    """
    etag = str(response.get("ETag") or "").strip('"')
    hidden = response.get("ServerSideEncryption") in KMS or response.get("SSECustomerAlgorithm")
    plain = MD5.fullmatch(etag) and bucket not in _other_etags and not hidden
    return etag if plain and not bucket.endswith(DIRECTORY_BUCKET) else ""


def tag(response: Any) -> str:
    """What a response, or an object's line in a listing, says of its content; "" if nothing."""
    etag = str(response.get("ETag") or "").strip('"')
    return f"etag {etag}" if MD5.fullmatch(etag) else ""


def list_below(fs: Any, url: str, path: str, *, deep: bool) -> Iterator[Listed]:
    """What lies below a folder, at any depth or directly.

    url: of the folder, for messages and for the bound on retries.
    """
    bucket, key, _ = fs.split_path(path)
    query: dict[str, Any] = {"Bucket": bucket, "Prefix": f"{key}/" if key else ""}
    query |= {} if deep else {"Delimiter": "/"}
    while True:
        page = with_retries(url, partial(call, fs, "call_s3", "list_objects_v2", **query))
        for folder in page.get("CommonPrefixes") or ():
            yield Listed(f"{bucket}/{folder['Prefix'].rstrip('/')}", -1)
        for each in page.get("Contents") or ():
            if not each["Key"].endswith("/"):  # some tools make these for empty folders
                yield Listed(f"{bucket}/{each['Key']}", int(each["Size"]), tag(each))
        if not page.get("IsTruncated"):
            return
        query["ContinuationToken"] = page["NextContinuationToken"]


def md5(data: bytes) -> bytes:
    """The MD5 of bytes: 16 bytes."""
    return hashlib.md5(data, usedforsecurity=False).digest()
