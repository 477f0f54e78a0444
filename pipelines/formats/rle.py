"""COCO's three mask formats to pixels, exactly as pycocotools' annToMask paints them.

A list of polygons [x1, y1, x2, y2, ...] (their union; pixel (0, 0) covers 0..1), an uncompressed
RLE {"counts": [ints], "size": [h, w]}, a compressed one ("counts" a string). Runs go down the
columns and start with the zeros. The string holds a run in 5-bit groups, low first, plus 48; bit
32 says that more follow, the last group's bit 16 is the sign; from the fourth run on it holds the
difference to the run before the previous one (maskApi.c, rleFrString).

Runs stay runs until they are painted. Polygons are checked before they are drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, islice, pairwise
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core import compiled
from vbdata.errors import BadSample

FEW_RUNS = 8192  # of polygons; more are made room for when they come
MOST_RUNS = 1 << 23  # of an annotation's polygons, which may cross all columns at every corner
MAX_GROUPS = 7  # of one run: 35 bits, more than any picture has pixels

Runs = NDArray[np.int64]  # lengths: of zeros, of ones, of zeros, ...; all pixels in all


def many_runs(segmentations: Sequence[Any], height: int, width: int) -> list[Runs | None]:
    """The masks of those annotations that are plain lists of polygons, all drawn at one go.

    None for each other one: `runs` has its mask, or says what is wrong with it.
    """
    found: list[Runs | None] = [None] * len(segmentations)
    library = compiled.library()
    places = [k for k, each in enumerate(segmentations) if _are_polygons(each)] if library else []
    polygons = [polygon for k in places for polygon in segmentations[k]]
    numbers = list(chain.from_iterable(polygons))
    if not {int, float}.issuperset(map(type, numbers)):
        return found
    points = np.array(numbers)
    if not numbers or points.dtype.kind not in "iuf" or not _near(points, height, width):
        return found
    points = np.ascontiguousarray(points, np.float64)
    if _most_runs(points) > MOST_RUNS:
        return found
    masks = iter(_drawn(library, points, [len(each) // 2 for each in polygons], height, width))
    for k in places:
        found[k] = _union(library, list(islice(masks, len(segmentations[k]))))
    return found


def runs(segmentation: Any, height: int, width: int) -> Runs:
    """The mask of an annotation's segmentation. Raises BadSample("garbled annotation")."""
    if isinstance(segmentation, list):
        return _from_polygons(segmentation, height, width)
    if not isinstance(segmentation, dict):
        raise _garbled(f"segmentation is {type(segmentation).__name__}, not polygons or RLE")
    if segmentation.get("size") != [height, width]:
        raise _garbled(f"RLE size is {segmentation.get('size')!r}, expected {[height, width]}")
    counts = segmentation.get("counts")
    # a byte above 127, as of other than ASCII, is in no RLE
    packed = counts.encode("utf-8", "surrogatepass") if isinstance(counts, str) else None
    return _checked(counts if packed is None else unpack(packed), height * width)


def area(mask: Runs) -> int:
    """Pixels of a mask."""
    return int(mask[1::2].sum())


def paint(masks: Iterable[tuple[int, Runs]], height: int, width: int) -> NDArray[np.int32]:
    """int32[H, W] of the number of the last mask that covers a pixel, 0 where none does."""
    layers = list(masks)
    # bytes if they suffice: a quarter of the memory to write and to transpose
    small = max((number for number, _ in layers), default=0) < 256
    if layers and small and (library := compiled.library()):
        return _painted(library, layers, height, width)
    import cv2

    columns = np.zeros((width, height), np.uint8 if small else np.int32)
    line = columns.reshape(-1)
    for number, mask in layers:
        covered = mask[1 : len(mask) // 2 * 2]  # from the first run of ones to the last
        inside = np.repeat(np.arange(len(covered)) % 2 == 0, covered)
        np.copyto(line[mask[0] : mask[0] + len(inside)], number, where=inside)
    return np.asarray(cv2.transpose(columns)).astype(np.int32, copy=False)


def _painted(
    library: Any, layers: Sequence[tuple[int, Runs]], height: int, width: int
) -> NDArray[np.int32]:
    """The same, a run at a time."""
    runs = np.concatenate([mask for _, mask in layers])
    counts = np.array([len(mask) for _, mask in layers], np.int64)
    numbers = np.array([number for number, _ in layers], np.uint8)
    columns = np.empty((width, height), np.uint8)
    ids = np.empty((height, width), np.int32)
    given = (*map(compiled.address, (runs, counts, numbers)), len(layers), height, width)
    painted = library.vb_label_map(*given, compiled.address(columns), compiled.address(ids))
    assert painted == len(layers), f"the runs of layer {painted} are not {height} x {width}"
    return ids


def unpack(packed: bytes) -> Runs:
    """The runs of a compressed RLE string, all its characters at once."""
    groups = np.frombuffer(packed, np.uint8) - np.uint8(48)
    last = np.flatnonzero(groups < 32)  # of its run
    if not groups.size or groups.max() > 63 or groups[-1] > 31:
        raise _garbled(f"RLE string is not one, or is cut: {packed[:20]!r}, {len(packed)} long")
    first = np.concatenate(([0], last[:-1] + 1))
    more = last - first
    if more.max() >= MAX_GROUPS:
        raise _garbled(f"RLE string with a run of {more.max() + 1} characters")
    place = np.arange(len(groups)) - np.repeat(first, more + 1)
    found = np.add.reduceat(np.left_shift(groups & 31, 5 * place, dtype=np.int64), first)
    found -= np.left_shift(groups[last] & 16, 5 * more + 1, dtype=np.int64)  # the sign, extended
    for differences in (found[1::2], found[2::2]):
        np.cumsum(differences, out=differences)
    return found


def _from_polygons(polygons: list[Any], height: int, width: int) -> Runs:
    if not polygons:
        raise _garbled("empty list of polygons")
    corners = [_corners(polygon, height, width) for polygon in polygons]
    points, counts = np.concatenate(corners), [len(each) // 2 for each in corners]
    if (most := _most_runs(points)) > MOST_RUNS:
        raise _garbled(f"polygons of {sum(counts)} corners that might be {most} runs")
    if library := compiled.library():
        return _union(library, _drawn(library, points, counts, height, width))
    from pycocotools import mask as coco_mask

    return unpack(coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))["counts"])


