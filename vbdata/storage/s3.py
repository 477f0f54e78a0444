"""Requests to a store of the S3 protocol: whole answers only, uploads checked, none left behind.

A GET is one request, and compared with the object's length (so it asks for a range even where it
wants all) and, where it can be, the MD5 that the store states. A PUT carries its MD5, so that a
store refuses what arrives damaged, and the ETag that comes back is compared; large files go up in
parts, which are aborted if anything goes wrong. All of it can be repeated. s3fs makes the
connections, signs, and applies its own options.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from fsspec.asyn import sync

from vbdata.storage.retry import IncompleteResponse, called, limit_s, with_retries

PART = 16 << 20  # bytes of a part of an upload; the protocol's least is 5 MiB
MOST_PARTS = 10_000
AT_ONCE = 4  # parts of one file on their way at a time: PART * AT_ONCE bytes of memory
MD5 = re.compile(r"[0-9a-f]{32}(-\d+)?")
DIRECTORY_BUCKET = "--x-s3"  # whose ETags are no MD5, and which take none
KMS = ("aws:kms", "aws:kms:dsse")

ENOUGH = 3  # times that the same comes against an ETag before that is taken to be no MD5

# objects by address, whose ETag was not the MD5 of what came: that, and how often in a row
_doubted: dict[str, tuple[str, int]] = {}
_md5_etags: set[str] = set()  # buckets in which an ETag has been the MD5
_other_etags: set[str] = set()  # buckets whose ETags are no MD5


def speaks(fs: Any) -> bool:
    """Whether a filesystem is one of s3fs."""
    return hasattr(fs, "call_s3") and hasattr(fs, "split_path")


def get(fs: Any, at: str, start: int = 0, size: int | None = None, most: int = 1 << 62) -> bytes:
    """An object, or `size` bytes from `start` on, fewer where it ends. One request.

    Raises IncompleteResponse if the answer is not all of that or its MD5 is another, OverflowError
    if it is more than `most` bytes, FileNotFoundError.
    """
    data: bytes = sync(fs.loop, _get, fs, at, start, size, most)
    return data


async def _get(fs: Any, at: str, start: int, size: int | None, most: int) -> bytes:
    bucket, key, version = fs.split_path(at)
    asked = {"Range": f"bytes={start}-{'' if size is None else start + size - 1}"}
    asked |= {"VersionId": version} if version else {}
    async with asyncio.timeout(limit_s()):
        answer = await fs._call_s3("get_object", Bucket=bucket, Key=key, **asked)
    length = int(answer["ContentLength"])
    if length > most:
        answer["Body"].close()
        raise OverflowError(str(length))
    async with asyncio.timeout(limit_s(length)), answer["Body"] as body:
        data: bytes = await body.read()
    if len(data) != (promised := _promised(at, answer, start, size)):
        raise IncompleteResponse(f"{at}: {len(data)} bytes came of {promised}")
    if size is None and not _believable(bucket, at, answer, data):
        raise IncompleteResponse(f"{at}: what came is not what the ETag {answer['ETag']} tells of")
    return data


def _promised(at: str, answer: Any, start: int, size: int | None) -> int:
    """Bytes that an answer has to have. Raises OSError if it is none to the range asked for."""
    said = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", answer.get("ContentRange") or "")
    if not said and size is None:
        return int(answer["ContentLength"])  # a store that knows no ranges gives all
    if not said or int(said[1]) != start:
        raise OSError(f"{at}: asked for {size} bytes, got {answer['ContentLength']}: no ranges")
    left = int(said[2]) - start
    return left if size is None else min(size, left)


def _believable(bucket: str, at: str, answer: Any, data: bytes) -> bool:
    """Whether bytes are what their ETag tells of, or came so often that it must be no MD5."""
    told, found = _told(bucket, answer), _md5(data).hex()
    if told == found:
        _md5_etags.add(bucket)
        _doubted.pop(at, None)
        return True
    return "-" in told or not told or _often(bucket, at, found)


def _often(bucket: str, what: str, found: str) -> bool:
    """Whether the same was found ENOUGH times in a row, against the ETag: that is no MD5.

    Nor is any other in its bucket, unless one was.
    """
    before, times = _doubted.pop(what, ("", 0))
    times = times + 1 if found == before else 1
    if times < ENOUGH:
        _doubted[what] = found, times
        return False
    if bucket not in _md5_etags:
        _other_etags.add(bucket)
    return True


def _told(bucket: str, answer: Any) -> str:
    """The MD5 that an answer states as its ETag, "" if it states none."""
    etag = str(answer.get("ETag") or "").strip('"')
    hidden = answer.get("ServerSideEncryption") in KMS or answer.get("SSECustomerAlgorithm")
    plain = MD5.fullmatch(etag) and bucket not in _other_etags and not hidden
    return etag if plain and not bucket.endswith(DIRECTORY_BUCKET) else ""


def put(fs: Any, url: str, at: str, data: bytes) -> None:
    """Replace an object by one request. Raises OSError if it did not arrive whole."""
    bucket, key, _ = fs.split_path(at)
    send = partial(_send, fs, "put_object", data, Bucket=bucket, Key=key)
    with_retries(url, lambda: _arrived(fs, at, send(), data))


def _send(fs: Any, method: str, data: bytes, **place: Any) -> Any:
    if not place["Bucket"].endswith(DIRECTORY_BUCKET):
        place["ContentMD5"] = base64.b64encode(_md5(data)).decode()
    return called(fs, "call_s3", method, limit=limit_s(len(data)), Body=data, **place)


def _arrived(fs: Any, at: str, answer: Any, data: bytes) -> None:
    """Raise IncompleteResponse if an upload is not in the store as it was sent."""
    told, etag = _told(fs.split_path(at)[0], answer), _md5(data).hex()
    if told == etag:
        return
    if told and data and get(fs, at) != data:
        raise IncompleteResponse(
            f"{at}: what is stored is not what was sent: ETag {told}, expected {etag}"
        )
    if (size := int(called(fs, "info", at)["size"])) != len(data):
        raise IncompleteResponse(f"{at}: {size} bytes are stored of {len(data)}")


def put_file(fs: Any, url: str, at: str, file: Path) -> None:
    """Replace an object by a file: in parts if it is large, and then it appears all at once."""
    size = file.stat().st_size
    if size <= 2 * PART:
        put(fs, url, at, file.read_bytes())
        return
    bucket, key, _ = fs.split_path(at)
    place = {"Bucket": bucket, "Key": key}
    made = with_retries(url, lambda: called(fs, "call_s3", "create_multipart_upload", **place))
    place["UploadId"] = made["UploadId"]
    finished = False
    try:
        _put_parts(fs, url, at, file, size, place)
        finished = True
    finally:
        if not finished:
            _abort(fs, url, place)


def _put_parts(fs: Any, url: str, at: str, file: Path, size: int, place: dict[str, Any]) -> None:
    step = max(PART, -(-size // MOST_PARTS))
    digests: dict[int, bytes] = {}

    def sent(number: int) -> dict[str, Any]:
        data = _piece(file, number * step, step)
        digests[number] = _md5(data)
        send = partial(_send_part, fs, at, data, PartNumber=number + 1, **place)
        return {"PartNumber": number + 1, "ETag": with_retries(url, send)}

    numbers = range(-(-size // step))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        parts = list(pool.map(sent, numbers))
    whole = _md5(b"".join(digests[number] for number in numbers)).hex()
    etag = f"{whole}-{len(parts)}"
    finish = partial(_completed, fs, at, place | {"MultipartUpload": {"Parts": parts}}, etag)
    answer = with_retries(url, finish)
    if _told(place["Bucket"], answer) != etag and not _same(fs, url, at, file, size, step):
        with_retries(url, partial(called, fs, "rm_file", at))
        raise OSError(f"{at}: what is stored is not what was sent, and was removed")


def _send_part(fs: Any, at: str, data: bytes, **place: Any) -> str:
    """The ETag of a part. Raises IncompleteResponse if it is not that of the data."""
    answer = _send(fs, "upload_part", data, **place)
    told = _told(place["Bucket"], answer)
    what = f"{at} part {place['PartNumber']}"
    if told not in ("", _md5(data).hex()) and not _often(place["Bucket"], what, told):
        raise IncompleteResponse(f"{what}: its ETag {told} is not that of what was sent")
    etag: str = answer["ETag"]
    return etag


def _same(fs: Any, url: str, at: str, file: Path, size: int, step: int) -> bool:
    """Whether an object's bytes are those of a file, read back in pieces."""
    if int(with_retries(url, partial(called, fs, "info", at))["size"]) != size:
        return False
    return all(
        with_retries(url, partial(get, fs, at, start, step)) == _piece(file, start, step)
        for start in range(0, size, step)
    )


