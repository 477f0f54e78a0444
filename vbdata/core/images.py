"""Raw image files to pixels and back, with the damage they carry told apart.

Decoding never turns a picture by its EXIF tag: labels belong to the stored pixels. Alpha is left
out, not blended; samples of 16 bits lose their lower ones; profiles and gamma change nothing.
Where a JPEG is to be shrunk to half its size or less and its sides can be halved, libjpeg-turbo
makes it a half, a quarter or an eighth while it decodes, by smaller inverse transforms; exact area
averages do the rest. Nothing here depends on the processor: integer transforms and integer area
averages only. Files are checked before they reach a decoder, for what would cost hours or all
memory.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from vbdata.core import compiled, jpeg, png, png_read
from vbdata.errors import BadSample, Reason

if TYPE_CHECKING:
    from vbdata.core.types import Geometry

Pixels = NDArray[np.uint8]

JPEG_MAGIC = b"\xff\xd8"
PNG_MAGIC = png.MAGIC
JPEG_QUALITY = 95
MAX_PIXELS = 1 << 27  # 134 megapixels: more than any dataset here, less than a bomb
MAX_SIDE = 10**6  # libpng's own limit
MAX_BYTES = 1 << 28  # of a file


class JpegHeader(NamedTuple):
    """width, height in pixels; plain: every viewer shows it as RGB and turned as it is stored."""

    width: int
    height: int
    plain: bool


def is_jpeg(data: bytes) -> bool:
    """Whether the bytes start like a JPEG file."""
    return data[:2] == JPEG_MAGIC


def size(data: bytes, file: str = "") -> tuple[int, int]:
    """(width, height) of a JPEG or PNG by its header. Raises BadSample."""
    if is_jpeg(data):
        return jpeg_header(data, file)[:2]
    head = png_read.header(data, file)
    _refuse_large(data, head.width, head.height, file)
    return head.width, head.height


class _Last(threading.local):
    """The JPEG whose headers this thread read last: each is asked for by several, one by one."""

    data = b""
    found: tuple[JpegHeader, jpeg.Head] | None = None


_last = _Last()


def jpeg_header(data: bytes, file: str = "") -> JpegHeader:
    """Size and kind of a JPEG from its headers. Raises BadSample."""
    return _heads(data, file)[0]


def _heads(data: bytes, file: str) -> tuple[JpegHeader, jpeg.Head]:
    if _last.found is None or _last.data is not data:
        _last.found = None
        _last.data, _last.found = data, _read_heads(data, file)
    return _last.found


def _read_heads(data: bytes, file: str) -> tuple[JpegHeader, jpeg.Head]:
    head = jpeg.read_head(data, file)
    try:
        height, width, colour, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError as err:
        raise BadSample(_jpeg_reason(str(err)), f"JPEG header: {err}", file) from err
    _refuse_large(data, width, height, file)
    jpeg.refuse_endless(data, head, width * height, file)
    plain = head.common and head.orientation == 1 and colour in ("YCbCr", "RGB")
    return JpegHeader(width, height, plain), head


def check_jpeg(data: bytes, file: str = "") -> None:
    """Find out whether a JPEG is whole. Raises BadSample if it is damaged.

    The plain kind, one scan and then the end of the file, is followed by its markers; in any other
    every coded block is read (at an eighth of its size). Bits that were flipped inside coded data
    are found by neither, as by no decoder.
    """
    if not jpeg.ends_well(data, _heads(data, file)[1]):
        _decode_jpeg(data, file, colorspace="GRAY", fastdct=True, min_height=1, min_width=1)


def decode_rgb(data: bytes, file: str = "", least: tuple[int, int] | None = None) -> Pixels:
    """Any JPEG or PNG as uint8 RGB [H, W, 3]; grey, CMYK, alpha and 16 bit are converted.

    least: (width, height) that suffice: a JPEG then comes at a half, a quarter or an eighth of its
    size, if its sides can be divided so. Raises BadSample("truncated", "undecodable", "too large").
    """
    if is_jpeg(data):
        size = jpeg_header(data, file)[:2]
        width, height = _part(size, least) if least else size
        smaller = {"min_width": width, "min_height": height} if (width, height) != size else {}
        return _decode_jpeg(data, file, colorspace="RGB", **smaller)
    whole, head = _drawn_png(data, file)
    if (head.colour, head.depth) == (2, 8):
        rgb = png_read.plain_samples(whole, head)
        if rgb is not None:
            return np.asarray(rgb, np.uint8)
    import cv2

    bgr = _decode_png(whole, file, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def decode_png_raw(data: bytes, file: str = "") -> NDArray[np.uint8] | NDArray[np.uint16]:
    """A PNG's stored samples, [H, W] or RGB(A) [H, W, C], uint8 or uint16. Raises BadSample.

    As the format means them: palettes become their colours, grey of less than 8 bits is spread
    over 0 to 255, grey with alpha becomes RGBA.
    """
    whole, head = _drawn_png(data, file)
    found = png_read.plain_samples(whole, head)
    if found is not None:
        return found
    import cv2

    stored = _decode_png(whole, file, cv2.IMREAD_UNCHANGED)
    if stored.ndim == 3:
        order = cv2.COLOR_BGRA2RGBA if stored.shape[2] == 4 else cv2.COLOR_BGR2RGB
        stored = np.asarray(cv2.cvtColor(stored, order), stored.dtype)
    return stored


def _part(size: tuple[int, int], least: tuple[int, int]) -> tuple[int, int]:
    """An eighth, a quarter or a half of a size, in whole pixels, no less than `least`; or all."""
    for n in (8, 4, 2):
        if not (size[0] % n or size[1] % n or size[0] < n * least[0] or size[1] < n * least[1]):
            return size[0] // n, size[1] // n
    return size


def encode_jpeg(rgb: Pixels) -> bytes:
    """JPEG 95, 4:4:4, of uint8 RGB [H, W, 3]."""
    data: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(rgb), quality=JPEG_QUALITY, colorspace="RGB", colorsubsampling="444"
    )
    return data


def fit_rgb(rgb: Pixels, geometry: Geometry) -> Pixels:
    """Scale by exact area averages, then crop. uint8 [H, W, 3] in and out.

    rgb: the source image, whole or decoded at a part of its size that is no less than `scaled`.
    """
    if geometry.scaled != (rgb.shape[1], rgb.shape[0]):
        rgb = shrink(rgb, *geometry.scaled)
    bottom, right = geometry.top + geometry.height, geometry.left + geometry.width
    return np.ascontiguousarray(rgb[geometry.top : bottom, geometry.left : right])


def shrink(rgb: Pixels, width: int, height: int) -> Pixels:
    """Area average of uint8 [H, W, 3] at a smaller size; exact integers, rounded once, half up."""
    h, w, _ = rgb.shape
    if (library := compiled.library()) and h * w <= MAX_PIXELS:
        whole, found = np.ascontiguousarray(rgb), np.empty((height, width, 3), np.uint8)
        sums = np.empty(3 * w, np.uint32)
        arrays = [compiled.address(each) for each in (whole, sums, found)]
        library.vb_shrink(arrays[0], h, w, height, width, *arrays[1:])
        return found
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


def _decode_jpeg(data: bytes, file: str, **options: object) -> Pixels:
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(data, **options)
    except ValueError as err:
        raise BadSample(_jpeg_reason(str(err)), f"JPEG: {err}", file) from err
    return pixels


def _jpeg_reason(message: str) -> Reason:
    cut = "premature end" in message.lower() or "empty" in message.lower()
    return "truncated" if cut else "undecodable"


def _drawn_png(data: bytes, file: str) -> tuple[bytes, png_read.Header]:
    """What of a PNG decides its pixels, and its header. Raises BadSample."""
    head = png_read.header(data, file)
    _refuse_large(data, head.width, head.height, file)
    return png_read.drawn(data, head, file), head


def _decode_png(whole: bytes, file: str, flags: int) -> NDArray[np.uint8]:
    import cv2

    pixels = cv2.imdecode(np.frombuffer(whole, np.uint8), flags)
    if pixels is None:
        raise BadSample("undecodable", "PNG: damaged image data", file)
    return np.asarray(pixels)


def _refuse_large(data: bytes, width: int, height: int, file: str) -> None:
    if not width or not height:
        raise BadSample("undecodable", f"its header says {width}x{height} pixels", file)
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        most = f"{MAX_PIXELS} in all, {MAX_SIDE} a side"
        raise BadSample("too large", f"{width}x{height} pixels (at most {most})", file)
    if len(data) > MAX_BYTES:
        raise BadSample("too large", f"{len(data)} bytes (at most {MAX_BYTES})", file)
