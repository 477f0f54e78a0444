"""The marker segments of a JPEG: what decoders do not report, and what would keep them for hours.

A segment is FF, a marker and, for most, a length and a body; more FFs may stand before a marker.
A scan's data follow its header; in them FF is followed by 00 or by a restart marker. Each scan of a
progressive file costs a pass over the whole picture, however few bytes it has, so a file of a few
kilobytes can occupy a decoder for hours.

Sources: ITU-T T.81, annex B; libjpeg-turbo, jdmarker.c and jdinput.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from vbdata.core import compiled, exif
from vbdata.errors import BadSample

FILL = re.compile(rb"\xff+")
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # in a scan's data
EOI, SOS, APP1, DQT, DHT = 0xD9, 0xDA, 0xE1, 0xDB, 0xC4
END = b"\xff\xd9"
ALONE = frozenset((0x01, *range(0xD0, 0xDA)))  # restarts, start and end: no length, no body
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
COMMON = (0xC0, 0xC1, 0xC2)  # Huffman coded, sequential or progressive: what every viewer opens
PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)

MAX_SEGMENTS = 1 << 13  # before the first scan; profiles and depth maps of phones are hundreds
MAX_WORK = 1 << 32  # pixels passed over by all scans: some seconds
SEGMENT_WORK = 1 << 12  # pixels that reading one more segment is worth

XMP = b"http://ns.adobe.com/xap/1.0/\0"


class Head(NamedTuple):
    """What the segments before the first scan's data say.

    common: whether every viewer decodes this coding; orientation: 1 to 8 as in Exif, 1 (upright)
    where no tag says otherwise; scan: the byte at which the first scan's data start; single:
    whether that scan holds the whole picture; bits: of a sample; tables: whether quantisers and
    Huffman codes are stated.
    """

    common: bool
    orientation: int
    scan: int
    single: bool
    bits: int
    tables: bool


def read_head(data: bytes, file: str = "") -> Head:
    """Walk a JPEG's segments up to its first scan.

    Raises BadSample("truncated", "undecodable" or "too large").
    """
    frame = components = bits = 0
    tables = set[int]()
    by_exif = by_xmp = 0
    for number, (marker, start, end) in enumerate(_segments(data, file)):
        if number >= MAX_SEGMENTS:
            raise BadSample("too large", f"JPEG of {number} segments and more", file)
        if end > len(data):
            break
        if marker in FRAMES and not frame and end - start > 5:
            frame, components, bits = marker, data[start + 5], data[start]
        elif marker in (DQT, DHT):
            tables.add(marker)
        elif marker == APP1:
            both = said(data[start:end])
            by_exif, by_xmp = by_exif or both[0], by_xmp or both[1]
        elif marker == EOI:
            raise BadSample("undecodable", "JPEG without a scan", file)
        elif marker == SOS:
            single = frame not in PROGRESSIVE and data[start : start + 1] == bytes([components])
            orientation = by_exif or by_xmp or exif.UPRIGHT
            return Head(frame in COMMON, orientation, end, single, bits, tables >= {DQT, DHT})
    raise BadSample("truncated", f"JPEG ends in its headers, after {len(data)} bytes", file)


def refuse_endless(data: bytes, head: Head, pixels: int, file: str = "") -> None:
    """Raise BadSample("too large") if decoding all scans would cost more than MAX_WORK.

    pixels: of the whole picture, which is what a scan costs at most.
    """
    if head.single:
        return
    position, left = head.scan, MAX_WORK // (pixels + SEGMENT_WORK)
    while (marker := MARKER.search(data, position)) and marker[0][1] != EOI:
        position = marker.end() + _length(data, marker.end())
        left -= 1
        if left < 0:
            raise BadSample("too large", f"JPEG of {pixels} pixels with scans without end", file)


def ends_well(data: bytes, head: Head) -> bool:
    """Whether the file is one 8-bit scan, the end marker right after it, and nothing more."""
    plain = head.single and head.common and head.tables and head.bits == 8
    if not plain or not data.endswith(END):
        return False
    if library := compiled.library():
        return bool(library.vb_marker(data, head.scan, len(data)) == len(data) - len(END))
    marker = MARKER.search(data, head.scan)
    return marker is not None and marker.end() == len(data)


def _segments(data: bytes, file: str) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of each segment's body, from the first segment to the end of the file.

    An end may lie beyond the file's. Raises BadSample("undecodable") where no marker stands.
    """
    position, size = 2, len(data)
    while position < size and data[position] == 0xFF:
        position += 1
        if data[position : position + 1] == b"\xff" and (fill := FILL.match(data, position)):
            position = fill.end()
        if position == size:
            return
        position += 1
        marker, start = data[position - 1], position + 2
        if marker not in ALONE:
            position += max(2, int.from_bytes(data[position:start], "big"))
        yield marker, start, position
    if position < size:
        raise BadSample("undecodable", f"JPEG: no marker at byte {position} of its headers", file)


def _length(data: bytes, start: int) -> int:
    """Bytes of a segment after its marker: two that hold this very number, then its body."""
    return 0 if data[start - 1] in ALONE else max(2, int.from_bytes(data[start : start + 2], "big"))


def said(body: bytes) -> tuple[int, int]:
    """The orientations that an APP1 segment's Exif and its XMP state; 0 where it has none."""
    if body.startswith(exif.EXIF):
        return exif.of_exif(body), 0
    return 0, exif.of_xmp(body) if body.startswith(XMP) else 0
