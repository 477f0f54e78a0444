"""WebP, TIFF, BMP and GIF from outside: their headers, and their pixels by Pillow.

Every header is read here, before a decoder sees the file: size, orientation, what is not read.
Still pictures of one page are read; an animation or a second page is refused, as nobody says which
one is meant (pages that a TIFF marks as reduced copies do not count). A TIFF may be packed by LZW,
deflate or PackBits, with samples of up to 16 bits; of a BMP the unpacked kinds are read.

Sources: RFC 9649 (WebP); TIFF 6.0; Compuserve, GIF89a; Microsoft, BITMAPINFOHEADER.
"""

from __future__ import annotations

import io
import struct
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core import exif
from vbdata.errors import BadSample, Reason

MAX_PAGES = 1 << 5  # of a TIFF, reduced copies among them
MAX_BLOCKS = 1 << 22  # of a GIF; nearly all have 255 bytes
MAX_TILE = 1 << 12  # pixels of a TIFF tile's side, unless the picture is larger
TIFF_PACKED = {1, 5, 8, 32946, 32773}  # not at all, LZW, deflate (two numbers), PackBits
TIFF_NAMES = {2: "CCITT RLE", 3: "CCITT fax 3", 4: "CCITT fax 4", 6: "old JPEG", 7: "JPEG"}
BMP_KINDS = {0, 3}  # unpacked, with the usual masks or with masks of its own
# Tags of TIFF that are looked at.
SUBFILE, WIDTH, HEIGHT, BITS, PACKED, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
TILE_WIDTH, TILE_HEIGHT, FORMAT = 322, 323, 339
WHITE_IS_ZERO = 0
TYPES: Final = {1: "B", 3: "H", 4: "I"}
SIZES = {2: 1, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}  # of other types
TAGS_FREE = 1 << 16  # bytes of tags that any TIFF may have
GREY_16 = "I;16"  # how the names of Pillow's modes of 16-bit grey begin
RGB_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr"}
# What Pillow raises for files that it cannot decode.
DAMAGE = (
    *(OSError, SyntaxError, ValueError, EOFError, struct.error, TypeError, LookupError),
    *(OverflowError, AttributeError, RuntimeError, ZeroDivisionError),
)


class Header(NamedTuple):
    """What a picture's header says. kind: "WebP", ...; width, height: pixels as stored.

    orientation: 1 to 8 as in Exif; white_is_zero: whether black and white are swapped, in grey;
    alpha: whether a WebP says that it has some.
    """

    kind: str
    width: int
    height: int
    orientation: int = exif.UPRIGHT
    white_is_zero: bool = False
    alpha: bool = False


def kind(data: bytes) -> str:
    """The kind of picture by a file's first bytes, one of those read here; "" for any other."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[:4] in (b"II*\0", b"MM\0*"):
        return "TIFF"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    # "BM" alone may begin any text: a header's length stands at byte 14
    return "BMP" if data[:2] == b"BM" and data[14:18] in BMP_HEADERS else ""


BMP_HEADERS = {struct.pack("<I", size) for size in (12, 40, 52, 56, 64, 108, 124)}


def header(data: bytes, file: str = "") -> Header:
    """The header of a file of one of the kinds. data: all of it, or its first bytes.

    Raises BadSample: "truncated" where the bytes end too soon, "undecodable" for what is damaged,
    animated, of several pages, or packed in a way that is not read.
    """
    read = {"WebP": _webp, "TIFF": _tiff, "GIF": _gif, "BMP": _bmp}[kind(data)]
    try:
        return read(data, file)
    except (struct.error, IndexError) as err:
        detail = f"{kind(data)} ends in its headers, after {len(data)} bytes"
        raise BadSample("truncated", detail, file) from err


def refuse_cut(data: bytes, file: str = "") -> None:
    """Raise BadSample("truncated") if a WebP is shorter than its header says."""
    if kind(data) == "WebP" and len(data) < (whole := webp_length(data)):
        raise BadSample("truncated", f"WebP of {len(data)} bytes of {whole}", file)


def webp_length(data: bytes) -> int:
    """The bytes that a WebP has by its header, which a byte that fills up may follow."""
    return int(8 + struct.unpack_from("<I", data, 4)[0])


def decode(data: bytes, file: str = "") -> NDArray[np.uint8]:
    """The stored pixels as uint8 RGB [H, W, 3]; alpha is dropped, 16 bits keep their upper 8.

    The size must have been checked. Raises BadSample("truncated" or "undecodable").
    """
    refuse_cut(data, file)
    head = header(data, file)
    try:
        with _opened(head.kind, data) as picture:
            picture.load()
            rgb = _rgb(picture, head)
    except DAMAGE as err:
        cut = "truncated" in str(err).lower() or isinstance(err, EOFError)
        reason: Reason = "truncated" if cut else "undecodable"
        raise BadSample(reason, f"{head.kind}: {err or type(err).__name__}", file) from err
    if head.kind == "TIFF":
        rgb = exif.stored(rgb, head.orientation)  # Pillow turns these, and only these, by itself
    if rgb.shape[:2] != (head.height, head.width):
        size = f"{rgb.shape[1]}x{rgb.shape[0]}"
        raise BadSample("undecodable", f"{head.kind}: {size} pixels, not those of its header", file)
    return rgb


def _opened(kind: str, data: bytes) -> Any:
    """A file as Pillow opens it, by the plug-in of its kind alone, without any other's trial."""
    from PIL import BmpImagePlugin, GifImagePlugin, TiffImagePlugin, WebPImagePlugin

    plugins: dict[str, Any] = {
        "WebP": WebPImagePlugin.WebPImageFile,
        "TIFF": TiffImagePlugin.TiffImageFile,
        "GIF": GifImagePlugin.GifImageFile,
        "BMP": BmpImagePlugin.BmpImageFile,
    }
    return plugins[kind](io.BytesIO(data))


