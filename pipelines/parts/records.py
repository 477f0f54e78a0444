"""What every reader does with a record: name its files, note and refuse its faults, read its image.

A fault that indexing finds is kept in `Entry.fault` as "reason: detail" (`faulty`); `load` raises
it again as a BadSample (`refuse`), so that a damaged record is planned, quarantined and counted.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Collection
from dataclasses import replace
from typing import Any, TypeGuard, cast

import orjson

from vbdata.core import images
from vbdata.core.types import Entry, FileRef
from vbdata.errors import BadSample, Reason, SourceError, choices
from vbdata.storage.folder import Root

MISSING = -1  # size of a file that is not there
ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def one_of(key: str, value: object, known: Collection[str]) -> None:
    """Check an option of a recipe against its choices. Raises SourceError with the choices."""
    if value not in tuple(known):
        raise SourceError(f"{key}: {value!r} is not a choice{choices(value, known)}")


def yes_or_no(key: str, value: object) -> None:
    """Check an option of a recipe that is true or false. Raises SourceError."""
    if not isinstance(value, bool):
        raise SourceError(f"{key}: {value!r} is not a choice. Known: false, true")


def whole(value: object) -> TypeGuard[int]:
    """Whether a value from JSON is an integer of 0 or more; True and 1.0 are not."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def text(value: object) -> TypeGuard[str]:
    """Whether a value from JSON is text that can be written again, without half surrogates."""
    return isinstance(value, str) and value == value.encode("utf-8", "replace").decode("utf-8")


def pack(value: Any) -> bytes:
    """A value as compact JSON with sorted keys: equal values give equal bytes."""
    return ENCODER.encode(value).encode()


def unpack(text: bytes) -> Any:
    """The value of a JSON text that `pack` made, or that was cut out of a dataset's own file.

    The latter may hold what only Python's json reads: NaN, halves of surrogate pairs. Integers of
    more than 64 bits become floats.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def faulty(entry: Entry, bad: BadSample, where: str = "") -> Entry:
    """The entry with its fault, which `refuse` raises again. where: what the fault is of."""
    return replace(entry, fault=f"{bad.reason}: {where and where + ': '}{bad.detail}")


def sizes(root: Root, below: str) -> dict[str, int]:
    """Path -> size in bytes of all files below a folder, by one listing."""
    return {file.path: file.size for file in root.files(below)}


def file_ref(path: str, known: dict[str, int]) -> FileRef:
    """A file that a record should have. known: sizes by path; a file not among them has size -1."""
    return FileRef(path=path, size=known.get(path, MISSING))


def source_bytes(root: Root, path: str, what: str) -> bytes:
    """The bytes of a file that the dataset as a whole needs.

    what: its role, for messages. Raises SourceError if it is missing or cannot be read.
    """
    try:
        return root.read(path)
    except BadSample as err:
        if err.reason == "missing":
            raise SourceError(f"{root.url}: no {path} ({what})") from err
        raise SourceError(f"{root.url}: {path} ({what}): {err}") from err


def refuse(entry: Entry, kinds: Collection[str]) -> None:
    """Raise the BadSample of an entry that was indexed with a fault.

    Also raises ValueError if `kinds` has one that the entry does not offer.
    """
    if entry.fault:
        reason, _, detail = entry.fault.partition(": ")
        raise BadSample(cast(Reason, reason), detail)
    if unknown := set(kinds) - set(entry.labels):
        raise ValueError(f"{entry.id} offers {entry.labels}, not {sorted(unknown)}")


def read(root: Root, entry: Entry, key: str) -> bytes:
    """The bytes of one of the entry's files, by its key. Raises BadSample("missing")."""
    file = entry.files[key]
    if file.size < 0:
        raise BadSample("missing", f"no {key} file when {entry.id} was indexed", file.path)
    return root.read(file.path)


def read_image(root: Root, entry: Entry, key: str = "image") -> bytes:
    """The bytes of an image file whose header has the entry's size.

    Raises BadSample: "missing", "too large", "truncated", "undecodable" or "wrong size". Whether
    all of its pixels are there shows later, when the engine decodes or checks them.
    """
    file = entry.files[key]
    if file.size > images.MAX_BYTES:
        raise BadSample("too large", f"{file.size} bytes (at most {images.MAX_BYTES})", file.path)
    data = read(root, entry, key)
    check_image(data, entry, file.path)
    return data


def check_image(data: bytes, entry: Entry, path: str) -> None:
    """Check an image file's header against the entry's size, and that a PNG reaches its end.

    path: the file's name for messages. Raises BadSample.
    """
    width, height = images.size(data, path)
    if not images.is_jpeg(data):
        _check_end(data, path)
    check_size((height, width), entry, path)


def check_size(shape: tuple[int, ...], entry: Entry, path: str) -> None:
    """Check an array's shape, (height, width, ...), against the entry's size.

    path: the file's name for messages. Raises BadSample("wrong size").
    """
    if tuple(shape[:2]) != (entry.height, entry.width):
        size = "x".join(str(n) for n in shape[1::-1])
        raise BadSample("wrong size", f"{size}, expected {entry.width}x{entry.height}", path)


def _check_end(data: bytes, path: str) -> None:
    """Raise BadSample("truncated") for a PNG whose chunks do not reach its IEND."""
    start = len(images.PNG_MAGIC)
    while data[start + 4 : start + 8] != b"IEND":
        if start + 12 > len(data):
            raise BadSample("truncated", f"PNG of {len(data)} bytes without its IEND", path)
        (length,) = struct.unpack_from(">I", data, start)
        start += 12 + length


def head_size(head: bytes) -> tuple[int, int] | None:
    """(width, height) of a JPEG or PNG by its first bytes; None if these do not hold it."""
    if head.startswith(images.PNG_MAGIC) and len(head) >= 24:
        width, height = struct.unpack_from(">II", head, 16)
        return width, height
    start = 2 if images.is_jpeg(head) else len(head)
    while start + 9 <= len(head) and head[start] == 0xFF:
        marker = head[start + 1]
        length, height, width = struct.unpack_from(">HxHH", head, start + 2)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a frame's header
            return width, height
        start += 1 if marker == 0xFF else 2 + length  # a fill byte, or a segment
    return None
