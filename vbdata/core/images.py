"""Picture files to pixels and back; damaged files become a BadSample with its reason.

JPEG and PNG, and still WebP, TIFF, BMP and GIF (vbdata.core.rasters). Decoding gives the stored
pixels, whatever the EXIF orientation asks for; `decode_shown` turns them as viewers do. Alpha is
dropped, not blended; 16-bit samples keep their upper 8 bits; colour profiles and gamma are ignored.

Where a JPEG is to be shrunk to half its size or less, and its sides can be halved, libjpeg-turbo
decodes it at a half, a quarter or an eighth by smaller inverse transforms; exact area averages do
the rest. Transforms and averages are integer arithmetic, so pixels do not depend on the processor.

Headers are checked before a decoder sees a file, for pictures that would cost hours or all memory.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from vbdata.core import compiled, exif, jpeg, png, png_read, rasters
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
LEAST_PIXELS = 16  # that a byte of a JPEG's data stands for, if they may all be of one colour
FREE_BYTES = 64  # besides: the first colour and the end marker
BLOCK = 32  # pixels of a side that a JPEG codes together, at most


class JpegHeader(NamedTuple):
    """Size and kind of a JPEG. width, height: stored pixels, before any orientation tag.

    plain: whether every viewer shows exactly the stored pixels as RGB, so that the file may stand
    in a build as it is: a common coding, YCbCr or RGB, no orientation tag but the upright one.
    """

    width: int
    height: int
    plain: bool


def is_jpeg(data: bytes) -> bool:
    """Whether a file's bytes start with JPEG's magic number."""
    return data[:2] == JPEG_MAGIC


def size(data: bytes, file: str = "") -> tuple[int, int]:
    """(width, height) in stored pixels of a picture file, by its header.

    file: the name for messages, here and below. Raises BadSample("truncated", "undecodable" or
    "too large").
    """
    if is_jpeg(data):
        return jpeg_header(data, file)[:2]
    head = rasters.header(data, file) if rasters.kind(data) else png_read.header(data, file)
    _refuse_large(data, head.width, head.height, file)
    return head.width, head.height


def orientation(data: bytes, file: str = "") -> int:
    """How viewers turn a picture: 1 to 8 as in Exif, 1 (upright) where no tag says otherwise.

    Of a PNG or WebP, it is checked that the file is all there. Raises BadSample.
    """
    if is_jpeg(data):
        return _heads(data, file)[1].orientation
    if rasters.kind(data):
        rasters.refuse_cut(data, file)
        return rasters.header(data, file).orientation
    return png_read.orientation(data, file)


class _Last(threading.local):
    """The headers that this thread parsed last: a reader, the check and the decoder all ask."""

    data = b""
    heads: tuple[JpegHeader, jpeg.Head] | None = None


_last = _Last()


def jpeg_header(data: bytes, file: str = "") -> JpegHeader:
    """Size and kind of a JPEG, by its headers.

    Raises BadSample("truncated", "undecodable" or "too large"), the last also for more scans than
    a decoder should be made to pass over.
    """
    return _heads(data, file)[0]


def _heads(data: bytes, file: str) -> tuple[JpegHeader, jpeg.Head]:
    if _last.heads is None or _last.data is not data:
        _last.heads = None
        _last.data, _last.heads = data, _read_heads(data, file)
    return _last.heads


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
    """Check that a JPEG is complete. Raises BadSample("truncated", "undecodable" or "too large").

    A file of one scan is checked by its markers: the scan's data must run to the end marker, and
    that to the end of the file. Any other file is decoded, at an eighth of its size, which reads
    all of its data. Bits flipped inside the coded data are found by neither; JPEG has no checksum.
    """
    if not jpeg.ends_well(data, _heads(data, file)[1]):
        _decode_jpeg(data, file, colorspace="GRAY", fastdct=True, min_height=1, min_width=1)


def decode_rgb(data: bytes, file: str = "", least: tuple[int, int] | None = None) -> Pixels:
    """Decode a picture file of any kind to its stored pixels, uint8 RGB [H, W, 3].

    Grey and CMYK are converted, alpha is dropped, 16 bits become 8. least: (width, height) that
    would do; a JPEG is then decoded at an eighth, a quarter or a half, where that is no smaller and
    its sides can be divided so. Raises BadSample("truncated", "undecodable" or "too large").
    """
    if is_jpeg(data):
        whole_size = jpeg_header(data, file)[:2]
        width, height = _part(whole_size, least) if least else whole_size
        smaller = (
            {"min_width": width, "min_height": height} if (width, height) != whole_size else {}
        )
        return _decode_jpeg(data, file, colorspace="RGB", **smaller)
    if rasters.kind(data):
        size(data, file)
        return rasters.decode(data, file)
    whole, head = _drawn_png(data, file)
    if (head.colour, head.depth) == (2, 8):
        rgb = png_read.plain_samples(whole, head)
        if rgb is not None:
            return np.asarray(rgb, np.uint8)
    import cv2

    bgr = _decode_png(whole, file, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def decode_shown(data: bytes, file: str = "") -> Pixels:
    """Decode a picture file to the pixels that every viewer shows, uint8 RGB [H, W, 3].

    Raises BadSample as `decode_rgb` does.
    """
    return exif.shown(decode_rgb(data, file), orientation(data, file))


def decode_png_raw(data: bytes, file: str = "") -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Decode a PNG to its stored samples: uint8 or uint16, grey [H, W] or RGB(A) [H, W, C].

    Palettes become their colours, grey of less than 8 bits is spread over 0 to 255, grey with alpha
    becomes RGBA. Raises BadSample("truncated", "undecodable" or "too large").
    """
    whole, head = _drawn_png(data, file)
    samples = png_read.plain_samples(whole, head)
    if samples is not None:
        return samples
    import cv2

    stored = _decode_png(whole, file, cv2.IMREAD_UNCHANGED)
    if stored.ndim == 3:
        order = cv2.COLOR_BGRA2RGBA if stored.shape[2] == 4 else cv2.COLOR_BGR2RGB
        stored = np.asarray(cv2.cvtColor(stored, order), stored.dtype)
    return stored


