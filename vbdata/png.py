"""Lossless PNG, each row less the one above, deflated by libdeflate: fast, same bytes anywhere.

libdeflate's matcher does not depend on the processor, unlike ISA-L's and zlib-ng's. The "up"
filter costs one subtraction and leaves drawn maps as runs of zeros; on photographs it is still
smaller and faster than OpenCV's default. What others wrote is reduced, before a decoder sees it,
to the chunks that matter. Format: W3C Portable Network Graphics, third edition.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

import deflate
import numpy as np
from numpy.typing import NDArray

from vbdata.errors import BadSample

MAGIC = b"\x89PNG\r\n\x1a\n"
LEVEL = 1
UP = 2
_COLOUR_TYPE = {1: 0, 3: 2}  # grey, RGB

DRAWN = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")  # the chunks that decide pixels
ANCILLARY = 0x20  # a lower-case first letter
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by colour type
MAX_CHUNKS = 1 << 16  # libpng's own of 8 KiB would make 512 MiB
FREE = 1 << 21  # bytes of image data that inflate to 2 GiB at worst: two seconds


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """PNG of uint8 grey [H, W] or RGB [H, W, 3]."""
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    rows = np.ascontiguousarray(pixels).reshape(height, width * channels)
    return _png(rows, width, 8, _COLOUR_TYPE[channels])


def encode_png16(pixels: NDArray[np.uint16]) -> bytes:
    """PNG of uint16 grey [H, W]."""
    height, width = pixels.shape
    rows = pixels.astype(">u2").view(np.uint8).reshape(height, width * 2)
    return _png(rows, width, 16, _COLOUR_TYPE[1])


def _png(rows: NDArray[np.uint8], width: int, bits: int, colour_type: int) -> bytes:
    """A PNG of the bytes of its rows, [H, bytes a row]."""
    height, length = rows.shape
    lines = np.empty((height, 1 + length), np.uint8)
    lines[:, 0] = UP
    lines[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=lines[1:, 1:])
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    body = bytes(deflate.zlib_compress(lines.tobytes(), LEVEL))
    return MAGIC + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    crc = deflate.crc32(body, deflate.crc32(kind))
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)


class Header(NamedTuple):
    """What IHDR says. width, height in pixels."""

    width: int
    height: int
    depth: int
    colour: int

    @property
    def inflated(self) -> int:
        """Bytes that the image data inflate to, or somewhat more: interlaced ones have more rows.

        Every row has a byte for its filter; seven passes have less than 2 H + 7 rows.
        """
        row = (self.width * self.depth * SAMPLES.get(self.colour, 4) + 7) // 8
        return self.height * row + 2 * (2 * self.height + 7)


def header(data: bytes, file: str = "") -> Header:
    """The header of a PNG. Raises BadSample("truncated" or "undecodable")."""
    if not data:
        raise BadSample("truncated", "an empty file", file)
    if data[:8] != MAGIC[: len(data)]:
        found = "a JPEG" if data[:2] == b"\xff\xd8" else f"no JPEG or PNG: {data[:8].hex()}..."
        raise BadSample("undecodable", f"expected a PNG, found {found}", file)
    if len(data) < 33:
        raise BadSample("truncated", f"PNG ends in its header, after {len(data)} bytes", file)
    if data[8:16] != b"\0\0\0\x0dIHDR":
        raise BadSample("undecodable", f"PNG starts with {data[8:16]!r}, not with IHDR", file)
    return Header(*struct.unpack_from(">IIBB", data, 16))


def drawn(data: bytes, head: Header, file: str = "") -> bytes:
    """The PNG with nothing but the chunks that decide its pixels, all of them whole.

    Remarks and profiles may inflate to gigabytes, frames of an animation replace the picture, and
    a decoder prints what it thinks of them. Raises BadSample.
    """
    view, at, damage = memoryview(data), len(MAGIC), ""
    kept = [view[:at]]
    for _ in range(MAX_CHUNKS):
        if at + 12 > len(data):
            raise BadSample("truncated", f"PNG ends after {len(data)} bytes without its IEND", file)
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if kind in DRAWN:
            kept.append(view[at:end])
            damage = damage or _damage(kept[-1], kind, at)
        elif not kind[0] & ANCILLARY:
            damage = damage or f"PNG: unknown chunk {kind!r} at byte {at}"
        if kind == b"IEND":
            if damage:
                raise BadSample("undecodable", damage, file)
            _refuse_bomb(kept, head, file)
            return data if sum(map(len, kept)) == len(data) else b"".join(kept)
        at = end
    raise BadSample("too large", f"PNG of more than {MAX_CHUNKS} chunks", file)


def _damage(chunk: memoryview, kind: bytes, at: int) -> str:
    """What is wrong with a chunk. libpng would find it too, but prints to stderr."""
    right = deflate.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")
    return "" if right else f"PNG: {kind.decode()} chunk at byte {at} with a wrong CRC"


def _refuse_bomb(chunks: list[memoryview], head: Header, file: str) -> None:
    """Raise BadSample("too large") if the image data go on, for long, after the last pixel."""
    if sum(map(len, chunks)) <= FREE:
        return
    packed = b"".join(chunk[8:-4] for chunk in chunks if bytes(chunk[4:8]) == b"IDAT")
    try:
        deflate.zlib_decompress(packed, head.inflated)
    except deflate.DeflateError:
        try:
            more = len(zlib.decompressobj().decompress(packed, head.inflated + 1)) > head.inflated
        except zlib.error:
            more = False  # damaged: the decoder stops there
        if more:
            detail = f"PNG: its image data are more than {head.inflated} bytes"
            raise BadSample("too large", detail, file) from None