def _rgb(picture: Any, head: Header) -> NDArray[np.uint8]:
    """uint8 RGB of a loaded picture. Raises ValueError for samples that are no colours."""
    if picture.mode.startswith(GREY_16):
        upper = (np.asarray(picture) >> 8).astype(np.uint8)  # Pillow's own conversion cuts at 255
        grey = ~upper if head.white_is_zero else upper
        return np.repeat(grey[..., None], 3, axis=2)
    if picture.mode not in RGB_MODES:
        raise ValueError(f"samples of kind {picture.mode} are no colours")
    return np.array(picture.convert("RGB"))


def _webp(data: bytes, file: str) -> Header:
    """The header of a WebP, its chunks walked to the end of what is there."""
    width = height = by_exif = by_xmp = 0
    alpha = False
    position, end = 12, webp_length(data)
    later = 0  # of the chunks that may hold an orientation, the flags of those still to come
    while position + 8 <= min(len(data), end):
        name, size = struct.unpack_from("<4sI", data, position)
        body = data[position + 8 : position + 8 + size]
        if name == b"VP8X":
            flags, across, down = struct.unpack_from("<I", body)[0], body[4:7], body[7:10]
            if flags & 2:
                detail = "an animated WebP: a still picture is expected"
                raise BadSample("undecodable", detail, file)
            later, alpha = flags & 12, bool(flags & 16)
            width, height = (1 + int.from_bytes(each, "little") for each in (across, down))
        elif name == b"VP8 " and not width:
            width, height = (n & 0x3FFF for n in struct.unpack_from("<HH", body, 6))
        elif name == b"VP8L":
            (bits,) = struct.unpack_from("<I", body, 1)
            alpha = alpha or bool(bits >> 28 & 1)
            if not width:
                width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        elif name == b"ALPH":
            alpha = True
        elif name == b"EXIF":
            by_exif, later = exif.of_exif(body), later & ~8
        elif name == b"XMP ":
            by_xmp, later = exif.of_xmp(body), later & ~4
        position += 8 + size + size % 2
    if not width or (later and end > len(data)):
        raise IndexError
    turned = by_exif or by_xmp or exif.UPRIGHT
    return Header("WebP", width, height, turned, alpha=alpha)