def _completed(fs: Any, at: str, order: dict[str, Any], etag: str) -> Any:
    """The answer to the last request of an upload; the object's, if that came through before."""
    try:
        return called(fs, "call_s3", "complete_multipart_upload", limit=limit_s(), **order)
    except FileNotFoundError:  # no such upload: finished, if the answer was lost
        bucket, key, _ = fs.split_path(at)
        found = called(fs, "call_s3", "head_object", Bucket=bucket, Key=key)
        if _told(bucket, found) in ("", etag):
            return found
        raise


def _piece(file: Path, offset: int, size: int) -> bytes:
    with file.open("rb") as opened:
        return os.pread(opened.fileno(), size, offset)


def _abort(fs: Any, url: str, place: dict[str, Any]) -> None:
    """Give an upload up; if it cannot be now, the next run does (abort_below)."""
    try:
        called(fs, "call_s3", "abort_multipart_upload", **place)
    except Exception:  # noqa: BLE001 (the error that ended the upload is the one to be told)
        return


def unfinished(fs: Any, url: str, below: str) -> list[dict[str, Any]]:
    """Uploads below a folder that were begun and neither finished nor aborted."""
    bucket, key, _ = fs.split_path(below)
    asked: dict[str, Any] = {"Bucket": bucket, "Prefix": f"{key}/" if key else ""}
    found: list[dict[str, Any]] = []
    while True:
        page = with_retries(url, partial(called, fs, "call_s3", "list_multipart_uploads", **asked))
        found += page.get("Uploads") or ()
        if not page.get("IsTruncated"):
            return found
        asked["KeyMarker"] = page["NextKeyMarker"]
        asked["UploadIdMarker"] = page["NextUploadIdMarker"]


