"""Optical flow as a colour, and back: the direction is the hue, the length its strength.

A vector of u pixels to the right and v down, r = sqrt(u^2 + v^2) long, is drawn by three phases of
120 degrees, a square root making room for short vectors:

    (a, b) = (u, v) / sqrt(r longest)                        no longer than 1
    R = 127.5 (1 + a)     G = 127.5 (1 - a/2 + b sqrt(3)/2)     B = 127.5 (1 - a/2 - b sqrt(3)/2)
    a = (2 R - G - B) / 382.5     b = (G - B) / (127.5 sqrt(3))     (u, v) = longest (a, b) |(a, b)|

So right is red, left cyan, down lime green, up violet, and no motion grey. The channels sum to
382.5, which no other colour does: what is more than 64 of 255 off that plane, such as black, the
colour of no vector, is not valid. Vectors longer than `longest`, 256 pixels of the output by
default, are not drawn; the prompt states it. Rounding moves (a, b) by up to 2/3 of a step of 127.5:
at most by 0.05 pixels near 0, by 0.51 at 10 pixels and by 1.7 at 100; on average by 0.013, 0.19 and
0.59 (measured).

The flow from one image alone is ill-posed: the next frame stands beside the input as reference1
wherever the reader has it (`Entry.references`), and prompts call it the next frame. Option in a
recipe: `tasks: {flow: {longest: 256}}`. Vectors are those of the output: an image of half the size
has half of them (vbdata.core.labels.Flow).

The code is our own. Published colour wheels (Baker et al., "A Database and Evaluation Methodology
for Optical Flow", IJCV 2011) are scaled by each image's longest vector, and are not inverted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.arrays import Array, namespace
from vbdata.core.labels import Flow
from vbdata.core.members import REFERENCES
from vbdata.core.prompts import phrase, prompt
from vbdata.core.rng import Stream
from vbdata.core.rounding import sqrt
from vbdata.core.types import Ask, Entry

from .parts.agreement import mask_faults

if TYPE_CHECKING:
    import pyarrow as pa

NEEDS = ("flow",)
ARRAYS = ("numpy", "torch")
BLANK_INPUT = False
TOLERANCE, UNIT = 2 / 3 + 1e-4, "steps of a channel"

LONGEST = 256
PARAMS = {"longest": LONGEST}
GREY = 127.5
OFF = 64 * math.sqrt(3)  # by which the sum of the channels may be off


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """bool[N]: all, since every entry that has flow can serve."""
    return np.ones(len(columns), np.bool_)


def ask(
    entry: Entry,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
    longest: int = LONGEST,
) -> Ask:
    """A prompt that states the colours and the longest vector, in pixels of the output."""
    text = prompt(
        "flow",
        rng,
        wheel=phrase("flow", "wheels", "phases", rng),
        target=phrase("flow", "targets", "given" if entry.references else "unseen", rng),
        longest=f"{longest} pixels",
    )
    more = {REFERENCES: entry.references} if entry.references else {}
    return Ask(instruction=text, params={"longest": longest} | more)


def check_options(longest: int = LONGEST) -> None:
    """Raise ValueError unless the longest vector is a whole number of pixels from 1."""
    if type(longest) is not int or not 1 <= longest <= 1 << 15:
        raise ValueError(f"longest: a whole number of pixels from 1 to 32768, got {longest!r:.40}")


def ask_query(
    entry: Entry,
    query: int,
    vote: int,
    rng: Stream,
    *,
    vocabulary: Sequence[tuple[str, bool]] = (),
    longest: int = LONGEST,
) -> Ask:
    """A benchmark's prompt, which is that of any other build (vbdata.plugins.queries)."""
    return ask(entry, rng, longest=longest)


def check_query_options(longest: int = LONGEST) -> None:
    """Raise ValueError for an option that `check_options` refuses."""
    check_options(longest)


def pictured(params: Mapping[str, Any]) -> str:
    """What a target is, in words that follow an article: a map of motion."""
    return "optical flow map (red to the right, cyan to the left, lime green down, violet up)"