def _most_runs(points: NDArray[np.float64]) -> int:
    """A bound for the runs of polygons: one a column that an edge crosses, there and back."""
    return 2 * int(np.abs(np.diff(points[::2])).sum()) + len(points)


def _drawn(
    library: Any, points: NDArray[np.float64], corners: list[int], height: int, width: int
) -> list[Runs]:
    """The masks of polygons as pycocotools draws them. points: x, y of all; corners: of each."""
    sizes, counts = np.array(corners, np.int64), np.empty(len(corners), np.int64)
    given = (compiled.address(points), compiled.address(sizes), len(sizes), height, width)
    room = FEW_RUNS
    while True:
        runs = np.empty(room, np.int64)
        found = library.vb_polygons(*given, compiled.address(runs), room, compiled.address(counts))
        if not found:
            raise MemoryError(f"no memory to draw polygons of {len(points) // 2} corners")
        if found > 0:
            return [runs[a:b] for a, b in pairwise([0, *counts.cumsum().tolist()])]
        room = -found


def _union(library: Any, masks: list[Runs]) -> Runs:
    found = masks[0]
    for mask in masks[1:]:
        both = np.empty(len(found) + len(mask), np.int64)
        pair = (compiled.address(found), len(found), compiled.address(mask), len(mask))
        found = both[: library.vb_union(*pair, compiled.address(both))]
    return found


def _are_polygons(segmentation: Any) -> bool:
    """Whether it is a list of lists of three or more pairs."""
    return (
        isinstance(segmentation, list)
        and bool(segmentation)
        and all(map(_is_polygon, segmentation))
    )


def _is_polygon(polygon: Any) -> bool:
    return isinstance(polygon, list) and len(polygon) >= 6 and not len(polygon) % 2


def _near(points: NDArray[Any], height: int, width: int) -> bool:
    """Whether all are plainly at most a picture's size outside of it; NaN is not."""
    least = min(height, width)
    return bool(-least <= points.min() and points.max() <= 2 * least)


def _corners(polygon: Any, height: int, width: int) -> NDArray[np.float64]:
    """x, y, x, y, ...; raises BadSample unless three or more, at most a picture's size outside."""
    if not _is_polygon(polygon):
        size = f"{len(polygon)} numbers" if isinstance(polygon, list) else repr(polygon)[:40]
        raise _garbled(f"polygon of {size}; expected an even number, 6 or more")
    try:
        points = np.array(polygon)
    except ValueError:
        points = np.array(None)
    if points.ndim != 1 or points.dtype.kind not in "iuf":
        raise _garbled("polygon with coordinates that are not finite numbers")
    if _near(points, height, width):
        return np.ascontiguousarray(points, np.float64)
    pairs = points.reshape(-1, 2)
    for low, high, extent in zip(pairs.min(0), pairs.max(0), (width, height), strict=True):
        if not (isfinite(low) and isfinite(high)):
            raise _garbled("polygon with coordinates that are not finite numbers")
        if low < -extent or high > 2 * extent:
            raise _garbled(f"polygon reaches from {low} to {high} in a picture of {extent}")
    return np.ascontiguousarray(points, np.float64)


def _checked(found: Any, pixels: int) -> Runs:
    """Runs as an array, none negative, with a sum of all pixels."""
    try:
        array = np.asarray(found)
    except ValueError:
        array = np.array(None)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise _garbled("RLE counts are not a list of integers")
    if array.min() < 0 or array.max() > pixels or array.sum() != pixels:
        raise _garbled(f"RLE counts add up to {array.sum()} (least {array.min()}), not {pixels}")
    return array.astype(np.int64)


def _garbled(detail: str) -> BadSample:
    return BadSample("garbled annotation", detail)
