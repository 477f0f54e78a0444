"""Raw image files to pixels and back, with the damage they carry told apart.

Decoding never turns a picture by its EXIF tag: labels belong to the stored pixels. Alpha is left
out, not blended; samples of 16 bits lose their lower ones; profiles and gamma change nothing.
Nothing here depends on the processor: libjpeg-turbo's integer transforms and integer area averages
only. Files are checked before they reach a decoder, for what would cost hours or all memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from vbdata import jpeg, png, png_read
from vbdata.errors import BadSample, Reason

if TYPE_CHECKING:
    from vbdata.nouns import Geometry

Pixels = NDArray[np.uint8]

JPEG_MAGIC = b"\xff\xd8"
PNG_MAGIC = png.MAGIC
JPEG_QUALITY = 95
MAX_PIXELS = 1 << 27  # 134 megapixels: more than any dataset here, less than a bomb
MAX_SIDE = 10**6  # libpng's own limit
MAX_BYTES = 1 << 28  # of a file
AT_ONCE = 1 << 15  # samples of an image that is scaled


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


def jpeg_header(data: bytes, file: str = "") -> JpegHeader:
    """Size and kind of a JPEG from its headers. Raises BadSample."""
    head = jpeg.read_head(data, file)
    try:
        height, width, colour, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError as err:
        raise BadSample(_jpeg_reason(str(err)), f"JPEG header: {err}", file) from err
    _refuse_large(data, width, height, file)
    jpeg.refuse_endless(data, head, width * height, file)
    plain = head.common and head.orientation == 1 and colour in ("YCbCr", "RGB")
    return JpegHeader(width, height, plain)


def check_jpeg(data: bytes, file: str = "") -> None:
    """Find out whether a JPEG is whole. Raises BadSample if it is damaged.

    The plain kind, one scan and then the end of the file, is followed by its markers; in any other
    every coded block is read (at an eighth of its size). Bits that were flipped inside coded data
    are found by neither, as by no decoder.
    """
    jpeg_header(data, file)
    if not jpeg.ends_well(data, jpeg.read_head(data, file)):
        _decode_jpeg(data, file, colorspace="GRAY", fastdct=True, min_height=1, min_width=1)


def decode_rgb(data: bytes, file: str = "") -> Pixels:
    """Any JPEG or PNG as uint8 RGB [H, W, 3]; grey, CMYK, alpha and 16 bit are converted.

    Raises BadSample("truncated", "undecodable" or "too large").
    """
    if is_jpeg(data):
        jpeg_header(data, file)
        return _decode_jpeg(data, file, colorspace="RGB")
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
    """Area average of uint8 [H, W, 3] at a smaller size; exact integers, rounded once, half up.

    A few rows at a time, so that what is in work stays in the processor's cache.
    """
    h, w, _ = rgb.shape
    down, across = _boxes(h, height), _boxes(w, width)
    whole = np.uint32 if 256 * h * w < 1 << 32 else np.uint64
    lines, small = rgb.reshape(h, -1), np.empty((height, width, 3), np.uint8)
    at_once = max(8, AT_ONCE // (3 * w))
    for top in range(0, height, at_once):
        band = small[top : top + at_once]
        rows = _box_sums(lines, down[:, :, top : top + at_once], np.uint32)
        columns = _turned(rows.reshape(len(band), w, 3)).reshape(w, -1)
        sums = _box_sums(columns, across, whole)
        sums += whole(h * w // 2)
        sums //= whole(h * w)
        band[:] = _turned(sums.astype(np.uint8).reshape(width, len(band), 3))
    return small


def _boxes(n: int, count: int) -> NDArray[np.int64]:
    """int64[K, 2, count]: the K rows of n that each of `count` equal boxes meets, and how much.

    A whole row weighs `count`; where a box meets fewer than K, the others weigh nothing.
    """
    box = np.arange(count)
    start, end = box * n, (box + 1) * n
    first = start // count
    rows = first + np.arange(int(((end - 1) // count - first).max()) + 1)[:, None]
    weights = np.minimum((rows + 1) * count, end) - np.maximum(rows * count, start)
    return np.stack([np.minimum(rows, n - 1), np.maximum(weights, 0)], axis=1)


def _box_sums(
    values: NDArray[np.unsignedinteger],
    boxes: NDArray[np.int64],
    dtype: type[np.unsignedinteger],
) -> NDArray[np.unsignedinteger]:
    """Weighted sums of the rows [N, any] that `boxes` names."""
    sums = np.zeros((boxes.shape[2], values.shape[1]), dtype)
    part = np.empty_like(sums)
    for rows, weights in boxes:
        np.multiply(values.take(rows, 0), weights.astype(dtype)[:, None], out=part)
        sums += part
    return sums


def _turned(array: NDArray[Any]) -> NDArray[Any]:
    """[H, W, 3] of 8 or 32 bits as [W, H, 3]."""
    import cv2

    plain = array.view(np.int32) if array.itemsize == 4 else array
    return np.asarray(cv2.transpose(plain)).view(array.dtype)


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
