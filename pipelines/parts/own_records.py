"""Records of data that users made themselves: their texts, facts, sizes and names of columns.

Shared by the readers `captioned` and `triplets`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vbdata.core import images, rasters
from vbdata.core.glance import Glance, glance
from vbdata.core.texts import MOST_TEXT, seen
from vbdata.core.types import Entry
from vbdata.errors import BadSample, SourceError

from ..formats import tars
from ..formats.tars import Span
from . import picture_files, records

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

HEAD = 1 << 16  # bytes of an image that are read for its size; nearly always enough
TAIL = 1 << 14  # bytes at the end of a PNG in which its orientation may stand
PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
KINDS = ("jpg", "jpeg", "png", "webp", "tif", "tiff", "bmp", "gif")
OTHERS = ("avif", "heic", "heif", "jxl", "jp2", "svg")
SIGNATURES = {  # offset and bytes of what is not read -> its name
    (0, b"II+\0"): "a BigTIFF",
    (0, b"MM\0+"): "a BigTIFF",
    (4, b"ftypavif"): "an AVIF",
    (4, b"ftyphei"): "a HEIC",
    (4, b"JXL "): "a JPEG XL",
    (0, b"\xff\x0a"): "a JPEG XL",
    (4, b"jP  "): "a JPEG 2000",
    (0, b"<"): "HTML or XML",
}


def merged(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The entries in order of their ids, those of one id joined.

    Of these the first is kept, with the captions and instructions of all, each text once.
    """
    by_id: dict[str, Entry] = {}
    for entry in entries:
        if first := by_id.get(entry.id):
            captions = dict.fromkeys(first.captions + entry.captions)
            instructions = dict.fromkeys(first.instructions + entry.instructions)
            entry = replace(first, captions=tuple(captions), instructions=tuple(instructions))
        by_id[entry.id] = entry
    for name in sorted(by_id):
        yield by_id.pop(name)


def absent(option: str, wanted: str, there: Iterable[str], path: str) -> SourceError:
    """What to raise where no column or member has a wanted name, or, if that is "", a usual one."""
    what = f"{option}: {wanted!r}" if wanted else f"{option} is to be set: none of its known names"
    found = ", ".join(sorted(there)) or "none"
    return SourceError(f"{path}: {what} is not there. Found: {found}")


def tar_image(root: Root, entry: Entry, tar: str, span: Span, frame: str) -> bytes | images.Pixels:
    """An image in a tar, of the size that the entry states, in a frame of picture_files.

    Raises BadSample.
    """
    data = tars.read(root, tar, span)
    return picture_files.framed(data, entry, f"{tar}/{span.name}", frame)


def frame_of(record: Mapping[str, Any]) -> str:
    """The frame in which an entry's images are wanted: `framed` noted it if it is another one."""
    return str(record.get("exif", picture_files.SHOWN))


def framed(record: dict[str, Any], frame: str) -> dict[str, Any]:
    """An entry's record with the frame of its images, where that is not the usual one: shown."""
    return record if frame == picture_files.SHOWN else {**record, "exif": frame}


