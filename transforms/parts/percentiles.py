"""Percentiles that are numbers of the image itself: the same on every device, and as a short text.

The p-th of n ascending numbers is the one of rank (n - 1) p / 100, counted from 0 and rounded half
up; nothing is interpolated, so nothing is rounded.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np

from vbdata.core.arrays import Array


def of(values: Array, *percents: str) -> tuple[str, ...]:
    """Percentiles of float32[n], n > 0, each as the shortest text that is that float32.

    percents: from 0 to 100, as decimals.
    """
    n = len(values)
    ranks = [int(Fraction(percent) * (n - 1) / 100 + Fraction(1, 2)) for percent in percents]
    if isinstance(values, np.ndarray):
        found = np.partition(values, ranks)[ranks]
    else:
        found = values.sort().values[ranks].cpu().numpy()
    return tuple(str(np.float32(value)) for value in found)


def check(name: str, percent: str) -> Decimal:
    """A percentage of an option as a number. Raises ValueError unless it is from 0 to 100."""
    try:
        found = Decimal(str(percent))
    except ArithmeticError as err:
        raise ValueError(f"{name} is a percentage, got {percent!r:.40}") from err
    if found.is_nan() or not 0 <= found <= 100:
        raise ValueError(f"{name} is a percentage from 0 to 100, got {percent!r:.40}")
    return found
