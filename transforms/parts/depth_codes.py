"""Depth to codes and back, exactly: thresholds, look-up tables, nearest colours.

    f(d) = 1 - (1 - d / (lambda c)) ** (lambda + 1)        code = round((N - 1) f(d)),  N codes

The code of a float32 depth is the number of thresholds at or below it. The thresholds are computed
to 50 digits and rounded up to float32, so every code is the correctly rounded one; only
comparisons and look-ups are left, and any device gives the same bytes.
"""

from __future__ import annotations

import functools
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from transforms.parts.colours import rgb_table
from transforms.parts.palettes import PALETTES, Palette
from vbdata.core import compiled

if TYPE_CHECKING:
    from torch import Tensor

BLOCK = 1 << 16  # pixels at a time, so that what lies between stays in the cache
CODE_BITS = 11
MOST_POWERS = 8  # by multiplication, which rounds alike on every device


class Tables(NamedTuple):
    """The tables of one palette and one (lambda, c) on one device.

    A float32's bits >> shift name a bucket that holds at most one threshold: base is the code at
    its lower end, cut that threshold (or NaN, which nothing reaches). colours[N] is invalid.
    depths[N - 1] is inf. exact maps 65536 R + 256 G + B to 1 + code, 0 for other colours. packed:
    int32, the colours with R lowest. power: -(lambda + 1) if that is a whole number, else 0.
    """

    shift: int
    base: Tensor
    cut: Tensor
    colours: Tensor
    packed: Tensor
    depths: Tensor
    exact: Tensor
    palette: Palette
    lambda_: float
    c: float
    power: int


@functools.cache
def tables(device: str, palette: str, lambda_: str, c: str) -> Tables:
    """Make or recall tables. Raises ValueError for an unknown palette or impossible constants."""
    import torch

    if palette not in PALETTES:
        raise ValueError(f"unknown palette {palette!r}. Known: {', '.join(sorted(PALETTES))}")
    chosen = PALETTES[palette]
    cuts, depths = thresholds(len(chosen.colours), lambda_, c)
    shift, base, cut = _buckets(cuts)
    colours = np.concatenate([chosen.colours, np.array([chosen.invalid], np.uint8)])
    packed = colours.astype(np.int64) @ (65536, 256, 1)
    exact = rgb_table(device)
    exact[torch.from_numpy(packed).to(device)] = torch.arange(
        1, len(colours) + 1, dtype=torch.int16, device=device
    )
    lowest_red = (colours.astype(np.int64) @ (1, 256, 65536)).astype(np.int32)
    arrays = (base, cut, colours, lowest_red, depths)
    on = [torch.from_numpy(array).to(device) for array in arrays]
    lam, scale = _exact(lambda_), _exact(c)
    power = int(-(lam + 1)) if lam == int(lam) and -(lam + 1) <= MOST_POWERS else 0
    return Tables(
        shift=shift,
        base=on[0],
        cut=on[1],
        colours=on[2],
        packed=on[3],
        depths=on[4],
        exact=exact,
        palette=chosen,
        lambda_=float(lam),
        c=float(scale),
        power=power,
    )