def row(line: bytes) -> dict[str, Any] | None:
    """The JSON object of a line; None if it is not one."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def decoded(text: bytes, what: str) -> str:
    """A file's bytes as text: UTF-8, with or without a byte order mark, or UTF-16 with one.

    what: the text's name for messages. Raises BadSample("garbled annotation").
    """
    try:
        return records.without_mark(text).decode("utf-8")
    except UnicodeDecodeError as err:
        raise garbled(f"its {what} is not UTF-8: {err}") from err


def texts(value: Any, what: str) -> tuple[str, ...]:
    """A text or a list of texts in one line each, without blank, repeated and overlong ones.

    White space becomes single, and characters that cannot be seen are left out (core.texts.seen).
    what: their name for messages. Raises BadSample: "garbled annotation" for anything but text,
    "empty label" or "too large" if none is left.
    """
    several = value if isinstance(value, list) else [value]
    for text in several:
        if not records.text(text):
            raise garbled(f"its {what} is {text!r:.40}, expected text")
    filled = [text for text in dict.fromkeys(map(seen, several)) if text]
    kept = tuple(text for text in filled if len(text) <= MOST_TEXT)
    if filled and not kept:
        shortest = min(map(len, filled))
        raise BadSample("too large", f"its {what} has {shortest} characters, at most {MOST_TEXT}")
    if not kept:
        raise BadSample("empty label", f"no {what}")
    return kept


def described(entry: Entry, row: dict[str, Any]) -> Entry:
    """The entry with the size, group and licence that its record states, as far as it does.

    row: the record, of which width, height, group or scene, and license are read. Raises
    BadSample("garbled annotation", "out of range" or "too large").
    """
    width, height = row.get("width"), row.get("height")
    if width is not None or height is not None:
        if not (records.whole(width) and records.whole(height)):
            raise garbled(f"its size is {width!r:.20} x {height!r:.20}")
        entry = sized(entry, (width, height))
    group = next((row[key] for key in ("group", "scene") if row.get(key) is not None), None)
    if records.whole(group):
        group = str(group)
    if group is not None and not (records.text(group) and group):
        raise garbled(f"its group is {group!r:.40}, expected text")
    license_ = row.get("license")
    license_ = license_ if records.text(license_) and license_.strip() else entry.license
    return replace(entry, group=group or entry.group, license=license_)


def grouped(entry: Entry, prefix: str, name: str) -> Entry:
    """The entry, in the group PREFIX:NAME unless its record states one."""
    return entry if entry.group else replace(entry, group=f"{prefix}:{name}")


def prefix_of(groups: str, source: str) -> str:
    """What stands before the names of groups: the option `groups`, else the source's name.

    Raises SourceError if the option is no name.
    """
    if groups and not PREFIX.fullmatch(groups):
        raise SourceError(f"groups: {groups!r} is no name of letters, digits, '_', '.' and '-'")
    return groups or source


def measured(root: Root, entry: Entry, frame: str, span: Span | None = None) -> Entry:
    """The entry with its size, by the image's first bytes where its record did not state it.

    frame: in which the image is wanted, of picture_files; span: where it is in its tar, None for a
    file. Raises BadSample.
    """
    for file in entry.files.values():
        if file.size < 0:
            raise BadSample("missing", f"no {file.path}")
    if entry.width:
        return entry
    file = entry.files["image"]
    start, size = (span.offset, span.size) if span else (0, file.size)
    head = b""
    for length in dict.fromkeys((min(HEAD, size), min(size, images.MAX_BYTES))):
        head, tail = root.read_range(file.path, start, length), b""
        if head.startswith(images.PNG_MAGIC) and frame == picture_files.SHOWN:
            cut = max(length, size - TAIL)
            tail = head[-TAIL:] + root.read_range(file.path, start + cut, size - cut)
        if seen := glance(head, tail):
            return seen_at(entry, seen, frame)
    raise unreadable(head, span.name if span else file.path)


def measured_or_faulty(root: Root, frame: str, entry: Entry) -> Entry:
    """`measured`, or the entry with its fault. frame: in which the image is wanted."""
    try:
        return measured(root, entry, frame)
    except BadSample as bad:
        return records.faulty(entry, bad, bad.file)


def seen_at(entry: Entry, seen: Glance, frame: str) -> Entry:
    """The entry with the size that its image has in a frame. Raises BadSample as `sized` does."""
    return sized(entry, seen.shown if frame == picture_files.SHOWN else (seen.width, seen.height))


def sized(entry: Entry, pixels: tuple[int, int]) -> Entry:
    """The entry with this (width, height). Raises BadSample("out of range" or "too large")."""
    width, height = pixels
    if width < 1 or height < 1:
        raise BadSample("out of range", f"{width}x{height} pixels")
    if width * height > images.MAX_PIXELS:
        raise BadSample("too large", f"{width}x{height} pixels, at most {images.MAX_PIXELS}")
    return replace(entry, width=width, height=height)


def unreadable(head: bytes, name: str) -> BadSample:
    """What to raise for an image whose first bytes hold no size: what it is instead."""
    if images.is_jpeg(head) or head.startswith(images.PNG_MAGIC) or rasters.kind(head):
        return BadSample("undecodable", f"{name}: {len(head)} bytes without the header of its size")
    kinds = (kind for (n, magic), kind in SIGNATURES.items() if head[n:].startswith(magic))
    what = next(kinds, f"no image: starts {head[:8].hex()}" if head else "an empty file")
    return BadSample("undecodable", f"{name} is {what}, expected JPEG, PNG, WebP, TIFF, BMP or GIF")


def garbled(detail: str) -> BadSample:
    """What to raise for a record that has none of the forms that its reader knows."""
    return BadSample("garbled annotation", detail)
