"""Numbers to 256 codes and back by comparisons with thresholds, the same on every device.

Powers and logarithms round differently on every processor. So the thresholds between the codes and
the numbers of the codes are computed once in decimal; an array is only compared with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core.arrays import Array, look_up, namespace, place, placed

BITS = 16  # of a float32 that name its bucket, the sign among them
FEW = 3  # cuts inside of a bucket, up to which each pixel is compared with all of them
WITHOUT_SIGN = 0x7FFFFFFF


class Steps(NamedTuple):
    """N ascending numbers, and the thresholds between them, of which each belongs to the upper one.

    cuts: float32[N], the last one never reached; numbers: float32[N]; middle: float64[N], the same;
    rate: float64[2 N], of each number by how many steps a value just below it is off, for each
    unit, and one just above it; base: int32[buckets], the place of the smallest float32 of each
    bucket, which is named by the upper BITS bits of its floats; most: how many cuts are inside of
    any bucket.
    """

    cuts: NDArray[np.float32]
    numbers: NDArray[np.float32]
    middle: NDArray[np.float64]
    rate: NDArray[np.float64]
    base: NDArray[np.int32]
    most: int


def between(cuts: Sequence[Decimal], numbers: Sequence[Decimal]) -> Steps:
    """The tables of exact thresholds and numbers, both ascending; the last of either may be inf."""
    middle = np.array([float(number) for number in numbers])
    edges = np.array([middle[0], *(float(cut) for cut in cuts), middle[-1]])
    with np.errstate(invalid="ignore", divide="ignore"):  # at infinity
        rate = 0.5 / np.stack([middle - edges[:-1], edges[1:] - middle], 1).reshape(-1)
    reached = float32_thresholds(cuts)
    bits = np.arange(1 << (BITS - 1), dtype=np.uint32) << np.uint32(32 - BITS)
    smallest = np.nan_to_num(bits.view(np.float32), nan=np.inf)
    base = np.searchsorted(reached, smallest, side="right").astype(np.int32)
    return Steps(
        cuts=np.append(reached, np.float32(np.nan)),
        numbers=middle.astype(np.float32),
        middle=middle,
        rate=rate,
        base=base,
        most=int(np.diff(base, append=base[-1]).max()),
    )


def encode(values: Array, table: Steps) -> Array:
    """The place among the numbers, int[...], of each of float32[...] values, from 0 on, not NaN.

    The bits of such floats ascend with their values. So their upper part finds a place that is at
    most a few cuts below the right one; where the cuts lie closer than that, they are searched.
    """
    xp, where = namespace(values), place(values)
    cuts = placed(table.cuts, where)
    if table.most > FEW:
        return xp.searchsorted(cuts[:-1], values, side="right")
    found = look_up(
        placed(table.base, where), (values.view(xp.int32) & WITHOUT_SIGN) >> (32 - BITS)
    )
    for _ in range(table.most):
        found = found + (values >= look_up(cuts, found))
    return found


def decode(places: Array, table: Steps) -> Array:
    """The numbers, float32[...], at int64[...] places."""
    return look_up(placed(table.numbers, place(places)), places)


def error(values: Array, places: Array, table: Steps) -> Array:
    """How far values are from the numbers at int64[...] places, in steps: float64[...].

    A value at the end of its number's range is half a step off. Values beyond the finite numbers
    count as the last of these; what stands at an infinite number is NaN.
    """
    xp = namespace(values)
    middle, rate = (placed(each, place(values)) for each in (table.middle, table.rate))
    finite = table.middle[np.isfinite(table.middle)]
    inside = xp.clip(xp.asarray(values, dtype=xp.float64), float(finite[0]), float(finite[-1]))
    with np.errstate(invalid="ignore"):
        off = inside - look_up(middle, places)
        return xp.where(off == 0, 0.0, abs(off) * look_up(rate, 2 * places + (off > 0)))


def float32_at_least(value: Decimal) -> np.float32:
    """The smallest float32 that is not below an exact value.

    A float32 is at or above the exact value if and only if it is at or above this one.
    """
    near = np.float32(float(value))
    return near if Decimal(float(near)) >= value else np.nextafter(near, np.float32(np.inf))


def float32_thresholds(values: Iterable[Decimal]) -> NDArray[np.float32]:
    """Exact values as float32[n], each by `float32_at_least`."""
    return np.array([float32_at_least(value) for value in values], np.float32)
