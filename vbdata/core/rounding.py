"""Tensor arithmetic that rounds once, so that every processor and device has the same bits.

torch's own square root of float32 does not on Intel and AMD processors: it is MKL's, one unit in
the last place off for one number in six, by other code on other processors. +, -, x and / do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def sqrt(values: Tensor) -> Tensor:
    """The correctly rounded square roots of float32[...].

    No root of a float32 lies so near the middle of two others that an error of a unit or two in the
    last place of its float64 would be rounded to the wrong one.
    """
    return values.double().sqrt().float()
