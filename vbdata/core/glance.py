"""Size and orientation of a picture by its first bytes, for an index that reads no more of it."""

from __future__ import annotations

import struct
from typing import NamedTuple

from vbdata.core import exif, images, jpeg, png_read, rasters
from vbdata.errors import BadSample

APP1, FRAMES = jpeg.APP1, jpeg.FRAMES


class Glance(NamedTuple):
    """What a picture's first bytes say: size in stored pixels, orientation 1 to 8 as in Exif."""

    width: int
    height: int
    orientation: int

    @property
    def shown(self) -> tuple[int, int]:
        """(width, height) as viewers show it."""
        return exif.shown_size(*self)


def glance(head: bytes, tail: bytes = b"") -> Glance | None:
    """What the first bytes of a picture say; None if they do not hold its size.

    tail: a PNG's last bytes, where its orientation may stand as well. Raises BadSample for a
    picture that is animated, of several pages, or packed in a way that is not read.
    """
    if images.is_jpeg(head):
        return _jpeg(head)
    if head.startswith(images.PNG_MAGIC) and len(head) >= 24:
        width, height = struct.unpack_from(">II", head, 16)
        return Glance(width, height, png_read.glanced(head, tail))
    if rasters.kind(head):
        try:
            found = rasters.header(head)
        except BadSample as bad:
            if bad.reason != "truncated":
                raise
            return None
        return Glance(found.width, found.height, found.orientation)
    return None


def _jpeg(head: bytes) -> Glance | None:
    """A JPEG's size and orientation, by its segments up to the header of its frame."""
    start, by_exif, by_xmp = 2, 0, 0
    while start + 9 <= len(head) and head[start] == 0xFF:
        marker = head[start + 1]
        length, height, width = struct.unpack_from(">HxHH", head, start + 2)
        if marker in FRAMES:
            return Glance(width, height, by_exif or by_xmp or exif.UPRIGHT)
        if marker == APP1:
            both = jpeg.said(head[start + 4 : start + 2 + length])
            by_exif, by_xmp = by_exif or both[0], by_xmp or both[1]
        start += 1 if marker == 0xFF else 2 + length  # a fill byte, or a segment
    return None