def _tiff(data: bytes, file: str) -> Header:
    """The header of a TIFF: the tags of its first page, and how many pages it has."""
    order = "<" if data[:2] == b"II" else ">"
    (place,) = struct.unpack_from(order + "I", data, 4)
    pages: list[dict[int, list[int]]] = []
    seen = set[int]()
    while place and place not in seen:
        seen.add(place)
        page, place = _tiff_page(data, order, place, file)
        if not page.get(SUBFILE, [0])[0] & 1 or not pages:
            pages.append(page)
        if len(pages) > 1 or len(seen) > MAX_PAGES:
            raise BadSample("undecodable", "a TIFF of several pages: one is expected", file)
    first = pages[0] if pages else {}
    width, height = (first.get(tag, [0])[0] for tag in (WIDTH, HEIGHT))
    packed = first.get(PACKED, [1])[0]
    if packed not in TIFF_PACKED:
        name = TIFF_NAMES.get(packed, "another way")
        detail = f"a TIFF packed by {name} ({packed}); LZW, deflate and PackBits are read"
        raise BadSample("undecodable", detail, file)
    if max(first.get(BITS, [1])) > 16 or set(first.get(FORMAT, [1])) != {1}:
        kinds = f"{first.get(BITS, [1])[0]} bits, format {first.get(FORMAT, [1])[0]}"
        raise BadSample("undecodable", f"a TIFF with samples of {kinds}: no picture", file)
    tile = max(first.get(TILE_WIDTH, [0])[0], first.get(TILE_HEIGHT, [0])[0])
    if tile > max(MAX_TILE, 2 * width, 2 * height):
        raise BadSample("too large", f"a TIFF with tiles of {tile} pixels a side", file)
    turned = first.get(exif.ORIENTATION, [exif.UPRIGHT])[0]
    turned = turned if 1 <= turned <= 8 else exif.UPRIGHT
    white_is_zero = first.get(PHOTOMETRIC, [1])[0] == WHITE_IS_ZERO
    return Header("TIFF", width, height, turned, white_is_zero)


def _tiff_page(data: bytes, order: str, place: int, file: str) -> tuple[dict[int, list[int]], int]:
    """The tags of a page that are looked at, each with up to four values; where the next begins.

    Raises BadSample("too large") for many tags of the same bytes, which would fill the memory.
    """
    (count,) = struct.unpack_from(order + "H", data, place)
    tags: dict[int, list[int]] = {}
    total = 0
    for field in range(place + 2, place + 2 + 12 * count, 12):
        tag, type_, values = struct.unpack_from(order + "HHI", data, field)
        total += values * (struct.calcsize(TYPES[type_]) if type_ in TYPES else SIZES.get(type_, 0))
        if total > 2 * len(data) + TAGS_FREE:
            raise BadSample("too large", f"a TIFF with {total} bytes of tags and more", file)
        if type_ in TYPES:
            values = min(values, 4)
            form = f"{order}{values}{TYPES[type_]}"
            where = field + 8
            if struct.calcsize(form) > 4 and tag in (BITS, FORMAT):
                (where,) = struct.unpack_from(order + "I", data, where)
            elif struct.calcsize(form) > 4:
                continue
            tags[tag] = list(struct.unpack_from(form, data, where)) or [0]
    return tags, int(struct.unpack_from(order + "I", data, place + 2 + 12 * count)[0])


def _gif(data: bytes, file: str) -> Header:
    """The header of a GIF, its blocks walked to see whether it has one frame."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position = 13 + _palette(flags)
    frames = blocks = 0
    while data[position] != 0x3B:
        if data[position] == 0x21:
            position += 2
        elif data[position] == 0x2C:
            frames += 1
            position += 11 + _palette(data[position + 9])
        else:
            raise BadSample("undecodable", f"GIF: no block begins at byte {position}", file)
        if frames > 1:
            detail = "an animated GIF: a still picture is expected"
            raise BadSample("undecodable", detail, file)
        while data[position]:
            position += 1 + data[position]
            blocks += 1
            if blocks > MAX_BLOCKS:
                raise BadSample("too large", f"a GIF of {blocks} blocks and more", file)
        position += 1
    return Header("GIF", width, height)


def _palette(flags: int) -> int:
    """Bytes of a GIF's palette by the flags that announce it."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _bmp(data: bytes, file: str) -> Header:
    """The header of a BMP. A height below 0 says that the top row comes first."""
    (size,) = struct.unpack_from("<I", data, 14)
    if size == 12:
        width, height = struct.unpack_from("<HH", data, 18)
        return Header("BMP", width, height)
    width, height, _, _, packed = struct.unpack_from("<iiHHI", data, 18)
    if packed not in BMP_KINDS:
        raise BadSample("undecodable", f"a BMP packed by method {packed}: not read", file)
    return Header("BMP", max(width, 0), abs(height))
