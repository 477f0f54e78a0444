"""Numbers out of TIFF files: depth, normals and label maps of 8 to 64 bits, whole or float.

OpenCV decodes; the header is read here first, for what decoders do without a word: they invert
8-bit files in which white is 0, show palettes as colours, turn or refuse what has an orientation,
and take the first of several pages. Such files are refused. Source: TIFF 6.0.
"""

from __future__ import annotations

import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import MAX_PIXELS
from vbdata.errors import BadSample

MAGICS = (b"II*\0", b"MM\0*")
SUBFILE, WIDTH, HEIGHT, BITS, PACKED, PHOTOMETRIC = 254, 256, 257, 258, 259, 262
ORIENTATION, SAMPLES, TILE_WIDTH, TILE_HEIGHT, FORMAT = 274, 277, 322, 323, 339
LOSSLESS = {1: "nothing", 5: "LZW", 8: "deflate", 32946: "deflate", 32773: "PackBits"}
MOST_FIELDS = 1 << 12
TYPES: Final = {1: "B", 3: "H", 4: "I"}
KINDS = {1: "u", 2: "i", 3: "f"}  # of numbers, by FORMAT
DTYPES = ("u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8")


def array(data: bytes, file: str = "") -> NDArray[Any]:
    """The numbers of a file of one page, [H, W] or [H, W, n], of the type that is stored.

    file: the name for messages. Raises BadSample: "truncated", "undecodable", "too large", or
    "wrong dtype" for what is no map of numbers.
    """
    import cv2

    try:
        tags = _tags(data, file)
    except (struct.error, IndexError) as err:
        raise BadSample("truncated", f"TIFF of {len(data)} bytes ends in its header", file) from err
    dtype, shape = _checked(tags, file)
    try:
        flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as err:
        raise BadSample("undecodable", f"TIFF: {err!s:.200}", file) from err
    if pixels is None:
        raise BadSample("undecodable", "TIFF: damaged image data", file)
    if pixels.dtype.itemsize == dtype.itemsize and {pixels.dtype.kind, dtype.kind} == {"i", "u"}:
        pixels = pixels.view(dtype)  # OpenCV has no uint32
    if pixels.dtype != dtype or pixels.shape != shape:
        found = f"{pixels.dtype} {list(pixels.shape)}"
        detail = f"TIFF of {dtype} {list(shape)} is decoded as {found}; save it as .npy"
        raise BadSample("wrong dtype", detail, file)
    if pixels.ndim == 3 and pixels.shape[2] in (3, 4):
        order = [2, 1, 0, 3][: pixels.shape[2]]
        pixels = np.ascontiguousarray(np.asarray(pixels)[..., order])
    return np.asarray(pixels)


def _checked(tags: dict[int, list[int]], file: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """The type and shape of a page's numbers. Raises BadSample for what is not read."""
    width, height = (tags.get(tag, [0])[0] for tag in (WIDTH, HEIGHT))
    if not 0 < width * height <= MAX_PIXELS:
        raise BadSample("too large", f"TIFF of {width}x{height} pixels", file)
    tile = max(tags.get(TILE_WIDTH, [0])[0], tags.get(TILE_HEIGHT, [0])[0])
    if tile > max(1 << 12, 2 * width, 2 * height):
        raise BadSample("too large", f"TIFF with tiles of {tile} pixels a side", file)
    packed, turned = tags.get(PACKED, [1])[0], tags.get(ORIENTATION, [1])[0]
    if packed not in LOSSLESS:
        detail = f"TIFF packed by method {packed}; read are {', '.join(set(LOSSLESS.values()))}"
        raise BadSample("undecodable", detail, file)
    if turned != 1:
        raise BadSample("turned picture", f"TIFF with the orientation {turned}, expected 1", file)
    if (photometric := tags.get(PHOTOMETRIC, [1])[0]) not in (1, 2):
        what = {0: "white is 0", 3: "it has a palette"}.get(photometric, f"kind {photometric}")
        raise BadSample("wrong dtype", f"TIFF of which {what}: not plain numbers", file)
    bits, formats = set(tags.get(BITS, [1])), set(tags.get(FORMAT, [1]))
    name = f"{KINDS.get(min(formats), '?')}{min(bits) // 8}"
    if len(bits) > 1 or len(formats) > 1 or name not in DTYPES or min(bits) % 8:
        what = f"{sorted(bits)} bits, sample format {sorted(formats)}"
        raise BadSample("wrong dtype", f"TIFF of {what}; read are {', '.join(DTYPES)}", file)
    samples = tags.get(SAMPLES, [1])[0]
    return np.dtype(name), (height, width) if samples == 1 else (height, width, samples)


def _tags(data: bytes, file: str) -> dict[int, list[int]]:
    """The tags of the one page, each with up to eight whole numbers. Raises BadSample."""
    order = "<" if data[:2] == b"II" else ">"
    pages: list[dict[int, list[int]]] = []
    (place,) = struct.unpack_from(order + "I", data, 4)
    seen = set[int]()
    while place and place not in seen and len(seen) < 32:
        seen.add(place)
        page, place = _page(data, order, place, file)
        if not pages or not page.get(SUBFILE, [0])[0] & 1:  # no reduced copy
            pages.append(page)
    if len(pages) != 1:
        raise BadSample("undecodable", f"TIFF of {len(pages)} pages, expected one", file)
    return pages[0]


def _page(data: bytes, order: str, place: int, file: str) -> tuple[dict[int, list[int]], int]:
    (count,) = struct.unpack_from(order + "H", data, place)
    if count > MOST_FIELDS:
        raise BadSample("too large", f"TIFF with {count} tags", file)
    tags: dict[int, list[int]] = {}
    for field in range(place + 2, place + 2 + 12 * count, 12):
        tag, type_, values = struct.unpack_from(order + "HHI", data, field)
        if type_ not in TYPES:
            continue
        form = f"{order}{min(values, 8)}{TYPES[type_]}"
        fits = values * struct.calcsize(order + TYPES[type_]) <= 4
        where = field + 8 if fits else struct.unpack_from(order + "I", data, field + 8)[0]
        if fits or tag in (BITS, FORMAT):
            tags[tag] = list(struct.unpack_from(form, data, where)) or [0]
    return tags, int(struct.unpack_from(order + "I", data, place + 2 + 12 * count)[0])
