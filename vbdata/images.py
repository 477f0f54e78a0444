"""Raw image files to pixels and back, with the damage they carry told apart.

Decoding never turns a picture by its EXIF tag: labels belong to the stored pixels. Nothing here
depends on the processor: libjpeg-turbo's integer transforms and integer area averages only.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

import deflate
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from vbdata.errors import BadSample, Reason

if TYPE_CHECKING:
    from vbdata.nouns import Geometry

Pixels = NDArray[np.uint8]

JPEG_MAGIC = b"\xff\xd8"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
PNG_PIXELS = (b"IHDR", b"IDAT")  # chunks that must be whole
JPEG_QUALITY = 95
MAX_PIXELS = 1 << 27  # 134 megapixels: more than any dataset here, less than a bomb


class JpegHeader(NamedTuple):
    """width, height in pixels; plain: three-component colour, not turned by an EXIF tag."""

    width: int
    height: int
    plain: bool


def is_jpeg(data: bytes) -> bool:
    """Whether the bytes start like a JPEG file."""
    return data[:2] == JPEG_MAGIC


def jpeg_header(data: bytes, file: str = "") -> JpegHeader:
    """Size and kind of a JPEG from its headers. Raises BadSample."""
    try:
        height, width, colour, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError as err:
        raise BadSample(_jpeg_reason(str(err)), f"JPEG header: {err}", file) from err
    _refuse_bomb(width, height, file)
    return JpegHeader(width, height, colour in ("YCbCr", "RGB") and exif_orientation(data) == 1)


def check_jpeg(data: bytes, file: str = "") -> None:
    """Read every coded block of a JPEG (at an eighth of its size). Raises BadSample if damaged."""
    _decode_jpeg(data, file, colorspace="GRAY", fastdct=True, min_height=1, min_width=1)


def decode_rgb(data: bytes, file: str = "") -> Pixels:
    """Any JPEG or PNG as uint8 RGB [H, W, 3]; grey, CMYK, alpha and 16 bit are converted.

    Raises BadSample("truncated" or "undecodable").
    """
    if is_jpeg(data):
        jpeg_header(data, file)
        return _decode_jpeg(data, file, colorspace="RGB")
    import cv2

    bgr = _decode_png(data, file, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def decode_png_raw(data: bytes, file: str = "") -> NDArray[np.uint8] | NDArray[np.uint16]:
    """A PNG's stored samples, [H, W] or RGB(A) [H, W, C], uint8 or uint16. Raises BadSample."""
    import cv2

    stored = _decode_png(data, file, cv2.IMREAD_UNCHANGED)
    if stored.ndim == 3:
        order = cv2.COLOR_BGRA2RGBA if stored.shape[2] == 4 else cv2.COLOR_BGR2RGB
        stored = np.asarray(cv2.cvtColor(stored, order), stored.dtype)
    return stored


def encode_jpeg(rgb: Pixels) -> bytes:
    """JPEG 95, 4:4:4, of uint8 RGB [H, W, 3]."""
    data: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(rgb), quality=JPEG_QUALITY, colorspace="RGB", colorsubsampling="444"
    )
    return data


def fit_rgb(rgb: Pixels, geometry: Geometry) -> Pixels:
    """Scale by exact area averages, then crop. uint8 [H, W, 3] in and out."""
    if geometry.scaled != geometry.source:
        rgb = shrink(rgb, *geometry.scaled)
    bottom, right = geometry.top + geometry.height, geometry.left + geometry.width
    return np.ascontiguousarray(rgb[geometry.top : bottom, geometry.left : right])


