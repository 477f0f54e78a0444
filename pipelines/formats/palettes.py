"""Samples of PNGs as they are stored: the indices of palettes, the values of grey of few bits.

Decoders expand palettes to colours, and spread grey of less than 8 bits over 0 to 255. The image
data of a palette PNG under the header of a grey one are the indices themselves, and pass through
the checks of all other PNGs.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vbdata.core import images
from vbdata.errors import BadSample

GREY, PALETTE = 0, 3  # colour types


def indices(data: bytes, path: str) -> NDArray[np.uint8]:
    """The indices of a palette PNG, or the values of a grey one, uint8[H, W].

    path: the name for messages. Raises BadSample.
    """
    stored = samples(data, path)
    if stored.ndim != 2 or stored.dtype != np.uint8:
        what = f"{stored.dtype} of shape {stored.shape}"
        raise BadSample("wrong dtype", f"{what}, expected palette indices or grey uint8", path)
    return stored.astype(np.uint8, copy=False)


def samples(data: bytes, path: str) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """The samples of a PNG, of a palette its indices: uint8 or uint16, [H, W] or RGB(A) [H, W, n].

    path: the name for messages. Raises BadSample.
    """
    bits, kind = (data[24], data[25]) if len(data) > 25 else (8, GREY)
    whole = bits in (1, 2, 4, 8) and _header_is_whole(data)
    stored = images.decode_png_raw(_greyed(data) if whole and kind == PALETTE else data, path)
    if whole and kind in (GREY, PALETTE) and bits < 8 and stored.dtype == np.uint8:
        return stored // np.uint8(255 // (2**bits - 1))
    return stored


def is_palette(data: bytes) -> bool:
    """Whether a file is a PNG with a palette."""
    return data.startswith(images.PNG_MAGIC) and data[25:26] == bytes([PALETTE])


def _header_is_whole(data: bytes) -> bool:
    """Whether a PNG begins with an IHDR chunk whose checksum is right."""
    return data[12:16] == b"IHDR" and data[29:33] == _crc(data[12:29])


def _greyed(data: bytes) -> bytes:
    """The grey PNG of as many bits whose image data are those of a palette PNG."""
    header = data[12:25] + b"\0" + data[26:29]
    kept = [chunk for kind, chunk in _chunks(data) if kind in (b"IDAT", b"IEND")]
    return b"".join([data[:12], header, _crc(header), *kept])


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, all bytes) of the chunks of a PNG; the last may be cut short."""
    start = len(images.PNG_MAGIC)
    while start + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        yield kind, data[start : start + 12 + length]
        start += 12 + length


def _crc(body: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(body))
