"""Numbers drawn as 256 greys, and read again; blue is a pixel without a number.

A grey is its code, 0 (black) to 255 (white). Of any other colour the nearest grey is the mean of
its channels; blue is 208 away from that, and what is more than 104 of 255 away has no number.
"""

from __future__ import annotations

import math

from vbdata.core.arrays import Array, namespace

from .palettes import PALETTES

INVALID, REJECT = PALETTES["grey"].invalid, PALETTES["grey"].reject


def encode(codes: Array, good: Array) -> Array:
    """Draw uint8[..., H, W] codes as uint8[..., H, W, 3], blue where bool[..., H, W] is False."""
    xp = namespace(codes)
    grey = xp.stack([codes, codes, codes], -1)
    blue = xp.asarray(INVALID, dtype=xp.uint8, device=codes.device)
    return xp.where(good[..., None], grey, blue)


def decode(rgb: Array) -> tuple[Array, Array]:
    """The nearest grey, uint8[..., H, W], of uint8[..., H, W, 3], and where it is near enough.

    Exact in whole numbers: the squared distance to the grey axis is the sum of the squared
    differences of the channels, over 3.
    """
    xp = namespace(rgb)
    r, g, b = (xp.asarray(rgb[..., k], dtype=xp.int32) for k in range(3))
    code = (2 * (r + g + b) + 3) // 6
    apart = (r - g) * (r - g) + (g - b) * (g - b) + (b - r) * (b - r)
    return xp.asarray(code, dtype=xp.uint8), apart <= 3 * REJECT**2


def legal(rgb: Array) -> Array:
    """bool[..., H, W]: the pixels of uint8[..., H, W, 3] that are a grey, or blue."""
    r, g, b = (rgb[..., k] for k in range(3))
    blue = (r == INVALID[0]) & (g == INVALID[1]) & (b == INVALID[2])
    return ((r == g) & (g == b)) | blue


def error(codes: Array, good: Array, rgb: Array) -> float:
    """The largest difference of uint8[..., H, W] codes and the greys of uint8[..., H, W, 3].

    inf if a pixel has a code in one of the two only; good: bool[..., H, W].
    """
    drawn, there = decode(rgb)
    if bool((there != good).any()):
        return math.inf
    xp = namespace(rgb)
    off = abs(xp.asarray(codes, dtype=xp.int32) - xp.asarray(drawn, dtype=xp.int32))
    return float(xp.where(good, off, 0).max())
