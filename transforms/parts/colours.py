"""Colours for legends and instances: how they are drawn, written in prompts, painted and read.

A fixed palette would be learnt by heart, so colours are drawn afresh for every sample. They must
stay far apart for noisy answers to be read, which independent draws would not: each colour is drawn
among those of a pool that are nearly as far as possible from all before it and from the background
(farthest-point selection, randomised). docs/colours.md has the distances that this gives.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import json
import math
import re
from collections.abc import Iterator, Sequence
from ctypes import addressof, c_uint8, c_uint32

import numpy as np
from numpy.typing import NDArray

from vbdata.core import compiled
from vbdata.core.arrays import NUMPY, Array, look_up, namespace, place, placed
from vbdata.core.english import series
from vbdata.core.rng import Stream
from vbdata.errors import BadSample

Rgb = tuple[int, int, int]

BLACK: Rgb = (0, 0, 0)
LEVELS = (0, 64, 128, 192, 255)  # of a channel in the lattice
NAMED: dict[str, Rgb] = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
    "white": (255, 255, 255),
    "orange": (255, 128, 0),
    "purple": (128, 0, 192),
    "pink": (255, 192, 203),
    "brown": (139, 69, 19),
    "grey": (128, 128, 128),
    "dark green": (0, 100, 0),
    "navy blue": (0, 0, 128),
    "teal": (0, 128, 128),
    "olive": (128, 128, 0),
    "lime": (160, 255, 64),
    "sky blue": (96, 176, 255),
}
FORMATS = ("name", "hex", "HEX", "tuple", "angle", "rgb")  # how `say` writes a colour
SHAPES = ("json", "json", "dict", "in", "in", "for", "colon", "arrow")  # of a legend in a prompt
_PLAIN = re.compile(r"(?!.*\b(and|in|for)\b)\w([\w /.'-]*\w)?")  # names that prose cannot garble
SLACK = 0.75  # a colour may be taken that has this share of the best one's distance to the others


@functools.cache
def lattice() -> tuple[Rgb, ...]:
    """The pool of all 125 colours whose channels are 0, 64, 128, 192 or 255."""
    return tuple((r, g, b) for r, g, b in itertools.product(LEVELS, repeat=3))


@functools.cache
def _distances(
    pool: tuple[Rgb, ...], away_from: Rgb
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Squared distances between the colours of a pool, [N, N], and to one more colour, [N]."""
    colours = np.array(pool, np.int64)
    between = np.square(colours[:, None] - colours[None]).sum(-1)
    return between, np.square(colours - np.array(away_from)).sum(-1)


def draw(count: int, rng: Stream, pool: Sequence[Rgb], away_from: Rgb = BLACK) -> list[Rgb]:
    """Draw `count` colours of a pool, far from each other and from `away_from`, the background.

    Raises ValueError unless the pool has more than `count` colours.
    """
    pool = tuple(pool)
    if count >= len(pool):
        raise ValueError(f"{count} colours from a pool of {len(pool)}")
    between, gap = _distances(pool, away_from)
    # Farther than 128 counts as 128: else the first colours on black would all be bright.
    gap = np.minimum(gap, 128**2) if count else gap
    chosen: list[Rgb] = []
    for _ in range(count):
        good = np.flatnonzero(gap >= gap.max() * SLACK**2)
        pick = int(rng.choice(good.tolist()))
        chosen.append(pool[pick])
        gap = np.minimum(gap, between[pick])
    return chosen