def abort_below(fs: Any, url: str, below: str) -> int:
    """Abort the uploads that killed processes left below a folder; how many there were.

    A store keeps, and bills, the parts of an upload until somebody does.
    """
    bucket = fs.split_path(below)[0]
    left = unfinished(fs, url, below)
    for each in left:
        _abort(fs, url, {"Bucket": bucket, "Key": each["Key"], "UploadId": each["UploadId"]})
    return len(left)


def listed(fs: Any, url: str, below: str, *, deep: bool) -> Iterator[tuple[str, int]]:
    """(path, size) of what lies below a folder, at any depth or directly; folders have size -1."""
    bucket, key, _ = fs.split_path(below)
    asked: dict[str, Any] = {"Bucket": bucket, "Prefix": f"{key}/" if key else ""}
    asked |= {} if deep else {"Delimiter": "/"}
    while True:
        page = with_retries(url, partial(called, fs, "call_s3", "list_objects_v2", **asked))
        for folder in page.get("CommonPrefixes") or ():
            yield f"{bucket}/{folder['Prefix'].rstrip('/')}", -1
        for each in page.get("Contents") or ():
            if not each["Key"].endswith("/"):  # what some tools make to show an empty folder
                yield f"{bucket}/{each['Key']}", int(each["Size"])
        if not page.get("IsTruncated"):
            return
        asked["ContinuationToken"] = page["NextContinuationToken"]


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()
