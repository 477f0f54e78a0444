"""Uploads to a store of the S3 protocol: checked by MD5, visible all at once or not at all.

A PUT carries its MD5, so that the store refuses what arrives damaged, and the ETag that comes back
is compared. Large files go up in parts, and what was uploaded is dropped if anything goes wrong.
Everything can be repeated. Every `path` is BUCKET/KEY; every `url` is that of the folder, for
messages and for the bound on retries.
"""

from __future__ import annotations

import base64
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from vbdata.storage.retry import IncompleteResponse, call, limit_s, with_retries
from vbdata.storage.s3 import DIRECTORY_BUCKET, get, md5, seen_often, stated_md5

PART = 16 << 20  # bytes of a part of an upload; the protocol's least is 5 MiB
MOST_PARTS = 10_000
AT_ONCE = 4  # parts of one file under way at a time: PART * AT_ONCE bytes of memory


def put(fs: Any, url: str, path: str, data: bytes) -> None:
    """Replace an object by one request, retried. Raises OSError if it did not arrive whole."""
    bucket, key, _ = fs.split_path(path)
    send = partial(_send, fs, "put_object", data, Bucket=bucket, Key=key)
    with_retries(url, lambda: _check_arrived(fs, path, send(), data))


def _send(fs: Any, method: str, data: bytes, **place: Any) -> Any:
    if not place["Bucket"].endswith(DIRECTORY_BUCKET):  # those accept no Content-MD5
        place["ContentMD5"] = base64.b64encode(md5(data)).decode()
    return call(fs, "call_s3", method, limit=limit_s(len(data)), Body=data, **place)


def _check_arrived(fs: Any, path: str, response: Any, data: bytes) -> None:
    """Raise IncompleteResponse if an object is not stored as it was sent."""
    stated, sent = stated_md5(fs.split_path(path)[0], response), md5(data).hex()
    if stated == sent:
        return
    if stated and data and get(fs, path) != data:
        raise IncompleteResponse(
            f"{path}: what is stored is not what was sent: ETag {stated}, expected {sent}"
        )
    if (size := int(call(fs, "info", path)["size"])) != len(data):
        raise IncompleteResponse(f"{path}: {size} bytes are stored of {len(data)}")


def put_file(fs: Any, url: str, path: str, file: Path) -> None:
    """Replace an object by a local file: in parts if it is large, yet visible all at once.

    Raises OSError if it did not arrive whole.
    """
    size = file.stat().st_size
    if size <= 2 * PART:
        put(fs, url, path, file.read_bytes())
        return
    bucket, key, _ = fs.split_path(path)
    place = {"Bucket": bucket, "Key": key}
    made = with_retries(url, lambda: call(fs, "call_s3", "create_multipart_upload", **place))
    place["UploadId"] = made["UploadId"]
    finished = False
    try:
        _put_parts(fs, url, path, file, size, place)
        finished = True
    finally:
        if not finished:
            _abort(fs, url, place)


def _put_parts(fs: Any, url: str, path: str, file: Path, size: int, place: dict[str, Any]) -> None:
    step = max(PART, -(-size // MOST_PARTS))
    digests: dict[int, bytes] = {}

    def send_part(number: int) -> dict[str, Any]:
        data = _piece(file, number * step, step)
        digests[number] = md5(data)
        send = partial(_send_part, fs, path, data, PartNumber=number + 1, **place)
        return {"PartNumber": number + 1, "ETag": with_retries(url, send)}

    numbers = range(-(-size // step))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        parts = list(pool.map(send_part, numbers))
    whole = md5(b"".join(digests[number] for number in numbers)).hex()
    etag = f"{whole}-{len(parts)}"
    finish = partial(_complete, fs, path, place | {"MultipartUpload": {"Parts": parts}}, etag)
    response = with_retries(url, finish)
    if stated_md5(place["Bucket"], response) != etag and not _same(fs, url, path, file, size, step):
        with_retries(url, partial(call, fs, "rm_file", path))
        raise OSError(f"{path}: what is stored is not what was sent, and was removed")


def _send_part(fs: Any, path: str, data: bytes, **place: Any) -> str:
    """Send a part, and return its ETag. Raises IncompleteResponse if that is of other bytes."""
    response = _send(fs, "upload_part", data, **place)
    stated = stated_md5(place["Bucket"], response)
    what = f"{path} part {place['PartNumber']}"
    if stated not in ("", md5(data).hex()) and not seen_often(place["Bucket"], what, stated):
        raise IncompleteResponse(f"{what}: its ETag {stated} is not that of what was sent")
    etag: str = response["ETag"]
    return etag


def _same(fs: Any, url: str, path: str, file: Path, size: int, step: int) -> bool:
    """Whether an object's bytes are those of a file, read back in pieces."""
    if int(with_retries(url, partial(call, fs, "info", path))["size"]) != size:
        return False
    return all(
        with_retries(url, partial(get, fs, path, start, step)) == _piece(file, start, step)
        for start in range(0, size, step)
    )


def _complete(fs: Any, path: str, order: dict[str, Any], etag: str) -> Any:
    """Finish an upload, and return the response, or the object's entry if it was finished before.

    The store forgets an upload when it is finished. So if the first response is lost, the second
    try finds no such upload, and only the object tells that the first one succeeded.
    """
    try:
        return call(fs, "call_s3", "complete_multipart_upload", limit=limit_s(), **order)
    except FileNotFoundError:
        bucket, key, _ = fs.split_path(path)
        entry = call(fs, "call_s3", "head_object", Bucket=bucket, Key=key)
        if stated_md5(bucket, entry) in ("", etag):
            return entry
        raise


def _piece(file: Path, offset: int, size: int) -> bytes:
    with file.open("rb") as opened:
        return os.pread(opened.fileno(), size, offset)


def _abort(fs: Any, url: str, place: dict[str, Any]) -> None:
    """Abort an upload; if that fails, the next run does it (`abort_below`)."""
    try:
        call(fs, "call_s3", "abort_multipart_upload", **place)
    except Exception:  # noqa: BLE001 (the error that ended the upload is the one to be raised)
        return


def unfinished(fs: Any, url: str, path: str) -> list[dict[str, Any]]:
    """Uploads below a folder that were started and neither finished nor aborted.

    Each as the store describes it, with "Key" and "UploadId".
    """
    bucket, key, _ = fs.split_path(path)
    query: dict[str, Any] = {"Bucket": bucket, "Prefix": f"{key}/" if key else ""}
    uploads: list[dict[str, Any]] = []
    while True:
        page = with_retries(url, partial(call, fs, "call_s3", "list_multipart_uploads", **query))
        uploads += page.get("Uploads") or ()
        if not page.get("IsTruncated"):
            return uploads
        query["KeyMarker"] = page["NextKeyMarker"]
        query["UploadIdMarker"] = page["NextUploadIdMarker"]


def abort_below(fs: Any, url: str, path: str) -> int:
    """Abort the uploads that killed processes left below a folder; return how many there were.

    A store keeps, and bills, the parts of an upload until it is finished or aborted.
    """
    bucket = fs.split_path(path)[0]
    left = unfinished(fs, url, path)
    for each in left:
        _abort(fs, url, {"Bucket": bucket, "Key": each["Key"], "UploadId": each["UploadId"]})
    return len(left)
