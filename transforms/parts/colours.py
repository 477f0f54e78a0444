"""Colours for legends and instances: how they are drawn, written in prompts, painted and read.

A fixed palette would be learnt by heart, so colours are drawn afresh for every sample. They must
stay far apart for noisy answers to be read, which independent draws would not: each colour is drawn
among those of a pool that are nearly as far as possible from all before it and from the background
(farthest-point selection, randomised). docs/colours.md has the distances that this gives.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Sequence
from ctypes import Array, addressof, c_uint8, c_uint32
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vbdata.core import compiled
from vbdata.core.english import series
from vbdata.core.rng import Stream
from vbdata.errors import BadSample

if TYPE_CHECKING:
    from torch import Tensor

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
    plain = all(_PLAIN.fullmatch(name) for name, _ in pairs)
    match rng.choice(SHAPES if plain else SHAPES[:3]):
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


def paint(ids: Tensor, colours: Sequence[Rgb]) -> Tensor:
    """Paint ids int[..., H, W] as uint8 RGB [..., H, W, 3]: id k in colours[k], 0 is background.

    Raises BadSample("empty label") if nothing but background is painted, IndexError for an id that
    has no colour.
    """
    import torch

    if library := compiled.library_for(int32=ids):
        seen, rgb = bytearray(len(colours)), torch.empty((*ids.shape, 3), dtype=torch.uint8)
        there = (c_uint8 * len(colours)).from_buffer(seen)
        painted = compiled.address(ids), ids.numel(), _packed(colours), len(colours)
        if outside := library.vb_paint(*painted, addressof(there), compiled.address(rgb)):
            raise IndexError(f"{outside} pixels have an id outside 0 to {len(colours) - 1}")
        _refuse_empty(seen, colours)
        return rgb
    flat = ids.reshape(-1)
    _refuse_empty(torch.bincount(flat, minlength=len(colours)).tolist(), colours)
    table = torch.tensor([*colours], dtype=torch.uint8, device=ids.device)
    return table.index_select(0, flat).reshape(*ids.shape, 3)


def has_colours(rgb: Tensor, ids: Tensor, colours: Sequence[Rgb]) -> bool:
    """Whether every pixel of uint8 RGB [..., H, W, 3] has the colour of its id, int32[..., H, W].

    False, too, without the compiled loops: a caller then compares by slower means.
    """
    library = compiled.library_for(int32=ids, uint8=rgb)
    if not library:
        return False
    table = compiled.address(ids), ids.numel(), _packed(colours), len(colours)
    return not library.vb_painted_wrong(*table, compiled.address(rgb))


def _packed(colours: Sequence[Rgb]) -> Array[c_uint32]:
    """Colours as a C array, R lowest."""
    return (c_uint32 * len(colours))(*map(compiled.packed, colours))


def _refuse_empty(seen: Sequence[int], colours: Sequence[Rgb]) -> None:
    if not any(n and colour != colours[0] for n, colour in zip(seen, colours, strict=True)):
        raise BadSample("empty label", "nothing that was asked for is visible in the output image")


def legal(rgb: Tensor, colours: Sequence[Rgb]) -> Tensor:
    """bool[..., H, W]: the pixels of uint8 RGB [..., H, W, 3] that have exactly a listed colour."""
    return which(rgb, colours) >= 0


def rgb_table(device: str) -> Tensor:
    """int16[2^24] zeros on a device, one for each colour R * 65536 + G * 256 + B.

    32 MiB, of which on the CPU only the pages that are written or read take up memory.
    """
    import torch

    if device == "cpu":
        return torch.from_numpy(np.zeros(1 << 24, np.int16))
    return torch.zeros(1 << 24, dtype=torch.int16, device=device)


def which(rgb: Tensor, colours: Sequence[Rgb]) -> Tensor:
    """int32[..., H, W]: the number of each pixel's colour in `colours`, -1 if it is none of them.

    rgb: uint8[..., H, W, 3]. A colour that is listed twice counts as its first place.
    """
    import torch

    r, g, b = rgb.reshape(-1, 3).int().unbind(-1)
    table = rgb_table(str(rgb.device))
    packed = torch.tensor([(x << 16) + (y << 8) + z for x, y, z in colours], device=rgb.device)
    numbers = torch.arange(1, len(colours) + 1, dtype=torch.int16, device=rgb.device)
    table[packed.flip(0)] = numbers.flip(0)
    number = table.index_select(0, (r << 16) + (g << 8) + b).int() - 1
    return number.reshape(rgb.shape[:-1])


def nearest(rgb: Tensor, colours: Sequence[Rgb]) -> tuple[Tensor, Tensor]:
    """The number of the nearest listed colour and the squared distance to it, int32[..., H, W].

    rgb: uint8[..., H, W, 3]. Ties go to the earlier colour. Exact colours are looked up, so only
    the pixels of noisy answers are compared with every colour.
    """
    import torch

    best = which(rgb, colours).reshape(-1)
    squared = torch.zeros_like(best)
    unknown = (best < 0).nonzero().squeeze(-1)
    if len(unknown):
        channels = rgb.reshape(-1, 3).index_select(0, unknown).int().unbind(-1)
        least = torch.full_like(channels[0], 4 * 255**2)
        place = torch.zeros_like(least)
        for k, colour in enumerate(colours):
            r, g, b = (c - v for c, v in zip(channels, colour, strict=True))
            apart = r * r + g * g + b * b
            place.masked_fill_(apart < least, k)
            least = torch.minimum(least, apart)
        best[unknown], squared[unknown] = place, least
    return best.reshape(rgb.shape[:-1]), squared.reshape(rgb.shape[:-1])
