"""Lossless PNG of drawn maps: fast, and the same bytes on any machine.

One filter serves the whole picture: drawn maps repeat from row to row, so "up" (the difference to
the row above) leaves runs of zeros; maps of which most pixels have no value (LiDAR) are runs
already and stay unfiltered. The rows are deflated by an encoder of our own (compiled or, without a
compiler, vbdata.core.deflate), because a library's bytes may change with its version; docs/png.md
has the choice and its evidence. Format: W3C Portable Network Graphics, third edition.
"""

from __future__ import annotations

import struct

import deflate
import numpy as np
from numpy.typing import NDArray

from vbdata.core import compiled
from vbdata.core import deflate as deflate_plain

MAGIC = b"\x89PNG\r\n\x1a\n"
NO_FILTER, UP = 0, 2  # PNG's filter types
ZLIB = b"\x78\x01"  # zlib's header: deflate, 32 KiB window, fastest level
SLACK = 8  # bytes after the stream that the encoder may read
_COLOUR_TYPE = {1: 0, 3: 2}  # grey, RGB


def encode_png(pixels: NDArray[np.uint8], *, sparse: bool = False) -> bytes:
    """Encode uint8 grey [H, W] or RGB [H, W, 3] as PNG.

    sparse: most pixels have one and the same colour, so rows are stored unfiltered. Raises
    MemoryError.
    """
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    rows = np.ascontiguousarray(pixels).reshape(height, width * channels)
    return _png(rows, width, 8, _COLOUR_TYPE[channels], NO_FILTER if sparse else UP)


def encode_png16(pixels: NDArray[np.uint16]) -> bytes:
    """Encode uint16 grey [H, W] as PNG. Raises MemoryError."""
    height, width = pixels.shape
    rows = pixels.astype(">u2").view(np.uint8).reshape(height, width * 2)
    return _png(rows, width, 16, _COLOUR_TYPE[1], UP)


def _png(rows: NDArray[np.uint8], width: int, bits: int, colour_type: int, filter_: int) -> bytes:
    """A PNG from its rows as bytes, uint8 [H, bytes a row]."""
    height, length = rows.shape
    stream = np.empty(height * (1 + length) + SLACK, np.uint8)
    stream[-SLACK:] = 0
    lines = stream[:-SLACK].reshape(height, 1 + length)
    lines[:, 0] = filter_
    if filter_ == UP:
        lines[0, 1:] = rows[0]
        np.subtract(rows[1:], rows[:-1], out=lines[1:, 1:])
    else:
        lines[:, 1:] = rows
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    packed = _deflated(stream, 1 + length, length // width)
    body = ZLIB + packed + deflate.adler32(stream[:-SLACK]).to_bytes(4, "big")
    return MAGIC + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _deflated(stream: NDArray[np.uint8], length: int, pixel: int) -> bytes:
    """Deflate rows of `length` bytes, in pixels of `pixel` bytes. Raises MemoryError."""
    size = len(stream) - SLACK
    library = compiled.library()
    if library is None:
        return deflate_plain.deflated(stream[:size].tobytes(), length, pixel)
    packed = np.empty(size + size // 4 + 4096, np.uint8)  # a byte's code has less than 10 bits
    written = library.vb_deflate(
        compiled.address(stream), size // length, length, pixel, compiled.address(packed)
    )
    if not written:
        raise MemoryError(f"no memory to deflate an image of {size} bytes")
    return packed[:written].tobytes()


def _chunk(kind: bytes, body: bytes) -> bytes:
    crc = deflate.crc32(body, deflate.crc32(kind))
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)
