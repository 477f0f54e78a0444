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
import math
from decimal import Decimal, localcontext
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core import compiled
from vbdata.core.arrays import Array, look_up, namespace, placed

from .colours import packed_of, rgb_table
from .palettes import PALETTES, Palette
from .steps import float32_thresholds

BLOCK = 1 << 16  # pixels at a time, so that intermediate values stay in the cache
CODE_BITS = 11  # of a squared distance and a code in one integer, the distance above
MOST_POWERS = 8  # powers up to this are products, which round alike on every device


class Tables(NamedTuple):
    """The tables of one palette and one (lambda, c) at one place; N codes.

    shift: a float32's bits >> shift name its bucket; base: int32[buckets], the code at a bucket's
    lower end; cut: float32[buckets], the threshold inside it, NaN (which nothing reaches) if there
    is none; colours: uint8[N + 1, 3], the last for missing depth; packed: int32[N + 1], the same
    colours with R lowest; depths: float32[N] in metres, the last inf; exact: int16[2^24], 1 + code
    of each colour 65536 R + 256 G + B, 0 for colours that are none; power: -(lambda + 1) if that is
    a small whole number, else 0.
    """

    shift: int
    base: Array
    cut: Array
    colours: Array
    packed: Array
    depths: Array
    exact: Array
    palette: Palette
    lambda_: float
    c: float
    power: int


