"""One code for the arrays of NumPy and of torch: what the two do not have under one name.

On the CPU a label's arrays are NumPy's, and torch, which takes seconds to import, is not there. On
a device, and for a task that is written with torch, they are tensors. Code for both takes its
functions from `namespace(array)` and keeps to what means the same in either: `where`, `asarray`,
`stack`, `minimum`, `bincount`, Python's operators and such. Each operation is exact, or rounded
once and correctly, so both make the same bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

NUMPY = "numpy"
Array = Any  # NDArray[Any] | torch.Tensor; a name for readers, since torch may not be imported


def namespace(array: Array) -> Any:
    """The module whose functions work on an array: numpy, or torch for a tensor."""
    if isinstance(array, np.ndarray):
        return np
    import torch

    return torch


def place(array: Array) -> str:
    """Where an array is: "numpy", or a tensor's device, such as "cpu" or "cuda:0"."""
    return NUMPY if isinstance(array, np.ndarray) else str(array.device)


def placed(array: Array, where: str) -> Array:
    """The array at a place, with the same values; not copied if that is the same memory."""
    if where == NUMPY:
        return array if isinstance(array, np.ndarray) else array.detach().cpu().numpy()
    import torch

    if isinstance(array, np.ndarray):
        # torch would warn of an array that may not be written to
        array = torch.from_numpy(array if array.flags.writeable else array.copy())
    return array.to(where)


def look_up(table: Array, numbers: Array) -> Array:
    """The rows of a table [N, ...] by their numbers, int[...] from 0 to N - 1: [..., ...].

    The table is of NumPy, or where the numbers are. Raises IndexError for a number outside it (on
    a GPU, what CUDA raises).
    """
    if isinstance(numbers, np.ndarray):
        return table.take(numbers, axis=0)
    rows = placed(table, place(numbers)).index_select(0, numbers.reshape(-1))
    return rows.reshape(*numbers.shape, *table.shape[1:])


def filled(like: Array, colour: tuple[int, int, int]) -> Array:
    """uint8[..., 3] of one colour for each value of an array [...], at its place."""
    xp = namespace(like)
    rgb = xp.empty((*like.shape, 3), dtype=xp.uint8, device=like.device)
    rgb[...] = xp.asarray(colour, dtype=xp.uint8, device=like.device)
    return rgb


def numpy(array: Array) -> NDArray[Any]:
    """An array's values in NumPy, copied only from a device."""
    values: NDArray[Any] = placed(array, NUMPY)
    return values
