"""Colours for legends and instances: where they come from, how they are said, how they are read.

Colours are drawn afresh for every sample from a pool, by random farthest-point selection, so that
they stay far apart from each other and from the background.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vbdata.errors import BadSample
from vbdata.rand import Stream

if TYPE_CHECKING:
    from torch import Tensor

Rgb = tuple[int, int, int]

BLACK: Rgb = (0, 0, 0)
LEVELS = (0, 64, 128, 192, 255)
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
FORMATS = ("name", "hex", "tuple", "angle", "rgb")
SLACK = 0.75  # a candidate this close to the best separation may be taken


@functools.cache
def lattice() -> tuple[Rgb, ...]:
    """All 125 colours with channels of 0, 64, 128, 192 or 255."""
    return tuple((r, g, b) for r, g, b in itertools.product(LEVELS, repeat=3))


@functools.cache
def _distances(
    pool: tuple[Rgb, ...], away_from: Rgb
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    colours = np.array(pool, np.int64)
    between = np.square(colours[:, None] - colours[None]).sum(-1)
    return between, np.square(colours - np.array(away_from)).sum(-1)


def draw(count: int, rng: Stream, pool: Sequence[Rgb], away_from: Rgb = BLACK) -> list[Rgb]:
    """count colours of the pool, far from each other and from one more colour.

    Raises ValueError if the pool is too small.
    """
    pool = tuple(pool)
    if count >= len(pool):
        raise ValueError(f"{count} colours from a pool of {len(pool)}")
    between, gap = _distances(pool, away_from)
    gap = np.minimum(gap, 128**2) if count else gap
    chosen: list[Rgb] = []
    for _ in range(count):
        good = np.flatnonzero(gap >= gap.max() * SLACK**2)
        pick = int(rng.choice(good.tolist()))
        chosen.append(pool[pick])
        gap = np.minimum(gap, between[pick])
    return chosen


def say(colour: Rgb, style: str) -> str:
    """A colour in words: a name, #hex, (r, g, b), <r, g, b> or RGB(r, g, b)."""
    r, g, b = colour
    names = {rgb: name for name, rgb in NAMED.items()}
    return {
        "name": names.get(colour, ""),
        "hex": f"#{r:02x}{g:02x}{b:02x}",
        "tuple": f"({r}, {g}, {b})",
        "angle": f"<{r}, {g}, {b}>",
        "rgb": f"RGB({r}, {g}, {b})",
    }[style]


def say_legend(legend: Sequence[tuple[str, Rgb]], style: str, as_json: bool) -> str:
    """A legend as a phrase ("car in red and tree in blue") or as a JSON object."""
    said = [(name, say(colour, style)) for name, colour in legend]
    if as_json:
        return json.dumps(dict(said))
    parts = [f"{name} in {colour}" for name, colour in said]
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def paint(ids: Tensor, colours: Sequence[Rgb]) -> Tensor:
    """uint8[..., H, W, 3]: the colour of each id in int[..., H, W]; colours[0] is background.

    Raises BadSample if nothing but background is painted.
    """
    import torch

    flat = ids.reshape(-1)
    seen = torch.bincount(flat, minlength=len(colours)).tolist()
    if not any(n and colour != colours[0] for n, colour in zip(seen, colours, strict=True)):
        raise BadSample("empty label", "nothing that was asked for is visible in the output image")
    table = torch.tensor([*colours], dtype=torch.uint8, device=ids.device)
    return table.index_select(0, flat).reshape(*ids.shape, 3)


def legal(rgb: Tensor, colours: Sequence[Rgb]) -> Tensor:
    """bool[..., H, W]: pixels that have exactly one of the colours."""
    import torch

    table = torch.tensor([*colours], dtype=torch.uint8, device=rgb.device)
    return (table[nearest(rgb, colours)] == rgb).all(-1)


def nearest(rgb: Tensor, colours: Sequence[Rgb]) -> Tensor:
    """int64[..., H, W]: which colour is nearest to each pixel of uint8[..., H, W, 3]."""
    import torch

    channels = rgb.to(torch.int32).unbind(-1)
    best = torch.full_like(channels[0], 3 * 255**2 + 1)
    which = torch.zeros_like(best)
    for k, colour in enumerate(colours):
        squared = sum((c - v).square() for c, v in zip(channels, colour, strict=True))
        closer = squared < best
        best = torch.where(closer, squared, best)
        which = torch.where(closer, k, which)
    return which.long()