@functools.cache
def tables(where: str, palette: str, lambda_: str, c: str) -> Tables:
    """The tables of a palette, made once a process for each place and pair of constants.

    where: a place of vbdata.core.arrays, "numpy" or a device; lambda_, c: decimals or fractions as
    text, "-3", "10/3". Raises ValueError for an unknown palette and unless lambda < -1 and c > 0.
    """
    if palette not in PALETTES:
        raise ValueError(f"unknown palette {palette!r}. Known: {', '.join(sorted(PALETTES))}")
    chosen = PALETTES[palette]
    cuts, depths = thresholds(len(chosen.colours), lambda_, c)
    shift, base, cut = _buckets(cuts)
    colours = np.concatenate([chosen.colours, np.array([chosen.invalid], np.uint8)])
    exact = rgb_table(colours.astype(np.int64) @ (65536, 256, 1), where)
    lowest_red = (colours.astype(np.int64) @ (1, 256, 65536)).astype(np.int32)
    arrays = (base, cut, colours, lowest_red, depths)
    there = [placed(array, where) for array in arrays]
    lam, scale = _exact(lambda_), _exact(c)
    power = int(-(lam + 1)) if lam == int(lam) and -(lam + 1) <= MOST_POWERS else 0
    return Tables(
        shift=shift,
        base=there[0],
        cut=there[1],
        colours=there[2],
        packed=there[3],
        depths=there[4],
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
    return float32_thresholds(cuts), np.array([*depths, np.inf]).astype(np.float32)


def position(metres: Array, table: Tables) -> Array:
    """(N - 1) f(d), float64[...]: where float32[...] metres lie among the codes, unrounded."""
    xp = namespace(metres)
    base = 1.0 - xp.asarray(metres, dtype=xp.float64) * (1.0 / (table.lambda_ * table.c))
    if not table.power:
        return (1.0 - base ** (table.lambda_ + 1.0)) * (len(table.palette.colours) - 1)
    raised = base
    for _ in range(table.power - 1):
        raised = raised * base
    return (1.0 - 1.0 / raised) * (len(table.palette.colours) - 1)


def positive(metres: Array, valid: Array) -> Array:
    """bool[...]: the pixels that have a code: valid, and neither NaN nor negative."""
    if library := compiled.library_for(float32=metres, bool=valid):
        good = namespace(valid).empty_like(valid)
        arrays = [compiled.address(each) for each in (metres, valid, good)]
        library.vb_positive(*arrays[:2], math.prod(valid.shape), arrays[2])
        return good
    return valid & (metres >= 0)


def error(metres: Array, valid: Array, rgb: Array, table: Tables) -> float:
    """The largest error in code steps of float32[...] metres drawn as uint8[..., 3].

    inf if a pixel that has a code is drawn without one, or the other way round.
    """
    codes = len(table.palette.colours)
    library = compiled.library_for(float32=metres, bool=valid, uint8=rgb)
    if library and table.power:
        arrays = [compiled.address(each) for each in (metres, valid, rgb, table.exact)]
        numbers = (codes, 1.0 / (table.lambda_ * table.c), table.power, float(codes - 1))
        depths = *arrays[:2], math.prod(valid.shape)
        return float(library.vb_depth_error(*depths, *arrays[2:], *numbers))
    good = positive(metres, valid)
    code, squared = nearest(rgb, table)
    if bool(((squared == 0) != good).any()):
        return float("inf")
    xp = namespace(metres)
    with np.errstate(over="ignore", divide="ignore"):  # at infinity
        off = abs(position(xp.where(good, metres, 0.0), table) - code)
    return float(xp.where(good, off, 0.0).max())


def encode(metres: Array, valid: Array, table: Tables) -> Array:
    """Draw float32[...] metres as uint8[..., 3], in the colour of missing depth without a code."""
    xp = namespace(metres)
    if library := compiled.library_for(float32=metres, bool=valid):
        rgb = xp.empty((*valid.shape, 3), dtype=xp.uint8)
        arrays = [compiled.address(each) for each in (table.base, table.cut, table.packed)]
        depths = compiled.address(metres), compiled.address(valid), math.prod(valid.shape)
        codes = len(table.palette.colours)
        library.vb_depth_encode(*depths, table.shift, *arrays, codes, compiled.address(rgb))
        return rgb
    good = positive(metres, valid)
    depths = abs(xp.where(good, metres, 0.0))  # -0.0 would be a bucket of its own
    bucket = depths.view(xp.int32) >> table.shift
    code = look_up(table.base, bucket)
    code += depths >= look_up(table.cut, bucket)
    return look_up(table.colours, xp.where(good, code, len(table.palette.colours)))


def nearest(rgb: Array, table: Tables) -> tuple[Array, Array]:
    """The nearest code and the squared distance to its colour, int32[...], of uint8[..., 3].

    The colour of missing depth is code N, at twice the distance that is rejected. Ties go to the
    smaller code. Targets of our own are looked up; once most pixels of a block are no code's
    colour, as in a model's answer, the rest of the image is only measured.
    """
    xp = namespace(rgb)
    flat = rgb.reshape(-1, 3)
    both = xp.empty((2, len(flat)), dtype=xp.int32, device=rgb.device)
    exact = True
    step = BLOCK if table.palette is PALETTES["rgb-cube"] else BLOCK // 16
    if str(rgb.device) != "cpu":  # the share of exact pixels is waited for, block by block
        step *= 64
    for start in range(0, len(flat), step):
        part, into = flat[start : start + step], both[:, start : start + step]
        unknown = _look_up(part, table, into) if exact else 1.0
        if unknown:
            _measure(part, table, into)
        exact = unknown < 0.5
    return both[0].reshape(rgb.shape[:-1]), both[1].reshape(rgb.shape[:-1])


def _look_up(rgb: Array, table: Tables, into: Array) -> float:
    """Codes and distances of exact colours; returns the share of the pixels that have none."""
    into[0] = look_up(table.exact, packed_of(rgb))
    into[0] -= 1
    into[1] = (into[0] == len(table.palette.colours)) * (4 * table.palette.reject**2)
    return int((into[0] < 0).sum()) / len(rgb)


def _measure(rgb: Array, table: Tables, into: Array) -> None:
    """Codes and distances of any colours, by comparison."""
    walk = table.palette is PALETTES["rgb-cube"]
    best = _best_edge(rgb) if walk else _best_colour(rgb, table)
    count = len(table.palette.colours)
    invalid = (rgb == table.colours[count]).all(-1)
    where = namespace(rgb).where
    into[0] = where(invalid, count, best & ((1 << CODE_BITS) - 1))
    into[1] = where(invalid, 4 * table.palette.reject**2, best >> CODE_BITS)


def _best_edge(rgb: Array) -> Array:
    """2^11 times the squared distance to the walk, plus the code: int32[n] of uint8[n, 3].

    On an edge of the cube one channel varies and every one of its values is a code, so the distance
    is that of the two other channels, and the nearest code is the channel's value. Distance above
    code in one integer makes the minimum the nearest, and the smaller code of two.
    """
    xp = namespace(rgb)
    r, g, b = (xp.asarray(rgb[:, k], dtype=xp.int32) for k in range(3))
    r0, g0, b0 = (2048 * c * c for c in (r, g, b))
    r1, g1, b1 = (2048 * (255 - c) * (255 - c) for c in (r, g, b))
    best = g0 + b0 + r  # black to red
    xp.minimum(best, r1 + b0 + g + 255, out=best)  # to yellow
    xp.minimum(best, g1 + b0 - r + 3 * 255, out=best)  # to green
    xp.minimum(best, r0 + g1 + b + 3 * 255, out=best)  # to cyan
    xp.minimum(best, r0 + b1 - g + 5 * 255, out=best)  # to blue
    xp.minimum(best, g0 + b1 + r + 5 * 255, out=best)  # to magenta
    xp.minimum(best, r1 + b1 + g + 6 * 255, out=best)  # to white
    return best


def _best_colour(rgb: Array, table: Tables) -> Array:
    """2^11 times the squared distance to the nearest colour, plus its code, of any palette."""
    xp = namespace(rgb)
    count = len(table.palette.colours)
    pixels, palette = (xp.asarray(each, dtype=xp.int32) for each in (rgb, table.colours[:count]))
    key = xp.arange(count, dtype=xp.int32, device=rgb.device)[None]
    for channel in range(3):
        apart = pixels[:, channel, None] - palette[:, channel]
        key = key + (1 << CODE_BITS) * (apart * apart)
    return xp.amin(key, 1)


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
