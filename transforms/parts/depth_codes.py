"""Depth to codes and back, exactly: thresholds, look-up tables, nearest colours.

    f(d) = 1 - (1 - d / (lambda c)) ** (lambda + 1)        code = round((N - 1) f(d)),  N codes

Powers and divisions round differently on every processor, and half a unit in the last place turns a
code. So no depth is ever put into f: the thresholds between the codes, f^-1((k + 1/2) / (N - 1)),
are computed once to 50 digits and rounded up to float32, and the code of a depth is the number of
thresholds at or below it. A float32 is at or above the exact threshold if and only if it is at or
above the rounded one, so every code is the correctly rounded one; comparisons and look-ups are all
that runs on a device.

A search through 1,785 thresholds a pixel would be slow. The bits of a non-negative float32, read as
an integer, ascend with its value, so their upper part names a bucket; buckets are made narrow
enough to hold at most one threshold each, and a code is one look-up and one comparison.
"""

from __future__ import annotations

import functools
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core import compiled

from .colours import rgb_table
from .palettes import PALETTES, Palette

if TYPE_CHECKING:
    from torch import Tensor

BLOCK = 1 << 16  # pixels at a time, so that intermediate values stay in the cache
CODE_BITS = 11  # of a squared distance and a code in one integer, the distance above
MOST_POWERS = 8  # powers up to this are products, which round alike on every device


class Tables(NamedTuple):
    """The tables of one palette and one (lambda, c) on one device; N codes.

    shift: a float32's bits >> shift name its bucket; base: int32[buckets], the code at a bucket's
    lower end; cut: float32[buckets], the threshold inside it, NaN (which nothing reaches) if there
    is none; colours: uint8[N + 1, 3], the last for missing depth; packed: int32[N + 1], the same
    colours with R lowest; depths: float32[N] in metres, the last inf; exact: int16[2^24], 1 + code
    of each colour 65536 R + 256 G + B, 0 for colours that are none; power: -(lambda + 1) if that is
    a small whole number, else 0.
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
    """The tables of a palette, made once a process for each device and pair of constants.

    lambda_, c: decimals or fractions as text, "-3", "10/3". Raises ValueError for an unknown
    palette and unless lambda < -1 and c > 0.
    """
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
    """The ascending thresholds, float32[codes - 1], and the depths of the codes, float32[codes].

    Both in metres; the last depth is inf. Raises ValueError unless lambda < -1 and c > 0, where f
    covers [0, inf).
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
    """(N - 1) f(d), float64[...]: where float32[...] metres lie among the codes, unrounded."""
    base = 1.0 - metres.double() * (1.0 / (table.lambda_ * table.c))
    if not table.power:
        return (1.0 - base.pow(table.lambda_ + 1.0)) * (len(table.palette.colours) - 1)
    raised = base
    for _ in range(table.power - 1):
        raised = raised * base
    return (1.0 - 1.0 / raised) * (len(table.palette.colours) - 1)


def positive(metres: Tensor, valid: Tensor) -> Tensor:
    """bool[...]: the pixels that have a code: valid, and neither NaN nor negative."""
    import torch

    if library := compiled.library_for(float32=metres, bool=valid):
        good = torch.empty_like(valid)
        arrays = [compiled.address(each) for each in (metres, valid, good)]
        library.vb_positive(*arrays[:2], valid.numel(), arrays[2])
        return good
    return valid & (metres >= 0)


def error(metres: Tensor, valid: Tensor, rgb: Tensor, table: Tables) -> float:
    """The largest error in code steps of float32[...] metres drawn as uint8[..., 3].

    inf if a pixel that has a code is drawn without one, or the other way round.
    """
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
    """Draw float32[...] metres as uint8[..., 3], in the colour of missing depth without a code."""
    import torch

    if library := compiled.library_for(float32=metres, bool=valid):
        rgb = torch.empty((*valid.shape, 3), dtype=torch.uint8)
        arrays = [compiled.address(each) for each in (table.base, table.cut, table.packed)]
        depths = compiled.address(metres), compiled.address(valid), valid.numel()
        codes = len(table.palette.colours)
        library.vb_depth_encode(*depths, table.shift, *arrays, codes, compiled.address(rgb))
        return rgb
    good = positive(metres, valid)
    flat = torch.where(good, metres, 0.0).abs().reshape(-1)  # -0.0 would be a bucket of its own
    bucket = flat.view(torch.int32) >> table.shift
    code = table.base.index_select(0, bucket)
    code += flat >= table.cut.index_select(0, bucket)
    code = torch.where(good.reshape(-1), code, len(table.palette.colours))
    return table.colours.index_select(0, code).reshape(*good.shape, 3)


