"""What every reader does with a record: name its files, note and refuse its faults, read them.

A fault that indexing finds is kept in `Entry.fault` as "reason: detail" (`faulty`); `load` raises
it again as a BadSample (`refuse`), so that a damaged record is planned, quarantined and counted.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, TypeGuard, cast

import orjson

from vbdata.core.types import Entry, FileRef
from vbdata.errors import BadSample, Reason, SourceError, choices
from vbdata.storage.folder import Root

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
MISSING = -1  # size of a file that is not there
PICTURES = ("jpg", "jpeg", "png", "webp", "tif", "tiff", "bmp")  # types that inputs may have
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
    if not isinstance(value, str):
        return False
    return value.isascii() or value == value.encode("utf-8", "replace").decode("utf-8")


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
    return root.listing(below).by_path()


def file_ref(path: str, known: Mapping[str, int]) -> FileRef:
    """A file that a record should have. known: sizes by path; a file not among them has size -1."""
    return FileRef(path=path, size=known.get(path, MISSING))


def picture_ref(stem: str, usual: str, known: dict[str, int]) -> FileRef:
    """A picture that a record should have, of any type that is read.

    stem: its path without the type; usual: the type that the dataset has, which comes first: "png".
    """
    kinds = (usual, *(kind for kind in PICTURES if kind != usual))
    there = (path for kind in kinds if (path := f"{stem}.{kind}") in known)
    return file_ref(next(there, f"{stem}.{usual}"), known)


def without_mark(data: bytes) -> bytes:
    """A text's bytes without a byte order mark; UTF-16 that has one becomes UTF-8.

    Editors and Excel write such marks. Bytes without one, and UTF-16 that is damaged, stay.
    """
    if data.startswith(UTF_16):
        try:
            return data.decode("utf-16").encode("utf-8")
        except UnicodeError:
            return data
    return data.removeprefix(codecs.BOM_UTF8)


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


def check_size(shape: tuple[int, ...], entry: Entry, path: str) -> None:
    """Check an array's shape, (height, width, ...), against the entry's size.

    path: the file's name for messages. Raises BadSample("wrong size").
    """
    if tuple(shape[:2]) != (entry.height, entry.width):
        size = "x".join(str(n) for n in shape[1::-1])
        raise BadSample("wrong size", f"{size}, expected {entry.width}x{entry.height}", path)