@functools.cache
def thresholds(codes: int, lambda_: str, c: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """float32[codes - 1] ascending thresholds, and float32[codes] depths of the codes.

    Raises ValueError unless lambda < -1 and c > 0, where f covers [0, inf).
    """
    with localcontext() as context:
        context.prec = 50
        lam, scale = _exact(lambda_), _exact(c)
        if not (lam < -1 and scale > 0):
            raise ValueError(f"depth needs lambda < -1 and c > 0, got {lambda_} and {c}")
        steps = Decimal(2 * (codes - 1))
        cuts = [_metres((2 * k + 1) / steps, lam, scale) for k in range(codes - 1)]
        depths = [float(_metres(2 * k / steps, lam, scale)) for k in range(codes - 1)]
    at_least = np.array([_float32_at_least(cut) for cut in cuts], np.float32)
    return at_least, np.array([*depths, np.inf]).astype(np.float32)


def position(metres: Tensor, table: Tables) -> Tensor:
    """(N - 1) f(d) as float64: where a depth lies on the palette, unrounded."""
    base = 1.0 - metres.double() * (1.0 / (table.lambda_ * table.c))
    if not table.power:
        return (1.0 - base.pow(table.lambda_ + 1.0)) * (len(table.palette.colours) - 1)
    raised = base
    for _ in range(table.power - 1):
        raised = raised * base
    return (1.0 - 1.0 / raised) * (len(table.palette.colours) - 1)


def positive(metres: Tensor, valid: Tensor) -> Tensor:
    """bool[...]: the valid depths that are neither NaN nor negative, which have codes."""
    import torch

    if library := compiled.library_for(float32=metres, bool=valid):
        good = torch.empty_like(valid)
        arrays = [compiled.address(each) for each in (metres, valid, good)]
        library.vb_positive(*arrays[:2], valid.numel(), arrays[2])
        return good
    return valid & (metres >= 0)


def error(metres: Tensor, valid: Tensor, rgb: Tensor, table: Tables) -> float:
    """The largest error in code steps of uint8[..., 3]; inf if a pixel came or went."""
    import torch

    codes = len(table.palette.colours)
    library = compiled.library_for(float32=metres, bool=valid, uint8=rgb)
    if library and table.power:
        arrays = [compiled.address(each) for each in (metres, valid, rgb, table.exact)]
        numbers = (codes, 1.0 / (table.lambda_ * table.c), table.power, float(codes - 1))
        return float(library.vb_depth_error(*arrays[:2], valid.numel(), *arrays[2:], *numbers))
    good = positive(metres, valid)
    code, squared = nearest(rgb, table)
    if bool(((squared == 0) != good).any()):
        return float("inf")
    off = (position(torch.where(good, metres, 0.0), table) - code).abs()
    return float(off.masked_fill_(~good, 0.0).max())


def encode(metres: Tensor, valid: Tensor, table: Tables) -> Tensor:
    """uint8[..., 3] of float32[...] metres; the invalid colour where they have no code."""
    import torch

    if library := compiled.library_for(float32=metres, bool=valid):
        rgb = torch.empty((*valid.shape, 3), dtype=torch.uint8)
        arrays = [compiled.address(each) for each in (table.base, table.cut, table.packed)]
        depths = compiled.address(metres), compiled.address(valid), valid.numel()
        codes = len(table.palette.colours)
        library.vb_depth_encode(*depths, table.shift, *arrays, codes, compiled.address(rgb))
        return rgb
    good = positive(metres, valid)
    flat = torch.where(good, metres, 0.0).abs().reshape(-1)  # -0.0 is 0 with the sign bit set
    bucket = flat.view(torch.int32) >> table.shift
    code = table.base.index_select(0, bucket)
    code += flat >= table.cut.index_select(0, bucket)
    code = torch.where(good.reshape(-1), code, len(table.palette.colours))
    return table.colours.index_select(0, code).reshape(*good.shape, 3)


def nearest(rgb: Tensor, table: Tables) -> tuple[Tensor, Tensor]:
    """The nearest code and the squared distance to it, both int32[...], of uint8[..., 3].

    The invalid colour is code N, at twice the distance that is rejected. Ties go to the smaller
    code. Our own targets are looked up; once most pixels of a block are no exact code, the rest of
    the image is only measured.
    """
    import torch

    flat = rgb.reshape(-1, 3)
    both = torch.empty((2, len(flat)), dtype=torch.int32, device=rgb.device)
    exact = True
    step = BLOCK if table.palette is PALETTES["rgb-cube"] else BLOCK // 16
    step *= 64 if rgb.is_cuda else 1  # each block is waited for
    for start in range(0, len(flat), step):
        part, into = flat[start : start + step], both[:, start : start + step]
        unknown = _look_up(part, table, into) if exact else 1.0
        if unknown:
            _measure(part, table, into)
        exact = unknown < 0.5
    return both[0].reshape(rgb.shape[:-1]), both[1].reshape(rgb.shape[:-1])


def _look_up(rgb: Tensor, table: Tables, into: Tensor) -> float:
    """Codes and distances of exact colours; returns the share of pixels that have none."""
    r, g, b = rgb.int().unbind(-1)
    into[0] = table.exact.index_select(0, (r << 16) + (g << 8) + b).int() - 1
    into[1] = (into[0] == len(table.palette.colours)) * (4 * table.palette.reject**2)
    return float((into[0] < 0).float().mean())


def _measure(rgb: Tensor, table: Tables, into: Tensor) -> None:
    """Codes and distances of any colours."""
    walk = table.palette is PALETTES["rgb-cube"]
    best = _best_edge(rgb) if walk else _best_colour(rgb, table)
    count = len(table.palette.colours)
    invalid = (rgb == table.colours[count]).all(-1)
    into[0] = (best & ((1 << CODE_BITS) - 1)).masked_fill_(invalid, count)
    into[1] = (best >> CODE_BITS).masked_fill_(invalid, 4 * table.palette.reject**2)


def _best_edge(rgb: Tensor) -> Tensor:
    """On an edge of the cube one channel varies, so the distance is that of the two others."""
    import torch

    r, g, b = (channel.contiguous() for channel in rgb.int().unbind(-1))
    r0, g0, b0 = ((c * c).mul_(2048) for c in (r, g, b))
    r1, g1, b1 = ((255 - c).square_().mul_(2048) for c in (r, g, b))
    best = g0 + b0 + r  # black to red
    torch.minimum(best, (r1 + b0).add_(g).add_(255), out=best)  # to yellow
    torch.minimum(best, (g1 + b0).sub_(r).add_(3 * 255), out=best)  # to green
    torch.minimum(best, (r0 + g1).add_(b).add_(3 * 255), out=best)  # to cyan
    torch.minimum(best, (r0 + b1).sub_(g).add_(5 * 255), out=best)  # to blue
    torch.minimum(best, (g0 + b1).add_(r).add_(5 * 255), out=best)  # to magenta
    torch.minimum(best, (r1 + b1).add_(g).add_(6 * 255), out=best)  # to white
    return best


def _best_colour(rgb: Tensor, table: Tables) -> Tensor:
    import torch

    count = len(table.palette.colours)
    palette = table.colours[:count].int()
    key = torch.arange(count, dtype=torch.int32, device=rgb.device).expand(len(rgb), -1).clone()
    for channel in range(3):
        apart = rgb[:, channel, None].int() - palette[:, channel]
        key += apart.square_().mul_(1 << CODE_BITS)
    return key.amin(1)


def _buckets(cuts: NDArray[np.float32]) -> tuple[int, NDArray[np.int32], NDArray[np.float32]]:
    """The widest buckets of float32 bit patterns that hold at most one threshold each."""
    shift = 16
    while True:
        bits = np.arange(1 << (31 - shift), dtype=np.uint32) << np.uint32(shift)
        low = np.nan_to_num(bits.view(np.float32), nan=np.inf)
        base = np.searchsorted(cuts, low, side="right").astype(np.int32)
        if np.diff(base, append=np.int32(len(cuts))).max() <= 1:
            return shift, base, np.append(cuts, np.float32(np.nan))[base]
        shift -= 1


def _exact(text: str) -> Decimal:
    top, _, bottom = text.partition("/")
    return Decimal(top) / Decimal(bottom or 1)


def _metres(f: Decimal, lam: Decimal, scale: Decimal) -> Decimal:
    if lam == -3:  # the usual one, as a square root, which is ten times as fast
        return abs(lam * scale * (1 - 1 / (1 - f).sqrt()))
    return abs(lam * scale * (1 - (1 - f) ** (1 / (lam + 1))))


def _float32_at_least(value: Decimal) -> np.float32:
    """The smallest float32 that is not below an exact value."""
    near = np.float32(float(value))
    return near if Decimal(float(near)) >= value else np.nextafter(near, np.float32(np.inf))
