"""The orientation that a picture's metadata asks viewers for, and pixels turned by it.

Orientations are those of Exif, 1 to 8: 1 upright, 2 to 4 mirrored or upside down, 5 to 8 turned on
their side, so that width and height change places.

Sources: Exif 2.32 (JEITA CP-3451), 4.6; XMP part 1 (tiff:Orientation, which Pillow obeys where
there is no Exif tag); TIFF 6.0, the form of Exif data.
"""

from __future__ import annotations

import re
import struct

import numpy as np
from numpy.typing import NDArray

EXIF = b"Exif\0\0"  # what Exif data begin with in a JPEG, and in some WebPs
UPRIGHT, ON_ITS_SIDE = 1, 5
ORIENTATION = 0x0112
WHOLE = {1: "B", 3: "H", 4: "I"}  # TIFF types of an orientation
XMP_ORIENTATION = re.compile(rb"""tiff:Orientation(?:\s*=\s*["']|>)\s*([1-8])""")


def of_exif(data: bytes) -> int:
    """The orientation in Exif data; 0 where there is none or it cannot be read."""
    tiff = data.removeprefix(EXIF)
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 0
    try:
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, start)
        for field in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(order + "HH", tiff, field)
            if tag == ORIENTATION and kind in WHOLE:
                (value,) = struct.unpack_from(order + WHOLE[kind], tiff, field + 8)
                return int(value) if 1 <= value <= 8 else UPRIGHT
    except struct.error:
        pass
    return 0


def of_xmp(text: bytes) -> int:
    """The orientation in an XMP packet; 0 where there is none."""
    turned = XMP_ORIENTATION.search(text)
    return int(turned[1]) if turned else 0


def shown_size(width: int, height: int, orientation: int) -> tuple[int, int]:
    """(width, height) as viewers show a picture of this stored size."""
    return (height, width) if orientation >= ON_ITS_SIDE else (width, height)


def shown(rgb: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Stored pixels, uint8 [H, W, 3], turned and mirrored as viewers show them.

    [W, H, 3] for orientations from 5 on; in memory of their own but for orientation 1.
    """
    if orientation == UPRIGHT:
        return rgb
    if orientation >= ON_ITS_SIDE:
        rgb = rgb.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        rgb = rgb[::-1]
    if orientation in (2, 3, 6, 7):
        rgb = rgb[:, ::-1]
    return np.ascontiguousarray(rgb)


def stored(rgb: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """The stored pixels of a picture that a decoder has turned already: what `shown` undoes."""
    return shown(rgb, {6: 8, 8: 6}.get(orientation, orientation))
