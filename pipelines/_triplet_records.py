"""One record of triplets.py, a line or a tar's sample: its parts, its facts, its faults."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pipelines import _records as records
from pipelines._tars import Parts, Span
from vbdata.errors import BadSample
from vbdata.images import MAX_PIXELS
from vbdata.nouns import Entry

if TYPE_CHECKING:
    from vbdata.storage import Folder

HEAD = 1 << 16  # bytes
KINDS = ("jpg", "jpeg", "png")


def row(line: bytes) -> dict[str, Any] | None:
    """A line's JSON object; None if it is no such thing."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def columns(samples: dict[str, Parts]) -> tuple[list[str], list[str]]:
    """What the images of a tar's samples are called, and what may be an instruction."""
    pictures, texts = dict[str, None](), dict[str, None]()
    for parts in samples.values():
        for extension in parts.spans:
            pictures |= dict.fromkeys(_names_of_image(extension))
        texts |= dict.fromkeys(row(parts.texts.get("json", b"{}")) or ())
        texts |= dict.fromkeys(extension.removesuffix(".txt") for extension in parts.texts)
    return list(pictures), [name for name in texts if name != "json"]


def image(parts: Parts, name: str) -> Span:
    """The member of an image. Raises BadSample("missing")."""
    known = [each for each in parts.spans if name in _names_of_image(each)]
    if len(known) != 1:
        raise BadSample("missing", f"{len(known)} images {name!r} among {sorted(parts.spans)}")
    return parts.spans[known[0]]


def _names_of_image(extension: str) -> tuple[str, ...]:
    """What a member may be called if it is an image: with and without its file type."""
    stem, _, kind = extension.rpartition(".")
    return (extension, stem) if kind.lower() in KINDS else ()


def decoded(text: bytes) -> str:
    """An instruction's text. Raises BadSample."""
    try:
        return text.decode()
    except UnicodeDecodeError as err:
        raise garbled(f"its instruction is not UTF-8: {err}") from err


def described(entry: Entry, row: dict[str, Any], said: Any) -> Entry:
    """The entry with all that its record says. Raises BadSample."""
    width, height = row.get("width"), row.get("height")
    if width is not None or height is not None:
        if not (records.whole(width) and records.whole(height)):
            raise garbled(f"its size is {width!r:.20} x {height!r:.20}")
        entry = replace(entry, **_size((width, height)))
    group = next((row[key] for key in ("group", "scene") if row.get(key) is not None), entry.group)
    if records.whole(group):
        group = str(group)
    if not records.text(group) or not group:
        raise garbled(f"its group is {group!r:.40}, expected text")
    license_ = row.get("license")
    license_ = license_ if records.text(license_) and license_.strip() else "unknown"
    return replace(entry, group=group, license=license_, instructions=_instructions(said))


def _instructions(said: Any) -> tuple[str, ...]:
    """Texts with single spaces, none blank. Raises BadSample if none is left."""
    texts = said if isinstance(said, list) else [said]
    for text in texts:
        if not records.text(text):
            raise garbled(f"its instruction is {text!r:.40}, expected text")
    kept = dict.fromkeys(" ".join(text.split()) for text in texts)
    if not (found := tuple(filter(None, kept))):
        raise BadSample("empty label", "no instruction")
    return found


def measured(root: Folder, entry: Entry, span: Span | None = None) -> Entry:
    """The entry with its size, from its input image's first bytes if need be. Raises BadSample."""
    for file in entry.files.values():
        if file.size < 0:
            raise BadSample("missing", f"no {file.path}")
    if entry.width:
        return entry
    file = entry.files["image"]
    start, size = (span.offset, span.size) if span else (0, file.size)
    for much in (HEAD, size):
        found = records.head_size(root.read_range(file.path, start, min(much, size)))
        if found:
            return replace(entry, **_size(found))
    raise BadSample("undecodable", f"{file.path}: the input image is no JPEG or PNG with a size")


def _size(found: tuple[int, int]) -> dict[str, Any]:
    width, height = found
    if not 0 < width * height <= MAX_PIXELS:
        raise BadSample("out of range", f"{width}x{height} pixels (1 to {MAX_PIXELS})")
    return {"width": width, "height": height}


def garbled(detail: str) -> BadSample:
    """A record that is not of either form."""
    return BadSample("garbled annotation", detail)
