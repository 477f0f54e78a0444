"""Correctly rounded square roots, so that every processor and device has the same bits.

IEEE 754 asks that of +, -, x, / and the square root, and NumPy keeps to it. torch does in all but
the float32 square root: on Intel and AMD processors that is MKL's, one unit in the last place off
for one number in six, by code that differs from processor to processor.
"""

from __future__ import annotations

from vbdata.core.arrays import Array, namespace


def sqrt(values: Array) -> Array:
    """The correctly rounded square roots of float32[...] or float64[...], as float32.

    By way of float64: the root of a float32 never lies so near the middle between two float32 that
    an error of a unit or two in the last place of the float64 root would round to the wrong one.
    """
    xp = namespace(values)
    root = xp.sqrt(xp.asarray(values, dtype=xp.float64))
    return xp.asarray(root, dtype=xp.float32)
