"""Hypersim's tone mapping: linear half-float colours to uint8 (scene_generate_images_tonemap.py).

    out = clip(max(scale * rgb, 0) ** (1 / 2.2), 0, 1)
    scale = 0.8 ** 2.2 / (90th percentile of 0.3 R + 0.59 G + 0.11 B over valid pixels)

scale is 0 where that percentile is below 1e-4, and 1 where no pixel is valid. Powers round
differently by processor and library, so none is taken of a pixel: the 255 values at which the
rounded output steps up are computed once in decimal, and each of the 65,536 half floats is compared
with them. Colours too bright for a half float (infinite) count as the largest one.
"""

from __future__ import annotations

import functools
from decimal import Context, Decimal

import numpy as np
from numpy.typing import NDArray

WEIGHTS = (0.3, 0.59, 0.11)  # of R, G and B in brightness: CCIR 601
PERCENTILE = 90
TARGET = Decimal("0.8")  # what that percentile of brightness becomes
GAMMA = Decimal("2.2")
DARK = 1e-4  # brightness below which a frame stays black
BRIGHTEST = np.finfo(np.float16).max


def tonemap(color: NDArray[np.float16], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Tone-map linear float16 RGB [H, W, 3] without NaN to uint8 RGB [H, W, 3].

    valid: bool[H, W], the pixels that decide the exposure.
    """
    color = np.clip(color, -BRIGHTEST, BRIGHTEST)
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float64)
    with np.errstate(invalid="ignore"):  # NaN, and 0 x inf: no pixel of ours
        scaled = np.nan_to_num(halves * scale(color, valid), nan=0.0)
    codes = np.searchsorted(_steps(), scaled, side="right").astype(np.uint8)
    mapped: NDArray[np.uint8] = codes[np.ascontiguousarray(color).view(np.uint16)]
    return mapped


def scale(color: NDArray[np.float16], valid: NDArray[np.bool_]) -> float:
    """The factor that brings the 90th percentile of valid pixels' brightness to 0.8 after gamma."""
    red, green, blue = np.moveaxis(color[valid].astype(np.float64), -1, 0)
    if not red.size:
        return 1.0
    brightness = WEIGHTS[0] * red + WEIGHTS[1] * green + WEIGHTS[2] * blue
    bright = float(np.percentile(brightness, PERCENTILE))
    return 0.0 if bright < DARK else float(_power(TARGET)) / bright


@functools.cache
def _steps() -> NDArray[np.float64]:
    """The linear values from which on the output rounds to 1, 2, ... 255."""
    return np.array([float(_power(Decimal(2 * k - 1) / 510)) for k in range(1, 256)])


def _power(value: Decimal) -> Decimal:
    return Context(prec=28).power(value, GAMMA)
