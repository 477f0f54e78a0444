"""Linear light as 8-bit RGB, and back, by a curve: what albedo and shading share.

    code = round(255 c),  c = (x / top)^(1 / g), clipped to [0, 1];     x = top (code / 255)^g

with a decimal g, 1 for no curve; or the curve of sRGB (IEC 61966-2-1), named "srgb":

    x / top = c / 12.92 below c = 0.04045, else ((c + 0.055) / 1.055)^2.4

Powers round differently on every processor, so none is taken of a pixel: the thresholds between the
codes and the numbers of the codes are computed once to 30 digits, and compared.
"""

from __future__ import annotations

import functools
import math
from decimal import Decimal, localcontext

from vbdata.core.arrays import Array, namespace
from vbdata.core.labels import Linear

from . import steps

SRGB = "srgb"
GAMMA = "2.2"


def check(curve: str) -> None:
    """Raise ValueError unless a curve is "srgb" or a decimal from 0.1 to 10."""
    try:
        good = curve == SRGB or Decimal("0.1") <= Decimal(str(curve)) <= 10
    except ArithmeticError:
        good = False
    if not good:
        raise ValueError(f"curve is {SRGB} or a gamma from 0.1 to 10, got {curve!r:.40}")


def encode(label: Linear, curve: str, top: str) -> Array:
    """Draw linear light as uint8 RGB [..., H, W, 3], black where it is not valid.

    top: what code 255 stands for, a decimal; what is larger is clipped.
    """
    codes = steps.encode(_channels(label), tables(curve, top))
    return namespace(codes).asarray(codes, dtype=namespace(codes).uint8)


def decode(rgb: Array, curve: str, top: str) -> Linear:
    """Linear light, float32[..., 3, H, W], from uint8 RGB [..., H, W, 3]; all of it is valid."""
    xp = namespace(rgb)
    numbers = steps.decode(xp.asarray(rgb, dtype=xp.int64), tables(curve, top))
    valid = xp.ones(rgb.shape[:-1], dtype=xp.bool, device=rgb.device)
    return Linear(rgb=xp.moveaxis(numbers, -1, -3), valid=valid)


def error(label: Linear, rgb: Array, curve: str, top: str) -> float:
    """The largest error of a drawn label, in code steps of a channel; rounding makes up to 0.5.

    inf if a pixel that is not valid is not black.
    """
    if bool((rgb[~label.valid] != 0).any()):
        return math.inf
    codes = namespace(rgb).asarray(rgb, dtype=namespace(rgb).int64)
    return float(steps.error(_channels(label), codes, tables(curve, top)).max())


def _channels(label: Linear) -> Array:
    """float32[..., H, W, 3]: linear light, 0 where it is not valid."""
    xp = namespace(label.rgb)
    values = xp.where(label.valid[..., None, :, :], label.rgb, 0.0)
    return xp.stack([values[..., k, :, :] for k in range(3)], -1)


@functools.lru_cache(maxsize=64)
def tables(curve: str, top: str) -> steps.Steps:
    """The codes of a curve whose code 255 stands for `top`, a decimal.

    Raises ValueError unless that is finite and above 0.
    """
    cuts, numbers = _shares(curve)
    with localcontext() as context:
        context.prec = 30
        most = Decimal(top)
        if not 0 < most < Decimal("Infinity"):
            raise ValueError(f"code 255 stands for light, not for {top}")
        return steps.between([share * most for share in cuts], [share * most for share in numbers])


@functools.cache
def _shares(curve: str) -> tuple[list[Decimal], list[Decimal]]:
    with localcontext() as context:
        context.prec = 30
        cuts = [_linear(Decimal(2 * k + 1) / 510, curve) for k in range(255)]
        return cuts, [_linear(Decimal(k) / 255, curve) for k in range(256)]


def _linear(c: Decimal, curve: str) -> Decimal:
    """The share of `top` that a colour's channel c, from 0 to 1, stands for."""
    if curve != SRGB:
        return c ** Decimal(curve)
    low = c <= Decimal("0.04045")
    return (
        c / Decimal("12.92")
        if low
        else ((c + Decimal("0.055")) / Decimal("1.055")) ** Decimal("2.4")
    )
