"""Thresholds as float32, so that comparisons with them are exact."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray


def float32_at_least(value: Decimal) -> np.float32:
    """The smallest float32 that is not below an exact value.

    A float32 is at or above the exact value if and only if it is at or above this one.
    """
    near = np.float32(float(value))
    return near if Decimal(float(near)) >= value else np.nextafter(near, np.float32(np.inf))


def float32_thresholds(values: Iterable[Decimal]) -> NDArray[np.float32]:
    """Exact values as float32[n], each by `float32_at_least`."""
    return np.array([float32_at_least(value) for value in values], np.float32)
