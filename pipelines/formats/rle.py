"""COCO's three mask formats to pixels, exactly as pycocotools' annToMask paints them.

- polygons: a list of [x1, y1, x2, y2, ...] in pixels, of which the mask is the union; pixel (0, 0)
  covers 0 to 1
- uncompressed RLE: {"counts": [ints], "size": [h, w]}, the lengths of alternating runs of zeros and
  ones, zeros first, down the columns
- compressed RLE: "counts" is a string. A run is one or more characters, each 48 plus 5 bits of the
  number, the lowest first; 32 more say that another follows, and bit 16 of the last is the sign.
  From the fourth run on, the number is the difference to the run two before (maskApi.c,
  rleFrString)

Masks stay runs until they are painted: most are small, and a union or an area needs no pixels.
Polygons are checked before they are drawn, as a hostile one may have millions of runs.
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

FEW_RUNS = 8192  # room for the runs of polygons at first; more is made where they need it
MOST_RUNS = 1 << 23  # of an annotation's polygons, whose every edge may cross all columns
MAX_GROUPS = 7  # characters of one run: 35 bits, more than any picture has pixels

Runs = NDArray[np.int64]  # [N] lengths: of zeros, of ones, of zeros, ...; their sum is H x W


def many_runs(segmentations: Sequence[Any], height: int, width: int) -> list[Runs | None]:
    """The masks of those of an image's annotations that are plain lists of polygons, in one call.

    None for any other: `runs` makes its mask, or says what is wrong with it.
    """
    masks: list[Runs | None] = [None] * len(segmentations)
    library = compiled.library()
    places = [k for k, each in enumerate(segmentations) if _are_polygons(each)] if library else []
    polygons = [polygon for k in places for polygon in segmentations[k]]
    numbers = list(chain.from_iterable(polygons))
    if not {int, float}.issuperset(map(type, numbers)):
        return masks
    points = np.array(numbers)
    if not numbers or points.dtype.kind not in "iuf" or not _near(points, height, width):
        return masks
    points = np.ascontiguousarray(points, np.float64)
    if _most_runs(points) > MOST_RUNS:
        return masks
    drawn = iter(_drawn(library, points, [len(each) // 2 for each in polygons], height, width))
    for k in places:
        masks[k] = _union(library, list(islice(drawn, len(segmentations[k]))))
    return masks


def runs(segmentation: Any, height: int, width: int) -> Runs:
    """The mask of an annotation's segmentation, in any of the three formats.

    height, width: of the picture. Raises BadSample("garbled annotation").
    """
    if isinstance(segmentation, list):
        return _from_polygons(_polygons(segmentation), height, width)
    if not isinstance(segmentation, dict):
        raise _garbled(f"segmentation is {type(segmentation).__name__}, not polygons or RLE")
    if segmentation.get("size") != [height, width]:
        raise _garbled(f"RLE size is {segmentation.get('size')!r}, expected {[height, width]}")
    counts = segmentation.get("counts")
    # RLE is ASCII; the bytes of any other character are above 127, which `unpack` refuses
    packed = counts.encode("utf-8", "surrogatepass") if isinstance(counts, str) else None
    return _checked(counts if packed is None else unpack(packed), height * width)


def area(mask: Runs) -> int:
    """How many pixels a mask covers."""
    return int(mask[1::2].sum())


def paint(masks: Iterable[tuple[int, Runs]], height: int, width: int) -> NDArray[np.int32]:
    """int32[H, W]: the number of the last mask that covers a pixel, 0 where none does.

    masks: (number, runs), painted over one another in this order.
    """
    layers = list(masks)
    # One byte a pixel if numbers fit: a quarter of the memory to write and to transpose.
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
    """Paint with the compiled loops, a run at a time; numbers below 256."""
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
    """The runs of a compressed RLE string, all of its characters decoded at once.

    Raises BadSample("garbled annotation"); whether they fill the picture is left to the caller.
    """
    groups = np.frombuffer(packed, np.uint8) - np.uint8(48)
    last = np.flatnonzero(groups < 32)  # the last character of each run
    if not groups.size or groups.max() > 63 or groups[-1] > 31:
        raise _garbled(f"not an RLE string, or cut short: {packed[:20]!r}, {len(packed)} long")
    first = np.concatenate(([0], last[:-1] + 1))
    more = last - first
    if more.max() >= MAX_GROUPS:
        raise _garbled(f"RLE string with a run of {more.max() + 1} characters")
    place = np.arange(len(groups)) - np.repeat(first, more + 1)
    runs = np.add.reduceat(np.left_shift(groups & 31, 5 * place, dtype=np.int64), first)
    runs -= np.left_shift(groups[last] & 16, 5 * more + 1, dtype=np.int64)  # sign extension
    # From the fourth on, runs are differences to the run two before, so the second, fourth, ... and
    # the third, fifth, ... are running sums each; the first stands alone.
    for differences in (runs[1::2], runs[2::2]):
        np.cumsum(differences, out=differences)
    return runs


def _from_polygons(polygons: list[Any], height: int, width: int) -> Runs:
    """The union of polygons, checked one by one. Raises BadSample("garbled annotation")."""
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


def _polygons(segmentation: list[Any]) -> list[Any]:
    """A list of polygons: one that is written as a flat list of numbers is a list of one.

    Polygons of one or two corners cover nothing and are left out, if there are others.
    """
    if segmentation and not isinstance(segmentation[0], list):
        return [segmentation]
    fewer = [p for p in segmentation if not isinstance(p, list) or len(p) not in (2, 4)]
    return fewer or segmentation


def _most_runs(points: NDArray[np.float64]) -> int:
    """An upper bound on the runs of polygons: an edge makes one in each column that it crosses."""
    return 2 * int(np.abs(np.diff(points[::2])).sum()) + len(points)


def _drawn(
    library: Any, points: NDArray[np.float64], corners: list[int], height: int, width: int
) -> list[Runs]:
    """The masks of polygons as pycocotools draws them.

    points: x, y of all corners, one polygon's after the other's; corners: how many each has.
    """
    sizes, counts = np.array(corners, np.int64), np.empty(len(corners), np.int64)
    given = (compiled.address(points), compiled.address(sizes), len(sizes), height, width)
    room = FEW_RUNS
    while True:
        runs = np.empty(room, np.int64)
        drawn = library.vb_polygons(*given, compiled.address(runs), room, compiled.address(counts))
        if not drawn:
            raise MemoryError(f"no memory to draw polygons of {len(points) // 2} corners")
        if drawn > 0:
            return [runs[a:b] for a, b in pairwise([0, *counts.cumsum().tolist()])]
        room = -drawn


def _union(library: Any, masks: list[Runs]) -> Runs:
    """The union of one or more masks of the same picture."""
    union = masks[0]
    for mask in masks[1:]:
        both = np.empty(len(union) + len(mask), np.int64)
        pair = (compiled.address(union), len(union), compiled.address(mask), len(mask))
        union = both[: library.vb_union(*pair, compiled.address(both))]
    return union


def _are_polygons(segmentation: Any) -> bool:
    """Whether a segmentation is a list of polygons by its form; the numbers are not looked at."""
    return (
        isinstance(segmentation, list)
        and bool(segmentation)
        and all(map(_is_polygon, segmentation))
    )


def _is_polygon(polygon: Any) -> bool:
    return isinstance(polygon, list) and len(polygon) >= 6 and not len(polygon) % 2


def _near(points: NDArray[Any], height: int, width: int) -> bool:
    """Whether no coordinate is farther outside than the picture's shorter side; false for NaN.

    A quick test that nearly all polygons pass; `_corners` decides about the others.
    """
    least = min(height, width)
    return bool(-least <= points.min() and points.max() <= 2 * least)


def _corners(polygon: Any, height: int, width: int) -> NDArray[np.float64]:
    """A polygon's x, y, x, y, ... as float64.

    Raises BadSample unless it has three corners or more, none farther outside of the picture than
    the picture is wide or high.
    """
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


def _checked(counts: Any, pixels: int) -> Runs:
    """Runs as an array. Raises BadSample unless they are not negative and add up to all pixels."""
    try:
        array = np.asarray(counts)
    except ValueError:
        array = np.array(None)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise _garbled("RLE counts are not a list of integers")
    if array.min() < 0 or array.max() > pixels or array.sum() != pixels:
        raise _garbled(f"RLE counts add up to {array.sum()} (least {array.min()}), not {pixels}")
    return array.astype(np.int64)


def _garbled(detail: str) -> BadSample:
    return BadSample("garbled annotation", detail)
