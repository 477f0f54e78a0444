"""PNG files from outside: checked, and reduced to the chunks that decide pixels; read fast.

A decoder never sees a chunk that is damaged or does not decide pixels: text and profiles may
inflate to gigabytes. Label maps are grey or RGB of 8 or 16 bits, not interlaced, not transparent;
libdeflate inflates them and compiled loops undo their filters. Other kinds are left to OpenCV.
Format: W3C Portable Network Graphics, third edition.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

import deflate
import numpy as np
from numpy.typing import NDArray

from vbdata.core import compiled, exif
from vbdata.core.png import MAGIC
from vbdata.errors import BadSample

DRAWN = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")  # the chunks that decide pixels
PIXELS = {"IHDR", "IDAT", "IEND"}  # those of a file of plain pixels
XMP = b"XML:com.adobe.xmp\0"  # what an iTXt chunk begins with that holds XMP
ANCILLARY = 0x20  # a lower-case first letter
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by colour type
MAX_CHUNKS = 1 << 16  # libpng's own of 8 KiB would make 512 MiB
FREE = 1 << 21  # bytes of image data that inflate to 2 GiB at worst: two seconds


class Header(NamedTuple):
    """What a PNG's IHDR says. width, height: pixels; depth: bits of a sample; colour: its type."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool = False

    @property
    def inflated(self) -> int:
        """An upper bound on the bytes that the image data inflate to.

        Every row has a byte for its filter, and the seven passes of an interlaced picture have
        fewer than 2 H + 7 rows.
        """
        row = (self.width * self.depth * SAMPLES.get(self.colour, 4) + 7) // 8
        return self.height * row + 2 * (2 * self.height + 7)


def header(data: bytes, file: str = "") -> Header:
    """The header of a PNG, without a look at the rest.

    file: the name for messages, here and below. Raises BadSample("truncated" or "undecodable").
    """
    if not data:
        raise BadSample("truncated", "an empty file", file)
    if data[:8] != MAGIC[: len(data)]:
        kind = "a JPEG" if data[:2] == b"\xff\xd8" else f"no JPEG or PNG: {data[:8].hex()}..."
        raise BadSample("undecodable", f"expected a PNG, found {kind}", file)
    if len(data) < 33:
        raise BadSample("truncated", f"PNG ends in its header, after {len(data)} bytes", file)
    if data[8:16] != b"\0\0\0\x0dIHDR":
        raise BadSample("undecodable", f"PNG starts with {data[8:16]!r}, not with IHDR", file)
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    return Header(width, height, depth, colour, data[28] != 0)


def orientation(data: bytes, file: str = "") -> int:
    """The orientation that a PNG's eXIf chunk asks for, or its XMP where there is no such chunk.

    1 to 8 as in Exif, 1 if it asks for none. Walks all chunks to the end. Raises
    BadSample("truncated") if they do not reach the IEND.
    """
    position, by_exif, by_xmp = len(MAGIC), 0, 0
    while (kind := data[position + 4 : position + 8]) != b"IEND":
        if position + 12 > len(data):
            raise BadSample("truncated", f"PNG of {len(data)} bytes without its IEND", file)
        end = position + 12 + int.from_bytes(data[position : position + 4], "big")
        if kind == b"eXIf":
            by_exif = exif.of_exif(data[position + 8 : end - 4])
        elif kind == b"iTXt" and data.startswith(XMP, position + 8):
            by_xmp = exif.of_xmp(data[position + 8 : end - 4])
        position = end
    return by_exif or by_xmp or exif.UPRIGHT


def glanced(head: bytes, tail: bytes) -> int:
    """The orientation of a PNG as `orientation` finds it, by its first and its last bytes.

    Chunks that are not wholly in either, or between parts of the image data, are not seen.
    """
    position, by_exif, by_xmp = len(MAGIC), 0, 0
    pieces = []
    while position + 12 <= len(head) and (kind := head[position + 4 : position + 8]) != b"IDAT":
        end = position + 12 + int.from_bytes(head[position : position + 4], "big")
        pieces.append((kind, head[position + 8 : end - 4], end <= len(head)))
        position = end
    for kind in (b"eXIf", b"iTXt"):
        at = tail.rfind(kind)
        if at >= 4:
            end = at + 4 + int.from_bytes(tail[at - 4 : at], "big")
            right = deflate.crc32(tail[at:end]) == int.from_bytes(tail[end : end + 4], "big")
            pieces.append((kind, tail[at + 4 : end], right))
    for kind, body, whole in pieces:
        if whole and kind == b"eXIf":
            by_exif = exif.of_exif(body)
        elif whole and kind == b"iTXt" and body.startswith(XMP):
            by_xmp = exif.of_xmp(body)
    return by_exif or by_xmp or exif.UPRIGHT


