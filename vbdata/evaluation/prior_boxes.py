"""The boxes and folds in which trivial answers are learnt."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDS = 8
GRID = 32  # boxes a side of a map

Answer = tuple[str, Any]  # name of the row, label


def box_numbers(shape: tuple[int, int]) -> NDArray[np.int64]:
    """int64[H, W]: which of 32 x 32 equal boxes each pixel lies in, counted row by row from 0."""
    rows, columns = (_along(size) for size in shape)
    return rows[:, None] * GRID + columns[None, :]


def enlarged(map_: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """A map [..., 32, 32] at the size [..., H, W]: each pixel has the value of its box.

    shape: (H, W).
    """
    rows, columns = (_along(size) for size in shape)
    return np.ascontiguousarray(map_[..., rows[:, None], columns[None, :]])


def _along(size: int) -> NDArray[np.int64]:
    """int64[size]: the box, along one axis, in which the centre of each pixel lies."""
    return (2 * np.arange(size) + 1) * GRID // (2 * size)


def summed(box: NDArray[np.int64], values: NDArray[Any] | None = None) -> NDArray[Any]:
    """[GRID, GRID]: the sum of the values in each box, or how many pixels it has."""
    return np.bincount(box, values, GRID * GRID).reshape(GRID, GRID)


def others(folds: NDArray[Any], fold: int) -> Any:
    """The sum of an array [FOLDS, ...] over all folds but one."""
    return folds.sum(0) - folds[fold]