def nearest(rgb: Tensor, table: Tables) -> tuple[Tensor, Tensor]:
    """The nearest code and the squared distance to its colour, int32[...], of uint8[..., 3].

    The colour of missing depth is code N, at twice the distance that is rejected. Ties go to the
    smaller code. Targets of our own are looked up; once most pixels of a block are no code's
    colour, as in a model's answer, the rest of the image is only measured.
    """
    import torch

    flat = rgb.reshape(-1, 3)
    both = torch.empty((2, len(flat)), dtype=torch.int32, device=rgb.device)
    exact = True
    step = BLOCK if table.palette is PALETTES["rgb-cube"] else BLOCK // 16
    step *= 64 if rgb.is_cuda else 1  # the share of exact pixels is waited for, block by block
    for start in range(0, len(flat), step):
        part, into = flat[start : start + step], both[:, start : start + step]
        unknown = _look_up(part, table, into) if exact else 1.0
        if unknown:
            _measure(part, table, into)
        exact = unknown < 0.5
    return both[0].reshape(rgb.shape[:-1]), both[1].reshape(rgb.shape[:-1])


def _look_up(rgb: Tensor, table: Tables, into: Tensor) -> float:
    """Codes and distances of exact colours; returns the share of the pixels that have none."""
    r, g, b = rgb.int().unbind(-1)
    into[0] = table.exact.index_select(0, (r << 16) + (g << 8) + b).int() - 1
    into[1] = (into[0] == len(table.palette.colours)) * (4 * table.palette.reject**2)
    return float((into[0] < 0).float().mean())


def _measure(rgb: Tensor, table: Tables, into: Tensor) -> None:
    """Codes and distances of any colours, by comparison."""
    walk = table.palette is PALETTES["rgb-cube"]
    best = _best_edge(rgb) if walk else _best_colour(rgb, table)
    count = len(table.palette.colours)
    invalid = (rgb == table.colours[count]).all(-1)
    into[0] = (best & ((1 << CODE_BITS) - 1)).masked_fill_(invalid, count)
    into[1] = (best >> CODE_BITS).masked_fill_(invalid, 4 * table.palette.reject**2)


def _best_edge(rgb: Tensor) -> Tensor:
    """2^11 times the squared distance to the walk, plus the code: int32[n] of uint8[n, 3].

    On an edge of the cube one channel varies and every one of its values is a code, so the distance
    is that of the two other channels, and the nearest code is the channel's value. Distance above
    code in one integer makes the minimum the nearest, and the smaller code of two.
    """
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
    """2^11 times the squared distance to the nearest colour, plus its code, of any palette."""
    import torch

    count = len(table.palette.colours)
    palette = table.colours[:count].int()
    key = torch.arange(count, dtype=torch.int32, device=rgb.device).expand(len(rgb), -1).clone()
    for channel in range(3):
        apart = rgb[:, channel, None].int() - palette[:, channel]
        key += apart.square_().mul_(1 << CODE_BITS)
    return key.amin(1)


def _buckets(cuts: NDArray[np.float32]) -> tuple[int, NDArray[np.int32], NDArray[np.float32]]:
    """(shift, base, cut) for the widest buckets of float32 bits with at most one threshold each."""
    shift = 16
    while True:
        bits = np.arange(1 << (31 - shift), dtype=np.uint32) << np.uint32(shift)
        low = np.nan_to_num(bits.view(np.float32), nan=np.inf)
        base = np.searchsorted(cuts, low, side="right").astype(np.int32)
        if np.diff(base, append=np.int32(len(cuts))).max() <= 1:
            return shift, base, np.append(cuts, np.float32(np.nan))[base]
        shift -= 1


def _exact(text: str) -> Decimal:
    """A decimal or a fraction, to the precision of the context."""
    top, _, bottom = text.partition("/")
    return Decimal(top) / Decimal(bottom or 1)


def _metres(f: Decimal, lam: Decimal, scale: Decimal) -> Decimal:
    """The depth in metres at which f has a value."""
    if lam == -3:  # the usual one, as a square root, which is ten times as fast
        return abs(lam * scale * (1 - 1 / (1 - f).sqrt()))
    return abs(lam * scale * (1 - (1 - f) ** (1 / (lam + 1))))


def _float32_at_least(value: Decimal) -> np.float32:
    """The smallest float32 that is not below an exact value."""
    near = np.float32(float(value))
    return near if Decimal(float(near)) >= value else np.nextafter(near, np.float32(np.inf))
