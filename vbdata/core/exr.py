"""EXR files from outside as arrays over the whole display window, by the package OpenEXR.

A file holds the pixels of its data window, which may be smaller than the picture (a border render,
a cropped pass) or larger (overscan). Here the picture counts: what is missing is NaN, 0 in
integers, and what lies outside is cut. Source: OpenEXR, Technical Introduction, "Display and data
windows".
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import MAX_PIXELS
from vbdata.errors import BadSample

MAGIC = b"\x76\x2f\x31\x01"
TRIPLES = ("RGB", "XYZ")  # channels that are the parts of one vector, in this order
DAMAGE = (RuntimeError, ValueError, TypeError, KeyError)  # what the package raises


def read(data: bytes, file: str = "", channels: Sequence[str] = ()) -> NDArray[Any]:
    """The one channel of an EXR as [H, W], or its R, G, B or X, Y, Z as [H, W, 3].

    channels: by name, to be read in this order: one as [H, W], several as [H, W, n]; without, it
    must be clear which are meant: those of a layer (Normal.X) count as well, and A is left out.
    file: the name for messages. Float16 or float32, float32 where these two meet, or uint32. Raises
    BadSample; ImportError without the package OpenEXR.
    """
    opened = package()
    try:
        about = opened.File(io.BytesIO(data), header_only=True)
        _refuse_large(about.header(), file)
        whole = opened.File(io.BytesIO(data), separate_channels=True)
        parts, header = len(whole.parts), whole.header()
        pixels = {name: channel.pixels for name, channel in whole.channels().items()}
    except DAMAGE as err:
        cut = "end of file" in str(err).lower() or not data
        raise BadSample("truncated" if cut else "undecodable", f"EXR: {err}", file) from err
    if parts != 1:
        raise BadSample("undecodable", f"an EXR of {parts} parts, expected one", file)
    names = _wanted(pixels, tuple(channels), file)
    planes = [_placed(pixels[name], header, file) for name in names]
    return planes[0] if len(planes) == 1 else np.stack(planes, -1)


def package() -> Any:
    """The module OpenEXR. Raises ImportError that says how to install it."""
    try:
        import OpenEXR
    except ImportError as err:
        raise ImportError(
            "EXR files need the package OpenEXR: pip install 'vbdata[exr]'", name=err.name
        ) from err
    return OpenEXR


def _wanted(pixels: dict[str, NDArray[Any]], wanted: tuple[str, ...], file: str) -> tuple[str, ...]:
    """The channels that make the array, in order. Raises BadSample unless it is clear which."""
    names = list(pixels)
    there = ", ".join(sorted(names)) or "none"
    if wanted:
        if lost := [name for name in wanted if name not in names]:
            raise BadSample("wrong dtype", f"EXR without channel {lost[0]!r}; it has {there}", file)
        return wanted
    if len(names) == 1:
        return (names[0],)
    layers = {name[: name.rfind(".") + 1] for name in names}
    found = [tuple(layer + p for p in each) for layer in sorted(layers) for each in TRIPLES]
    whole = [each for each in found if all(name in names for name in each)]
    rest = [name for name in names if name.rpartition(".")[2] != "A"]
    if len(whole) == 1 and len(rest) == 3:
        return whole[0]
    if len(rest) == 1:
        return (rest[0],)
    detail = f"EXR: one channel, or R, G, B, or X, Y, Z, is read unless channels are named; {there}"
    raise BadSample("wrong dtype", detail, file)


def _window(header: dict[str, Any], name: str) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of a window; right and bottom are its last pixels plus 1."""
    (left, top), (right, bottom) = (tuple(map(int, corner)) for corner in header[name])
    return left, top, right + 1, bottom + 1


def _refuse_large(header: dict[str, Any], file: str) -> None:
    """Raise BadSample if a window is empty or has more pixels than any picture."""
    for name in ("dataWindow", "displayWindow"):
        left, top, right, bottom = _window(header, name)
        if right <= left or not 0 < (right - left) * (bottom - top) <= MAX_PIXELS:
            size = f"{right - left}x{bottom - top}"
            raise BadSample("too large", f"EXR: its {name} is {size}, at most {MAX_PIXELS}", file)


def _placed(pixels: NDArray[Any], header: dict[str, Any], file: str) -> NDArray[Any]:
    """A channel's pixels, [H, W] of the data window, over the display window. Raises BadSample."""
    left, top, right, bottom = _window(header, "dataWindow")
    if pixels.shape != (bottom - top, right - left):
        size = f"{pixels.shape[1]}x{pixels.shape[0]}"
        detail = f"EXR: a channel of {size} pixels in {right - left}x{bottom - top}"
        raise BadSample("undecodable", detail, file)
    shown = _window(header, "displayWindow")
    if shown == (left, top, right, bottom):
        return pixels
    x0, y0 = max(left, shown[0]), max(top, shown[1])
    x1, y1 = min(right, shown[2]), min(bottom, shown[3])
    if x0 >= x1 or y0 >= y1:
        detail = "EXR: its data window lies outside of its display window"
        raise BadSample("undecodable", detail, file)
    missing = np.nan if pixels.dtype.kind == "f" else 0
    whole = np.full((shown[3] - shown[1], shown[2] - shown[0]), missing, pixels.dtype)
    inside = slice(y0 - shown[1], y1 - shown[1]), slice(x0 - shown[0], x1 - shown[0])
    whole[inside] = pixels[y0 - top : y1 - top, x0 - left : x1 - left]
    return whole
