"""Metric depth as a colour, and back.

    f(d) = 1 - (1 - d / (lambda c)) ** (lambda + 1),  lambda = -3, c = 10/3,  d = z-depth in metres
    d = lambda c (1 - (1 - f) ** (1 / (lambda + 1)))

f runs uniformly along seven edges of the RGB cube: black, red, yellow, green, cyan, blue, magenta,
white: 1,786 codes; infinity (sky) is white. The decoder takes the nearest point on the edges.
Invalid pixels are mid-grey, the colour farthest from the walk (180 of 255).

By default one sample in five is drawn in another palette (plasma, inferno, viridis, grey), which
the prompt names and a decoder of its own inverts; they have 254 to 256 codes. The same f serves
all. Options in a recipe: `tasks: {depth: {other_palettes: 0.2, lambda_: "-3", c: "10/3"}}`;
(-4, 120) suits long outdoor ranges.

Convention: "Image Generators are Generalist Vision Learners" (arXiv 2604.20329), metric depth; the
shares of palettes and the colour of missing depth are not disclosed there, and ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transforms.parts import depth_codes as codes
from transforms.parts.palettes import PALETTES
from vbdata.core.prompts import phrase, prompt
from vbdata.core.rng import Stream
from vbdata.core.rounding import sqrt
from vbdata.core.types import Ask, Depth, Entry

if TYPE_CHECKING:
    import pyarrow as pa
    from torch import Tensor

NEEDS = ("depth",)
BLANK_INPUT = False
TOLERANCE, UNIT = 0.5 + 1e-6, "code steps"

WALK = "rgb-cube"
OTHERS = tuple(name for name in PALETTES if name != WALK)
LAMBDA, C = "-3", "10/3"
PARAMS = {"palette": WALK, "lambda": LAMBDA, "c": C}


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """Every entry with depth can serve."""
    return np.ones(len(columns), np.bool_)


def ask(
    entry: Entry,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
    other_palettes: float = 0.2,
    lambda_: str = LAMBDA,
    c: str = C,
) -> Ask:
    """A prompt that names the palette; other_palettes: the share that is not the cube's walk."""
    palette = rng.choice(OTHERS) if rng.uniform() < other_palettes else WALK
    params = {"palette": palette, "lambda": lambda_, "c": c}
    text = prompt("depth", rng, scale=phrase("depth", "scales", palette, rng))
    return Ask(instruction=text, params=params)


def warm() -> None:
    """Make the tables of the usual palette."""
    codes.tables("cpu", WALK, LAMBDA, C)


def render(label: Depth, params: Mapping[str, Any]) -> Tensor:
    """uint8[..., H, W, 3] of float32[..., H, W] metres."""
    return codes.encode(label.metres, label.valid, _tables(label.metres, params))


def valid(label: Depth, params: Mapping[str, Any]) -> Tensor:
    """bool[..., H, W]: pixels whose colour is a depth; no NaN, nothing below zero."""
    return codes.positive(label.metres, label.valid)


def decode(rgb: Tensor, params: Mapping[str, Any]) -> Depth:
    """Depth of uint8[..., H, W, 3] by the nearest code; colours far from all are invalid."""
    return decode_with_distance(rgb, params)[0]


def decode_with_distance(rgb: Tensor, params: Mapping[str, Any]) -> tuple[Depth, Tensor]:
    """Depth, and how far each colour is from the palette: float32[..., H, W], of 255.

    A caller that knows its model's noise can reject more strictly than `decode`; the colour of
    invalid pixels is given twice the distance that `decode` rejects.
    """
    table = _tables(rgb, params)
    code, squared = codes.nearest(rgb, table)
    metres = table.depths.index_select(0, code.reshape(-1).clamp_max(len(table.depths) - 1))
    good = squared <= table.palette.reject**2
    return Depth(metres=metres.reshape(code.shape), valid=good), sqrt(squared.float())


def legal(rgb: Tensor, params: Mapping[str, Any]) -> Tensor:
    """bool[..., H, W]: colours that render can produce."""
    table = _tables(rgb, params)
    code, squared = codes.nearest(rgb, table)
    return (squared == 0) | (code == len(table.depths))


def roundtrip(label: Depth, rgb: Tensor, params: Mapping[str, Any]) -> float:
    """The largest error in code steps; inf if a pixel came or went."""
    return codes.error(label.metres, label.valid, rgb, _tables(rgb, params))


def check_options(other_palettes: float = 0.2, lambda_: str = LAMBDA, c: str = C) -> None:
    """Raise ValueError for constants that no depth can be drawn with."""
    codes.thresholds(2, lambda_, c)


def _tables(like: Tensor, params: Mapping[str, Any]) -> codes.Tables:
    return codes.tables(
        str(like.device), str(params["palette"]), str(params["lambda"]), str(params["c"])
    )
