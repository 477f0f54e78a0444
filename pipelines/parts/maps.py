"""Label maps stored as PNG: read, checked for their type, cut into runs of equal pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from vbdata.core import images
from vbdata.errors import BadSample

from . import records

if TYPE_CHECKING:
    from vbdata.core.types import Entry
    from vbdata.storage.folder import Root


def grey(root: Root, entry: Entry, key: str, dtype: DTypeLike) -> NDArray[Any]:
    """One of the entry's maps as it is stored, dtype[H, W], of any size.

    Raises BadSample, "wrong dtype" for colours and for other numbers.
    """
    path = entry.files[key].path
    stored = images.decode_png_raw(records.read(root, entry, key), path)
    if stored.ndim != 2 or stored.dtype != dtype:
        what = f"{key} is {stored.dtype} of shape {stored.shape}"
        raise BadSample("wrong dtype", f"{what}, expected grey {np.dtype(dtype).name}", path)
    return stored


def colours(root: Root, entry: Entry, key: str) -> NDArray[np.uint32]:
    """One of the entry's maps as R + 256 G + 65536 B, uint32[H, W] of the entry's size.

    Raises BadSample, "wrong dtype" for anything but 8-bit RGB.
    """
    import cv2

    path = entry.files[key].path
    rgb = images.decode_png_raw(records.read(root, entry, key), path)
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        what = f"{key} is {rgb.dtype} of shape {rgb.shape}"
        raise BadSample("wrong dtype", f"{what}, expected 8-bit RGB", path)
    records.check_size(rgb.shape, entry, path)
    rgba = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA))
    return rgba.view("<u4")[..., 0] & np.uint32(0xFFFFFF)


def runs(*maps: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where pixels of a map in reading order differ from the one before, and how long each run is.

    maps: [H, W], of one shape; a run ends where any of them changes. Neighbours mostly have the
    same label, so that looking up one pixel a run is much faster than looking up each.
    """
    lines = [each.ravel() for each in maps]
    new = np.zeros(lines[0].size - 1, np.bool_)
    for line in lines:
        new |= line[1:] != line[:-1]
    starts = np.concatenate(([0], np.flatnonzero(new) + 1))
    return starts, np.diff(starts, append=lines[0].size)
