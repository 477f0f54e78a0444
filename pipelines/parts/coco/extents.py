"""Where masks lie in the picture, from their runs alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...formats.rle import Runs


def extents(masks: Sequence[Runs], height: int) -> tuple[list[list[int]], list[int]]:
    """Of each mask x0, y0, x1, y1 and how many pixels it covers; all 0 of an empty one.

    height: of the picture; x1 and y1 are exclusive.
    """
    if not masks:
        return [], []
    lengths = [len(mask) for mask in masks]
    runs = np.concatenate(masks)
    ends = runs.cumsum()
    before = np.repeat(np.arange(len(masks)) * int(masks[0].sum()), lengths)
    odd = np.arange(len(runs)) - np.repeat(np.cumsum(lengths) - lengths, lengths) & 1
    covered = np.flatnonzero(odd.astype(bool) & (runs > 0))
    sizes, last = runs[covered], (ends - before)[covered] - 1
    left, top = np.divmod(last - sizes + 1, height)
    right, bottom = np.divmod(last, height)
    # A run that goes on in the next column reaches the lowest row and, there, the uppermost.
    whole = right > left
    top[whole], bottom[whole] = 0, height - 1
    of = np.repeat(np.arange(len(masks)), lengths)[covered]
    boxes, areas = np.zeros((len(masks), 4), np.int64), np.zeros(len(masks), np.int64)
    if len(of):
        begins = np.flatnonzero(np.diff(of, prepend=-1))
        there = of[begins]
        boxes[there, 0] = left[begins]  # runs go on down the columns, from left to right
        boxes[there, 1] = np.minimum.reduceat(top, begins)
        boxes[there, 2] = right[np.append(begins[1:], len(of)) - 1] + 1
        boxes[there, 3] = np.maximum.reduceat(bottom, begins) + 1
        areas[there] = np.add.reduceat(sizes, begins)
    return boxes.tolist(), areas.tolist()