def _part(size: tuple[int, int], least: tuple[int, int]) -> tuple[int, int]:
    """The smallest of an eighth, a quarter, a half or all of a size that is no less than `least`.

    Only where both sides divide evenly: otherwise decoders pad, and the pixels shift.
    """
    for n in (8, 4, 2):
        if not (size[0] % n or size[1] % n or size[0] < n * least[0] or size[1] < n * least[1]):
            return size[0] // n, size[1] // n
    return size


def one_colour(rgb: Pixels) -> bool:
    """Whether all pixels of an image, uint8 RGB [H, W, 3], are equal."""
    first = rgb[0, 0]
    return not (rgb[::61, ::67] != first).any() and not (rgb != first).any()


def jpeg_of_one_colour(data: bytes, file: str = "") -> bool:
    """Whether all pixels of a JPEG are equal. Only one of very few bytes has to be decoded.

    With the usual tables such a picture takes a 36th of a byte a pixel. Raises BadSample.
    """
    header, head = _heads(data, file)
    coded = (-(-header.width // BLOCK)) * (-(-header.height // BLOCK)) * BLOCK * BLOCK
    if LEAST_PIXELS * (len(data) - head.scan - FREE_BYTES) > coded:
        return False
    small = _decode_jpeg(data, file, colorspace="RGB", min_height=1, min_width=1)
    return one_colour(small) and one_colour(_decode_jpeg(data, file, colorspace="RGB"))


def encode_jpeg(rgb: Pixels) -> bytes:
    """Encode uint8 RGB [H, W, 3] as JPEG of quality 95 without chroma subsampling (4:4:4)."""
    data: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(rgb), quality=JPEG_QUALITY, colorspace="RGB", colorsubsampling="444"
    )
    return data


def fit_rgb(rgb: Pixels, geometry: Geometry) -> Pixels:
    """Scale an image by exact area averages, then crop it. uint8 RGB [H, W, 3] in and out.

    rgb: the source image, whole or decoded at a part of its size that is no less than
    `geometry.scaled`. The result is of `geometry.width` x `geometry.height`, in memory of its own.
    """
    if geometry.scaled != (rgb.shape[1], rgb.shape[0]):
        rgb = shrink(rgb, *geometry.scaled)
    bottom, right = geometry.top + geometry.height, geometry.left + geometry.width
    return np.ascontiguousarray(rgb[geometry.top : bottom, geometry.left : right])


def shrink(rgb: Pixels, width: int, height: int) -> Pixels:
    """Area averages of uint8 RGB [H, W, 3] at a size that is no larger: uint8 [height, width, 3].

    Every output pixel is the exact mean of the area that it covers, rounded once, half up.
    """
    h, w, _ = rgb.shape
    if (library := compiled.library()) and h * w <= MAX_PIXELS:
        whole, averages = np.ascontiguousarray(rgb), np.empty((height, width, 3), np.uint8)
        sums = np.empty(3 * w, np.uint32)
        arrays = [compiled.address(each) for each in (whole, sums, averages)]
        library.vb_shrink(arrays[0], h, w, height, width, *arrays[1:])
        return averages
    rows = _box_sums(rgb.astype(np.uint32), height)  # weights add up to h
    sums = _box_sums(rows.astype(np.uint64).transpose(1, 0, 2), width).transpose(1, 0, 2)
    area = np.uint64(h * w)
    return ((sums + area // np.uint64(2)) // area).astype(np.uint8)


def _box_sums(values: NDArray[np.unsignedinteger], count: int) -> NDArray[np.unsignedinteger]:
    """Sums over `count` equal boxes of axis 0, each times `count`, which makes them whole numbers.

    Running totals may wrap around in their unsigned type; their differences are right all the same.
    """
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
    """A PNG reduced to the chunks that decide its pixels, and its header. Raises BadSample."""
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
