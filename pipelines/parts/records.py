"""What every reader does with a record: name its files, refuse its faults, fetch its image.

A structural fault found while indexing travels in `Entry.fault` as "reason: detail" and comes out
of `load` as the BadSample that it is.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Collection
from typing import Any, TypeGuard, cast

import orjson

from vbdata.core import images
from vbdata.core.types import Entry, FileRef
from vbdata.errors import BadSample, Reason, SourceError, choices
from vbdata.storage.folder import Root

MISSING = -1
ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def one_of(key: str, value: object, known: Collection[str]) -> None:
    """Check a recipe's option. Raises SourceError with the known choices."""
    if value not in tuple(known):
        raise SourceError(f"{key}: {value!r} is not a choice{choices(value, known)}")


def yes_or_no(key: str, value: object) -> None:
    """Check a recipe's option that is true or false. Raises SourceError."""
    if not isinstance(value, bool):
        raise SourceError(f"{key}: {value!r} is not a choice. Known: false, true")


def whole(value: object) -> TypeGuard[int]:
    """Whether a value from JSON is a count: an int (True is not one), not negative."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def text(value: object) -> TypeGuard[str]:
    """Whether a value from JSON is text that can be written out again (no half surrogates)."""
    return isinstance(value, str) and value == value.encode("utf-8", "replace").decode("utf-8")


def pack(value: Any) -> bytes:
    """The one compact JSON text of a value."""
    return ENCODER.encode(value).encode()


def unpack(text: bytes) -> Any:
    """The value of a JSON text that was packed, or taken out of a dataset's own file.

    The second may hold what only `json` reads: NaN, halves of surrogate pairs. Whole numbers of
    more than 64 bits are floats.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def sizes(root: Root, below: str) -> dict[str, int]:
    """Path -> size in bytes of the files below a folder, which is listed once."""
    return {file.path: file.size for file in root.files(below)}


def file_ref(path: str, known: dict[str, int]) -> FileRef:
    """A file that a record should have, with size -1 where it is not there."""
    return FileRef(path=path, size=known.get(path, MISSING))


def source_bytes(root: Root, path: str, what: str) -> bytes:
    """A file that the dataset as a whole needs. Raises SourceError if it is not there."""
    try:
        return root.read(path)
    except BadSample as err:
        if err.reason == "missing":
            raise SourceError(f"{root.url}: no {path} ({what})") from err
        raise SourceError(f"{root.url}: {path} ({what}): {err}") from err


def refuse(entry: Entry, kinds: Collection[str]) -> None:
    """Raise the BadSample of an entry whose fault the index has found."""
    if entry.fault:
        reason, _, detail = entry.fault.partition(": ")
        raise BadSample(cast(Reason, reason), detail)
    if unknown := set(kinds) - set(entry.labels):
        raise ValueError(f"{entry.id} offers {entry.labels}, not {sorted(unknown)}")


def read(root: Root, entry: Entry, key: str) -> bytes:
    """One of the entry's files. Raises BadSample("missing")."""
    file = entry.files[key]
    if file.size < 0:
        raise BadSample("missing", f"no {key} file when {entry.id} was indexed", file.path)
    return root.read(file.path)


def read_image(root: Root, entry: Entry, key: str = "image") -> bytes:
    """The image file as it is, of the size that the entry promises by its header, or BadSample.

    Whether its pixels are whole shows when the engine decodes or checks them.
    """
    file = entry.files[key]
    if file.size > images.MAX_BYTES:
        raise BadSample("too large", f"{file.size} bytes (at most {images.MAX_BYTES})", file.path)
    data = read(root, entry, key)
    check_image(data, entry, file.path)
    return data


def check_image(data: bytes, entry: Entry, path: str) -> None:
    """Compare the header of an image file with the entry. Raises BadSample."""
    width, height = images.size(data, path)
    if not images.is_jpeg(data):
        _check_end(data, path)
    check_size((height, width), entry, path)


def check_size(shape: tuple[int, ...], entry: Entry, path: str) -> None:
    """Compare a picture's (height, width, ...) with the entry. Raises BadSample("wrong size")."""
    if tuple(shape[:2]) != (entry.height, entry.width):
        found = "x".join(str(n) for n in shape[1::-1])
        raise BadSample("wrong size", f"{found}, expected {entry.width}x{entry.height}", path)


def _check_end(data: bytes, path: str) -> None:
    """Raise BadSample("truncated") for a PNG whose chunks do not reach its IEND."""
    at = len(images.PNG_MAGIC)
    while data[at + 4 : at + 8] != b"IEND":
        if at + 12 > len(data):
            raise BadSample("truncated", f"PNG of {len(data)} bytes without its IEND", path)
        (length,) = struct.unpack_from(">I", data, at)
        at += 12 + length


def head_size(head: bytes) -> tuple[int, int] | None:
    """(width, height) of a JPEG or PNG by its first bytes; None if these do not tell."""
    if head.startswith(images.PNG_MAGIC) and len(head) >= 24:
        width, height = struct.unpack_from(">II", head, 16)
        return width, height
    at = 2 if images.is_jpeg(head) else len(head)
    while at + 9 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        length, height, width = struct.unpack_from(">HxHH", head, at + 2)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return width, height
        at += 1 if marker == 0xFF else 2 + length  # a fill byte, or a segment
    return None