def chunks(data: bytes) -> set[str]:
    """The kinds of a PNG's chunks, and "bytes after its end" if there are any."""
    kinds, position = set[str](), len(MAGIC)
    while position + 12 <= len(data) and "IEND" not in kinds:
        length, kind = struct.unpack_from(">I4s", data, position)
        kinds.add(kind.decode("latin-1"))
        position += 12 + length
    return kinds | ({"bytes after its end"} if position < len(data) else set())


def drawn(data: bytes, head: Header, file: str = "") -> bytes:
    """A PNG with nothing but the chunks that decide its pixels, their checksums verified.

    The others are left out: text and profiles may inflate to gigabytes, frames of an animation
    replace the picture, and libpng prints its opinion of them to stderr. Returns `data` itself
    where nothing was left out. Raises BadSample("truncated", "undecodable" or "too large").
    """
    view, position, damage = memoryview(data), len(MAGIC), ""
    kept = [view[:position]]
    for _ in range(MAX_CHUNKS):
        if position + 12 > len(data):
            raise BadSample("truncated", f"PNG ends after {len(data)} bytes without its IEND", file)
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if kind in DRAWN:
            kept.append(view[position:end])
            damage = damage or _damage(kept[-1], kind, position)
        elif not kind[0] & ANCILLARY:
            damage = damage or f"PNG: unknown chunk {kind!r} at byte {position}"
        if kind == b"IEND":
            if not any(bytes(chunk[4:8]) == b"IDAT" for chunk in kept):
                damage = damage or "PNG without image data"  # OpenCV would make it black
            if damage:
                raise BadSample("undecodable", damage, file)
            _refuse_bomb(kept, head, file)
            return data if sum(map(len, kept)) == len(data) else b"".join(kept)
        position = end
    raise BadSample("too large", f"PNG of more than {MAX_CHUNKS} chunks", file)


def _damage(chunk: memoryview, kind: bytes, position: int) -> str:
    """What is wrong with a chunk, "" if nothing is."""
    right = deflate.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big")
    return "" if right else f"PNG: {kind.decode()} chunk at byte {position} with a wrong CRC"


def _refuse_bomb(chunks: list[memoryview], head: Header, file: str) -> None:
    """Raise BadSample("too large") if the image data inflate to more than the header's pixels.

    Inflated once, into no more memory than the header allows, and only where there are enough
    bytes for gigabytes.
    """
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


def plain_samples(data: bytes, head: Header) -> NDArray[np.uint8] | NDArray[np.uint16] | None:
    """The samples of a PNG that `drawn` has checked: uint8 or uint16, [H, W] or RGB [H, W, 3].

    None for interlaced, transparent, palette and other rarer kinds, without a compiler, and for
    damaged image data: OpenCV then decodes or refuses the file.
    """
    library = compiled.library()
    if library is None or head.interlaced or head.colour not in (0, 2) or head.depth not in (8, 16):
        return None
    packed = _plain_data(data)
    pixel = SAMPLES[head.colour] * head.depth // 8
    length = head.width * pixel
    try:
        stream = deflate.zlib_decompress(packed, head.height * (1 + length)) if packed else b""
    except deflate.DeflateError:
        return None
    if len(stream) != head.height * (1 + length):
        return None
    lines, rows = np.frombuffer(stream, np.uint8), np.empty((head.height, length), np.uint8)
    shape = compiled.address(lines), head.height, length, pixel
    if library.vb_unfilter(*shape, compiled.address(rows)):
        return None
    values = rows.view(">u2").astype(np.uint16) if head.depth == 16 else rows
    size = (head.height, head.width)
    return values.reshape(*size, 3) if head.colour == 2 else values.reshape(size)


def _plain_data(data: bytes) -> bytes:
    """The image data of a checked file; b"" if it has a palette or a transparent colour."""
    view, position, parts = memoryview(data), len(MAGIC) + 25, []  # after IHDR
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        if kind in (b"IHDR", b"PLTE", b"tRNS"):
            return b""
        if kind == b"IDAT":
            parts.append(view[position + 8 : position + 8 + length])
        position += 12 + length
    return b"".join(parts)
