"""Metric depth as a colour, and back.

    f(d) = 1 - (1 - d / (lambda c)) ** (lambda + 1),  lambda = -3, c = 10/3,  d = z-depth in metres
    d = lambda c (1 - (1 - f) ** (1 / (lambda + 1)))

f, from 0 to 1, is spread evenly over a walk along seven edges of the RGB cube: black, red, yellow,
green, cyan, blue, magenta, white. That makes 1,786 codes; infinity (sky) is white. The decoder
takes the nearest point of the walk. Pixels without a depth are mid-grey, the colour farthest from
the walk (180 of 255 away).

By default one sample in five is drawn in another palette (plasma, inferno, viridis, grey) of 254 to
256 codes; the prompt names it, the params state it, and the same f serves it. Options in a recipe:
`tasks: {depth: {other_palettes: 0.2, lambda_: "-3", c: "10/3"}}`; lambda -4 and c 120 suit long
outdoor ranges.

Convention: "Image Generators are Generalist Vision Learners" (arXiv 2604.20329), metric depth. The
paper states neither the shares of palettes nor the colour of missing depth; both are our choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.arrays import NUMPY, Array, look_up, namespace, place
from vbdata.core.labels import Depth
from vbdata.core.prompts import phrase, prompt
from vbdata.core.rng import Stream
from vbdata.core.rounding import sqrt
from vbdata.core.types import Ask, Entry

from .parts import depth_codes as codes
from .parts.agreement import mask_faults, says_phrase
from .parts.palettes import PALETTES

if TYPE_CHECKING:
    import pyarrow as pa

NEEDS = ("depth",)
ARRAYS = ("numpy", "torch")
BLANK_INPUT = False
TOLERANCE, UNIT = 0.5 + 1e-6, "code steps"

WALK = "rgb-cube"
OTHERS = tuple(name for name in PALETTES if name != WALK)
LAMBDA, C = "-3", "10/3"
PARAMS = {"palette": WALK, "lambda": LAMBDA, "c": C}


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """bool[N]: all, since every entry that has depth can serve."""
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
    """A prompt that names the palette.

    other_palettes: share of the prompts that ask for another palette than the walk along the cube;
    lambda_, c: the constants of f, as decimals or fractions.
    """
    palette = rng.choice(OTHERS) if rng.uniform() < other_palettes else WALK
    params = {"palette": palette, "lambda": lambda_, "c": c}
    text = prompt("depth", rng, scale=phrase("depth", "scales", palette, rng))
    return Ask(instruction=text, params=params)


def ask_query(
    entry: Entry,
    query: int,
    vote: int,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
    lambda_: str = LAMBDA,
    c: str = C,
) -> Ask:
    """A benchmark's prompt: the walk along the cube, whatever the record (vbdata.plugins.queries).

    lambda_, c: the constants of f, as decimals or fractions.
    """
    return ask(entry, rng, other_palettes=0, lambda_=lambda_, c=c)


def pictured(params: Mapping[str, Any]) -> str:
    """What a target is, in words that follow an article: a depth map in its palette."""
    palette = str(params["palette"])
    if palette == WALK:
        way = "red, yellow, green, cyan, blue and magenta"
        return f"metric depth map coloured from black (near) by way of {way} to white (infinity)"
    return f"metric depth map in the palette {palette}"


def warm() -> None:
    """Make the tables of the default palette, so that no sample waits for them."""
    codes.tables(NUMPY, WALK, LAMBDA, C)


def render(label: Depth, params: Mapping[str, Any]) -> Array:
    """Draw depth as uint8 RGB [..., H, W, 3]; pixels without a depth in the palette's grey."""
    return codes.encode(label.metres, label.valid, _tables(label.metres, params))


def valid(label: Depth, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: the pixels drawn as a depth: valid, and neither NaN nor negative."""
    return codes.positive(label.metres, label.valid)


def decode(rgb: Array, params: Mapping[str, Any]) -> Depth:
    """Depth in metres from uint8 RGB [..., H, W, 3], by the nearest colour of the palette.

    Colours too far from all of the palette's, such as that of missing depth, are not valid.
    """
    return decode_with_distance(rgb, params)[0]


def decode_with_distance(rgb: Array, params: Mapping[str, Any]) -> tuple[Depth, Array]:
    """Decode depth as `decode` does, and tell how far each colour is from the palette.

    The distance is Euclidean, float32[..., H, W], where a channel goes from 0 to 255; whoever knows
    a model's noise can reject more strictly by it. The colour of missing depth has twice the
    distance that `decode` rejects.
    """
    table = _tables(rgb, params)
    code, squared = codes.nearest(rgb, table)
    xp = namespace(rgb)
    metres = look_up(table.depths, xp.clip(code, None, len(table.depths) - 1))
    good = squared <= table.palette.reject**2
    return Depth(metres=metres, valid=good), sqrt(xp.asarray(squared, dtype=xp.float32))


def legal(rgb: Array, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: the pixels of uint8 RGB [..., H, W, 3] whose colour `render` can produce."""
    table = _tables(rgb, params)
    code, squared = codes.nearest(rgb, table)
    return (squared == 0) | (code == len(table.depths))


def contradictions(rgb: Array, valid: Array, params: Mapping[str, Any]) -> list[str]:
    """How a target of legal colours contradicts its mask of valid pixels, a sentence each.

    rgb: uint8[..., H, W, 3]; valid: bool[..., H, W]. A pixel has a depth where it is valid.
    """
    return mask_faults(decode(rgb, params).valid, valid, "a depth")


def unsaid(instruction: str, params: Mapping[str, Any]) -> list[str]:
    """What the params have and an instruction does not say: a sentence if it is the palette."""
    palette = str(params["palette"])
    if says_phrase("depth", "scales", palette, instruction):
        return []
    return [f"the instruction does not ask for the palette {palette!r}"]


def roundtrip(label: Depth, rgb: Array, params: Mapping[str, Any]) -> float:
    """The largest error of a drawn depth map, in code steps; rounding alone makes up to 0.5.

    inf if a pixel that has a depth decodes to none, or the other way round.
    """
    return codes.error(label.metres, label.valid, rgb, _tables(rgb, params))


def check_options(other_palettes: float = 0.2, lambda_: str = LAMBDA, c: str = C) -> None:
    """Raise ValueError unless lambda < -1 and c > 0, where f is defined for every depth."""
    try:
        codes.thresholds(2, lambda_, c)
    except ArithmeticError as err:
        got = f"{lambda_!r:.40} and {c!r:.40}"
        raise ValueError(f"lambda_ and c are decimals or fractions, got {got}") from err


def check_query_options(lambda_: str = LAMBDA, c: str = C) -> None:
    """Raise ValueError for constants that `check_options` refuses."""
    check_options(0, lambda_, c)


def _tables(like: Array, params: Mapping[str, Any]) -> codes.Tables:
    return codes.tables(
        place(like), str(params["palette"]), str(params["lambda"]), str(params["c"])
    )