def render(label: Flow, params: Mapping[str, Any]) -> Array:
    """Draw flow as uint8 RGB [..., H, W, 3]; pixels without a vector that can be drawn in black."""
    xp, good = namespace(label.uv), valid(label, params)
    a, b = _phases(label, params)
    lean = b * np.float32(math.sqrt(3) / 2).item()
    channels = (1 + a, 1 - a * 0.5 + lean, 1 - a * 0.5 - lean)
    rgb = xp.stack([xp.round(channel * GREY) for channel in channels], -1)
    rgb = xp.where(good[..., None], xp.clip(rgb, 0, 255), xp.zeros_like(rgb))
    return xp.asarray(rgb, dtype=xp.uint8)


def valid(label: Flow, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: the pixels that have a finite vector, no longer than can be drawn."""
    length = _length(label.uv[..., 0, :, :], label.uv[..., 1, :, :])
    return label.valid & (length <= float(params["longest"]))  # NaN is not


def decode(rgb: Array, params: Mapping[str, Any]) -> Flow:
    """Vectors in pixels from uint8 RGB [..., H, W, 3]; valid where a colour is near the plane."""
    xp, (a, b) = namespace(rgb), _read(rgb)
    length, longest = _length(a, b), float(params["longest"])
    one = xp.ones_like(length)
    factor = xp.where(length > 1, longest / xp.maximum(length, one), length * longest)
    channels = xp.asarray(rgb, dtype=xp.float32)
    off = channels[..., 0] + channels[..., 1] + channels[..., 2] - 3 * GREY
    return Flow(uv=xp.stack([a * factor, b * factor], -3), valid=xp.abs(off) <= OFF)


def legal(rgb: Array, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: the pixels of uint8 RGB [..., H, W, 3] whose colour `render` can produce."""
    xp = namespace(rgb)
    r, g, b = (xp.asarray(rgb[..., k], dtype=xp.int32) for k in range(3))
    total, across, down = r + g + b, 2 * r - g - b, g - b
    most = math.ceil((3 * GREY + 3 * TOLERANCE) ** 2)
    drawn = (total >= 381) & (total <= 384) & (across * across + 3 * down * down <= most)
    return drawn | (total == 0)


def roundtrip(label: Flow, rgb: Array, params: Mapping[str, Any]) -> float:
    """The largest error of a drawn vector's (a, b), in steps of a channel: up to 2/3 by rounding.

    inf if a pixel that has a vector decodes to none, or the other way round.
    """
    xp, good = namespace(rgb), valid(label, params)
    if bool((decode(rgb, params).valid != good).any()):
        return math.inf
    (a, b), (c, d) = _phases(label, params), _read(rgb)
    error = xp.where(good, _length(a - c, b - d), xp.zeros_like(a))
    return float(xp.amax(error)) * GREY if math.prod(good.shape) else 0.0


def contradictions(rgb: Array, valid: Array, params: Mapping[str, Any]) -> list[str]:
    """How a target of legal colours contradicts its mask of valid pixels, a sentence each.

    rgb: uint8[..., H, W, 3]; valid: bool[..., H, W]. A pixel has a vector where it is valid.
    """
    return mask_faults(decode(rgb, params).valid, valid, "a vector")


def unsaid(instruction: str, params: Mapping[str, Any]) -> list[str]:
    """What the params have and an instruction does not say: a sentence if it is the longest."""
    longest = f"{params['longest']} pixels"
    return [] if longest in instruction else [f"the instruction does not say {longest!r}"]


def _phases(label: Flow, params: Mapping[str, Any]) -> tuple[Array, Array]:
    """(a, b) of each pixel, float32[..., H, W]; 0 where nothing is drawn."""
    xp, good = namespace(label.uv), valid(label, params)
    zero = xp.zeros_like(label.uv[..., 0, :, :])
    u, v = (xp.where(good, label.uv[..., k, :, :], zero) for k in (0, 1))
    length = _length(u, v)
    root = sqrt(length * float(params["longest"]))
    root = xp.where(length > 0, root, xp.ones_like(root))
    return u / root, v / root


def _read(rgb: Array) -> tuple[Array, Array]:
    """(a, b) of each pixel's colour, float32[..., H, W]."""
    xp = namespace(rgb)
    channels = xp.asarray(rgb, dtype=xp.float32)
    r, g, b = (channels[..., k] for k in range(3))
    third = np.float32(GREY * math.sqrt(3)).item()
    return (2 * r - g - b) / (3 * GREY), (g - b) / third


def _length(a: Array, b: Array) -> Array:
    """The lengths of vectors, float32[..., H, W]."""
    return sqrt(a * a + b * b)
