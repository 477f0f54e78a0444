"""EXR files as arrays: one channel, or three that belong together, over the whole display window.

A file holds the pixels of its data window, which may be smaller than the picture (a border render,
a cropped pass) or larger (overscan). Here the picture counts: what is missing is NaN, 0 in
integers, and what lies outside is cut. Source: OpenEXR, Technical Introduction, "Display and data
windows".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import MAX_PIXELS
from vbdata.errors import CodecError

TRIPLES = ("RGB", "XYZ")  # channels that are the parts of one vector, in this order


def read(path: Path) -> NDArray[Any]:
    """An EXR file's one channel as [H, W], or its R, G, B or X, Y, Z as [H, W, 3].

    Float16 or float32, float32 where the channels have different types, or uint32. Channels of a
    layer (Normal.X) count as well; A is left out. Raises CodecError.
    """
    opened = _open_exr()
    try:
        about = opened.File(str(path), header_only=True)
        _refuse_large(path, about)
        file = opened.File(str(path), separate_channels=True)
        parts, header = file.parts, file.header()
        channels = {name: channel.pixels for name, channel in file.channels().items()}
    except (RuntimeError, ValueError, TypeError, KeyError) as err:
        raise CodecError(f"{path}: not an EXR file that can be read: {err}") from err
    if len(parts) != 1:
        raise CodecError(f"{path}: an EXR of {len(parts)} parts, expected one")
    names = _wanted(path, list(channels))
    planes = [_placed(path, channels[name], header) for name in names]
    return planes[0] if len(planes) == 1 else np.stack(planes, -1)


def write(path: Path, array: NDArray[Any]) -> None:
    """Write [H, W] as channel Z, or [H, W, 3] as R, G, B, in float32."""
    name = "RGB" if array.ndim == 3 else "Z"
    _open_exr().File({}, {name: np.ascontiguousarray(array, np.float32)}).write(str(path))


def _wanted(path: Path, names: list[str]) -> list[str]:
    """The channels that make the array, in order. Raises CodecError unless it is clear which."""
    if len(names) == 1:
        return names
    layers = {name[: name.rfind(".") + 1] for name in names}
    found = [[layer + part for part in each] for layer in sorted(layers) for each in TRIPLES]
    whole = [each for each in found if all(name in names for name in each)]
    rest = [n for n in names if n.rpartition(".")[2] != "A"]
    if len(whole) == 1 and len(rest) == 3:
        return whole[0]
    if len(rest) == 1:
        return rest
    what = "one channel, or R, G, B, or X, Y, Z, is read"
    raise CodecError(f"{path}: {what}; found {', '.join(sorted(names))}")


def _window(header: dict[str, Any], name: str) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of a window; right and bottom are its last pixels plus 1."""
    (left, top), (right, bottom) = (tuple(map(int, corner)) for corner in header[name])
    return left, top, right + 1, bottom + 1


def _refuse_large(path: Path, about: Any) -> None:
    """Raise CodecError if a window is empty or has more pixels than any picture."""
    for name in ("dataWindow", "displayWindow"):
        left, top, right, bottom = _window(about.header(), name)
        if not 0 < (right - left) * (bottom - top) <= MAX_PIXELS or right <= left:
            size = f"{right - left}x{bottom - top}"
            raise CodecError(f"{path}: its {name} is {size} pixels, at most {MAX_PIXELS}")


def _placed(path: Path, pixels: NDArray[Any], header: dict[str, Any]) -> NDArray[Any]:
    """A channel's pixels, [H, W] of the data window, over the display window."""
    left, top, right, bottom = _window(header, "dataWindow")
    if pixels.shape != (bottom - top, right - left):
        size = f"{pixels.shape[1]}x{pixels.shape[0]}"
        raise CodecError(f"{path}: a channel of {size} pixels in {right - left}x{bottom - top}")
    shown = _window(header, "displayWindow")
    if shown == (left, top, right, bottom):
        return pixels
    x0, y0, x1, y1 = (
        max(left, shown[0]),
        max(top, shown[1]),
        min(right, shown[2]),
        min(bottom, shown[3]),
    )
    if x0 >= x1 or y0 >= y1:
        raise CodecError(f"{path}: its data window lies outside of its display window")
    missing = np.nan if pixels.dtype.kind == "f" else 0
    whole = np.full((shown[3] - shown[1], shown[2] - shown[0]), missing, pixels.dtype)
    whole[y0 - shown[1] : y1 - shown[1], x0 - shown[0] : x1 - shown[0]] = pixels[
        y0 - top : y1 - top, x0 - left : x1 - left
    ]
    return whole


def _open_exr() -> Any:
    try:
        import OpenEXR
    except ImportError as err:
        raise CodecError("EXR files need the package OpenEXR: pip install 'vbdata[exr]'") from err
    return OpenEXR
