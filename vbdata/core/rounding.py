"""Correctly rounded tensor arithmetic, so that every processor and device has the same bits.

IEEE 754 asks that of +, -, x, / and the square root. torch keeps to it in all but the float32
square root: on Intel and AMD processors that is MKL's, one unit in the last place off for one
number in six, by code that differs from processor to processor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def sqrt(values: Tensor) -> Tensor:
    """The correctly rounded square roots of float32[...], on the tensor's device.

    By way of float64: the root of a float32 never lies so near the middle between two float32 that
    an error of a unit or two in the last place of the float64 root would round to the wrong one.
    """
    return values.double().sqrt().float()