def many(count: int, rng: Stream) -> list[Rgb]:
    """`count` colours that are not black: drawn from the lattice, or, of more, an even share of
    a finer one. Raises BadSample("out of range") above 4,912, of which that has no more.
    """
    if count < len(lattice()):
        return draw(count, rng, lattice())
    levels = [round(k * 255 / 16) for k in range(17)]
    fine = [(r, g, b) for r, g, b in itertools.product(levels, repeat=3) if r or g or b]
    if count > len(fine):
        raise BadSample("out of range", f"{count} instances, colours for {len(fine)}")
    return [fine[k * len(fine) // count] for k in range(count)]


def passed_on(palette: Sequence[Rgb], rng: Stream) -> Iterator[list[Rgb]]:
    """The colours of a legend, without end, passed on by one entry each time.

    Once every entry has had each of them, others are drawn, and passed on.
    """
    used, pool, now = {*palette}, lattice(), [*palette]
    while True:
        for shift in range(len(now)):
            yield now[shift:] + now[:shift]
        fresh = [rgb for rgb in pool if rgb not in used]
        now = draw(len(now), rng, fresh if len(fresh) > len(now) else pool)
        used |= {*now}


def say(colour: Rgb, style: str) -> str:
    """A colour as text, in one of FORMATS.

    name: orange; hex: #ff8000; HEX: #FF8000; tuple: (255, 128, 0); angle: <255, 128, 0>; rgb:
    RGB(255, 128, 0). Raises ValueError for a colour without a name and for an unknown format.
    """
    numbers = "{}, {}, {}".format(*colour)
    match style:
        case "name":
            for name, rgb in NAMED.items():
                if rgb == colour:
                    return name
            raise ValueError(f"({numbers}) has no name")
        case "hex":
            return "#{:02x}{:02x}{:02x}".format(*colour)
        case "HEX":
            return "#{:02X}{:02X}{:02X}".format(*colour)
        case "tuple":
            return f"({numbers})"
        case "angle":
            return f"<{numbers}>"
        case "rgb":
            return f"RGB({numbers})"
    raise ValueError(f"unknown format of a colour {style!r}. Known: {', '.join(FORMATS)}")


def say_legend(legend: Sequence[tuple[str, Rgb]], style: str, rng: Stream) -> str:
    """A legend as text, in a shape that rng draws: JSON, a Python dict, or one of five in prose.

    legend: (name, colour) pairs; style: of FORMATS. A name that prose could garble, with a comma, a
    quote or an "and", makes the shape JSON or dict, which quote. One legend in four is JSON and one
    in eight a dict where no name asks for it.
    """
    pairs = [(name, say(colour, style)) for name, colour in legend]
    every = all(plain(name) for name, _ in pairs)
    match rng.choice(SHAPES if every else SHAPES[:3]):
        case "json":
            return json.dumps(dict(pairs), ensure_ascii=False)
        case "dict":
            return str(
                {
                    name: colour if style == "tuple" else text
                    for (name, colour), (_, text) in zip(legend, pairs, strict=True)
                }
            )
        case "in":
            return series([f"{name} in {colour}" for name, colour in pairs])
        case "for":
            return series([f"{colour} for {name}" for name, colour in pairs])
        case "colon":
            return "; ".join(f"{name}: {colour}" for name, colour in pairs)
    return ", ".join(f"{name} -> {colour}" for name, colour in pairs)


def plain(name: str) -> bool:
    """Whether prose cannot garble a name: it has no comma, no quote, no "and"."""
    return _PLAIN.fullmatch(name) is not None


def paint(ids: Array, colours: Sequence[Rgb], empty: bool = False) -> Array:
    """Paint ids int[..., H, W] as uint8 RGB [..., H, W, 3]: id k in colours[k], 0 is background.

    empty: whether it may be that nothing but background is painted. Raises BadSample("empty label")
    if it may not, IndexError for an id that has no colour.
    """
    xp = namespace(ids)
    if library := compiled.library_for(int32=ids):
        seen, rgb = bytearray(len(colours)), xp.empty((*ids.shape, 3), dtype=xp.uint8)
        there = (c_uint8 * len(colours)).from_buffer(seen)
        painted = compiled.address(ids), math.prod(ids.shape), _packed(colours), len(colours)
        if outside := library.vb_paint(*painted, addressof(there), compiled.address(rgb)):
            raise IndexError(f"{outside} pixels have an id outside 0 to {len(colours) - 1}")
        _refuse_empty(seen, colours, empty)
        return rgb
    if outside := int(((ids < 0) | (ids >= len(colours))).sum()):
        raise IndexError(f"{outside} pixels have an id outside 0 to {len(colours) - 1}")
    _refuse_empty(xp.bincount(ids.reshape(-1), minlength=len(colours)).tolist(), colours, empty)
    return look_up(np.array(colours, np.uint8), ids)


def has_colours(rgb: Array, ids: Array, colours: Sequence[Rgb]) -> bool:
    """Whether every pixel of uint8 RGB [..., H, W, 3] has the colour of its id, int32[..., H, W].

    False, too, without the compiled loops: a caller then compares by slower means.
    """
    library = compiled.library_for(int32=ids, uint8=rgb)
    if not library:
        return False
    table = compiled.address(ids), math.prod(ids.shape), _packed(colours), len(colours)
    return not library.vb_painted_wrong(*table, compiled.address(rgb))


def _packed(colours: Sequence[Rgb]) -> ctypes.Array[c_uint32]:
    """Colours as a C array, R lowest."""
    return (c_uint32 * len(colours))(*map(compiled.packed, colours))


def _refuse_empty(seen: Sequence[int], colours: Sequence[Rgb], may: bool) -> None:
    painted = (n and colour != colours[0] for n, colour in zip(seen, colours, strict=True))
    if not may and not any(painted):
        raise BadSample("empty label", "nothing that was asked for is visible in the output image")


def legal(rgb: Array, colours: Sequence[Rgb]) -> Array:
    """bool[..., H, W]: the pixels of uint8 RGB [..., H, W, 3] that have exactly a listed colour."""
    return which(rgb, colours) >= 0


def rgb_table(packed: NDArray[np.int64], where: str) -> Array:
    """int16[2^24]: for each colour R * 65536 + G * 256 + B its place among `packed`, from 1.

    0 for all others. where: a place of vbdata.core.arrays. A colour that is listed twice counts as
    its first place. 32 MiB, of which on the CPU only the pages that are written or read take up
    memory.
    """
    colours, first = np.unique(packed, return_index=True)
    if where in (NUMPY, "cpu"):
        table = placed(np.zeros(1 << 24, np.int16), where)
    else:
        import torch

        table = torch.zeros(1 << 24, dtype=torch.int16, device=where)
    table[placed(colours, where)] = placed((first + 1).astype(np.int16), where)
    return table


def packed_of(rgb: Array) -> Array:
    """int32[...]: R * 65536 + G * 256 + B of each pixel of uint8[..., 3]."""
    xp = namespace(rgb)
    r, g, b = (xp.asarray(rgb[..., k], dtype=xp.int32) for k in range(3))
    return (r << 16) + (g << 8) + b


def which(rgb: Array, colours: Sequence[Rgb]) -> Array:
    """int32[..., H, W]: the number of each pixel's colour in `colours`, -1 if it is none of them.

    rgb: uint8[..., H, W, 3]. A colour that is listed twice counts as its first place.
    """
    xp = namespace(rgb)
    table = rgb_table(np.array(colours, np.int64) @ (65536, 256, 1), place(rgb))
    return xp.asarray(look_up(table, packed_of(rgb)), dtype=xp.int32) - 1


def nearest(rgb: Array, colours: Sequence[Rgb]) -> tuple[Array, Array]:
    """The number of the nearest listed colour and the squared distance to it, int32[..., H, W].

    rgb: uint8[..., H, W, 3]. Ties go to the earlier colour. Exact colours are looked up, so only
    the pixels of noisy answers are compared with every colour.
    """
    xp = namespace(rgb)
    best = which(rgb, colours).reshape(-1)
    squared = xp.zeros_like(best)
    unknown = xp.argwhere(best < 0)[:, 0]
    if len(unknown):
        pixels = xp.asarray(look_up(rgb.reshape(-1, 3), unknown), dtype=xp.int32)
        least = xp.full_like(unknown, 4 * 255**2, dtype=xp.int32)
        number = xp.zeros_like(least)
        for k, colour in enumerate(colours):
            r, g, b = (pixels[:, c] - colour[c] for c in range(3))
            apart = r * r + g * g + b * b
            number[apart < least] = k
            xp.minimum(least, apart, out=least)
        best[unknown], squared[unknown] = number, least
    return best.reshape(rgb.shape[:-1]), squared.reshape(rgb.shape[:-1])
