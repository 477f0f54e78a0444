"""Masks as COCO writes them: polygons along pixel edges, run lengths, boxes.

The polygons have whole-number corners and no holes, so that any rasteriser that fills pixels whose
centre lies inside gives back the mask exactly; pycocotools does (the tests compare).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Corner = tuple[int, int]

# Right, down, left, up: the mask lies to the right-hand side of every step.
STEPS: tuple[Corner, ...] = ((1, 0), (0, 1), (-1, 0), (0, -1))


def polygons(mask: Mask) -> list[list[int]]:
    """Corners [x1, y1, x2, y2, ...] of each piece of bool[H, W]; pieces with a hole are cut."""
    return _polygons(mask, 0)


def run_lengths(mask: Mask) -> list[int]:
    """COCO's uncompressed counts of a mask bool[H, W]: down the columns, zeros first."""
    flat = mask.ravel(order="F").astype(np.int8)
    edges = np.flatnonzero(np.diff(flat, prepend=0)).tolist()
    counts: list[int] = np.diff([0, *edges, flat.size]).tolist()
    return counts


def box(mask: Mask) -> tuple[int, int, int, int]:
    """The box (left, top, width, height) of a mask bool[H, W] that is not empty, in pixels."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    left, top = int(columns[0]), int(rows[0])
    return left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1


def _polygons(mask: Mask, shift: int) -> list[list[int]]:
    loops = _loops(mask)
    holes = [loop for loop in loops if _doubled_area(loop) < 0]
    if not holes:
        return [[z for x, y in loop for z in (x + shift, y)] for loop in loops]
    cut = min(x for x, _ in holes[0]) + 1
    return _polygons(mask[:, :cut], shift) + _polygons(mask[:, cut:], shift + cut)


def _loops(mask: Mask) -> list[list[Corner]]:
    """Corners of every closed outline; those of holes run the other way around."""
    left = _edges(mask)
    loops = []
    while left:
        start, direction = min(left)
        loops.append(_walk(left, start, direction))
    return loops


def _edges(mask: Mask) -> set[tuple[Corner, int]]:
    """(start, direction) of the pixel edges between the mask and the rest."""
    padded = np.pad(mask, 1)
    inside = padded[1:-1, 1:-1]
    edges: set[tuple[Corner, int]] = set()
    # Neighbour above, right, below, left; and where the edge towards it starts.
    for direction, (rows, columns, dx, dy) in enumerate(
        (
            (slice(None, -2), slice(1, -1), 0, 0),
            (slice(1, -1), slice(2, None), 1, 0),
            (slice(2, None), slice(1, -1), 1, 1),
            (slice(1, -1), slice(None, -2), 0, 1),
        )
    ):
        ys, xs = np.nonzero(inside & ~padded[rows, columns])
        pairs = zip((xs + dx).tolist(), (ys + dy).tolist(), strict=True)
        edges.update((pair, direction) for pair in pairs)
    return edges


def _walk(left: set[tuple[Corner, int]], start: Corner, direction: int) -> list[Corner]:
    """Follow one outline, taking its edges out of `left`; keep to the right where two meet."""
    corners, corner = [start], start
    while True:
        left.remove((corner, direction))
        dx, dy = STEPS[direction]
        corner = (corner[0] + dx, corner[1] + dy)
        turns = ((direction + turn) % 4 for turn in (1, 0, 3))
        ahead = next((turn for turn in turns if (corner, turn) in left), None)
        if ahead is None:
            return corners
        if ahead != direction:
            corners.append(corner)
            direction = ahead


def _doubled_area(loop: list[Corner]) -> int:
    """Twice the signed area, positive for an outline with the mask inside."""
    following = [*loop[1:], loop[0]]
    return sum(x * b - a * y for (x, y), (a, b) in zip(loop, following, strict=True))
