"""Records of data of one's own, as triplets.py and captioned.py read them: texts, facts, sizes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vbdata.core import images
from vbdata.core.types import Entry
from vbdata.errors import BadSample

from ..formats.tars import Span
from . import records

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

HEAD = 1 << 16  # bytes
KINDS = ("jpg", "jpeg", "png")
OTHERS = ("webp", "gif", "bmp", "tif", "tiff", "avif", "heic", "heif", "jxl", "jp2", "svg")
SIGNATURES = {  # offset and bytes of what is not read -> its name
    (0, b"GIF8"): "a GIF",
    (8, b"WEBP"): "a WebP",
    (0, b"BM"): "a BMP",
    (0, b"II*\0"): "a TIFF",
    (0, b"MM\0*"): "a TIFF",
    (4, b"ftypavif"): "an AVIF",
    (4, b"ftyphei"): "a HEIC",
    (4, b"JXL "): "a JPEG XL",
    (0, b"\xff\x0a"): "a JPEG XL",
    (4, b"jP  "): "a JPEG 2000",
    (0, b"<"): "HTML or XML",
}


def row(line: bytes) -> dict[str, Any] | None:
    """A line's JSON object; None if it is no such thing."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def decoded(text: bytes, what: str) -> str:
    """A file's text. Raises BadSample."""
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise garbled(f"its {what} is not UTF-8: {err}") from err


def texts(said: Any, what: str) -> tuple[str, ...]:
    """A text or several, with single spaces, none blank or twice. Raises BadSample for none."""
    several = said if isinstance(said, list) else [said]
    for text in several:
        if not records.text(text):
            raise garbled(f"its {what} is {text!r:.40}, expected text")
    kept = dict.fromkeys(" ".join(text.split()) for text in several)
    if not (found := tuple(filter(None, kept))):
        raise BadSample("empty label", f"no {what}")
    return found


def described(entry: Entry, row: dict[str, Any]) -> Entry:
    """The entry with the size, group and licence that its record says. Raises BadSample."""
    width, height = row.get("width"), row.get("height")
    if width is not None or height is not None:
        if not (records.whole(width) and records.whole(height)):
            raise garbled(f"its size is {width!r:.20} x {height!r:.20}")
        entry = sized(entry, (width, height))
    group = next((row[key] for key in ("group", "scene") if row.get(key) is not None), entry.group)
    if records.whole(group):
        group = str(group)
    if not records.text(group) or not group:
        raise garbled(f"its group is {group!r:.40}, expected text")
    license_ = row.get("license")
    license_ = license_ if records.text(license_) and license_.strip() else entry.license
    return replace(entry, group=group, license=license_)


def measured(root: Root, entry: Entry, span: Span | None = None) -> Entry:
    """The entry with its size, from its image's first bytes if need be. Raises BadSample."""
    for file in entry.files.values():
        if file.size < 0:
            raise BadSample("missing", f"no {file.path}")
    if entry.width:
        return entry
    file = entry.files["image"]
    start, size = (span.offset, span.size) if span else (0, file.size)
    head = b""
    for much in dict.fromkeys((min(HEAD, size), min(size, images.MAX_BYTES))):
        head = root.read_range(file.path, start, much)
        if found := records.head_size(head):
            return sized(entry, found)
    raise unreadable(head, span.name if span else file.path)


def sized(entry: Entry, found: tuple[int, int]) -> Entry:
    """The entry with this (width, height). Raises BadSample."""
    width, height = found
    if width < 1 or height < 1:
        raise BadSample("out of range", f"{width}x{height} pixels")
    if width * height > images.MAX_PIXELS:
        raise BadSample("too large", f"{width}x{height} pixels, at most {images.MAX_PIXELS}")
    return replace(entry, width=width, height=height)


def unreadable(head: bytes, name: str) -> BadSample:
    """What to say of an image whose first bytes tell no size."""
    if images.is_jpeg(head) or head.startswith(images.PNG_MAGIC):
        return BadSample("undecodable", f"{name}: {len(head)} bytes without the header of its size")
    kinds = (kind for (at, magic), kind in SIGNATURES.items() if head[at:].startswith(magic))
    what = next(kinds, f"no image: starts {head[:8].hex()}" if head else "an empty file")
    return BadSample("undecodable", f"{name} is {what}, expected a JPEG or PNG")


def garbled(detail: str) -> BadSample:
    """A record that is not of any form that its reader knows."""
    return BadSample("garbled annotation", detail)