def shrink(rgb: Pixels, width: int, height: int) -> Pixels:
    """Area average of uint8 [H, W, 3] at a smaller size; exact integers, rounded once, half up."""
    h, w, _ = rgb.shape
    rows = _box_sums(rgb.astype(np.uint32), height)  # weights add up to h
    sums = _box_sums(rows.astype(np.uint64).transpose(1, 0, 2), width).transpose(1, 0, 2)
    area = np.uint64(h * w)
    return ((sums + area // np.uint64(2)) // area).astype(np.uint8)


def _box_sums(values: NDArray[np.unsignedinteger], count: int) -> NDArray[np.unsignedinteger]:
    """Sums over `count` equal boxes of axis 0, times count: unsigned wrap-around cancels out."""
    n = values.shape[0]
    total = np.zeros((n + 1, *values.shape[1:]), values.dtype)
    np.cumsum(values, axis=0, out=total[1:])
    edge = np.arange(count + 1) * n
    whole, part = edge // count, (edge % count).astype(values.dtype)
    at_edge = total[whole] * values.dtype.type(count)
    at_edge += values[np.minimum(whole, n - 1)] * part[:, None, None]
    return np.diff(at_edge, axis=0)


def exif_orientation(data: bytes) -> int:
    """The EXIF orientation of a JPEG, 1 to 8; 1 where there is none or it cannot be read."""
    for marker, body in _jpeg_segments(data):
        if marker == 0xE1 and body[:6] == b"Exif\0\0":
            return _tiff_orientation(body[6:])
    return 1


def _jpeg_segments(data: bytes) -> list[tuple[int, bytes]]:
    """(marker, body) of the segments before the first scan."""
    found, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        (length,) = struct.unpack_from(">H", data, at + 2)
        found.append((data[at + 1], data[at + 4 : at + 2 + length]))
        at += 2 + max(length, 2)
    return found


def _tiff_orientation(tiff: bytes) -> int:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    try:
        if order is None:
            return 1
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, start)
        for k in range(count):
            tag, _, _, value = struct.unpack_from(order + "HHIH", tiff, start + 2 + 12 * k)
            if tag == 0x0112 and 1 <= value <= 8:
                return int(value)
    except struct.error:
        return 1
    return 1


def _decode_jpeg(data: bytes, file: str, **options: object) -> Pixels:
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(data, **options)
    except ValueError as err:
        raise BadSample(_jpeg_reason(str(err)), f"JPEG: {err}", file) from err
    return pixels


def _jpeg_reason(message: str) -> Reason:
    cut = "premature end" in message.lower() or "empty" in message.lower()
    return "truncated" if cut else "undecodable"


def _decode_png(data: bytes, file: str, flags: int) -> NDArray[np.uint8]:
    import cv2

    _check_png(data, file)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if pixels is None:
        raise BadSample("undecodable", "PNG: damaged image data", file)
    return np.asarray(pixels)


def _check_png(data: bytes, file: str) -> None:
    """Walk the chunks to the IEND, so that a cut file is told from a damaged one.

    Damaged: libpng would find the wrong CRC too, but prints to stderr.
    """
    if data[:8] != PNG_MAGIC:
        head = data[:8].hex() or "an empty file"
        raise BadSample("undecodable", f"neither JPEG nor PNG: starts with {head}", file)
    if len(data) >= 24:
        width, height = struct.unpack_from(">II", data, 16)
        _refuse_bomb(width, height, file)
    view, at, damage = memoryview(data), 8, ""
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IEND":
            if damage:
                raise BadSample("undecodable", damage, file)
            return
        end = at + 8 + length
        if kind in PNG_PIXELS and not damage:
            wrong = deflate.crc32(view[at + 4 : end]) != int.from_bytes(view[end : end + 4], "big")
            damage = f"PNG: {kind.decode()} chunk at byte {at} with a wrong CRC" if wrong else ""
        at = end + 4
    raise BadSample("truncated", f"PNG ends after {len(data)} bytes without its IEND", file)


def _refuse_bomb(width: int, height: int, file: str) -> None:
    if width * height > MAX_PIXELS or not width or not height:
        raise BadSample("out of range", f"{width}x{height} pixels (1 to {MAX_PIXELS})", file)
