"""The foreground as a mask of two colours, and back: dichotomous segmentation.

    white where alpha >= 128 of 255, else black;   alpha = the mean of the channels, rounded

The decoder keeps greys, since F-measures are those of the best of all thresholds
(vbdata/evaluation/metrics/foreground.py); a mask of an answer is its alpha from 128 on. Pixels
without a label are blue (parts/greys.py).

Convention: masks of Qin et al., "Highly Accurate Dichotomous Image Segmentation" (DIS5K, ECCV 2022,
arXiv 2203.03041): white foreground of any category on black. Of an alpha matte, such as one of a
set for matting, more than half of a pixel counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vbdata.core.arrays import Array, namespace
from vbdata.core.labels import Matte
from vbdata.core.prompts import prompt
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry

from .parts import greys
from .parts.agreement import mask_faults

if TYPE_CHECKING:
    import pyarrow as pa

NEEDS = ("matte",)
ARRAYS = ("numpy", "torch")
BLANK_INPUT = False
BINARY = True  # it is scored as a mask
TOLERANCE, UNIT = 0.0, "code steps"

PARAMS: Mapping[str, Any] = {}
HALF = 128


def eligible(columns: pa.Table) -> NDArray[np.bool_]:
    """bool[N]: all, since every entry that has a matte can serve."""
    return np.ones(len(columns), np.bool_)


def ask(entry: Entry, rng: Stream, *, vocabulary: Sequence[tuple[str, bool]] = ()) -> Ask:
    """A prompt for the mask of the foreground; there is one encoding only."""
    return Ask(instruction=prompt("foreground", rng), params={})


def pictured(params: Mapping[str, Any]) -> str:
    """What a target is, in words that follow an article."""
    return "foreground mask in white on black"


def render(label: Matte, params: Mapping[str, Any]) -> Array:
    """Draw the foreground white on black, uint8 RGB [..., H, W, 3]; pixels without a label blue."""
    return greys.encode(_hard(label.alpha), label.valid)


def valid(label: Matte, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: the pixels that have a label."""
    return label.valid


def decode(rgb: Array, params: Mapping[str, Any]) -> Matte:
    """The grey of uint8 RGB [..., H, W, 3] as alpha, not valid where no grey is near."""
    alpha, good = greys.decode(rgb)
    return Matte(alpha=alpha, valid=good)


def legal(rgb: Array, params: Mapping[str, Any]) -> Array:
    """bool[..., H, W]: the pixels of uint8 RGB [..., H, W, 3] that are black, white or blue."""
    r, b = rgb[..., 0], rgb[..., 2]
    return greys.legal(rgb) & ((r == 0) | (r == 255)) & ((b == 0) | (b == 255))


def contradictions(rgb: Array, valid: Array, params: Mapping[str, Any]) -> list[str]:
    """How a target of legal colours contradicts its mask of valid pixels, a sentence each.

    rgb: uint8[..., H, W, 3]; valid: bool[..., H, W]. A pixel has a label where it is valid.
    """
    return mask_faults(greys.decode(rgb)[1], valid, "a label")


def roundtrip(label: Matte, rgb: Array, params: Mapping[str, Any]) -> float:
    """0 if a drawn mask decodes to itself, else the largest difference; inf for other validity."""
    return greys.error(_hard(label.alpha), label.valid, rgb)


def _hard(alpha: Array) -> Array:
    xp = namespace(alpha)
    return xp.asarray(xp.where(alpha >= HALF, 255, 0), dtype=xp.uint8)
