"""COCO's three mask formats to pixels, exactly as pycocotools' annToMask paints them.

A list of polygons [x1, y1, x2, y2, ...] (their union; pixel (0, 0) covers 0..1), an uncompressed
RLE {"counts": [ints], "size": [h, w]}, a compressed one ("counts" a string). Runs go down the
columns and start with the zeros. The string holds a run in 5-bit groups, low first, plus 48; bit
32 says that more follow, the last group's bit 16 is the sign; from the fourth run on it holds the
difference to the run before the previous one (maskApi.c, rleFrString).

Runs are expanded here; only polygons, checked first, reach the C code, which trusts its input.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.errors import BadSample

MAX_GROUPS = 7  # of one run: 35 bits, more than any picture has pixels


def mask(segmentation: Any, height: int, width: int) -> NDArray[np.bool_]:
    """bool[H, W] of an annotation's segmentation. Raises BadSample("garbled annotation")."""
    if isinstance(segmentation, list):
        return _from_polygons(segmentation, height, width)
    if not isinstance(segmentation, dict):
        raise _garbled(f"segmentation is {type(segmentation).__name__}, not polygons or RLE")
    if segmentation.get("size") != [height, width]:
        raise _garbled(f"RLE size is {segmentation.get('size')!r}, expected {[height, width]}")
    counts = segmentation.get("counts")
    runs = unpack(counts) if isinstance(counts, str) else counts
    return _from_runs(_run_array(runs, height * width), height, width)


def unpack(text: str) -> list[int]:
    """The runs of a compressed RLE string."""
    runs: list[int] = []
    value = shift = 0
    for char in text:
        group = ord(char) - 48
        if not 0 <= group < 64 or shift == 5 * MAX_GROUPS:
            raise _garbled(f"RLE string is not one: {char!r} after {len(runs)} runs")
        value |= (group & 31) << shift
        shift += 5
        if not group & 32:
            value -= (group & 16) << (shift - 4)  # the sign, extended
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    if shift:
        raise _garbled(f"RLE string ends inside run {len(runs)}")
    return runs


def _from_polygons(polygons: list[Any], height: int, width: int) -> NDArray[np.bool_]:
    if not polygons:
        raise _garbled("empty list of polygons")
    for polygon in polygons:
        _check_polygon(polygon, height, width)
    from pycocotools import mask as coco_mask

    union = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
    runs = unpack(union["counts"].decode("ascii"))
    return _from_runs(_run_array(runs, height * width), height, width)


def _check_polygon(polygon: Any, height: int, width: int) -> None:
    """Three corners or more, finite, at most a picture's size outside the picture."""
    if not isinstance(polygon, list) or len(polygon) % 2 or len(polygon) < 6:
        size = f"{len(polygon)} numbers" if isinstance(polygon, list) else repr(polygon)[:40]
        raise _garbled(f"polygon of {size}; expected an even number, 6 or more")
    try:
        points = np.array(polygon)
    except ValueError:
        points = np.array(None)
    if points.ndim != 1 or points.dtype.kind not in "iuf" or not np.isfinite(points).all():
        raise _garbled("polygon with coordinates that are not finite numbers")
    for axis, extent in enumerate((width, height)):
        low, high = points[axis::2].min(), points[axis::2].max()
        if low < -extent or high > 2 * extent:
            raise _garbled(f"polygon reaches from {low} to {high} in a picture of {extent}")


def _run_array(runs: Any, pixels: int) -> NDArray[np.int64]:
    """Runs as an array, none negative, with a sum of all pixels."""
    try:
        array = np.array(runs)
    except ValueError:
        array = np.array(None)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise _garbled("RLE counts are not a list of integers")
    if array.min() < 0 or array.max() > pixels or array.sum() != pixels:
        raise _garbled(f"RLE counts add up to {array.sum()} (least {array.min()}), not {pixels}")
    return array.astype(np.int64)


def _from_runs(runs: NDArray[np.int64], height: int, width: int) -> NDArray[np.bool_]:
    inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(inside, runs).reshape(width, height).T


def _garbled(detail: str) -> BadSample:
    return BadSample("garbled annotation", detail)
