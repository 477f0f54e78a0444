"""The curve of sRGB in 8 bits, backwards: how much light a stored value stands for, 0 to 1.

    v <= 0.04045: v / 12.92, above ((v + 0.055) / 1.055) ** 2.4, v = value / 255

By decimals of 28 places, so that no machine's power function plays a part. Source: IEC 61966-2-1.
"""

from __future__ import annotations

import functools
from decimal import Context, Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

PLACES = Context(prec=28)


def linear(values: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Light of stored values, in the same places."""
    return np.take(_table(), values)


@functools.cache
def _table() -> NDArray[Any]:
    return np.array([float(_light(Decimal(code))) for code in range(256)], np.float32)


def _light(code: Decimal) -> Decimal:
    value = PLACES.divide(code, Decimal(255))
    if value <= Decimal("0.04045"):
        return PLACES.divide(value, Decimal("12.92"))
    base = PLACES.divide(PLACES.add(value, Decimal("0.055")), Decimal("1.055"))
    return PLACES.power(base, Decimal("2.4"))
