"""Rectangles drawn in a picture, by their corners: in one colour, or each in one of its own.

Corners are x0, y0, x1, y1 in pixels, edges at whole numbers: x0 to x1 - 1 are its columns. An
outline is drawn inside of them, `thickness` pixels thick.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Corners = tuple[int, int, int, int]
Mask = NDArray[np.bool_]

MOST_PAIRS = 4_000_000  # of corners that may make a rectangle; beyond it only a hull is told
STRAIGHT = 0.98  # share of a hull's outline from which connected pixels are just that outline


def thickness(height: int, width: int) -> int:
    """How thick outlines are in a picture of this size: 3 pixels, or 1/128 of its shorter side."""
    return max(3, round(min(height, width) / 128))


def sides(box: Corners, thick: int | None) -> list[tuple[slice, slice]]:
    """The rows and columns of a box's outline, in pieces that do not overlap.

    thick: in pixels; None for all of a filled box, in one piece.
    """
    x0, y0, x1, y1 = box
    if thick is None or min(x1 - x0, y1 - y0) <= 2 * thick:
        return [(slice(y0, y1), slice(x0, x1))]
    between = slice(y0 + thick, y1 - thick)
    return [
        (slice(y0, y0 + thick), slice(x0, x1)),
        (slice(y1 - thick, y1), slice(x0, x1)),
        (between, slice(x0, x0 + thick)),
        (between, slice(x1 - thick, x1)),
    ]


def paint(map_: NDArray[Any], box: Corners, thick: int | None, value: Any) -> None:
    """Set the pixels of a box in [H, W], all of them if its outline has no thickness."""
    for side in sides(box, thick):
        map_[side] = value


def order(size: tuple[int, int], boxes: Sequence[Corners], thick: int | None) -> list[int] | None:
    """In which order boxes are painted over one another so that a part of each side is seen.

    None if there is no such order. Of those that may lie at the bottom the largest does: if one
    may, no order is lost by it, as fewer lie upon the others then.
    """
    cover = _cover(size, boxes, thick)
    left = sorted(range(len(boxes)), key=lambda k: (-_area(boxes[k]), k))
    found: list[int] = []
    while left:
        free = next((k for k in left if _shows(cover, boxes[k])), None)
        if free is None:
            return None
        for side in sides(boxes[free], thick):
            cover[side] -= 1
        found.append(free)
        left.remove(free)
    return found


def _cover(size: tuple[int, int], boxes: Sequence[Corners], thick: int | None) -> NDArray[np.int32]:
    """int32[H, W]: how many boxes have each pixel."""
    cover = np.zeros(size, np.int32)
    for box in boxes:
        for side in sides(box, thick):
            cover[side] += 1
    return cover


def _area(box: Corners) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _shows(cover: NDArray[np.int32], box: Corners) -> bool:
    """Whether a pixel of each side is of this box alone. cover: boxes at each pixel."""
    x0, y0, x1, y1 = box
    sides = cover[y0, x0:x1], cover[y1 - 1, x0:x1], cover[y0:y1, x0], cover[y0:y1, x1 - 1]
    return all(bool((side == 1).any()) for side in sides)


def extents(ids: NDArray[np.int32], count: int) -> list[Corners | None]:
    """The box around each of the numbers 1 to count in int32[H, W]; None for one not there."""
    found: list[Corners | None] = []
    for number in range(1, count + 1):
        mask = ids == number
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        found.append(
            (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
            if len(rows)
            else None
        )
    return found


def filled(mask: Mask, smallest: float) -> list[Corners]:
    """The boxes around the connected areas of bool[H, W], sorted; smallest: pixels of a box."""
    return sorted(box for box, _ in _connected(mask, smallest))


def outlined(mask: Mask, thick: int, smallest: float) -> list[Corners]:
    """The rectangles whose outlines, all in one colour, are bool[H, W]; sorted.

    Outlines may cross and nest. Among all rectangles whose outline is in the mask those are told
    without which a pixel of it would be left, and after them whatever covers most of the rest. Of
    connected pixels that are no outlines of this thickness their hull is told. smallest: pixels of
    a box.
    """
    found: list[Corners] = []
    for box, part in _connected(mask, smallest):
        hull = np.zeros_like(part)
        paint(hull, (0, 0, part.shape[1], part.shape[0]), thick, True)
        both, every = int((hull & part).sum()), int((hull | part).sum())
        if both >= STRAIGHT * every:
            found.append(box)
            continue
        x, y = box[:2]
        inner = [(a + x, b + y, c + x, d + y) for a, b, c, d in _resolved(part, thick)]
        found += inner or [box]
    return sorted(found)


def _connected(mask: Mask, smallest: float) -> Iterator[tuple[Corners, Mask]]:
    """The box around each connected area (8 neighbours), and the area inside of it."""
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=8
    )
    for number in range(1, count):
        x, y, width, height = (int(value) for value in stats[number][:4])
        if width * height >= smallest:
            inside = labels[y : y + height, x : x + width] == number
            yield (x, y, x + width, y + height), np.asarray(inside, np.bool_)


def _resolved(mask: Mask, thick: int) -> list[Corners]:
    """The rectangles in connected outlines, bool[H, W]; none if they cannot be told."""
    boxes = _candidates(mask, thick)
    cover = _cover(mask.shape, boxes, thick)
    kept = [box for box in boxes if any((cover[side] == 1).any() for side in sides(box, thick))]
    rest = mask.copy()
    for box in kept:
        paint(rest, box, thick, False)
    while boxes and rest.any():
        gains = [sum(int(rest[side].sum()) for side in sides(box, thick)) for box in boxes]
        best = int(np.argmax(gains))
        if not gains[best]:
            break
        kept.append(boxes[best])
        paint(rest, boxes[best], thick, False)
    covered = int(mask.sum()) - int(rest.sum())
    return kept if 2 * covered >= int(mask.sum()) else []


def _candidates(mask: Mask, thick: int) -> list[Corners]:
    """All rectangles whose outline of this thickness lies in bool[H, W], none smaller than it."""
    right, down = _runs(mask, thick), _runs(mask.T, thick).T
    up, left = _runs(mask[::-1].T, thick).T[::-1], _runs(mask[:, ::-1], thick)[:, ::-1]
    # right and left are at the upper row of an edge, down and up at its left column
    y0, x0 = np.nonzero((right > thick) & (down > thick))
    last = np.zeros_like(mask)
    last[thick - 1 :, thick - 1 :] = (left[: len(mask) - thick + 1] > thick)[:, thick - 1 :] & (
        up[:, : mask.shape[1] - thick + 1] > thick
    )[thick - 1 :]
    y1, x1 = np.nonzero(last)
    if not 0 < len(y0) * len(y1) <= MOST_PAIRS:
        return []
    one, other = (
        grid.ravel() for grid in np.meshgrid(np.arange(len(y0)), np.arange(len(y1)), indexing="ij")
    )
    across, along = x1[other] - x0[one] + 1, y1[other] - y0[one] + 1
    fits = (across > thick) & (along > thick)
    fits &= (across <= right[y0[one], x0[one]]) & (along <= down[y0[one], x0[one]])
    fits &= across <= left[np.maximum(y1[other] - thick + 1, 0), x1[other]]
    fits &= along <= up[y1[other], np.maximum(x1[other] - thick + 1, 0)]
    return [
        (int(x0[a]), int(y0[a]), int(x1[b]) + 1, int(y1[b]) + 1)
        for a, b in zip(one[fits].tolist(), other[fits].tolist(), strict=True)
    ]


def _runs(mask: Mask, thick: int) -> NDArray[np.int64]:
    """int64[H, W]: how far a bar of `thick` rows, this one uppermost, reaches to the right."""
    height, width = mask.shape
    bar = np.zeros((height, width), np.bool_)
    if height >= thick:
        rows = [mask[k : height - thick + 1 + k] for k in range(thick)]
        bar[: height - thick + 1] = np.logical_and.reduce(rows)
    end = np.where(bar, width, np.arange(width))  # the first column from here that is none
    end = np.minimum.accumulate(end[:, ::-1], 1)[:, ::-1]
    return np.asarray(end - np.arange(width))
