"""COCO's panoptic PNGs: a pixel's segment id is R + 256 G + 65536 B, 0 where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core import images
from vbdata.errors import BadSample

from .. import records

if TYPE_CHECKING:
    from vbdata.core.types import Entry
    from vbdata.storage.folder import Root


def numbers(root: Root, entry: Entry, listed: list[int]) -> NDArray[np.int32]:
    """int32[H, W]: each pixel's place in `listed`, from 1, or 0 for void.

    listed: the ids of the image's segments, ascending. Raises BadSample, also if the PNG has
    other ids than these or lacks one.
    """
    path = entry.files["panoptic"].path
    stored = images.decode_png_raw(records.read(root, entry, "panoptic"), path)
    if stored.dtype != np.uint8 or stored.ndim != 3 or stored.shape[2] != 3:
        found = f"{stored.dtype} of shape {stored.shape}"
        raise BadSample("wrong dtype", f"{found}, expected 8-bit RGB", path)
    records.check_size(stored.shape, entry, path)
    colors = _colors(stored).ravel()
    # looked up once for each run along the rows: neighbours mostly have the same colour
    starts = np.concatenate(([0], np.flatnonzero(colors[1:] != colors[:-1]) + 1))
    places = _places(colors[starts].astype(np.int64), listed, path)
    return np.repeat(places, np.diff(starts, append=len(colors))).reshape(stored.shape[:2])


def _colors(rgb: NDArray[Any]) -> NDArray[np.uint32]:
    """R + 256 G + 65536 B of uint8[H, W, 3]."""
    import cv2

    rgba = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA))
    return rgba.view("<u4")[..., 0] & np.uint32(0xFFFFFF)


def _places(colors: NDArray[np.int64], listed: list[int], path: str) -> NDArray[np.int32]:
    known = np.array([0, *listed])
    places = np.searchsorted(known, colors).clip(max=len(listed)).astype(np.int32)
    if (wrong := known[places] != colors).any():
        strange = int(colors[wrong][0])
        raise BadSample("garbled annotation", f"segment {strange} of the PNG is not listed", path)
    absent = np.bincount(places, minlength=len(known))[1:] == 0
    if absent.any():
        ghost = listed[int(absent.argmax())]
        raise BadSample("garbled annotation", f"segment {ghost} is not in the PNG", path)
    return places
